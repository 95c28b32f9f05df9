"""From Telegram's updates to inbound messages: pure functions, shared by webhook and polling."""

from __future__ import annotations

import json
import re
from typing import Any

from telegram import CallbackQuery, ChatMemberUpdated, Message, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.helpers import effective_message_type

from bot.errors import RequestRefused
from bot.messages import ContactLeft, InboundKind, InboundMessage, Location
from channels.base import InboundEvent
from channels.telegram.limits import LIMITS

CHANNEL = "telegram"

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""The kinds of update we ask Telegram for; others are ignored should they come."""

_COMMAND = re.compile(r"/([a-z0-9_]{1,32})(?:@\w+)?\s*", re.IGNORECASE | re.ASCII)
# A link such as t.me/<bot>?start=radio adds one word of these characters,
# https://core.telegram.org/bots/features#deep-linking .
_START = re.compile(r"/start(?:@\w+)?(?:\s+[A-Za-z0-9_-]{1,64})?\s*", re.IGNORECASE | re.ASCII)

_COMMANDS = {
    **dict.fromkeys(("menu",), "command:menu"),
    **dict.fromkeys(("idioma", "language", "langue"), "command:language"),
    **dict.fromkeys(("ayuda", "help", "aide", "ajuda"), "command:help"),
    **dict.fromkeys(("privacidad", "privacy", "confidentialite", "privacidade"), "command:privacy"),
}
"""Every language's commands are understood in every language: people try what they know."""

_MEDIA = (
    ("photo", "image"),
    ("live_photo", "image"),
    ("voice", "audio"),
    ("audio", "audio"),
    # An animation comes with a copy of itself as a document, so it is looked for first.
    ("animation", "video"),
    ("video", "video"),
    ("video_note", "video"),
    ("document", "document"),
    ("sticker", "sticker"),
    ("contact", "contact"),
)

_UNREADABLE = (
    "dice",
    "game",
    "poll",
    "story",
    "paid_media",
    "invoice",
    "giveaway",
    "giveaway_winners",
    "checklist",
    "gift",
)
"""What a person sends on purpose and we cannot read; other notices (a pinned message, a new timer) need no answer."""

_GROUP_NOTICES = ("left_chat_member", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message")
"""What happens in a group without anybody addressing the bot; after the first two it cannot even answer there."""

_HIGHEST_NUMBER = 2**63 - 1
"""The largest id that Telegram's documentation allows for, with room."""

# What python-telegram-bot raises on an update whose parts have the wrong type, lack a field or hold an impossible time.
_SHAPE_ERRORS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, OSError)


def read_update(body: bytes) -> dict[str, Any]:
    """Read the body of a webhook call.

    Raises:
        RequestRefused: with 400: it is not an update.
    """
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise RequestRefused(400, "body_not_utf8") from None
    except (ValueError, RecursionError):
        raise RequestRefused(400, "body_not_json") from None
    if not isinstance(data, dict) or type(data.get("update_id")) is not int:
        raise RequestRefused(400, "update_malformed")
    return data


def parse_update(data: dict[str, Any]) -> list[InboundEvent]:
    """Turn one update into what it means to us; empty when there is nothing to answer.

    Raises:
        RequestRefused: with 400: a part of it does not have the form that the Bot API documents.
    """
    try:
        update = Update.de_json(data)
        event = _event(_number(update.update_id), update)
    except _SHAPE_ERRORS:
        raise RequestRefused(400, "update_malformed") from None
    return [event] if event else []


def callback_query_id(data: dict[str, Any]) -> str:
    """Return the id with which a tapped button must be answered, or the empty string."""
    query = data.get("callback_query")
    found = query.get("id") if isinstance(query, dict) else None
    return found if isinstance(found, str) else ""


def _event(update_id: int, update: Update) -> InboundEvent | None:
    if update.message:
        return _message(update_id, update.message)
    if update.edited_message:
        return _edited(update_id, update.edited_message)
    if update.callback_query:
        return _tapped(update_id, update.callback_query)
    if update.my_chat_member:
        return _left(update.my_chat_member)
    return None


def _message(update_id: int, message: Message) -> InboundMessage | None:
    if message.chat.type == ChatType.CHANNEL:
        return None
    if message.chat.type != ChatType.PRIVATE:
        is_notice = any(getattr(message, name, None) for name in _GROUP_NOTICES)
        return None if is_notice else _group(update_id, message.chat.id)
    if message.text:
        return _typed(update_id, message)
    if message.location:
        return _located(update_id, message)
    for attribute, kind in _MEDIA:
        if getattr(message, attribute, None):
            return _inbound(update_id, message, InboundKind.MEDIA, text=message.caption or "", media_kind=kind)
    is_unreadable = any(getattr(message, name, None) for name in _UNREADABLE)
    if is_unreadable or effective_message_type(message) is None:
        return _inbound(update_id, message, InboundKind.UNSUPPORTED)
    return None


def _typed(update_id: int, message: Message) -> InboundMessage:
    text = message.text or ""
    if _START.fullmatch(text):
        return _inbound(update_id, message, InboundKind.START)
    # A command with words behind it stays a text: the words are what the person wants to say.
    command = _COMMAND.fullmatch(text)
    meaning = _COMMANDS.get(command[1].lower()) if command else None
    if meaning:
        return _inbound(update_id, message, InboundKind.QUICK_REPLY, quick_reply=meaning)
    return _inbound(update_id, message, InboundKind.TEXT, text=text)


def _located(update_id: int, message: Message) -> InboundMessage:
    place = message.location
    # The comparison is false for NaN too, which JSON readers let through.
    if place and -90 <= place.latitude <= 90 and -180 <= place.longitude <= 180:
        location = Location(float(place.latitude), float(place.longitude))
        return _inbound(update_id, message, InboundKind.LOCATION, location=location)
    return _inbound(update_id, message, InboundKind.UNSUPPORTED)


def _edited(update_id: int, message: Message) -> InboundMessage | None:
    text = message.text or message.caption
    # A live location reports every move as an edit without a text.
    if message.chat.type != ChatType.PRIVATE or not text:
        return None
    return _inbound(update_id, message, InboundKind.EDITED, text=text)


def _tapped(update_id: int, query: CallbackQuery) -> InboundMessage | None:
    chat = query.message.chat if query.message else None
    if chat and chat.type != ChatType.PRIVATE:
        return _group(update_id, chat.id)
    if not query.data:
        return None
    return InboundMessage(
        channel=CHANNEL,
        address=_address(chat.id if chat else query.from_user.id),
        provider_id=str(update_id),
        kind=InboundKind.QUICK_REPLY,
        quick_reply=_storable(query.data)[: LIMITS.token_bytes],
        locale_hint=_storable(query.from_user.language_code or ""),
    )


def _left(change: ChatMemberUpdated) -> ContactLeft | None:
    is_left = change.chat.type == ChatType.PRIVATE and change.new_chat_member.status == ChatMemberStatus.BANNED
    return ContactLeft(CHANNEL, _address(change.chat.id), change.date) if is_left else None


def _group(update_id: int, chat_id: int) -> InboundMessage:
    """Keep nothing of what was said in a group: the people there did not write to us."""
    return InboundMessage(channel=CHANNEL, address=_address(chat_id), provider_id=str(update_id), kind=InboundKind.GROUP)


def _inbound(
    update_id: int,
    message: Message,
    kind: InboundKind,
    *,
    text: str = "",
    quick_reply: str = "",
    location: Location | None = None,
    media_kind: str = "",
) -> InboundMessage:
    text = _storable(text)
    sender = message.from_user
    return InboundMessage(
        channel=CHANNEL,
        address=_address(message.chat.id),
        provider_id=str(update_id),
        kind=kind,
        text=text[: LIMITS.inbound_text],
        quick_reply=quick_reply,
        location=location,
        media_kind=media_kind,
        locale_hint=_storable(sender.language_code or "") if sender else "",
        sent_at=message.edit_date or message.date,
        is_shortened=len(text) > LIMITS.inbound_text,
    )


def _address(chat_id: object) -> str:
    """Return a chat's number as an address; nothing else is one, https://core.telegram.org/bots/api#chat ."""
    return str(_number(chat_id))


def _number(value: object) -> int:
    if type(value) is not int or abs(value) > _HIGHEST_NUMBER:
        raise ValueError("not a number of Telegram's")
    return value


def _storable(text: str) -> str:
    """Replace half surrogate pairs, which JSON can carry and UTF-8 cannot, and drop NUL, which PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
