"""When one contact writes more than a hand can: one polite notice, then messages are kept and not answered until it calms down.

An urgent message is answered all the same. Nothing but the times and marks of the contact's last messages is looked at, so every
worker decides alike, also after a restart. The times are those of arrival: what waited for a worker is not counted as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

FLOOD_MESSAGES = 30
"""Messages in `FLOOD_SECONDS` that are all answered; a worried person who types ten short lines stays far below."""
CALM_MESSAGES = 10
"""A flood is over when fewer messages than this came in the last `FLOOD_SECONDS`."""
FLOOD_SECONDS = 60.0

TOLD = "flood_told"
"""The mark of the message that was answered with the notice."""
KEPT = "flood"
"""The mark of a message that was kept, masked, without an answer."""
REPEATED = "flood_repeated"
"""The mark of an urgent message whose card stands right above, so that it was not sent again."""
_URGENT = "flood_urgent:"


@dataclass(frozen=True)
class EarlierMessage:
    """An answered message of the same contact.

    Attributes:
        mark: one of the marks above, or another code, or empty.
        answered: the topic whose answer it got; empty when it got anything else.
    """

    received_at: datetime
    mark: str = ""
    answered: str = ""


def is_flood(received_at: datetime, earlier: Sequence[EarlierMessage]) -> bool:
    """Tell whether a message is one too many.

    Args:
        earlier: the newest first, at most `FLOOD_MESSAGES`.
    """
    since = received_at - timedelta(seconds=FLOOD_SECONDS)
    recent = sum(message.received_at > since for message in earlier)
    return recent >= (CALM_MESSAGES if any(_of_flood(earlier)) else FLOOD_MESSAGES)


def is_told(earlier: Sequence[EarlierMessage]) -> bool:
    """Tell whether the contact has read the notice in this flood."""
    return any(mark in (TOLD, KEPT) for mark in _of_flood(earlier))


def urgent_mark(topic: str) -> str:
    """Return the mark of an urgent message that was answered in the middle of a flood."""
    return f"{_URGENT}{topic}"[:60]


def is_card_in_sight(topic: str, earlier: Sequence[EarlierMessage]) -> bool:
    """Tell whether this emergency's card answered one of the last messages of the flood already."""
    return urgent_mark(topic) in _of_flood(earlier)


def _of_flood(earlier: Sequence[EarlierMessage]) -> list[str]:
    """Return the marks of the flood that lasts until now, the newest first."""
    marks = (message.mark for message in earlier)
    return list(takewhile(lambda mark: mark.startswith(KEPT), marks))
