"""Show a reply as Telegram would, for the editor. It reads what `render` makes, so that both cannot differ."""

from __future__ import annotations

from bot.messages import Bubble, OutboundMessage
from channels.base import SendRequest
from channels.telegram.limits import TEXT
from channels.telegram.render import render_message


def preview_message(message: OutboundMessage) -> list[Bubble]:
    """Return the bubbles, in order; lengths are in UTF-16 units of the text without its marks."""
    return [_bubble(request) for request in render_message(message)]


def _bubble(request: SendRequest) -> Bubble:
    body = request.body
    keyboard = body.get("reply_markup", {})
    rows = keyboard.get("inline_keyboard", keyboard.get("keyboard", []))
    buttons = tuple(button["text"] for row in rows for button in row)
    length = len(body["plain_text"].encode("utf-16-le", "replace")) // 2
    return Bubble(html=body["text"].replace("\n", "<br>"), buttons=buttons, length=length, limit=TEXT)
