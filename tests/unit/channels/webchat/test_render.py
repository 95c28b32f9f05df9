"""What a reply looks like on the page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages import OutboundMessage, QuickReply
from channels.webchat.limits import BUTTON_TITLE, BUTTONS, TEXT
from channels.webchat.render import render_message, render_without_buttons


def bodies(message: OutboundMessage) -> list[dict[str, Any]]:
    """Render and return what the page reads."""
    return [request.body for request in render_message(message)]


def html_of(text: str) -> str:
    """Render a text of one bubble."""
    (body,) = bodies(OutboundMessage(text))
    return str(body["html"])


def choices(number: int) -> tuple[QuickReply, ...]:
    """Build quick replies as the outbox stores them."""
    return tuple(QuickReply(f"Tema {n}", f"topic:{n}", f"t{n}") for n in range(1, number + 1))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Hola", "<p>Hola</p>"),
        ("**Cuidado** con *esto*", "<p><strong>Cuidado</strong> con <em>esto</em></p>"),
        ("uno\ndos", "<p>uno<br>dos</p>"),
        ("- uno\n- dos\n\nfin", "<ul><li>uno</li><li>dos</li></ul><p>fin</p>"),
        ("1. uno\n2. dos", "<ol><li>uno</li><li>dos</li></ol>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<img src=x onerror=y>", "<p>&lt;img src=x onerror=y&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[Llame](tel:911)", '<p><a href="tel:911" rel="noopener noreferrer nofollow">Llame</a></p>'),
        (
            "[la página](https://example.org/?a=1&b=2)",
            '<p><a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer nofollow" target="_blank">la página</a></p>',
        ),
        (
            "Vea https://example.org/x.",
            '<p>Vea <a href="https://example.org/x" rel="noopener noreferrer nofollow" target="_blank">https://example.org/x</a>.</p>',
        ),
    ],
    ids=["plain", "marks", "line break", "list", "numbers", "script", "image", "bad link", "telephone", "link", "bare link"],
)
def test_html_is_exact_when_a_text_has_marks(text: str, html: str) -> None:
    """Marks become HTML, and whatever else looks like HTML is shown as it was written."""
    assert html_of(text) == html


@given(st.text(alphabet="<>&\"'*[]()-.\n abc:/jh\u202e", max_size=80))
def test_html_has_only_our_tags_when_a_text_is_hostile(text: str) -> None:
    """No text can bring a tag or attribute of its own."""
    known = (
        "<p>",
        "</p>",
        "<ul>",
        "</ul>",
        "<ol>",
        "</ol>",
        "<li>",
        "</li>",
        "<br>",
        "<strong>",
        "</strong>",
        "<em>",
        "</em>",
        "</a>",
    )
    rest = "".join(str(body["html"]) for body in bodies(OutboundMessage(text)))
    for tag in known:
        rest = rest.replace(tag, "")
    for piece in rest.split("<")[1:]:
        assert piece.startswith(('a href="http', 'a href="tel:', 'a href="mailto:', 'ol start="'))


def test_list_keeps_its_number_when_it_goes_on() -> None:
    """A list that begins at three shows three."""
    assert html_of("3. tres\n4. cuatro") == '<ol start="3"><li>tres</li><li>cuatro</li></ol>'


def test_buttons_are_on_the_last_bubble_when_a_text_is_long() -> None:
    """A long text is split within the limit, loses nothing, and ends with the choices."""
    text = "\n\n".join(["Una frase. " * 40] * 40)
    shown = bodies(OutboundMessage(text, choices(2)))
    assert len(shown) > 1
    assert all(len(body["html"]) < TEXT * 1.2 for body in shown)
    assert sum(body["html"].count("Una frase.") for body in shown) == 1600
    assert ["quick_replies" in body for body in shown] == [False] * (len(shown) - 1) + [True]


def test_choices_become_lines_when_there_are_too_many() -> None:
    """What does not fit as a button is a numbered line with its own number."""
    (body,) = bodies(OutboundMessage("Elija", choices(BUTTONS + 2)))
    assert len(body["quick_replies"]) == BUTTONS
    assert body["html"] == f'<p>Elija</p><ol start="{BUTTONS + 1}"><li>Tema {BUTTONS + 1}</li><li>Tema {BUTTONS + 2}</li></ol>'


def test_title_is_shortened_when_it_is_too_long() -> None:
    """A button never shows more than its limit."""
    (body,) = bodies(OutboundMessage("x", (QuickReply("palabra " * 20, "p", "t"),)))
    title = body["quick_replies"][0]["title"]
    assert len(title) <= BUTTON_TITLE
    assert title.endswith("…")


def test_payload_stays_here_when_buttons_are_rendered() -> None:
    """The page gets the token, never what it means."""
    assert "topic:" not in str(bodies(OutboundMessage("x", choices(3))))


def test_location_button_shows_when_a_reply_asks() -> None:
    """The page shows the button only when it is asked to, with the reply's own words."""
    assert bodies(OutboundMessage("¿Dónde?", asks_location=True, location_title="Aquí")) == [
        {"html": "<p>¿Dónde?</p>", "location_title": "Aquí"}
    ]
    assert "location_title" not in bodies(OutboundMessage("¿Dónde?"))[0]


def test_all_choices_are_lines_when_buttons_are_not_wanted() -> None:
    """The fallback names every choice."""
    (request,) = render_without_buttons(OutboundMessage("Elija", choices(2)))
    assert request.body == {"html": "<p>Elija</p><ol><li>Tema 1</li><li>Tema 2</li></ol>"}


def test_nothing_is_shown_when_a_reply_is_empty() -> None:
    """An empty reply makes no bubble."""
    assert bodies(OutboundMessage("")) == []
