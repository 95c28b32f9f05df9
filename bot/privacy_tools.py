"""What `ruta privacy` prints: the report on retention, and figures about groups of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from bot.conversations.retention import KindReport
from bot.conversations.statistics import Published
from bot.errors import RutaError


def report_data(reports: list[KindReport]) -> list[dict[str, Any]]:
    """Return the report as JSON values; times in ISO 8601, UTC."""
    return [{**asdict(one), "oldest": one.oldest.isoformat() if one.oldest else None} for one in reports]


def report_lines(reports: list[KindReport]) -> Iterator[str]:
    """Yield the report as a table."""
    yield f"{'kind':24}{'kept':>10}  {'oldest':22}{'limit':>10}{'due':>8}{'overdue':>9}"
    for one in reports:
        oldest = f"{one.oldest:%Y-%m-%dT%H:%M:%SZ}" if one.oldest else "-"
        limit = f"{one.days:g} d" if one.days else "at once"
        yield f"{one.kind:24}{one.kept:>10}  {oldest:22}{limit:>10}{one.due:>8}{one.overdue:>9}"


def statistics_lines(published: Published) -> Iterator[str]:
    """Yield the figures, one a line: table, name, people."""
    yield f"people\t-\t{published.people}"
    tables: dict[str, Mapping[str, int | str]] = {
        "topic": published.topics,
        "locale": published.locales,
        "channel": published.channels,
    }
    for table, cells in tables.items():
        for name, people in cells.items():
            yield f"{table}\t{name}\t{people}"


def story_lines(people: int | str, tables: Mapping[str, Mapping[str, int | str]]) -> Iterator[str]:
    """Yield the counts of a survey, one a line: question, answer, people."""
    yield f"people\t-\t{people}"
    for question, cells in tables.items():
        for option, count in cells.items():
            yield f"{question}\t{option}\t{count}"


def period(since: str, until: str) -> tuple[datetime, datetime]:
    """Return the beginning of the first day and the end of the last one, in UTC.

    Raises:
        RutaError: a day is not written as 2026-11-23, or the last one comes before the first.
    """
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError as error:
        raise RutaError("--since and --until: write days as 2026-11-23") from error
    if last < first:
        raise RutaError("--until must not be before --since")
    begin = datetime.combine(first, time(), timezone.utc)
    return begin, datetime.combine(last, time(), timezone.utc) + timedelta(days=1)
