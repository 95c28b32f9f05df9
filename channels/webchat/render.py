"""From a reply to what the page shows: escaped HTML built from parsed blocks, buttons, location. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from bot.markup import Block, Span, parse_markup
from bot.messages import OutboundMessage, QuickReply
from channels.base import SendRequest
from channels.splitting import split_blocks
from channels.webchat.limits import BUTTON_TITLE, BUTTONS, TEXT

_SAFE_SCHEMES = ("https://", "http://", "tel:", "mailto:")
# Without the punctuation of the sentence around it.
_BARE_LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]»”’]")


def render_message(message: OutboundMessage) -> list[SendRequest]:
    """Turn one reply into bubbles, in order; the last one carries the buttons.

    Choices beyond what is shown as buttons become numbered lines, each with its place among all of them.
    """
    buttons = [reply for reply in message.quick_replies if reply.title.strip() and reply.token][:BUTTONS]
    return _requests(message, buttons)


def render_without_buttons(message: OutboundMessage) -> list[SendRequest]:
    """Render every choice as a numbered line."""
    return _requests(message, [])


def _requests(message: OutboundMessage, buttons: Sequence[QuickReply]) -> list[SendRequest]:
    lines = [
        Block((Span(reply.title),), f"{number}.")
        for number, reply in enumerate(message.quick_replies, start=1)
        if reply not in buttons
    ]
    parts = split_blocks([*parse_markup(message.text), *lines], TEXT, _length)
    if not parts and (buttons or message.asks_location):
        parts = [[]]
    requests = [SendRequest({"html": _html(part)}) for part in parts]
    if requests:
        requests[-1].body.update(_controls(message, buttons))
    return requests


def _controls(message: OutboundMessage, buttons: Sequence[QuickReply]) -> dict[str, Any]:
    controls: dict[str, Any] = {}
    if buttons:
        controls["quick_replies"] = [
            {"token": reply.token, "title": _cut(reply.title), "description": reply.description} for reply in buttons
        ]
    if message.asks_location:
        controls["location_title"] = message.location_title
    return controls


def _length(blocks: Sequence[Block]) -> int:
    return sum(len(block.marker) + len(block.plain) + 2 for block in blocks)


def _html(blocks: Sequence[Block]) -> str:
    """Write blocks as paragraphs and lists; the items of one list stand together."""
    html, open_list = "", ""
    for block in blocks:
        kind = "" if not block.marker else "ul" if block.marker == "•" else "ol"
        if kind != open_list:
            html += f"</{open_list}>" if open_list else ""
            html += _list_start(block, kind) if kind else ""
            open_list = kind
        content = "".join(_span(span) for span in block.spans)
        html += f"<li>{content}</li>" if kind else f"<p>{content}</p>"
    return html + (f"</{open_list}>" if open_list else "")


def _list_start(block: Block, kind: str) -> str:
    number = block.marker.rstrip(".")
    has_own_start = kind == "ol" and number.isdecimal() and number != "1"
    return f'<ol start="{number}">' if has_own_start else f"<{kind}>"


def _span(span: Span) -> str:
    text = _link(span.href, _text(span.text)) if span.href else _with_links(span.text)
    if span.is_italic:
        text = f"<em>{text}</em>"
    return f"<strong>{text}</strong>" if span.is_bold else text


def _with_links(text: str) -> str:
    """Make bare web addresses links, as the other channels do by themselves."""
    html, done = "", 0
    for found in _BARE_LINK.finditer(text):
        html += _text(text[done : found.start()]) + _link(found[0], _text(found[0]))
        done = found.end()
    return html + _text(text[done:])


def _link(href: str, html: str) -> str:
    if not href.lower().startswith(_SAFE_SCHEMES):
        return html
    target = ' target="_blank"' if href.lower().startswith("http") else ""
    return f'<a href="{escape(href)}" rel="noopener noreferrer nofollow"{target}>{html}</a>'


def _text(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _cut(title: str) -> str:
    """Shorten a title and show that it was shortened."""
    title = title.strip()
    return title if len(title) <= BUTTON_TITLE else title[: BUTTON_TITLE - 1].rstrip(" ,;:.") + "…"
