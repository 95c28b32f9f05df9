"""What is a command and what is only text."""

from __future__ import annotations

import pytest

from bot.conversations.commands import Command, engine_text, payload, read_command
from bot.conversations.paging import MORE, first_page, following_page
from bot.messages import ChannelLimits, OutboundMessage, QuickReply


def test_payload_and_read_command_round_trip() -> None:
    """A payload is read back whole; empty entities are left out."""
    assert payload("menu") == "/menu"
    raw = payload("more_detail", topic="passport", section="cost", destination="")
    assert read_command(raw) == Command("more_detail", {"topic": "passport", "section": "cost"})


@pytest.mark.parametrize("raw", ["", "menu", "/", "/menu{", "/menu{broken", "/Menu", "more:[]", "/a b"])
def test_read_command_when_it_is_none(raw: str) -> None:
    """What is not a payload is no command."""
    assert read_command(raw) is None


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/restart", "restart"),
        ('/greet{"x": 1}', 'greet{"x": 1}'),
        ("  //menu", "menu"),
        ("/ /x", "x"),
        ("hola / adiós", "hola / adiós"),
    ],
)
def test_engine_text_when_a_contact_types_a_slash(typed: str, text: str) -> None:
    """Typed text never begins with the engine's command sign."""
    assert engine_text(typed) == text


def test_first_page_when_a_channel_shows_fewer_choices() -> None:
    """Twenty-three choices come in pages of ten, none lost, each page but the last with a row that leads on."""
    limits = ChannelLimits(text=1600, text_with_choices=1024, buttons=3, button_title=20, list_rows=10)
    message = OutboundMessage("Elija", tuple(QuickReply(f"t{number}", f"/p{number}") for number in range(23)))
    seen: list[str] = []
    while True:
        page = first_page(message, limits, "Ver más")
        assert len(page.quick_replies) <= 10
        last = page.quick_replies[-1]
        if not last.payload.startswith(MORE):
            seen += [reply.payload for reply in page.quick_replies]
            break
        seen += [reply.payload for reply in page.quick_replies[:-1]]
        message = following_page(last.payload, "Más")
    assert seen == [f"/p{number}" for number in range(23)]
