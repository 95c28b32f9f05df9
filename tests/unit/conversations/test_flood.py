"""When a contact writes too much: how many messages are answered, when it is said, when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bot.conversations.flood import (
    CALM_MESSAGES,
    FLOOD_MESSAGES,
    KEPT,
    REPEATED,
    TOLD,
    EarlierMessage,
    is_card_in_sight,
    is_flood,
    is_told,
    urgent_mark,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def earlier(count: int, every: float = 1.0, mark: str = "") -> list[EarlierMessage]:
    """Return that many messages, the newest first, the last one `every` seconds ago."""
    return [EarlierMessage(NOW - timedelta(seconds=every * number), mark) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([], False),
        (earlier(10, 0.1), False),
        (earlier(FLOOD_MESSAGES - 1, 0.1), False),
        (earlier(FLOOD_MESSAGES, 0.1), True),
        (earlier(FLOOD_MESSAGES, 2.5), False),
        (earlier(CALM_MESSAGES, 1.0, KEPT), True),
        (earlier(CALM_MESSAGES - 1, 1.0, KEPT), False),
        (earlier(FLOOD_MESSAGES, 6.5, KEPT), False),
        (earlier(CALM_MESSAGES, 1.0), False),
        (earlier(CALM_MESSAGES, 1.0, "engine_failed"), False),
    ],
)
def test_flood_begins_late_and_ends_when_it_is_calm(before: list[EarlierMessage], expected: bool) -> None:
    """Thirty messages a minute are answered; after that it takes a calm minute."""
    assert is_flood(NOW, before) is expected


def test_notice_counts_only_for_the_flood_that_lasts() -> None:
    """An earlier flood's notice does not silence the next one, and a card alone is no notice."""
    assert is_told([EarlierMessage(NOW, KEPT), EarlierMessage(NOW, TOLD)])
    assert is_told([EarlierMessage(NOW, urgent_mark("x")), EarlierMessage(NOW, TOLD)])
    assert not is_told([EarlierMessage(NOW, urgent_mark("x")), EarlierMessage(NOW, REPEATED), EarlierMessage(NOW)])
    assert not is_told([EarlierMessage(NOW), EarlierMessage(NOW, TOLD)])


def test_card_is_in_sight_only_of_the_same_emergency() -> None:
    """Another emergency has a card of its own."""
    before = [EarlierMessage(NOW, KEPT), EarlierMessage(NOW, urgent_mark("emergency_danger"))]
    assert is_card_in_sight("emergency_danger", before)
    assert not is_card_in_sight("emergency_medical", before)


def test_mark_fits_its_column() -> None:
    """The column takes 60 characters."""
    assert len(urgent_mark("x" * 200)) == 60
