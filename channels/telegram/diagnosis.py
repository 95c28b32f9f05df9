"""What can be wrong with Telegram, and what to do."""

from __future__ import annotations

from telegram.error import TelegramError

from bot.findings import Finding, fault, fine, warning
from channels.telegram.channel import WEBHOOK_PATH
from channels.telegram.client import TelegramClient, send_failure
from channels.telegram.settings import TelegramSettings

_MOST_PENDING = 100


async def diagnose(settings: TelegramSettings, public_url: str, *, online: bool) -> list[Finding]:
    """Return what was found in the settings; with `online` also at Telegram."""
    found = []
    if settings.mode == "webhook" and not public_url.startswith("https://"):
        cause = "webhook mode, and RUTA_PUBLIC_URL does not begin with https://: Telegram cannot call us"
        remedy = "Write the public https:// address into RUTA_PUBLIC_URL, or set RUTA_TELEGRAM_MODE=polling."
        found.append(fault("telegram_not_https", cause, remedy))
    else:
        how = "calls us" if settings.mode == "webhook" else "is asked for messages"
        told = "" if online else "; --online asks it how it is set up"
        found.append(fine("telegram_settings", f"Telegram {how}{told}"))
    return [*found, *(await _ask(settings, public_url) if online else [])]


async def _ask(settings: TelegramSettings, public_url: str) -> list[Finding]:
    client = TelegramClient(settings)
    await client.open()
    try:
        webhook = await client.bot.get_webhook_info()
    except TelegramError as error:
        cause = f"Telegram does not answer or refuses us ({send_failure(error)})"
        return [fault("telegram_not_reached", cause, "Check RUTA_TELEGRAM_BOT_TOKEN, and the way to api.telegram.org.")]
    finally:
        await client.close()
    wanted = public_url.rstrip("/") + WEBHOOK_PATH if settings.mode == "webhook" else ""
    if webhook.url != wanted:
        cause = f"Telegram {'calls another address than ours' if webhook.url else 'has no address to call'}"
        return [fault("telegram_webhook_wrong", cause, "ruta telegram setup")]
    pending = webhook.pending_update_count
    if pending > _MOST_PENDING or (pending and webhook.last_error_date):
        cause = f"{pending} messages wait at Telegram, whose last calls to us failed or were late"
        remedy = "See that RUTA_PUBLIC_URL leads to the gateway, and look for `webhook_refused` in its log."
        return [warning("telegram_webhook_late", cause, remedy)]
    return [fine("telegram_reached", "Telegram takes our token and delivers as it is set up")]
