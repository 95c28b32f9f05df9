"""What a reply looks like on WhatsApp: marks that cannot fail, choices within every limit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markup import parse_markup
from bot.messages import OutboundMessage, QuickReply
from channels.whatsapp.limits import length
from channels.whatsapp.render import render_blocks, render_fallback, render_message, render_numbered
from channels.whatsapp.templates import TemplateSet, buttons_template, list_template, template_specs

TEMPLATES = TemplateSet({spec.name: spec.name for spec in template_specs()})


def _replies(*titles: str) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(title, "topic:any", f"tok{n}") for n, title in enumerate(titles))


def _variables(request: Any) -> dict[str, str]:
    values: dict[str, str] = json.loads(request.body["ContentVariables"])
    return values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("**a** and *b*", "*a* and _b_", id="bold_and_italic"),
        pytest.param("***a***", "*_a_*", id="both"),
        pytest.param("**two\nlines**", "*two*\n*lines*", id="marks_end_with_the_line"),
        pytest.param("**12**34", "1234", id="mark_inside_a_word_would_show"),
        pytest.param("**Note**: yes", "*Note*: yes", id="mark_before_punctuation"),
        pytest.param("a ~b~ `c` d", "a ∼b∼ ˋcˋ d", id="marks_nobody_meant"),
        pytest.param("write to ayuda_ya_ec@x.ec", "write to ayuda_ya_ec@x.ec", id="underscore_in_a_word"),
        pytest.param("5 * 3 * 2", "5 * 3 * 2", id="lone_asterisks"),
        pytest.param("> quoted", "› quoted", id="quote"),
        pytest.param("[here](https://a.ec/b_c_d)", "here: https://a.ec/b_c_d", id="link"),
        pytest.param("[the **Red** Cross](https://a.ec)", "the Red Cross: https://a.ec", id="link_with_mark"),
        pytest.param("<https://a.ec/b>", "https://a.ec/b", id="bare_link"),
        pytest.param("[a.ec/b](https://a.ec/b)", "https://a.ec/b", id="address_as_words"),
        pytest.param("[911](tel:911) now", "911 now", id="telephone"),
        pytest.param("[a](https://a.ec)b", "a: https://a.ec b", id="word_after_a_link"),
        pytest.param("Do:\n\n1. a\n2. b\n\nEnd", "Do:\n1. a\n2. b\n\nEnd", id="list"),
    ],
)
def test_render_blocks_uses_only_marks_that_whatsapp_reads(text: str, expected: str) -> None:
    """Marks appear where WhatsApp would format, and nothing is formatted by accident."""
    assert render_blocks(parse_markup(text)) == expected


def test_render_message_sends_numbered_text_when_there_is_no_template() -> None:
    """Before `ruta whatsapp setup` has run, choices are numbered."""
    message = OutboundMessage("Elija:", _replies("Sí", "No"))
    assert [request.body for request in render_message(message, TemplateSet())] == [{"Body": "Elija:\n1. Sí\n2. No"}]


def test_render_message_sends_numbered_text_when_a_choice_has_no_token() -> None:
    """A choice that was not stored cannot be a button."""
    message = OutboundMessage("Elija:", (QuickReply("Sí", "a", "tok"), QuickReply("No", "b")))
    assert [set(request.body) for request in render_message(message, TEMPLATES)] == [{"Body"}]


def test_render_message_shows_the_last_line_with_the_buttons_when_a_text_has_several() -> None:
    """A variable takes one line, so the lines before go ahead as plain text."""
    message = OutboundMessage("Uno.\n\nDos\ntres", _replies("Sí"))
    first, second = render_message(message, TEMPLATES)
    assert first.body == {"Body": "Uno.\n\nDos"}
    assert second.body["ContentSid"] == buttons_template(1)
    assert _variables(second) == {"1": "tres", "2": "Sí", "3": "tok0"}


def test_render_message_splits_when_the_only_line_is_too_long_for_buttons() -> None:
    """A paragraph above 1,024 characters is cut after a sentence, and the rest carries the buttons."""
    message = OutboundMessage("Frase de prueba. " * 80, _replies("Sí"))
    first, second = render_message(message, TEMPLATES)
    assert first.body["Body"].endswith("prueba.")
    assert _variables(second)["1"].startswith("Frase")
    assert length(_variables(second)["1"]) <= 1024


def test_render_message_has_words_above_the_buttons_when_the_text_is_empty() -> None:
    """Twilio refuses an empty variable, so something stands there."""
    (request,) = render_message(OutboundMessage("", _replies("Sí")), TEMPLATES)
    assert _variables(request)["1"] == "…"


def test_render_message_sends_nothing_when_there_is_nothing() -> None:
    """An empty reply makes no call."""
    assert render_message(OutboundMessage(""), TEMPLATES) == []


def test_render_message_uses_a_list_when_there_are_ten_choices() -> None:
    """Ten rows are one list."""
    message = OutboundMessage("Elija:", _replies(*"abcdefghij"), list_title="Ver")
    (request,) = render_message(message, TEMPLATES)
    assert request.body["ContentSid"] == list_template(10, is_described=False)


def test_render_numbered_keeps_titles_whole_and_adds_descriptions() -> None:
    """In text a title needs no cut, and its second line fits beside it."""
    reply = QuickReply("Un título que no cabe en ningún botón", "p", "t", "con detalle")
    (request,) = render_numbered(OutboundMessage("Elija:", (reply,)))
    assert request.body == {"Body": "Elija:\n1. Un título que no cabe en ningún botón – con detalle"}


def test_render_fallback_repeats_the_line_that_carried_the_buttons() -> None:
    """The contact never saw the refused message, so its line comes again with the numbers."""
    message = OutboundMessage("Uno.\n\n**Dos**", _replies("Sí", "No"))
    assert [request.body for request in render_fallback(message)] == [{"Body": "Uno."}, {"Body": "*Dos*\n1. Sí\n2. No"}]


_TEXTS = st.text(st.sampled_from("ab .*_~`>[]()\n\t{}ñ👩‍\u202e1-"), max_size=200) | st.text(max_size=60)
_REPLIES = st.lists(st.builds(QuickReply, _TEXTS, st.just("p"), st.sampled_from(["", "t1", "t2"]), _TEXTS), max_size=12)


@given(st.builds(OutboundMessage, _TEXTS, _REPLIES.map(tuple), _TEXTS))
def test_render_message_keeps_every_limit_whatever_the_words(message: OutboundMessage) -> None:
    """No text of ours can make Twilio refuse a message for its form."""
    rendered = [render_message(message, TEMPLATES), render_numbered(message), render_fallback(message)]
    for request in [request for requests in rendered for request in requests]:
        if "Body" in request.body:
            assert 0 < length(request.body["Body"]) <= 1600
        else:
            _assert_variables_are_taken(_variables(request))


@given(st.builds(OutboundMessage, _TEXTS, _REPLIES.map(tuple), _TEXTS))
def test_render_fallback_begins_as_render_message_so_that_sending_can_go_on(message: OutboundMessage) -> None:
    """Everything before the refused template is the same, so nothing is sent twice."""
    requests, fallback = render_message(message, TEMPLATES), render_fallback(message)
    refused = next((place for place, request in enumerate(requests) if "ContentSid" in request.body), 0)
    assert fallback[:refused] == requests[:refused]
    assert not refused or len(fallback) > refused


def _assert_variables_are_taken(values: dict[str, str]) -> None:
    for value in values.values():
        assert value.strip()
        assert value == " ".join(value.split())
        assert "{{" not in value
        assert "}}" not in value
        assert length(value) <= 1024
