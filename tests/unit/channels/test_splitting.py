"""Long texts are cut where a reader would pause, and never inside a link or a mark."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markup import Block, Span, parse_markup
from channels.splitting import split_blocks


def _render(blocks: Sequence[Block]) -> str:
    def spans(block: Block) -> str:
        return "".join(
            f"[{span.text}]({span.href})" if span.href else f"*{span.text}*" if span.is_bold else span.text
            for span in block.spans
        )

    return "\n\n".join(f"{block.marker} {spans(block)}" if block.marker else spans(block) for block in blocks)


def _measure(blocks: Sequence[Block]) -> int:
    return len(_render(blocks))


def _split(text: str, limit: int) -> list[str]:
    return [_render(part) for part in split_blocks(parse_markup(text), limit, _measure)]


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        pytest.param("One.\n\nTwo.", 20, ["One.\n\nTwo."], id="all_fits"),
        pytest.param("First one.\n\nSecond one.", 20, ["First one.", "Second one."], id="between_paragraphs"),
        pytest.param("First thing. Second thing.", 20, ["First thing.", "Second thing."], id="between_sentences"),
        pytest.param("Live at Av. Colon all week", 15, ["Live at Av.", "Colon all week"], id="between_words"),
        pytest.param("Come early. Av. Colon 3 is it.", 20, ["Come early.", "Av. Colon 3 is it."], id="abbreviation"),
        pytest.param("one\ntwo", 5, ["one", "two"], id="between_lines"),
        pytest.param("**bold words here**", 12, ["*bold words*", "*here*"], id="mark_is_closed_and_opened_again"),
        pytest.param("**Note**: yes", 8, ["*Note*:", "yes"], id="punctuation_stays_with_its_word"),
        pytest.param("See [the page](https://a.ec) now", 24, ["See", "[the page](https://a.ec)", "now"], id="link_whole"),
        pytest.param("- first item\n- second", 11, ["• first", "item", "• second"], id="marker_once"),
        pytest.param("aaaaaaaaaa", 4, ["aaaa", "aaaa", "aa"], id="endless_word"),
        pytest.param("", 10, [], id="empty"),
    ],
)
def test_split_blocks_cuts_at_the_best_place(text: str, limit: int, expected: list[str]) -> None:
    """A part ends at a paragraph, else a sentence, else a word, and marks and links stay whole."""
    assert _split(text, limit) == expected


def test_split_blocks_keeps_joined_emojis_whole_when_a_word_is_cut() -> None:
    """An accent, a skin tone or a family of emojis is not torn apart."""
    family = "👩‍👩‍👧"
    parts = _split(family * 3, 8)
    assert parts == [family, family, family]


def test_split_blocks_cuts_a_link_as_text_when_it_is_longer_than_a_message() -> None:
    """An address that no message can hold does not stop the text."""
    parts = split_blocks([Block((Span("a very long name", href="https://a.ec/" + "x" * 50),))], 8, _measure)
    assert [_render(part) for part in parts] == ["a very l", "ong name"]


_SPANS = st.builds(Span, st.text("ab .é\n", min_size=1, max_size=30), st.booleans())


@given(st.lists(st.builds(Block, st.lists(_SPANS, min_size=1, max_size=4).map(tuple)), max_size=5), st.integers(8, 60))
def test_split_blocks_loses_no_letter_and_keeps_the_limit(blocks: list[Block], limit: int) -> None:
    """Whatever the text, every part fits and all letters arrive in order."""
    parts = split_blocks(blocks, limit, _measure)
    letters = "".join("".join(block.plain.split()) for block in blocks)
    assert "".join("".join(block.plain.split()) for part in parts for block in part) == letters
    assert all(_measure(part) <= limit for part in parts)
