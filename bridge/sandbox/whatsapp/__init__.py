"""A stateful stand-in for the WhatsApp Cloud API and for the customers behind it."""
