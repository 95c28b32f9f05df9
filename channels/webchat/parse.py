"""From what the page sends to an inbound message. Pure functions; `Any` stops here.

The wire: `{"id": "<uuid>", "kind": "text", "text": "…", "quick_reply": "…", "location": {"latitude": 0,
"longitude": 0}, "locale": "es"}`. Unknown fields are ignored; an unknown kind becomes `UNSUPPORTED`.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import Any

from bot.errors import RequestRefused
from bot.messages import COMMANDS, InboundKind, InboundMessage, Location
from channels.webchat.limits import LIMITS

CHANNEL = "webchat"

# Tokens as the outbox makes them. Nothing else may pass: the engine reads a slash in front as an intent.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


def read_body(body: bytes) -> dict[str, Any]:
    """Read the JSON object in a call's body.

    Raises:
        RequestRefused: with 400: it is none.
    """
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise RequestRefused(400, "body_not_utf8") from None
    except (ValueError, RecursionError):
        raise RequestRefused(400, "body_not_json") from None
    if not isinstance(data, dict):
        raise RequestRefused(400, "body_not_object")
    return data


def parse_message(data: dict[str, Any], address: str) -> InboundMessage:
    """Turn what the page sent into a message.

    The page's own id makes a repeat recognisable. It is joined with the address, so that nobody can take another's id.

    Raises:
        RequestRefused: with 400: a field does not have its form.
    """
    kind = data.get("kind")
    text = _text(data, "text")
    fields: dict[str, Any] = {"kind": InboundKind.UNSUPPORTED}
    if kind == "text":
        fields = {"kind": InboundKind.TEXT}
    elif kind == "start":
        fields, text = {"kind": InboundKind.START}, ""
    elif kind == "quick_reply":
        fields = {"kind": InboundKind.QUICK_REPLY, "quick_reply": _quick_reply(data)}
    elif kind == "location":
        fields, text = {"kind": InboundKind.LOCATION, "location": _location(data)}, ""
    return InboundMessage(
        channel=CHANNEL,
        address=address,
        provider_id=f"{hashlib.sha256(address.encode()).hexdigest()[:24]}:{_message_id(data)}",
        text=text[: LIMITS.inbound_text],
        locale_hint=_locale(data),
        is_shortened=len(text) > LIMITS.inbound_text,
        **fields,
    )


def _message_id(data: dict[str, Any]) -> str:
    try:
        return str(uuid.UUID(data.get("id")))
    except (ValueError, TypeError, AttributeError):
        raise RequestRefused(400, "id_malformed") from None


def _text(data: dict[str, Any], name: str) -> str:
    """Return a text without half surrogate pairs, which UTF-8 cannot carry, and NUL, which PostgreSQL refuses."""
    value = data.get(name, "")
    if not isinstance(value, str):
        raise RequestRefused(400, f"{name}_malformed")
    return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _quick_reply(data: dict[str, Any]) -> str:
    value = data.get("quick_reply")
    if isinstance(value, str) and (value in COMMANDS or _TOKEN.fullmatch(value)):
        return value
    raise RequestRefused(400, "quick_reply_malformed")


def _location(data: dict[str, Any]) -> Location:
    place = data.get("location")
    if not isinstance(place, dict):
        raise RequestRefused(400, "location_malformed")
    return Location(_degrees(place.get("latitude"), 90), _degrees(place.get("longitude"), 180))


def _degrees(value: object, most: int) -> float:
    # The comparison is false for NaN too, which JSON readers let through.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -most <= value <= most:
        return float(value)
    raise RequestRefused(400, "location_malformed")


def _locale(data: dict[str, Any]) -> str:
    value = data.get("locale", "")
    return value if isinstance(value, str) and _LOCALE.fullmatch(value) else ""
