"""Show a reply as the page would, for the editor. It reads what `render` makes, so that both cannot differ."""

from __future__ import annotations

import re
from html import unescape

from bot.messages import Bubble, OutboundMessage
from channels.base import SendRequest
from channels.webchat.limits import TEXT
from channels.webchat.render import render_message

_TAG = re.compile(r"<[^>]*>")


def preview_message(message: OutboundMessage) -> list[Bubble]:
    """Return the bubbles, in order; lengths are in characters that are shown."""
    return [_bubble(request) for request in render_message(message)]


def _bubble(request: SendRequest) -> Bubble:
    body = request.body
    titles = [reply["title"] for reply in body.get("quick_replies", [])]
    if "location_title" in body:
        titles.append(body["location_title"])
    return Bubble(html=body["html"], buttons=tuple(titles), length=len(unescape(_TAG.sub("", body["html"]))), limit=TEXT)
