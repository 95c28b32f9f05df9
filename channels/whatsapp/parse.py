"""From Twilio's calls to our values. Pure functions; the names of the fields are those of
https://www.twilio.com/docs/messaging/guides/webhook-request and .../track-outbound-message-status .

`ProfileName`, `WaId` and where a number is registered are never read: we do not need to know who writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from bot.errors import RequestRefused
from bot.messages import DeliveryState, DeliveryStatus, InboundKind, InboundMessage, Location, WebhookRequest
from channels.whatsapp.failures import OPT_OUT_CODES, may_go_as_text
from channels.whatsapp.limits import INBOUND_TEXT, TOKEN_BYTES

CHANNEL = "whatsapp"

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
# No other length may pass: the signed text is names and values without anything between them, so a signed call could be cut
# anew, its id continued with the name of the next field, and would count as a new message.
# https://www.twilio.com/docs/glossary/what-is-a-sid
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_LONGEST_CODE = 20
# A business-scoped user id is a country and up to 128 letters and digits,
# https://www.twilio.com/en-us/changelog/whatsapp-bsuid-format-in-conversations-and-webhook-fields .
_ADDRESS = re.compile(r"whatsapp:[!-~]{1,150}")
_WORDY_TYPES = frozenset({"", "text", "button", "interactive"})
_EDITED_TYPES = frozenset({"edit", "edited"})
_FILE_NAME = re.compile(r"\S.{0,200}\.(pdf|docx?|xlsx?|pptx?|odt|rtf|txt|csv|zip|jpe?g|png|heic|mp[34])", re.IGNORECASE)
# A contact card is someone else's name and number, so nothing that comes with it is kept.
_MEDIA_KINDS = (
    (re.compile(r"text/(x-)?vcard|text/directory"), "contact"),
    (re.compile(r"image/webp"), "sticker"),
    (re.compile(r"image/.*"), "image"),
    (re.compile(r"audio/.*"), "audio"),
    (re.compile(r"video/.*"), "video"),
)
_STATES = {
    "accepted": DeliveryState.QUEUED,
    "scheduled": DeliveryState.QUEUED,
    "queued": DeliveryState.QUEUED,
    "sending": DeliveryState.QUEUED,
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "undelivered": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
    "canceled": DeliveryState.FAILED,
}


class Form:
    """The fields of a call, repeated ones included, in the form that Twilio's validator reads."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getlist(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self._values.get(name, [])

    def get(self, name: str) -> str:
        """Return the last value of a field without the NUL characters that PostgreSQL refuses, or the empty string."""
        values = self._values.get(name)
        return values[-1].replace("\x00", "") if values else ""


def read_form(request: WebhookRequest) -> Form:
    """Read the fields of a call, empty ones included: they are signed too.

    Raises:
        RequestRefused: with 400 or 415: it is not a form, or not UTF-8.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise RequestRefused(415, "content_type_unexpected")
    try:
        body = request.body.decode("utf-8")
        pairs = parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise RequestRefused(400, "body_not_utf8") from None
    except ValueError:
        raise RequestRefused(400, "body_not_form") from None
    return Form(pairs)


def parse_status(form: Form) -> list[DeliveryStatus]:
    """Read a delivery report; a state that we do not know is no report.

    Raises:
        RequestRefused: with 400: it does not say which message it is about.
    """
    provider_id = _identifier(form, "MessageSid", "SmsSid")
    state = _STATES.get((form.get("MessageStatus") or form.get("SmsStatus")).lower())
    if state is None:
        return []
    if state is not DeliveryState.FAILED:
        return [DeliveryStatus(CHANNEL, provider_id, state)]
    code = form.get("ErrorCode")[:_LONGEST_CODE]
    return [DeliveryStatus(CHANNEL, provider_id, state, code, opts_out=code in OPT_OUT_CODES, may_go_plain=may_go_as_text(code))]


def parse_message(form: Form) -> InboundMessage:
    """Read what a contact sent.

    Raises:
        RequestRefused: with 400: the message has no id, or does not come from WhatsApp.
    """
    provider_id = _identifier(form, "MessageSid", "SmsMessageSid")
    address = form.get("From")
    if not _ADDRESS.fullmatch(address):
        raise RequestRefused(400, "address_invalid")
    message_type = form.get("MessageType").lower()
    if message_type in _EDITED_TYPES:
        return _inbound(address, provider_id, InboundKind.EDITED, text=form.get("Body"))
    token, title = _choice(form)
    if token:
        return _inbound(address, provider_id, InboundKind.QUICK_REPLY, text=title, quick_reply=token)
    location = _location(form)
    if location:
        return _inbound(address, provider_id, InboundKind.LOCATION, text=form.get("Body"), location=location)
    if _media_count(form):
        kind = _media_kind(form.get("MediaContentType0"))
        return _inbound(address, provider_id, InboundKind.MEDIA, text=_caption(form, kind), media_kind=kind)
    text = form.get("Body") or form.get("ButtonText")
    if text.strip() and message_type in _WORDY_TYPES:
        return _inbound(address, provider_id, InboundKind.TEXT, text=text)
    return _inbound(address, provider_id, InboundKind.UNSUPPORTED)


def _inbound(
    address: str,
    provider_id: str,
    kind: InboundKind,
    *,
    text: str = "",
    quick_reply: str = "",
    location: Location | None = None,
    media_kind: str = "",
) -> InboundMessage:
    return InboundMessage(
        channel=CHANNEL,
        address=address,
        provider_id=provider_id,
        kind=kind,
        text=text[:INBOUND_TEXT],
        quick_reply=quick_reply[:TOKEN_BYTES],
        location=location,
        media_kind=media_kind,
        is_shortened=len(text) > INBOUND_TEXT,
    )


def _identifier(form: Form, *names: str) -> str:
    value = next(filter(None, map(form.get, names)), "")
    if not _SID.fullmatch(value):
        raise RequestRefused(400, "message_id_missing")
    return value


def _choice(form: Form) -> tuple[str, str]:
    """Return the token and the title of a tapped button or list row; both empty when nothing was tapped."""
    if form.get("ButtonPayload"):
        return form.get("ButtonPayload"), form.get("ButtonText") or form.get("Body")
    if form.get("ListId"):
        return form.get("ListId"), form.get("ListTitle") or form.get("Body")
    return _interactive_choice(form)


def _interactive_choice(form: Form) -> tuple[str, str]:
    """Read the reply as WhatsApp itself states it, which `InteractiveData` holds for some kinds."""
    try:
        data = json.loads(form.get("InteractiveData") or "null")
    except (ValueError, RecursionError):
        return "", ""
    for name in ("list_reply", "button_reply"):
        reply = data.get(name) if isinstance(data, dict) else None
        if isinstance(reply, dict) and isinstance(reply.get("id"), str):
            return _storable(reply["id"]), _storable(str(reply.get("title") or form.get("Body")))
    return "", ""


def _storable(text: str) -> str:
    """Replace half surrogate pairs, which JSON can carry and UTF-8 cannot, and drop NUL, which PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _location(form: Form) -> Location | None:
    try:
        latitude, longitude = float(form.get("Latitude")), float(form.get("Longitude"))
    except ValueError:
        return None
    # The comparison is false for NaN too.
    return Location(latitude, longitude) if -90 <= latitude <= 90 and -180 <= longitude <= 180 else None


def _media_count(form: Form) -> int:
    count = form.get("NumMedia")
    return int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 0


def _media_kind(content_type: str) -> str:
    name = content_type.split(";")[0].strip().lower()
    return next((kind for pattern, kind in _MEDIA_KINDS if pattern.fullmatch(name)), "document")


def _caption(form: Form, kind: str) -> str:
    """Return what was written under the media; Twilio also puts a document's file name there, which is no question."""
    text = form.get("Body")
    if kind in ("contact", "sticker") or (kind == "document" and _FILE_NAME.fullmatch(text)):
        return ""
    return text
