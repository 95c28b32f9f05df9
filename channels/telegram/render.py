"""From a reply to Telegram's requests: HTML marks, inline buttons, the location keyboard. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from bot.markup import Block, Span, parse_markup
from bot.messages import OutboundMessage, QuickReply
from channels.base import SendRequest
from channels.splitting import split_blocks
from channels.telegram.limits import BUTTON_TITLE, BUTTONS, CALLBACK_DATA_BYTES, SHORT_TITLE, TEXT

_NO_PREVIEW = {"is_disabled": True}
_NO_WORDS = "…"
"""Stands in for a text that is missing: Telegram refuses buttons without one."""


def render_message(message: OutboundMessage) -> list[SendRequest]:
    """Turn one reply into the requests that deliver it, in order.

    Choices that cannot be buttons become numbered lines, each with its place among all of them.
    """
    buttons = [reply for reply in message.quick_replies if _fits_button(reply)][:BUTTONS]
    lines = [
        Block((Span(reply.title),), f"{number}.")
        for number, reply in enumerate(message.quick_replies, start=1)
        if reply not in buttons
    ]
    keyboard = {"inline_keyboard": _rows(buttons)} if buttons else {}
    return _requests(message, lines, keyboard)


def render_without_buttons(message: OutboundMessage) -> list[SendRequest]:
    """Render every choice as a numbered line, after Telegram refused the buttons."""
    lines = [Block((Span(reply.title),), f"{number}.") for number, reply in enumerate(message.quick_replies, start=1)]
    return _requests(message, lines, {})


def _requests(message: OutboundMessage, lines: Sequence[Block], keyboard: dict[str, Any]) -> list[SendRequest]:
    blocks = [*parse_markup(message.text), *lines]
    has_place_button = message.asks_location and bool(message.location_title)
    parts = split_blocks(blocks, TEXT, _length)
    if not parts and (keyboard or has_place_button):
        parts = [[Block((Span(_NO_WORDS),))]]
    place = _location_keyboard(message.location_title) if has_place_button else {"remove_keyboard": True}
    requests = [_request(part) for part in parts[:-1]]
    requests += [_request(part, keyboard or place) for part in parts[-1:]]
    if keyboard and has_place_button:
        requests.append(_request([Block((Span(message.location_title),))], place))
    return requests


def _length(blocks: Sequence[Block]) -> int:
    """Count as Telegram does: what is shown, in UTF-16 units, https://core.telegram.org/api/entities#entity-length ."""
    return len(_joined(blocks, _plain).encode("utf-16-le", "replace")) // 2


def _request(blocks: Sequence[Block], markup: dict[str, Any] | None = None) -> SendRequest:
    body: dict[str, Any] = {
        "text": _joined(blocks, _html),
        "plain_text": _joined(blocks, _plain),
        "parse_mode": "HTML",
        "link_preview_options": _NO_PREVIEW,
    }
    if markup:
        body["reply_markup"] = markup
    return SendRequest(body)


def _joined(blocks: Sequence[Block], show: Callable[[Span], str]) -> str:
    """Join blocks with an empty line before a paragraph and none before an item of a list."""
    text = ""
    for block in blocks:
        if text:
            text += "\n" if block.marker else "\n\n"
        text += f"{block.marker} " if block.marker else ""
        text += "".join(show(span) for span in block.spans)
    return text


def _html(span: Span) -> str:
    """Write one span as the HTML that Telegram reads, https://core.telegram.org/bots/api#html-style ."""
    text = escape(_plain(span), quote=False)
    if span.is_italic:
        text = f"<i>{text}</i>"
    if span.is_bold:
        text = f"<b>{text}</b>"
    return f'<a href="{escape(span.href)}">{text}</a>' if _is_web(span.href) else text


def _plain(span: Span) -> str:
    """Write one span without marks; a telephone or mail link, which Telegram does not know, shows where it leads."""
    target = span.href.partition(":")[2]
    if not target or _is_web(span.href) or target in span.text:
        return span.text
    return f"{span.text} ({target})"


def _is_web(href: str) -> bool:
    return href.startswith(("https://", "http://"))


def _fits_button(reply: QuickReply) -> bool:
    return bool(reply.title.strip()) and 0 < len(reply.token.encode()) <= CALLBACK_DATA_BYTES


def _rows(replies: Sequence[QuickReply]) -> list[list[dict[str, str]]]:
    """Lay the buttons out one to a line, or two when both titles are short."""
    rows: list[list[dict[str, str]]] = []
    for reply in replies:
        button = {"text": _cut(reply.title), "callback_data": reply.token}
        row = rows[-1] if rows else []
        if len(row) == 1 and max(len(row[0]["text"]), len(button["text"])) <= SHORT_TITLE:
            row.append(button)
        else:
            rows.append([button])
    return rows


def _cut(title: str) -> str:
    """Shorten a title at a word, if there is one in its second half, and show that it was shortened."""
    title = title.strip()
    if len(title) <= BUTTON_TITLE:
        return title
    kept = title[: BUTTON_TITLE - 1]
    at_word = kept.rfind(" ")
    return (kept[:at_word] if at_word >= BUTTON_TITLE // 2 else kept).rstrip(" ,;:.") + "…"


def _location_keyboard(title: str) -> dict[str, Any]:
    button = {"text": title, "request_location": True}
    return {"keyboard": [[button]], "resize_keyboard": True, "one_time_keyboard": True}
