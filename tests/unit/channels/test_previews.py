"""The editor's previews: what the channels' own render code makes, decoded for the eye."""

from __future__ import annotations

import json

import pytest

from bot.messages import OutboundMessage, QuickReply
from channels.telegram.preview import preview_message as preview_telegram
from channels.webchat.preview import preview_message as preview_webchat
from channels.whatsapp.preview import preview_message as preview_whatsapp
from channels.whatsapp.render import render_message
from channels.whatsapp.templates import TemplateSet, template_specs

PREVIEWS = {"telegram": preview_telegram, "webchat": preview_webchat, "whatsapp": preview_whatsapp}
ALL_CHANNELS = pytest.mark.parametrize("channel", PREVIEWS)


def make_message(text: str, choices: int = 0, description: str = "") -> OutboundMessage:
    """Return a reply with so many choices."""
    replies = tuple(QuickReply(f"Opción {n}", f"p{n}", token=f"t{n}", description=description) for n in range(1, choices + 1))
    return OutboundMessage(text, replies, list_title="Ver opciones")


@ALL_CHANNELS
def test_bubble_shows_marks_and_escapes_the_rest(channel: str) -> None:
    """Bold is bold, and what looks like HTML is text."""
    (bubble,) = PREVIEWS[channel](make_message("Es **gratis** <b>x</b> & más"))
    assert "<strong>gratis</strong>" in bubble.html or "<b>gratis</b>" in bubble.html
    assert "&lt;b&gt;x&lt;/b&gt; &amp; más" in bubble.html


@ALL_CHANNELS
def test_long_text_is_split_as_it_is_sent(channel: str) -> None:
    """Each bubble has its length and its limit, and none is over it."""
    bubbles = PREVIEWS[channel](make_message("Una frase que sigue. " * 500))
    assert len(bubbles) > 1
    assert all(0 < bubble.length <= bubble.limit for bubble in bubbles)


@ALL_CHANNELS
def test_few_choices_are_buttons(channel: str) -> None:
    """Up to three choices are buttons on every channel."""
    assert PREVIEWS[channel](make_message("¿Qué?", 3))[-1].buttons == ("Opción 1", "Opción 2", "Opción 3")


@pytest.mark.parametrize("description", ["", "Detalle"])
def test_many_choices_are_a_list_on_whatsapp(description: str) -> None:
    """The list's word and rows are those that Twilio gets."""
    message = make_message("¿Qué?", 5, description)
    bubble = preview_whatsapp(message)[-1]
    assert bubble.opener == "Ver opciones"
    assert [row[0] for row in bubble.rows] == [f"Opción {n}" for n in range(1, 6)]
    assert {row[1] for row in bubble.rows} == {description}
    every = TemplateSet({spec.name: spec.name for spec in template_specs()})
    sent = json.loads(render_message(message, every)[-1].body["ContentVariables"])
    assert {title for row in bubble.rows for title in row if title} <= set(sent.values())


def test_length_is_counted_as_the_channel_counts() -> None:
    """An emoji is two units on WhatsApp and Telegram; marks count on WhatsApp alone."""
    message = make_message("**a** 😀")
    assert preview_telegram(message)[0].length == 4
    assert preview_whatsapp(message)[0].length == 6
    assert preview_webchat(message)[0].length == 3
