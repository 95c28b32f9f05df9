"""What can be wrong with WhatsApp, and what to do."""

from __future__ import annotations

from bot.errors import SendFailed
from bot.findings import Finding, fault, fine, warning
from channels.whatsapp.client import TwilioClient
from channels.whatsapp.settings import WhatsAppSettings
from channels.whatsapp.templates import load_templates, template_specs


async def diagnose(settings: WhatsAppSettings, public_url: str, *, online: bool) -> list[Finding]:
    """Return what was found in settings and files; with `online` also at Twilio."""
    wanted = {spec.name for spec in template_specs()}
    missing = missing_templates(settings)
    found = []
    if not public_url.startswith("https://"):
        cause = "RUTA_PUBLIC_URL does not begin with https://, so Twilio cannot call us"
        found.append(fault("whatsapp_not_https", cause, "Write the public https:// address into RUTA_PUBLIC_URL."))
    if missing:
        cause = f"{len(missing)} of {len(wanted)} WhatsApp templates are not known here: those choices go out as numbered text"
        found.append(warning("whatsapp_templates_missing", cause, "ruta whatsapp setup"))
    else:
        found.append(fine("whatsapp_templates_known", "all WhatsApp templates are known"))
    return [*found, *(await _ask(settings, wanted - missing) if online else [])]


def missing_templates(settings: WhatsAppSettings) -> set[str]:
    """Return the names of the templates whose ids are not known here."""
    return {spec.name for spec in template_specs()} - set(load_templates(settings).sids)


async def _ask(settings: WhatsAppSettings, expected: set[str]) -> list[Finding]:
    client = TwilioClient(settings)
    await client.open()
    try:
        there = set(await client.list_contents())
    except SendFailed as failed:
        cause = f"Twilio does not answer or refuses us ({failed})"
        remedy = "Check RUTA_WHATSAPP_ACCOUNT_SID and RUTA_WHATSAPP_AUTH_TOKEN against the Twilio console."
        return [fault("whatsapp_not_reached", cause, remedy)]
    finally:
        await client.close()
    gone = expected - there
    if gone:
        cause = f"{len(gone)} WhatsApp templates were deleted at Twilio"
        return [warning("whatsapp_templates_deleted", cause, "ruta whatsapp setup")]
    return [fine("whatsapp_reached", "Twilio takes our key and has the templates")]
