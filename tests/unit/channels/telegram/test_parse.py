"""What each kind of update becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from bot.errors import RequestRefused
from bot.messages import COMMANDS, ContactLeft, InboundKind, InboundMessage, Location
from channels.telegram.parse import callback_query_id, parse_update, read_update
from tests.support.fake_telegram import Updates

SENT_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
EDITED_AT = datetime(2026, 1, 1, 0, 1, tzinfo=timezone.utc)

Make = Callable[[Updates], dict[str, Any]]


def expected(kind: InboundKind, **fields: Any) -> InboundMessage:
    """Build the message that the first update of the builder must become."""
    basis: dict[str, Any] = {"locale_hint": "es", "sent_at": SENT_AT, **fields}
    return InboundMessage(channel="telegram", address="5550001", provider_id="900001", kind=kind, **basis)


MEANINGS: dict[str, tuple[Make, list[Any]]] = {
    "text": (lambda u: u.text("hola"), [expected(InboundKind.TEXT, text="hola")]),
    "start": (lambda u: u.text("/start"), [expected(InboundKind.START)]),
    "start_from_link": (lambda u: u.text("/start radio_loja"), [expected(InboundKind.START)]),
    "start_with_bot_name": (lambda u: u.text("/START@RutaSeguraBot"), [expected(InboundKind.START)]),
    "start_with_words": (
        lambda u: u.text("/start me robaron todo"),
        [expected(InboundKind.TEXT, text="/start me robaron todo")],
    ),
    "command_unknown": (lambda u: u.text("/borrar"), [expected(InboundKind.TEXT, text="/borrar")]),
    "command_with_words": (
        lambda u: u.text("/ayuda mi hermana no aparece"),
        [expected(InboundKind.TEXT, text="/ayuda mi hermana no aparece")],
    ),
    "tap": (
        lambda u: u.tap("t1"),
        [expected(InboundKind.QUICK_REPLY, quick_reply="t1", sent_at=None)],
    ),
    "location": (lambda u: u.location(), [expected(InboundKind.LOCATION, location=Location(-2.9, -79.0))]),
    "location_impossible": (lambda u: u.location(float("nan"), 0), [expected(InboundKind.UNSUPPORTED)]),
    "photo": (lambda u: u.photo("mira"), [expected(InboundKind.MEDIA, text="mira", media_kind="image")]),
    "voice": (lambda u: u.voice(), [expected(InboundKind.MEDIA, media_kind="audio")]),
    "video": (lambda u: u.video(), [expected(InboundKind.MEDIA, media_kind="video")]),
    "animation": (lambda u: u.animation(), [expected(InboundKind.MEDIA, media_kind="video")]),
    "document": (lambda u: u.document(), [expected(InboundKind.MEDIA, media_kind="document")]),
    "sticker": (lambda u: u.sticker(), [expected(InboundKind.MEDIA, media_kind="sticker")]),
    "contact": (lambda u: u.contact(), [expected(InboundKind.MEDIA, media_kind="contact")]),
    "text_with_effect": (
        lambda u: u.message(text="hola", effect_id="5104841245755180586"),
        [expected(InboundKind.TEXT, text="hola")],
    ),
    "dice": (lambda u: u.dice(), [expected(InboundKind.UNSUPPORTED)]),
    "future_kind": (lambda u: u.future(), [expected(InboundKind.UNSUPPORTED)]),
    "edited": (lambda u: u.edited("hola?"), [expected(InboundKind.EDITED, text="hola?", sent_at=EDITED_AT)]),
    "blocked": (lambda u: u.blocked(), [ContactLeft("telegram", "5550001", SENT_AT)]),
    "unblocked": (lambda u: u.unblocked(), []),
    "moved": (lambda u: u.moved(), []),
    "pinned": (lambda u: u.pinned(), []),
    "channel_post": (lambda u: u.channel_post(), []),
    "reaction": (lambda u: u.reaction(), []),
    "removed_from_group": (lambda u: u.group_left(), []),
    "kind_of_update_unknown": (lambda u: {"update_id": 900001, "hologram_reaction": {"id": 1}}, []),
}


@pytest.mark.parametrize(("make", "events"), MEANINGS.values(), ids=MEANINGS)
def test_parse_update_when_of_each_kind(make: Make, events: list[Any]) -> None:
    """Every kind of update becomes what the channel's README says, and nothing more."""
    assert parse_update(make(Updates())) == events


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [
        ("/menu", "command:menu"),
        ("/idioma", "command:language"),
        ("/Language ", "command:language"),
        ("/langue", "command:language"),
        ("/ayuda", "command:help"),
        ("/help@RutaSeguraBot", "command:help"),
        ("/privacidad", "command:privacy"),
        ("/confidentialite", "command:privacy"),
    ],
)
def test_parse_update_when_command(typed: str, meaning: str) -> None:
    """A command in any of the four languages becomes its one meaning."""
    assert meaning in COMMANDS
    assert parse_update(Updates().text(typed)) == [expected(InboundKind.QUICK_REPLY, quick_reply=meaning)]


@pytest.mark.parametrize("chat_type", ["group", "supergroup"])
@pytest.mark.parametrize("content", ["text", "tap"])
def test_parse_update_when_in_group(chat_type: str, content: str) -> None:
    """From a group comes only the fact that the bot was addressed there, and nothing that was said."""
    updates = Updates()
    update = updates.group("un secreto", chat_type=chat_type) if content == "text" else updates.tap("t", chat_type=chat_type)
    message = InboundMessage("telegram", "-1005550003", "900001", InboundKind.GROUP)
    assert parse_update(update) == [message]


def test_parse_update_when_text_is_too_long() -> None:
    """A text over the limit is cut to it and says so."""
    assert parse_update(Updates().text("a" * 5000)) == [expected(InboundKind.TEXT, text="a" * 4096, is_shortened=True)]


def test_parse_update_when_text_has_characters_no_database_takes() -> None:
    """Half surrogate pairs are replaced and NUL is dropped, so that the text can be stored."""
    body = json.dumps(Updates().text("a\ud83dz\x00 👍")).encode()
    assert parse_update(read_update(body)) == [expected(InboundKind.TEXT, text="a?z 👍")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_not_json"),
        (b"{", "body_not_json"),
        (b"[" * 100_000, "body_not_json"),
        (b'{"update_id": 1, "message": {"text": "\xff"}}', "body_not_utf8"),
        (b"[]", "update_malformed"),
        (b"{}", "update_malformed"),
        (b'{"update_id": "1"}', "update_malformed"),
        (b'{"update_id": true}', "update_malformed"),
    ],
    ids=["empty", "truncated", "nested", "invalid_utf8", "list", "no_id", "text_id", "boolean_id"],
)
def test_read_update_when_not_an_update(body: bytes, code: str) -> None:
    """A body that Telegram would not send is refused with 400 and a code."""
    with pytest.raises(RequestRefused) as refused:
        read_update(body)
    assert (refused.value.status, refused.value.code) == (400, code)


@pytest.mark.parametrize(
    "message",
    [
        "text",
        7,
        {"text": "hola"},
        {"message_id": 1, "date": 10**30, "chat": {"id": 1, "type": "private"}, "text": "hola"},
        {"message_id": 1, "date": 1, "chat": 5, "text": "hola"},
        {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": 5},
        {
            "message_id": 1,
            "date": 1,
            "chat": {"id": 1, "type": "private"},
            "location": {"latitude": "x", "longitude": 1},
        },
    ],
    ids=["string", "number", "no_chat", "date_out_of_range", "chat_number", "text_number", "location_text"],
)
def test_parse_update_when_a_part_has_the_wrong_form(message: Any) -> None:
    """A part with the wrong form is refused with 400, whatever the library raises on it."""
    with pytest.raises(RequestRefused) as refused:
        parse_update({"update_id": 1, "message": message})
    assert (refused.value.status, refused.value.code) == (400, "update_malformed")


def test_callback_query_id_when_tapped_or_not() -> None:
    """The id to answer is found in a tap and is empty for anything else."""
    assert callback_query_id(Updates().tap("t", query_id="42")) == "42"
    assert callback_query_id(Updates().text("hola")) == ""
    assert callback_query_id({"update_id": 1, "callback_query": {"id": 5}}) == ""
