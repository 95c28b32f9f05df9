"""Show more choices than a channel can: the first ones now, the rest behind a last row "More"."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from bot.i18n import Catalogues
from bot.messages import ChannelLimits, OutboundMessage, QuickReply

MORE = "more:"
"""How the payload of the last row begins; the rest of the choices follow as JSON."""


def first_page(message: OutboundMessage, limits: ChannelLimits, more_title: str) -> OutboundMessage:
    """Return the message with no more choices than the channel shows, the last one leading to the rest."""
    most = max(limits.buttons, limits.list_rows)
    if not most or len(message.quick_replies) <= most:
        return message
    shown, rest = message.quick_replies[: most - 1], message.quick_replies[most - 1 :]
    payload = MORE + json.dumps([asdict(reply) for reply in rest], ensure_ascii=False)
    return replace(message, quick_replies=(*shown, QuickReply(more_title, payload)))


def fit_choices(message: OutboundMessage, limits: ChannelLimits | None, texts: Catalogues, locale: str) -> OutboundMessage:
    """Return the message as a channel can show it, its list under a title; without limits it stays as it is."""
    if limits is None:
        return message
    titled = replace(message, list_title=message.list_title or texts.text(locale, "choices.list_title"))
    return first_page(titled, limits, texts.text(locale, "choices.more"))


def following_page(payload: str, text: str) -> OutboundMessage:
    """Return the choices that stand behind a "More" row; page it again before it is sent."""
    rest = tuple(QuickReply(**reply) for reply in json.loads(payload[len(MORE) :]))
    return OutboundMessage(text=text, quick_replies=rest)
