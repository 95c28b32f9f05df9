"""The small subset of Markdown: what becomes a mark, and what stays text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markup import Block, Span, parse_markup, plain_text


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        pytest.param("hola", (Span("hola"),), id="plain"),
        pytest.param("**911**", (Span("911", is_bold=True),), id="bold"),
        pytest.param("*nota*", (Span("nota", is_italic=True),), id="italic"),
        pytest.param("***a***", (Span("a", is_bold=True, is_italic=True),), id="both"),
        pytest.param("[sitio](https://a.org/x)", (Span("sitio", href="https://a.org/x"),), id="link"),
        pytest.param("<https://a.org>", (Span("https://a.org", href="https://a.org"),), id="bare link"),
        pytest.param("uno\ndos", (Span("uno"), Span("\n"), Span("dos")), id="line break"),
    ],
)
def test_parse_markup_reads_the_subset(text: str, spans: tuple[Span, ...]) -> None:
    """Bold, italic, links and line breaks become styles of spans."""
    assert parse_markup(text) == (Block(spans),)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# Título", id="heading"),
        pytest.param("<b>negrita</b>", id="html"),
        pytest.param("<script>alert(1)</script>", id="script"),
        pytest.param("a | b\n--- | ---", id="table"),
        pytest.param("`código`", id="code"),
        pytest.param("2 * 3 * 4", id="loose stars"),
        pytest.param("[sitio](javascript:alert(1))", id="script link"),
        pytest.param("***", id="rule"),
        pytest.param("a_b_c", id="underscores in a name"),
    ],
)
def test_parse_markup_leaves_the_rest_as_it_was_written(text: str) -> None:
    """What is not in the subset is neither a mark nor lost."""
    blocks = parse_markup(text)
    assert "\n".join(block.plain for block in blocks) == text
    assert not any(span.href or span.is_bold for block in blocks for span in block.spans)


def test_parse_markup_numbers_lists_from_where_they_start() -> None:
    """Items carry their marker, also in a nested list."""
    blocks = parse_markup("- uno\n- dos\n\n3. tres\n4. cuatro\n   - cinco\n\nfin")
    assert [(block.marker, block.plain) for block in blocks] == [
        ("•", "uno"),
        ("•", "dos"),
        ("3.", "tres"),
        ("4.", "cuatro"),
        ("•", "cinco"),
        ("", "fin"),
    ]


def test_plain_text_reads_without_marks() -> None:
    """What a terminal shows has words and list markers only."""
    assert plain_text("**Pida ayuda**\n\n- *hoy*\n- [aquí](https://a.org)") == "Pida ayuda\n• hoy\n• aquí"


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=200))
def test_parse_markup_takes_any_text(text: str) -> None:
    """No text whatever makes the parser fail, and a text without marks keeps every word."""
    found = "".join(block.plain for block in parse_markup(text))
    if text.isalnum():
        assert found == text
