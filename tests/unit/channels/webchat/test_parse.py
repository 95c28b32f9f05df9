"""What the page's calls become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.errors import RequestRefused
from bot.messages import COMMANDS, InboundKind, Location
from channels.webchat.parse import parse_message, read_body

ID = "0b0e3c9a-4f0e-4d0c-9b53-0d6d5f7c2a11"
ADDRESS = "a" * 64


def sent(**fields: Any) -> dict[str, Any]:
    """Build what the page sends."""
    return {"id": ID, "kind": "text", **fields}


def refused_code(data: dict[str, Any]) -> tuple[int, str]:
    """Return with which status and code a message is refused."""
    with pytest.raises(RequestRefused) as caught:
        parse_message(data, ADDRESS)
    return caught.value.status, caught.value.code


def test_text_is_kept_when_it_is_ordinary() -> None:
    """A text arrives as it was written, with the page's language as a hint."""
    message = parse_message(sent(text="¿Cómo saco el pasaporte?", locale="pt-BR"), ADDRESS)
    assert (message.kind, message.text, message.locale_hint, message.is_shortened) == (
        InboundKind.TEXT,
        "¿Cómo saco el pasaporte?",
        "pt-BR",
        False,
    )


@pytest.mark.parametrize(
    ("text", "expected", "is_shortened"),
    [
        pytest.param("", "", False, id="empty"),
        pytest.param("x" * 20_000, "x" * 4096, True, id="20,000 characters"),
        pytest.param("😀" * 300, "😀" * 300, False, id="300 emojis"),
        pytest.param("\u202eabc\u200b", "\u202eabc\u200b", False, id="right-to-left and zero-width"),
        pytest.param("a\x00b\ud800", "ab?", False, id="NUL and half a surrogate pair"),
    ],
)
def test_text_can_be_stored_when_it_is_odd(text: str, expected: str, is_shortened: bool) -> None:
    """Every text becomes one that the database takes, and is at most as long as the limit."""
    message = parse_message(sent(text=text), ADDRESS)
    assert (message.text, message.is_shortened) == (expected, is_shortened)
    assert message.text.encode("utf-8").decode("utf-8") == expected


def test_id_differs_when_another_contact_uses_the_same_one() -> None:
    """A repeat has the same id, and nobody can take up the id of somebody else's message."""
    first = parse_message(sent(text="a"), ADDRESS)
    assert first.provider_id == parse_message(sent(text="b"), ADDRESS).provider_id
    assert first.provider_id != parse_message(sent(text="a"), "b" * 64).provider_id
    assert len(first.provider_id) <= 128


@pytest.mark.parametrize("token", ["aB3_-xyz", *sorted(COMMANDS)])
def test_quick_reply_is_taken_when_it_is_a_token_or_command(token: str) -> None:
    """A tapped button and the commands arrive with the words that were on them."""
    message = parse_message(sent(kind="quick_reply", quick_reply=token, text="Menú"), ADDRESS)
    assert (message.kind, message.quick_reply, message.text) == (InboundKind.QUICK_REPLY, token, "Menú")


@pytest.mark.parametrize("token", ["/menu", "", "a" * 65, None, 5, "command:drop", "a b"])
def test_quick_reply_is_refused_when_it_is_no_token(token: object) -> None:
    """What could reach the engine as an intent never passes."""
    assert refused_code(sent(kind="quick_reply", quick_reply=token)) == (400, "quick_reply_malformed")


def test_location_is_taken_when_it_is_on_earth() -> None:
    """A position arrives in degrees."""
    message = parse_message(sent(kind="location", location={"latitude": -0.18, "longitude": -78}), ADDRESS)
    assert (message.kind, message.location) == (InboundKind.LOCATION, Location(-0.18, -78.0))


@pytest.mark.parametrize(
    "place",
    [
        None,
        [],
        {},
        {"latitude": 91, "longitude": 0},
        {"latitude": float("nan"), "longitude": 0},
        {"latitude": float("inf"), "longitude": 0},
        {"latitude": True, "longitude": 0},
        {"latitude": "1", "longitude": 0},
        {"latitude": 10**400, "longitude": 0},
    ],
    ids=["none", "list", "empty", "too far north", "nan", "infinite", "boolean", "text", "huge"],
)
def test_location_is_refused_when_it_is_none(place: object) -> None:
    """A position that is none is refused, not guessed."""
    assert refused_code(sent(kind="location", location=place)) == (400, "location_malformed")


def test_kind_is_unsupported_when_it_is_unknown() -> None:
    """A newer page's kinds get a plain reply instead of an error."""
    assert parse_message(sent(kind="hologram", text="x"), ADDRESS).kind is InboundKind.UNSUPPORTED
    assert parse_message(sent(kind=["text"]), ADDRESS).kind is InboundKind.UNSUPPORTED


@pytest.mark.parametrize("value", [None, "", "nope", 7, ["x"], {"a": 1}])
def test_id_is_refused_when_it_is_no_uuid(value: object) -> None:
    """A message without a usable id could not be recognised as a repeat."""
    assert refused_code({"id": value, "kind": "text", "text": "hola"}) == (400, "id_malformed")


def test_text_is_refused_when_it_is_no_text() -> None:
    """A number in place of a text is a broken call."""
    assert refused_code(sent(text=5)) == (400, "text_malformed")


@pytest.mark.parametrize("hint", ["x" * 50, "es'--", 5, None])
def test_locale_is_dropped_when_it_is_none(hint: object) -> None:
    """A language that is none is simply not known."""
    assert parse_message(sent(text="a", locale=hint), ADDRESS).locale_hint == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "body_not_json", id="empty"),
        pytest.param(b'{"id": ', "body_not_json", id="truncated"),
        pytest.param(b"\xff\xfe", "body_not_utf8", id="invalid UTF-8"),
        pytest.param(b"[1]", "body_not_object", id="list"),
        pytest.param(b"[" * 100_000, "body_not_json", id="too deep"),
        pytest.param(b"1" * 10_000, "body_not_json", id="huge number"),
    ],
)
def test_body_is_refused_when_it_is_no_object(body: bytes, code: str) -> None:
    """A body that is not a JSON object is refused with 400, whatever it is."""
    with pytest.raises(RequestRefused) as caught:
        read_body(body)
    assert (caught.value.status, caught.value.code) == (400, code)


def test_body_is_read_when_it_has_unknown_fields() -> None:
    """Fields we do not know are left alone."""
    data = read_body(json.dumps({**sent(text="hola"), "later": 1}).encode())
    assert parse_message(data, ADDRESS).text == "hola"
