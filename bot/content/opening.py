"""Opening hours that can be computed: by day, as a short text for tables, and whether a place is open at a moment.

In a help point's file they stand under `opening`: a list of spans for each day (`mo: ["08:30-13:00", "14:00-17:00"]`), an empty
list for a day on which it is closed, nothing for a day that nobody knows; `by_appointment: true`; and `holidays` as a text in
each language. A span whose end is not after its begin goes on past midnight.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
"""The keys of the days, Monday first."""
APPOINTMENT = "by appointment"
ALL_DAY = "00:00-24:00"

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_CLOSED = "off"
_MINUTES_OF_DAY = 24 * 60


def opening_text(opening: Mapping[str, Any]) -> str:
    """Return days and spans in the notation of OpenStreetMap, for example `Mo-Fr 08:30-17:00; Sa off; by appointment`."""
    parts: list[str] = []
    known = [day for day in DAYS if day in opening]
    while known:
        first = known[0]
        same = [first]
        while len(known) > len(same) and _follows(same[-1], known[len(same)]) and opening[known[len(same)]] == opening[first]:
            same.append(known[len(same)])
        known = known[len(same) :]
        days = first.title() if len(same) == 1 else f"{first.title()}-{same[-1].title()}"
        parts.append(f"{days} {','.join(opening[first]) or _CLOSED}")
    return "; ".join([*parts, APPOINTMENT] if opening.get("by_appointment") else parts)


def read_opening_text(text: str) -> dict[str, Any]:
    """Read what `opening_text` writes; days may also be listed with commas.

    Raises:
        ValueError: with the part that cannot be read.
    """
    opening: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        if part.lower() == APPOINTMENT:
            opening["by_appointment"] = True
            continue
        days, _, spans = part.partition(" ")
        for day in _days(days, part):
            if day in opening:
                raise ValueError(part)
            opening[day] = [] if spans.strip().lower() == _CLOSED else read_spans(spans)
    ordered: dict[str, Any] = {day: opening[day] for day in DAYS if day in opening}
    return {**ordered, **({"by_appointment": True} if "by_appointment" in opening else {})}


def read_spans(text: str) -> list[str]:
    """Read the spans of one day, separated by commas or spaces, for example `8:30-13, 14:00-17:00`.

    Raises:
        ValueError: with the span that cannot be read, or that lies over another one.
    """
    pieces = re.sub(r"\s*[-–—]\s*", "-", text.strip()).replace(",", " ").split()
    spans = [_tidy_span(piece) for piece in pieces]
    if not spans:
        raise ValueError("a span is missing")
    ends = -1
    for span in spans:
        begin, end = _minutes(span)
        if begin < ends:
            raise ValueError(span)
        ends = end if end > begin else end + _MINUTES_OF_DAY
    return spans


def is_always_open(opening: Mapping[str, Any]) -> bool:
    """Tell whether a place never closes."""
    return all(opening.get(day) == [ALL_DAY] for day in DAYS)


def closing_time(opening: Mapping[str, Any], at: datetime) -> time | None:
    """Return when a place that is open at a moment of its own local time closes; None when it is closed or nobody knows."""
    minute = at.hour * 60 + at.minute
    for begin, end in map(_minutes, opening.get(DAYS[at.weekday() - 1]) or ()):
        if end <= begin and minute < end:
            return time(*divmod(end, 60))
    for begin, end in map(_minutes, opening.get(DAYS[at.weekday()]) or ()):
        if begin <= minute < (end if end > begin else _MINUTES_OF_DAY):
            return time(*divmod(end % _MINUTES_OF_DAY, 60))
    return None


def next_opening(opening: Mapping[str, Any], at: datetime) -> datetime | None:
    """Return when a place opens next after a moment of its own local time, within a week; None: it does not, or nobody knows."""
    for ahead in range(8):
        day = at + timedelta(days=ahead)
        for begin, _ in map(_minutes, opening.get(DAYS[day.weekday()]) or ()):
            opens = day.replace(hour=begin // 60, minute=begin % 60, second=0, microsecond=0)
            if opens > at:
                return opens
    return None


def is_open(opening: Mapping[str, Any], at: datetime) -> bool | None:
    """Tell whether a place is open at a moment of its own local time; None: nobody knows. Holidays are not known here."""
    if closing_time(opening, at) is not None:
        return True
    return None if opening.get(DAYS[at.weekday()]) is None else False


def _follows(day: str, other: str) -> bool:
    return DAYS.index(other) == DAYS.index(day) + 1


def _days(text: str, part: str) -> list[str]:
    found: list[str] = []
    for piece in text.lower().split(","):
        first, _, last = piece.partition("-")
        if first not in DAYS or (last and last not in DAYS) or (last and DAYS.index(last) < DAYS.index(first)):
            raise ValueError(part)
        found += DAYS[DAYS.index(first) : DAYS.index(last or first) + 1]
    return found


def _tidy_span(piece: str) -> str:
    begin, _, end = piece.partition("-")
    if not begin or not end:
        raise ValueError(piece)
    span = f"{_tidy_time(begin)}-{_tidy_time(end)}"
    if not _SPAN.fullmatch(span) or span[6:] > "24:00" or span[:5] == span[6:]:
        raise ValueError(piece)
    return span


def _tidy_time(text: str) -> str:
    hours, _, minutes = text.replace("h", ":").replace(".", ":").partition(":")
    return f"{hours.zfill(2)}:{minutes or '00'}"


def _minutes(span: str) -> tuple[int, int]:
    return int(span[:2]) * 60 + int(span[3:5]), int(span[6:8]) * 60 + int(span[9:])
