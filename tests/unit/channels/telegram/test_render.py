"""What a reply looks like on Telegram."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import OutboundMessage, QuickReply
from channels.telegram.render import render_message, render_without_buttons
from tests.support.fake_telegram import read_marks


def bodies(message: OutboundMessage) -> list[dict[str, Any]]:
    """Render and return the plain JSON of the requests."""
    return [request.body for request in render_message(message)]


def choices(*titles: str) -> tuple[QuickReply, ...]:
    """Build quick replies as the outbox stores them."""
    return tuple(QuickReply(title, f"payload:{n}", f"t{n}") for n, title in enumerate(titles, start=1))


def keyboard_titles(body: dict[str, Any]) -> list[list[str]]:
    """Return the titles on the inline keyboard, by line."""
    return [[button["text"] for button in row] for row in body["reply_markup"]["inline_keyboard"]]


@pytest.mark.parametrize(
    ("text", "html", "plain"),
    [
        ("Hola", "Hola", "Hola"),
        ("**Cuidado** con *esto*", "<b>Cuidado</b> con <i>esto</i>", "Cuidado con esto"),
        ("***Ya***", "<b><i>Ya</i></b>", "Ya"),
        ("1 < 2 & 3 > 2 <script>", "1 &lt; 2 &amp; 3 &gt; 2 &lt;script&gt;", "1 < 2 & 3 > 2 <script>"),
        (
            '[la página](https://example.org/?a=1&b="2")',
            '<a href="https://example.org/?a=1&amp;b=%222%22">la página</a>',
            "la página",
        ),
        ("[Emergencias](tel:911)", "Emergencias (911)", "Emergencias (911)"),
        ("[ECU 911](tel:911)", "ECU 911", "ECU 911"),
        (
            "Lleve:\n\n- cédula\n- **foto**\n\nListo",
            "Lleve:\n• cédula\n• <b>foto</b>\n\nListo",
            "Lleve:\n• cédula\n• foto\n\nListo",
        ),
        ("Uno\n\nDos", "Uno\n\nDos", "Uno\n\nDos"),
    ],
    ids=["plain", "marks", "both_marks", "escaped", "link", "phone", "phone_shown", "list", "paragraphs"],
)
def test_render_message_when_marked(text: str, html: str, plain: str) -> None:
    """Marks become HTML that cannot fail, with the same text without marks beside it."""
    (body,) = bodies(OutboundMessage(text))
    assert (body["text"], body["plain_text"], body["parse_mode"]) == (html, plain, "HTML")
    assert body["link_preview_options"] == {"is_disabled": True}
    assert body["reply_markup"] == {"remove_keyboard": True}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab*_<>&\"'[]()\n-1. :/héß😀\u202e\u200b", max_size=80))
def test_render_message_when_marks_are_anyhow(text: str) -> None:
    """Whatever the text, the marks close, and what Telegram shows is the text without them."""
    for body in bodies(OutboundMessage(text)):
        assert read_marks(body["text"]) == body["plain_text"]


def test_render_message_when_long() -> None:
    """A long text is split within the limit and the buttons stand under the last part."""
    sentence = "Esta es una oración de prueba con <signos> y demás. "
    parts = bodies(OutboundMessage(sentence * 200, choices("Sí")))
    assert len(parts) == 3
    assert all(len(part["plain_text"]) <= 4096 for part in parts)
    assert " ".join(part["plain_text"] for part in parts) == (sentence * 200).strip()
    assert [("reply_markup" in part) for part in parts] == [False, False, True]


def test_render_message_when_full_of_emoji() -> None:
    """Emoji count twice at Telegram, so a part holds half as many."""
    parts = bodies(OutboundMessage("😀" * 3000))
    assert len(parts) == 2
    assert all(len(part["plain_text"].encode("utf-16-le")) // 2 <= 4096 for part in parts)


def test_render_message_when_titles_are_short_and_long() -> None:
    """Short titles share a line in pairs, a long one has its own, and the order stays."""
    (body,) = bodies(OutboundMessage("¿Qué?", choices("Sí", "No", "Quiero hablar con una persona", "Menú", "Atrás", "Otro")))
    assert keyboard_titles(body) == [["Sí", "No"], ["Quiero hablar con una persona"], ["Menú", "Atrás"], ["Otro"]]
    assert body["reply_markup"]["inline_keyboard"][0][1] == {"text": "No", "callback_data": "t2"}


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("a" * 40, "a" * 40),
        ("a" * 41, "a" * 39 + "…"),
        ("Certificado de migrante retornado, requisitos", "Certificado de migrante retornado…"),
    ],
    ids=["fits", "one_word", "at_word"],
)
def test_render_message_when_title_is_long(title: str, shown: str) -> None:
    """A title over the limit is cut at a word and shows it."""
    (body,) = bodies(OutboundMessage("¿Qué?", choices(title)))
    assert keyboard_titles(body) == [[shown]]


def test_render_message_when_there_are_too_many_choices() -> None:
    """What is beyond the hundredth button becomes a line with its number among all choices."""
    (body,) = bodies(OutboundMessage("¿Qué?", choices(*(f"Opción {n}" for n in range(1, 103)))))
    assert sum(map(len, keyboard_titles(body))) == 100
    assert body["text"] == "¿Qué?\n101. Opción 101\n102. Opción 102"


@pytest.mark.parametrize("token", ["", "t" * 65, "ñ" * 33], ids=["none", "long", "long_in_bytes"])
def test_render_message_when_token_does_not_fit(token: str) -> None:
    """A choice without a token that a button can carry becomes a numbered line."""
    replies = (QuickReply("Uno", "p", "t1"), QuickReply("Dos", "p", token))
    (body,) = bodies(OutboundMessage("¿Qué?", replies))
    assert keyboard_titles(body) == [["Uno"]]
    assert body["text"] == "¿Qué?\n2. Dos"


def test_render_message_when_asking_for_location() -> None:
    """The location button comes under the text."""
    (body,) = bodies(OutboundMessage("¿Dónde está?", asks_location=True, location_title="Enviar mi ubicación"))
    assert body["reply_markup"] == {
        "keyboard": [[{"text": "Enviar mi ubicación", "request_location": True}]],
        "resize_keyboard": True,
        "one_time_keyboard": True,
    }


def test_render_message_when_asking_for_location_with_choices() -> None:
    """One message carries one keyboard, so the location button follows in a second message."""
    message = OutboundMessage("¿Dónde?", choices("Quito"), asks_location=True, location_title="Enviar mi ubicación")
    first, second = bodies(message)
    assert keyboard_titles(first) == [["Quito"]]
    assert second["text"] == "Enviar mi ubicación"
    assert second["reply_markup"]["keyboard"] == [[{"text": "Enviar mi ubicación", "request_location": True}]]


def test_render_message_when_location_has_no_words() -> None:
    """Without words for it no location button is shown."""
    (body,) = bodies(OutboundMessage("¿Dónde?", asks_location=True))
    assert body["reply_markup"] == {"remove_keyboard": True}


def test_render_message_when_text_is_empty() -> None:
    """An empty text sends nothing, but buttons get a text to stand under, which Telegram demands."""
    assert bodies(OutboundMessage(" ")) == []
    (body,) = bodies(OutboundMessage("", choices("Sí")))
    assert (body["text"], keyboard_titles(body)) == ("…", [["Sí"]])


def test_render_without_buttons_when_refused() -> None:
    """After Telegram refused the buttons every choice is a numbered line."""
    (request,) = render_without_buttons(OutboundMessage("¿Qué?", choices("Uno", "Dos")))
    assert request.body["text"] == "¿Qué?\n1. Uno\n2. Dos"
    assert request.body["reply_markup"] == {"remove_keyboard": True}
