"""Opening hours: written short, read again, and asked whether a place is open."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.content.opening import (
    DAYS,
    closing_time,
    is_always_open,
    is_open,
    next_opening,
    opening_text,
    read_opening_text,
    read_spans,
)

_WEEK = {"mo": ["08:30-13:00", "14:00-17:00"], "tu": ["08:30-13:00", "14:00-17:00"], "we": ["22:00-06:00"], "sa": []}
_MINUTE = st.integers(0, 1439)


@st.composite
def openings(draw: st.DrawFn) -> dict[str, object]:
    """Any opening that a form or a table can make."""
    made: dict[str, object] = {}
    for day in DAYS:
        if draw(st.booleans()):
            times = sorted(set(draw(st.lists(_MINUTE, max_size=6))))
            pairs = zip(times[::2], times[1::2], strict=False)
            made[day] = [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in pairs]
    return {**made, **({"by_appointment": True} if draw(st.booleans()) else {})}


def test_days_that_are_alike_stand_together() -> None:
    """The short text is the one that OpenStreetMap uses."""
    text = opening_text({**_WEEK, "by_appointment": True})
    assert text == "Mo-Tu 08:30-13:00,14:00-17:00; We 22:00-06:00; Sa off; by appointment"
    assert read_opening_text(text) == {**_WEEK, "by_appointment": True}


@given(openings())
def test_any_opening_is_read_as_it_was_written(opening: dict[str, object]) -> None:
    """Nothing is lost between the file and the table."""
    assert read_opening_text(opening_text(opening)) == opening


@pytest.mark.parametrize(
    "text",
    [
        "Mo",
        "Xx 08:00-09:00",
        "Mo 08:00",
        "Mo 9-8x",
        "Mo 25:00-26:00",
        "Mo 08:00-08:00",
        "Fr-Mo off",
        "Mo off; Mo off",
        "Mo 8-12,11-13",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    """A guess about hours would send somebody to a closed door."""
    with pytest.raises(ValueError, match=r".+"):
        read_opening_text(text)


def test_spans_are_read_as_people_type_them() -> None:
    """Spaces, dashes, points and missing zeros are no hindrance."""
    assert read_spans("8:30 – 13, 14.00-17h30") == ["08:30-13:00", "14:00-17:30"]
    assert read_spans("0:00-24:00") == ["00:00-24:00"]


@pytest.mark.parametrize(
    ("day", "hour", "minute", "expected"),
    [
        (23, 8, 29, False),
        (23, 8, 30, True),
        (23, 13, 0, False),
        (23, 16, 59, True),
        (25, 23, 0, True),
        (26, 5, 59, True),
        (26, 6, 0, None),
        (28, 12, 0, False),
        (29, 12, 0, None),
    ],
)
def test_open_now(day: int, hour: int, minute: int, expected: bool | None) -> None:
    """Spans past midnight count for the next day; a day that nobody knows is not "closed". The 23rd is a Monday."""
    assert is_open(_WEEK, datetime(2026, 11, day, hour, minute)) is expected


def test_when_it_closes() -> None:
    """Past midnight it is the next day's morning; all day and every day is "always"."""
    assert closing_time(_WEEK, datetime(2026, 11, 23, 9)) == time(13)
    assert closing_time(_WEEK, datetime(2026, 11, 26, 5)) == time(6)
    assert closing_time(_WEEK, datetime(2026, 11, 28, 9)) is None
    assert is_always_open(dict.fromkeys(DAYS, ["00:00-24:00"]))
    assert not is_always_open(_WEEK)


@given(openings(), st.integers(0, 7 * 1440 - 1))
def test_next_opening_is_the_first_moment_that_is_open(opening: dict[str, object], minute: int) -> None:
    """Just before it the place is closed unless another span ends there; a week without one has none."""
    at = datetime(2026, 11, 23) + timedelta(minutes=minute)
    opens = next_opening(opening, at)
    begins = [span[:5] for day in DAYS for span in opening.get(day, ())]  # type: ignore[attr-defined]
    assert (opens is None) == (not begins)
    if opens is not None:
        assert at < opens <= at + timedelta(days=7)
        assert f"{opens:%H:%M}" in begins
        assert is_open(opening, opens)


def test_next_opening_skips_days_off_and_passes_midnight() -> None:
    """From Wednesday night, which lasts until Thursday morning, to Monday; on Monday to the afternoon."""
    assert next_opening(_WEEK, datetime(2026, 11, 25, 23, 0)) == datetime(2026, 11, 30, 8, 30)
    assert next_opening(_WEEK, datetime(2026, 11, 23, 13, 0)) == datetime(2026, 11, 23, 14, 0)
    assert next_opening({"sa": []}, datetime(2026, 11, 23)) is None
