"""From a reply to Twilio's requests: marks, templates with buttons or a list, numbered text. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from bot.markup import Block, Span, parse_markup
from bot.messages import OutboundMessage, QuickReply
from channels.base import SendRequest
from channels.splitting import split_blocks
from channels.whatsapp.limits import (
    BUTTON_TITLE,
    BUTTONS,
    LIST_DESCRIPTION,
    LIST_ROWS,
    LIST_TITLE,
    TEXT,
    TEXT_WITH_CHOICES,
    TOKEN_BYTES,
    length,
)
from channels.whatsapp.templates import (
    TemplateSet,
    buttons_template,
    buttons_variables,
    list_template,
    list_variables,
)

_NO_WORDS = "…"
"""Stands in for a missing text: Twilio refuses an empty variable, https://www.twilio.com/docs/api/errors/21656 ."""

# WhatsApp has no way to escape its marks, https://faq.whatsapp.com/539178204879377 , so each becomes a sign that looks
# like it.
_HARMLESS = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})
_PAIRED_MARKS = re.compile(r"(?<!\w)([*_~`])(?=\S)[^\n]*?(?<=\S)\1(?!\w)")
_QUOTE = re.compile(r"^>(?=\s)", re.MULTILINE)
_EDGES = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)
_SCHEME = re.compile(r"^(https?://|mailto:|tel:)")
_MUSTACHES = re.compile(r"([{}])(?=[{}])")


def render_message(message: OutboundMessage, templates: TemplateSet) -> list[SendRequest]:
    """Turn one reply into the requests that deliver it, in order.

    Choices are buttons or a list when a template for them exists and shows each distinctly, else numbered text.
    """
    choices = _template_fields(message, templates)
    if choices is None:
        return render_numbered(message)
    sid, values, before = choices
    content = {"ContentSid": sid, "ContentVariables": json.dumps(values, ensure_ascii=False)}
    return [*_texts(before), SendRequest(dict(content))]


def render_numbered(message: OutboundMessage) -> list[SendRequest]:
    """Turn one reply into plain text with every choice as a numbered line."""
    return _texts([*parse_markup(message.text), *_numbered_lines(message)])


def render_fallback(message: OutboundMessage) -> list[SendRequest]:
    """Turn one reply into numbered text after a template was refused.

    What goes before the choices is the same, request by request, as in `render_message`: who has sent it already can go
    on from there.
    """
    before, body = _split_body(message)
    return [*_texts(before), *_texts([*body, *_numbered_lines(message)])]


def render_blocks(blocks: Sequence[Block]) -> str:
    """Join blocks as WhatsApp shows them: an empty line before a paragraph and none before an item of a list."""
    text = ""
    for block in blocks:
        if text:
            text += "\n" if block.marker else "\n\n"
        text += f"{block.marker} " if block.marker else ""
        text += _render_spans(block.spans)
    return text


def _texts(blocks: Sequence[Block]) -> list[SendRequest]:
    parts = split_blocks(blocks, TEXT, lambda part: length(render_blocks(part)))
    return [SendRequest({"Body": render_blocks(part)}) for part in parts]


def _numbered_lines(message: OutboundMessage) -> list[Block]:
    texts = [f"{reply.title} – {reply.description}" if reply.description else reply.title for reply in message.quick_replies]
    return [Block((Span(text),), f"{number}.") for number, text in enumerate(texts, start=1)]


def _template_fields(message: OutboundMessage, templates: TemplateSet) -> tuple[str, dict[str, str], list[Block]] | None:
    """Return the template, its variables and the text that must go before it; None when numbered text has to do."""
    replies = message.quick_replies
    if not 0 < len(replies) <= LIST_ROWS or not all(_has_token(reply) for reply in replies):
        return None
    before, last = _split_body(message)
    body = _one_line(render_blocks(last)) or _shown(message.list_title, TEXT_WITH_CHOICES) or _NO_WORDS
    if len(replies) <= BUTTONS:
        titles = [_shown(reply.title, BUTTON_TITLE) for reply in replies]
        name = buttons_template(len(replies))
        values = buttons_variables(body, [(title, reply.token) for title, reply in zip(titles, replies, strict=True)])
    else:
        titles = [_shown(reply.title, LIST_TITLE) for reply in replies]
        name, values = _list_fields(replies, titles, body, message.list_title)
    sid = templates.find(name)
    # WhatsApp refuses equal titles, and cutting them short may have made them so.
    return (sid, values, before) if sid and all(titles) and len(set(titles)) == len(titles) else None


def _list_fields(replies: Sequence[QuickReply], titles: Sequence[str], body: str, opener: str) -> tuple[str, dict[str, str]]:
    """Fill a list; when one row needs a second line all get one, because no variable may be empty."""
    details = [
        _shown(reply.description, LIST_DESCRIPTION)
        or ("" if title == _one_line(reply.title) else _shown(reply.title, LIST_DESCRIPTION))
        for reply, title in zip(replies, titles, strict=True)
    ]
    is_described = any(details)
    rows: list[tuple[str, ...]] = [
        (reply.token, title, detail or title) if is_described else (reply.token, title)
        for reply, title, detail in zip(replies, titles, details, strict=True)
    ]
    values = list_variables(body, _shown(opener, BUTTON_TITLE) or _NO_WORDS, rows)
    return list_template(len(replies), is_described=is_described), values


def _has_token(reply: QuickReply) -> bool:
    return 0 < len(reply.token.encode()) <= TOKEN_BYTES


def _split_body(message: OutboundMessage) -> tuple[list[Block], list[Block]]:
    """Return what goes before the choices as plain text, and the line that carries them, which may be missing.

    A variable must be a single line, https://www.twilio.com/docs/api/errors/21656 , so only the last line can carry
    choices. An item of a list makes a poor question; there the word that opens the list stands in.
    """
    blocks = [block for block in parse_markup(message.text) if block.plain.strip()]
    if not blocks or (blocks[-1].marker and message.list_title):
        return blocks, []
    *upper, last = _lines(blocks[-1])
    pieces = split_blocks([last], TEXT_WITH_CHOICES, lambda part: length(_one_line(render_blocks(part))))
    upper += [block for piece in pieces[:-1] for block in piece]
    return [*blocks[:-1], *_joined_lines(upper)], pieces[-1]


def _lines(block: Block) -> Iterator[Block]:
    """Yield the block's lines that are not empty."""
    rows: list[list[Span]] = [[]]
    for span in block.spans:
        first, *rest = span.text.split("\n")
        rows[-1].append(replace(span, text=first))
        rows.extend([replace(span, text=text)] for text in rest)
    for number, row in enumerate(row for row in rows if _plain(row).strip()):
        yield Block(tuple(row), "" if number else block.marker)


def _joined_lines(lines: Sequence[Block]) -> list[Block]:
    """Put lines of one paragraph together again."""
    if not lines:
        return []
    spans = [span for line in lines for span in (Span("\n"), *line.spans)]
    return [Block(tuple(spans[1:]), lines[0].marker)]


def _shown(text: str, limit: int) -> str:
    """Return a text as one line without marks that fits; what is too long ends with an ellipsis."""
    line = _one_line(text.translate(_HARMLESS))
    if length(line) <= limit:
        return line
    while length(line) > limit - 1:
        line = line[:-1]
    return line.rstrip(" ,.;:-–\u200d") + "…"


def _one_line(text: str) -> str:
    """Return the text as a variable may hold it: no line breaks, tabs, runs of spaces, or braces of a variable."""
    return _MUSTACHES.sub(r"\1 ", " ".join(text.split()))


def _render_spans(spans: Sequence[Span]) -> str:
    text = ""
    runs = [list(run) for _, run in groupby(spans, lambda span: span.href or id(span))]
    for number, run in enumerate(runs):
        following = _plain([span for later in runs[number + 1 :] for span in later])[:1]
        if run[0].href:
            text += _link(_plain(run), run[0].href) + (" " if following.isalnum() else "")
        else:
            text += _marked(run[0], text[-1:], following)
    return text


def _plain(spans: Sequence[Span]) -> str:
    return "".join(span.text for span in spans)


def _link(words: str, href: str) -> str:
    """Show the words and then the address, which WhatsApp makes tappable itself; it knows no words over a link."""
    label = _harmless(words.strip())
    address = href.removeprefix("mailto:").removeprefix("tel:")
    if not label or _bare(label) == _bare(href):
        return address
    return label if href.startswith("tel:") else f"{label}: {address}"


def _bare(address: str) -> str:
    return _SCHEME.sub("", address.strip()).rstrip("/")


def _marked(span: Span, before: str, following: str) -> str:
    """Set WhatsApp's marks around each line; they only count between signs that are not letters."""
    text = _harmless(span.text)
    mark = ("*" if span.is_bold else "") + ("_" if span.is_italic else "")
    if not mark:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        left, words, right = _parts(line)
        is_joined = (number == 0 and not left and before.isalnum()) or (
            number == len(lines) - 1 and not right and following.isalnum()
        )
        if words and not is_joined:
            lines[number] = f"{left}{mark}{words.translate(_HARMLESS)}{mark[::-1]}{right}"
    return "\n".join(lines)


def _parts(line: str) -> tuple[str, str, str]:
    match = _EDGES.fullmatch(line)
    return (match[1], match[2], match[3]) if match else ("", line, "")


def _harmless(text: str) -> str:
    """Change what WhatsApp would read as a mark though nobody meant one; an underscore inside a word stays."""
    return _QUOTE.sub("›", _PAIRED_MARKS.sub(lambda match: match[0].translate(_HARMLESS), text))
