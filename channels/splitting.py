"""Split a text that is longer than one message, for every channel: between paragraphs, then sentences, then words.

It works on the blocks of `bot.markup`, before they are rendered, so no mark and no link is ever cut. How long
a text is when it is rendered only the channel knows: it hands over `measure`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bot.markup import Block, Span

Measure = Callable[[Sequence[Block]], int]
"""Returns the length of the blocks as the channel renders them, in the unit of the limit."""

_WORD = re.compile(r"\S+\s*|\s+")
# Fewer than four letters before a full stop are mostly an abbreviation: "Av. Amazonas", "EE. UU.", "Nro. 5".
_SENTENCE_END = re.compile(r"(?:\w{4}\.|[!?…]|[.!?…][\"'»”’)\]]+)\s+$|\n\s*$")
_ZERO_WIDTH_JOINER = "\u200d"


def split_blocks(blocks: Sequence[Block], limit: int, measure: Measure) -> list[list[Block]]:
    """Return the blocks in parts that each fit, in order; none when there is nothing to show.

    A part ends between two blocks where that is possible, else after a sentence, else between words. A word longer than
    a whole message is cut between letters; a link that long loses its address and is cut as a word.

    Args:
        limit: the longest part, as `measure` counts; it must have room for one letter and the marks around it.
    """
    parts: list[list[Block]] = []
    current: list[Block] = []
    for block in blocks:
        if current and measure([*current, block]) <= limit:
            current.append(block)
            continue
        for piece in _pieces(block, limit, measure):
            if current:
                parts.append(current)
            current = [piece]
    return [*parts, current] if current else parts


def _pieces(block: Block, limit: int, measure: Measure) -> list[Block]:
    """Cut one block into blocks that each fit; only the first keeps the list marker."""
    if measure([block]) <= limit:
        return [block] if block.plain.strip() else []

    def fits(spans: Sequence[Span]) -> bool:
        return measure([Block(_tidy(spans), block.marker)]) <= limit

    pieces: list[tuple[Span, ...]] = []
    current: list[Span] = []
    for chunk in _chunks(block.spans, fits):
        if current and not fits([*current, *chunk]):
            pieces.append(_tidy(current))
            current = []
        current = _joined([*current, *chunk])
    pieces.append(_tidy(current))
    return [Block(spans, "" if index else block.marker) for index, spans in enumerate(filter(None, pieces))]


def _chunks(spans: Sequence[Span], fits: Callable[[Sequence[Span]], bool]) -> Iterator[Sequence[Span]]:
    """Yield the largest whole things that fit: sentences, else words, else runs of letters."""
    for sentence in _sentences(spans):
        if fits(sentence):
            yield sentence
            continue
        for word in _words(sentence):
            if fits(word):
                yield word
            else:
                yield from _letters(word, fits)


def _sentences(spans: Sequence[Span]) -> Iterator[list[Span]]:
    sentence: list[Span] = []
    for word in _words(spans):
        sentence = _joined([*sentence, *word])
        if _SENTENCE_END.search(_plain(word)):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _words(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Yield words with the space after them; a word may run over several spans, and a link is one word."""
    word: list[Span] = []
    for span in spans:
        texts = [span.text] if span.href else _WORD.findall(span.text)
        for text in texts:
            is_same_link = bool(word and span.href) and word[-1].href == span.href
            if word and not is_same_link and (_plain(word)[-1:].isspace() or text[:1].isspace()):
                yield word
                word = []
            word.append(replace(span, text=text))
    if word:
        yield word


def _letters(word: Sequence[Span], fits: Callable[[Sequence[Span]], bool]) -> Iterator[list[Span]]:
    for span in word:
        rest = replace(span, href="") if span.href and not fits([span]) else span
        while rest.text and not fits([rest]):
            end = _longest_fit(rest, fits)
            yield [replace(rest, text=rest.text[:end])]
            rest = replace(rest, text=rest.text[end:])
        if rest.text:
            yield [rest]


def _longest_fit(span: Span, fits: Callable[[Sequence[Span]], bool]) -> int:
    """Return how many characters fit, at least one, without parting a letter from its accent or an emoji."""
    low, high = 1, len(span.text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits([replace(span, text=span.text[:middle])]):
            low = middle
        else:
            high = middle - 1
    end = low
    while end > 1 and _joins(span.text[end - 1], span.text[end : end + 1]):
        end -= 1
    return end if end > 1 else low


def _joins(before: str, after: str) -> bool:
    """Whether two neighbours are one sign to the eye: an accent, a variation selector, a skin tone, joined emojis."""
    if _ZERO_WIDTH_JOINER in (before, after):
        return True
    return bool(after) and (unicodedata.category(after) in ("Mn", "Me") or "\U0001f3fb" <= after <= "\U0001f3ff")


def _tidy(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Join neighbours of one style and drop the space at both ends."""
    joined = _joined(spans)
    while joined and not joined[0].text.strip():
        joined.pop(0)
    while joined and not joined[-1].text.strip():
        joined.pop()
    if joined:
        joined[0] = replace(joined[0], text=joined[0].text.lstrip())
        joined[-1] = replace(joined[-1], text=joined[-1].text.rstrip())
    return tuple(joined)


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and not span.href and (last.is_bold, last.is_italic, last.href) == (span.is_bold, span.is_italic, ""):
            joined[-1] = replace(span, text=last.text + span.text)
        else:
            joined.append(span)
    return joined


def _plain(spans: Sequence[Span]) -> str:
    return "".join(span.text for span in spans)
