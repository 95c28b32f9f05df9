"""What can be wrong with the web chat, and what to do."""

from __future__ import annotations

from bot.findings import Finding, fine, warning
from channels.webchat.settings import WebChatSettings

_LOCAL = ("http://127.0.0.1", "http://localhost")


async def diagnose(settings: WebChatSettings, public_url: str, *, online: bool) -> list[Finding]:
    """Return what was found in the settings; there is no provider to ask."""
    if public_url.startswith("https://") or public_url.startswith(_LOCAL):
        return [fine("webchat_address", "the page's address keeps what people write from being read on the way")]
    cause = "RUTA_PUBLIC_URL is not https://: whoever shares the network can read what people write"
    return [warning("webchat_not_https", cause, "Put a proxy with a certificate before the gateway, and write its address.")]
