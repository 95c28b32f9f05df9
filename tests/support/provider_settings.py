"""The settings with which the real programs speak to the fake providers."""

from __future__ import annotations

from pathlib import Path

from tests.support.fake_telegram import SECRET, TOKEN
from tests.support.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, PUBLIC_URL, SENDER


def whatsapp_settings(url: str, folder: Path) -> dict[str, str]:
    """Return WhatsApp's settings, with Twilio's service and its templates at an address, and what is known of them in a folder."""
    return {
        "RUTA_PUBLIC_URL": PUBLIC_URL,
        "RUTA_WHATSAPP_ACCOUNT_SID": ACCOUNT_SID,
        "RUTA_WHATSAPP_AUTH_TOKEN": AUTH_TOKEN,
        "RUTA_WHATSAPP_SENDER": SENDER,
        "RUTA_WHATSAPP_API_URL": url,
        "RUTA_WHATSAPP_CONTENT_URL": url,
        "RUTA_WHATSAPP_TEMPLATES_FILE": str(folder / "templates.json"),
    }


def telegram_settings(url: str) -> dict[str, str]:
    """Return Telegram's settings with its service at an address, by webhook."""
    return {
        "RUTA_PUBLIC_URL": PUBLIC_URL,
        "RUTA_TELEGRAM_BOT_TOKEN": TOKEN,
        "RUTA_TELEGRAM_MODE": "webhook",
        "RUTA_TELEGRAM_WEBHOOK_SECRET": SECRET,
        "RUTA_TELEGRAM_API_URL": url,
    }
