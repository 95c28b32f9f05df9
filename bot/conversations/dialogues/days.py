"""Read when something was, in any notation, as the number of days since then: "ayer", "hace 3 semanas", "12/03/2025", "en enero".

What is said is often a span ("el año pasado"), so the answer is the least and the most that it can mean. Pure.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.choices import fold

Span = tuple[int, int]
"""The least and the most days since then."""
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_OLDEST_YEAR = 1900
_LONGEST_TEXT = 60
_ISO = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$")
_DAY_FIRST = re.compile(r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})$")
_MONTH_YEAR = re.compile(r"^(\d{1,2})[-/.](\d{4})$")
_NUMERIC = re.compile(r"^\d+(?:[-/. ]+\d+)+$")
_YEAR = re.compile(r"^(\d{4})$")


@dataclass(frozen=True)
class DayWords:
    """The phrases of `intents/vocabulary/date-words.yml`, folded, in all languages at once: people mix them."""

    days: Mapping[str, int]
    units: Mapping[str, str]
    numbers: Mapping[str, int]
    half: frozenset[str]
    half_of: frozenset[str]
    last: frozenset[str]
    this: frozenset[str]
    months: Mapping[str, int]
    weekdays: frozenset[str]
    around: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> DayWords:
        """Read the file."""
        return _read(path)


@lru_cache(maxsize=4)
def _read(path: Path) -> DayWords:
    rows: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)  # "no" and "on" are words here.
    return DayWords(
        days={fold(phrase): int(days) for said in rows["days"].values() for phrase, days in said.items()},
        units=_by_phrase(rows["units"]),
        numbers={phrase: int(number) for phrase, number in _by_phrase(rows["numbers"]).items()},
        half=_folded(rows["half"]),
        half_of=_folded(rows["half_of"]),
        last=_folded(rows["last"]),
        this=_folded(rows["this"]),
        months={phrase: int(month) for phrase, month in _by_phrase(rows["months"]).items()},
        weekdays=_folded(rows["weekdays"]),
        around=_folded(rows["around"]),
    )


def _by_phrase(rows: Mapping[Any, Mapping[str, Iterable[str]]]) -> dict[str, str]:
    return {fold(phrase): str(name) for name, said in rows.items() for phrases in said.values() for phrase in phrases}


def _folded(rows: Mapping[str, Iterable[str]]) -> frozenset[str]:
    return frozenset(fold(phrase) for phrases in rows.values() for phrase in phrases)


def days_since(text: str, today: date, words: DayWords) -> Span | None:
    """Return how long ago a text says that something was; None when it says anything else, is in doubt, or lies ahead."""
    folded = fold(text)
    if not folded or len(folded) > _LONGEST_TEXT:
        return None
    bare = _without_around(folded, words)
    spans = (reader(one, today, words) for one in dict.fromkeys((folded, bare)) for reader in _READERS)
    return next((span for span in spans if span and span[0] >= 0), None)


def is_numeric(text: str) -> bool:
    """Tell whether a text is nothing but numbers with what stands in dates between them."""
    return bool(_NUMERIC.match(text.strip()))


def _without_around(folded: str, words: DayWords) -> str:
    """Return a text without the words around a time, the longest phrases first."""
    for phrase in sorted(words.around, key=len, reverse=True):
        folded = re.sub(rf"(?<![\w'-]){re.escape(phrase)}(?![\w'-])", " ", folded)
    return re.sub(r"\s+", " ", re.sub(r"(\d)(?:st|nd|rd|th|er)\b", r"\1", folded)).strip(" ,.")


def _word(text: str, today: date, words: DayWords) -> Span | None:
    """Read "ayer", or a weekday."""
    if text in words.days:
        return words.days[text], words.days[text]
    return (0, 6) if text in words.weekdays or _split_last(text, words) in words.weekdays else None


def _span(text: str, today: date, words: DayWords) -> Span | None:
    """Read "3 semanas", "año y medio", "medio año"."""
    extra = 0.0
    for phrase in words.half:
        if text.endswith(f" {phrase}"):
            text, extra = text[: -len(phrase) - 1], 0.5
    for phrase in words.half_of:
        if text.startswith(f"{phrase} ") and text[len(phrase) + 1 :] in words.units:
            return _about(0.5, words.units[text[len(phrase) + 1 :]])
    number, _, unit = text.rpartition(" ")
    if unit not in words.units or (not number and not extra):
        return None
    count = int(number) if number.isdecimal() else words.numbers.get(number, 0 if number else 1)
    return _about(count + extra, words.units[unit]) if count else None


def _about(count: float, unit: str) -> Span:
    """Return a span of so many units; who says "two years" may mean nearly three."""
    days = round(count * _UNIT_DAYS[unit])
    return days, days + (_UNIT_DAYS[unit] - 1 if count == int(count) else 0)


def _last_span(text: str, today: date, words: DayWords) -> Span | None:
    """Read "la semana pasada", "este mes"."""
    unit = words.units.get(_split_last(text, words))
    if unit and unit != "day":
        begin = _begin(today, unit)
        before = _begin(begin - timedelta(days=1), unit)
        return (today - begin).days + 1, (today - before).days
    first, _, rest = text.partition(" ")
    unit = words.units.get(rest) if first in words.this else None
    return (0, (today - _begin(today, unit)).days) if unit else None


def _split_last(text: str, words: DayWords) -> str:
    """Return what stands beside "last", or nothing."""
    first, _, rest = text.partition(" ")
    before, _, end = text.rpartition(" ")
    return rest if first in words.last else before if end in words.last else ""


def _begin(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day.replace(month=1, day=1) if unit == "year" else day


def _numeric(text: str, today: date, words: DayWords) -> Span | None:
    """Read "12/03/2025", "2025-03-12", "03/2025", "2025"; the day comes before the month."""
    if match := _ISO.match(text):
        return _of_day(today, int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_FIRST.match(text):
        year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
        return _of_day(today, year, int(match[2]), int(match[1]))
    if match := _MONTH_YEAR.match(text):
        return _of_month(today, int(match[2]), int(match[1]))
    if match := _YEAR.match(text):
        return _between(date(int(match[1]), 1, 1), date(int(match[1]), 12, 31), today) if int(match[1]) >= _OLDEST_YEAR else None
    return None


def _named_month(text: str, today: date, words: DayWords) -> Span | None:
    """Read "3 marzo 2025", "march 3, 2025", "20 noviembre", "nov 2025", "enero"."""
    parts = [part for part in re.split(r"[\s,./-]+", text) if part]
    found = [words.months[part] for part in parts if part in words.months]
    numbers = [int(part) for part in parts if part.isdecimal()]
    if len(found) != 1 or len(numbers) != len(parts) - 1 or len(numbers) > 2:
        return None
    years = [number for number in numbers if number >= _OLDEST_YEAR]
    days = [number for number in numbers if number < _OLDEST_YEAR]
    if len(years) > 1 or len(days) > 1:
        return None
    return next(_possible(today, years, found[0], days), None)


def _possible(today: date, years: list[int], month: int, days: list[int]) -> Iterator[Span]:
    """Yield the readings that do not lie ahead, the newest first: without a year the last such day is meant."""
    for year in years or (today.year, today.year - 1):
        span = _of_day(today, year, month, days[0]) if days else _of_month(today, year, month)
        if span and span[0] >= 0:
            yield span


def _of_day(today: date, year: int, month: int, day: int) -> Span | None:
    try:
        return _between(date(year, month, day), date(year, month, day), today) if year >= _OLDEST_YEAR else None
    except ValueError:  # The 31st of February.
        return None


def _of_month(today: date, year: int, month: int) -> Span | None:
    if not 1 <= month <= 12 or year < _OLDEST_YEAR:
        return None
    return _between(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]), today)


def _between(first: date, last: date, today: date) -> Span | None:
    """Return the days since a stretch of time that has begun."""
    return (max((today - last).days, 0), (today - first).days) if first <= today else None


_READERS = (_word, _numeric, _last_span, _span, _named_month)
