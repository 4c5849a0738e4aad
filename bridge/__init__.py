"""Threadline: WhatsApp Business conversations, answered from team threads."""

__version__ = "0.1.0"
