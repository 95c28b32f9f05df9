"""What a contact types is data: never a command of the engine, never a mark-up in what others read, never a template."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversations.commands import engine_text
from bot.conversations.turns import fresh_turn
from bot.messages import OutboundMessage, QuickReply
from bot.worker import ENGINE_SECONDS
from channels.telegram.render import render_message as telegram
from channels.webchat.render import render_message as webchat
from channels.whatsapp import TemplateSet
from channels.whatsapp.render import render_message as whatsapp
from tests.support.engine import NOW, EngineConversation, shared_worker, texts_of

LONGEST = 4096
SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]
COMMANDS = (
    "/greet",
    '/emergency_kidnapping{"locale": "en"}',
    '/change_language{"locale": "fr"}',
    "/restart",
    "/session_start",
    "/back",
    "EXTERNAL: greet",
    "/EXTERNAL: greet",
    '/inform{"destination": "us"}',
    "action_restart",
    "utter_greet",
)
FRONTS = ("", "/", "//", " /", "\u2003/", "\u00a0", "\u2028", "\x85", "\x1c", "/\u2003/", "\ufeff", "\u200b", "\u202e")
MARKS = (
    "{name}",
    "{0.__class__}",
    "%(x)s",
    "%s%n",
    "{{7*7}}",
    "{% raw %}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "<b>negrita</b>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "*negrita* _cursiva_ ~tachado~ ```codigo```",
    "\u202egro.live",
    "pay\u200bpal",
    "\ud83d\ude00" * 3,
    "&lt;b&gt; &amp;",
    "=cmd|' /C calc'!A0",
)


@pytest.mark.parametrize("space", ["".join(SPACES[start : start + 5]) for start in range(0, len(SPACES), 5)])
def test_no_space_hides_a_slash(space: str) -> None:
    """The engine strips every kind of space before it looks for a command."""
    for text in (f"{space}/greet", f"/{space}/greet", f"{space}/{space}//greet"):
        assert engine_text(text) == "greet"


@given(st.text(alphabet=st.sampled_from([*SPACES, "/", "a", "\x00", "\u200b"]), max_size=12))
@settings(derandomize=True, max_examples=500, database=None, deadline=None)
def test_no_text_begins_with_a_slash_in_the_engine(text: str) -> None:
    """However spaces and slashes are mixed."""
    assert not engine_text(text).strip().startswith("/")


@pytest.mark.engine
@pytest.mark.parametrize("command", COMMANDS)
async def test_typed_command_reaches_the_engine_as_words(command: str) -> None:
    """A command gives no certain intent, changes no language, sets no country, and gets one reply at most two."""
    for front in FRONTS:
        contact = EngineConversation("es")
        result = await contact.says(front + command)
        certain = [row for row in result.trace.ranking if row[1] == 1.0]
        assert certain == [], (front, command)
        assert (result.locale, result.trace.destination) == ("es", ""), (front, command)
        assert 1 <= len(result.replies) <= 2, (front, command)


@pytest.mark.engine
@pytest.mark.parametrize("mark", MARKS)
async def test_reply_does_not_repeat_what_was_typed(mark: str) -> None:
    """Neither an answer, a question back, a flow nor a change of language echoes the contact's own signs."""
    contact = EngineConversation("es")
    for text in (mark, f"me llamo {mark}", f"visa para {mark}", f"hablo {mark}", f"hola {mark} como saco el pasaporte {mark}"):
        result = await contact.says(text)
        shown = texts_of(result) + "".join(choice.title for reply in result.replies for choice in reply.quick_replies)
        assert mark not in shown
        assert "49" not in re.findall(r"\b49\b", shown)


@pytest.mark.engine
@pytest.mark.parametrize(
    "piece", ["a", "1", "1-", "a.", "+1", "http://", "[](", "auxilo ", "mexicoo espanaa ", "quieromeayudaauxilio", "😀", "\u0301"]
)
async def test_longest_message_is_answered_within_the_engine_s_time(piece: str) -> None:
    """No text makes a pattern run away: the worker gives a turn up after twenty seconds, and these take well under one."""
    turn = fresh_turn((piece * LONGEST)[:LONGEST], "", NOW)
    result = await asyncio.wait_for(shared_worker().decide(turn), ENGINE_SECONDS)
    assert result.error_code == ""
    assert result.replies


class _Tags(HTMLParser):
    """Collects tags and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert {name for name, _ in attrs} <= {"href", "rel", "target", "class"}
        if tag not in ("br",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _assert_is_harmless(page: str) -> None:
    read = _Tags()
    read.feed(page)
    read.close()
    assert read.open == []
    assert read.tags <= {"b", "i", "a", "p", "br", "ul", "ol", "li", "strong", "em", "code"}
    assert all(link.startswith(("https://", "http://", "tel:", "mailto:")) for link in read.links)


def _pages(value: Any) -> list[str]:
    """Return the strings in what a channel would send that are read as HTML."""
    if isinstance(value, dict):
        return [
            text
            for name, inner in value.items()
            for text in ([inner] if name in ("html", "text") and isinstance(inner, str) else _pages(inner))
        ]
    return [text for inner in value for text in _pages(inner)] if isinstance(value, (list, tuple)) else []


_HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(MARKS), st.text(max_size=12), st.sampled_from(["\n", "- ", "1. ", "**", "](", "<", ">", "&", '"', "'"])
    ),
    max_size=12,
)


@given(_HOSTILE)
@settings(derandomize=True, max_examples=400, database=None, deadline=None)
def test_rendered_reply_is_harmless_whatever_stands_in_it(pieces: list[str]) -> None:
    """Should a name or text of a contact ever stand in a reply, it opens no tag and no link of another kind on any channel."""
    text = "".join(piece.encode("utf-8", "replace").decode() for piece in pieces)
    message = OutboundMessage(text or "x", (QuickReply((text or "x")[:20], "/menu", "tok1"),))
    for request in telegram(message):
        if request.body.get("parse_mode") == "HTML":
            _assert_is_harmless(request.body["text"])
    for request in webchat(message):
        for page in _pages(request.body):
            _assert_is_harmless(page)
    for request in whatsapp(message, TemplateSet()):
        assert "{{" not in str(request.body.get("ContentVariables", ""))
