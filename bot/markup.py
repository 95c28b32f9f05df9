"""The small subset of Markdown that every text for contacts is written in, parsed once into plain values.

Channels render the blocks to WhatsApp marks, Telegram HTML or web HTML. Headings, images, tables and raw HTML are text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True)
class Span:
    """A run of text with one style; `href` is set for a link."""

    text: str
    is_bold: bool = False
    is_italic: bool = False
    href: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph (`marker` empty) or one item of a list (`marker` is "•" or "1.")."""

    spans: tuple[Span, ...]
    marker: str = ""

    @property
    def plain(self) -> str:
        """The text without any marks."""
        return "".join(span.text for span in self.spans)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"linkify": False})
    parser.enable(["emphasis", "list", "link", "autolink", "newline"])
    return parser


@lru_cache(maxsize=2048)
def parse_markup(text: str) -> tuple[Block, ...]:
    """Parse a text into blocks, in order; what is not in the subset stays as it was written."""
    blocks: list[Block] = []
    markers: list[str] = []
    counters: list[int] = []
    pending = ""
    for token in _parser().parse(text):
        if token.type == "bullet_list_open":
            markers.append("•")
            counters.append(0)
        elif token.type == "ordered_list_open":
            markers.append("1")
            counters.append(int(token.attrs.get("start", 1)) - 1)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            markers.pop()
            counters.pop()
        elif token.type == "list_item_open":
            counters[-1] += 1
            pending = "•" if markers[-1] == "•" else f"{counters[-1]}."
        elif token.type == "inline":
            blocks.append(Block(tuple(_spans(token.children or [])), pending))
            pending = ""
    return tuple(blocks)


def _spans(tokens: list[Token]) -> list[Span]:
    spans: list[Span] = []
    bold = italic = 0
    href = ""
    for token in tokens:
        if token.type in ("strong_open", "strong_close"):
            bold += token.nesting
        elif token.type in ("em_open", "em_close"):
            italic += token.nesting
        elif token.type == "link_open":
            href = str(token.attrs.get("href", ""))
        elif token.type == "link_close":
            href = ""
        elif token.type in ("softbreak", "hardbreak"):
            spans.append(Span("\n"))
        elif token.content:
            spans.append(Span(token.content, bold > 0, italic > 0, href))
    return spans


def plain_text(text: str) -> str:
    """Return a marked-up text as a person would read it aloud, without marks."""
    lines = [f"{block.marker} {block.plain}" if block.marker else block.plain for block in parse_markup(text)]
    return "\n".join(lines)
