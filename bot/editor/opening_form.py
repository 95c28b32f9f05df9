"""The opening hours as a form: for each day spans from–to, "closed", and for the whole "by appointment" and holidays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from bot.content.opening import DAYS, read_spans
from bot.i18n import LOCALES

WEEKDAYS = DAYS[:5]
_SPARE = 2
"""Spans that a day shows at least; one beyond those that it has."""
_MOST = 6
_MIDNIGHT = "00:00"


@dataclass(frozen=True)
class Day:
    """One day as the form shows it; `spans` are pairs of times, empty ones are spare."""

    key: str
    spans: tuple[tuple[str, str], ...]
    is_closed: bool


@dataclass(frozen=True)
class OpeningForm:
    """What the form holds, and what it means.

    Attributes:
        value: as it stands in a help point's file; without the days that cannot be read.
        faulty_days: the days whose spans cannot be read.
    """

    days: tuple[Day, ...]
    by_appointment: bool
    holidays: Mapping[str, str]
    value: dict[str, Any] = field(default_factory=dict)
    faulty_days: tuple[str, ...] = ()

    @classmethod
    def of(cls, opening: Mapping[str, Any]) -> OpeningForm:
        """Return the form of what stands in a file."""
        days = tuple(_shown(key, opening.get(key)) for key in DAYS)
        holidays = dict(opening.get("holidays") or {})
        return cls(days, bool(opening.get("by_appointment")), holidays, dict(opening))

    @classmethod
    def sent(cls, form: FormData) -> OpeningForm:
        """Return what a browser sent; with `like_monday`, Tuesday to Friday are as Monday."""
        days = [_sent_day(form, key) for key in DAYS]
        if form.get("like_monday"):
            days = [Day(day.key, days[0].spans, days[0].is_closed) if day.key in WEEKDAYS else day for day in days]
        holidays = {code: " ".join(str(form.get(f"holidays_{code}", "")).split()) for code in LOCALES}
        holidays = {code: text for code, text in holidays.items() if text}
        value: dict[str, Any] = {}
        faulty = []
        for day in days:
            try:
                spans = _spans(day)
            except ValueError:
                faulty.append(day.key)
            else:
                value.update({} if spans is None else {day.key: spans})
        is_by_appointment = bool(form.get("by_appointment"))
        value.update({"by_appointment": True} if is_by_appointment else {})
        value.update({"holidays": holidays} if holidays else {})
        return cls(tuple(days), is_by_appointment, holidays, value, tuple(faulty))


def _shown(key: str, spans: Any) -> Day:
    pairs = [(span[:5], _MIDNIGHT if span[6:] == "24:00" else span[6:]) for span in spans or ()]
    pairs += [("", "")] * max(_SPARE - len(pairs), 1)
    return Day(key, tuple(pairs[:_MOST]), spans == [])


def _sent_day(form: FormData, key: str) -> Day:
    times = [tuple(str(form.get(f"{key}_{number}_{end}", "")).strip() for end in ("from", "to")) for number in range(_MOST)]
    filled = [(begin, end) for begin, end in times if begin or end]
    spare = [("", "")] * max(_SPARE - len(filled), 1)
    return Day(key, tuple([*filled, *spare][:_MOST]), bool(form.get(f"{key}_closed")))


def _spans(day: Day) -> list[str] | None:
    """Return a day's spans; none for a closed day, None for one that nobody knows.

    Raises:
        ValueError: a time is missing or wrong, spans lie over each other, or a closed day has some.
    """
    filled = sorted(pair for pair in day.spans if any(pair))
    if not filled:
        return [] if day.is_closed else None
    if day.is_closed:
        raise ValueError(day.key)
    return read_spans(",".join(f"{begin}-{'24:00' if end == _MIDNIGHT else end}" for begin, end in filled))
