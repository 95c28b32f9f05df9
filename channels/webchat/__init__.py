"""The web chat: one page served by the gateway, and the wire between the page and us."""

from channels.webchat.channel import WebChatChannel
from channels.webchat.settings import WebChatSettings

__all__ = ["WebChatChannel", "WebChatSettings"]
