"""WhatsApp Cloud API: where contacts are."""
