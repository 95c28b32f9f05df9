"""WhatsApp through Twilio. See README.md in this folder."""

from channels.whatsapp.channel import WhatsAppChannel
from channels.whatsapp.settings import WhatsAppSettings
from channels.whatsapp.templates import TemplateSet, set_up_templates

__all__ = ["TemplateSet", "WhatsAppChannel", "WhatsAppSettings", "set_up_templates"]
