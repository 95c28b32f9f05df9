"""Count distinct people by topic, language and channel, so that nobody can be found in the figures.

A figure of up to ten people is shown as "≤10". Where the others and the total would tell more about it, further figures are
withheld until it could be any number from 1 to 10 again. Pure but for `read_counts`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from bot.storage.models import Contact, Conversation, Inbound
from bot.storage.session import Database

SMALL = 10
"""Up to so many people a figure is not shown."""
SMALL_TEXT = "≤10"
WITHHELD_TEXT = "withheld"
"""Shown for a figure above ten that would give a small one away."""


@dataclass(frozen=True)
class Counts:
    """Distinct people, before anything is hidden.

    Attributes:
        topics: by topic; a person may have asked about several.
        locales: by the language they read in; each person has one.
        channels: by channel; each has one.
    """

    people: int
    topics: Mapping[str, int]
    locales: Mapping[str, int]
    channels: Mapping[str, int]


@dataclass(frozen=True)
class Published:
    """What may be shown: a number, "≤10" or "withheld" for each."""

    people: int | str
    topics: Mapping[str, int | str]
    locales: Mapping[str, int | str]
    channels: Mapping[str, int | str]


def read_counts(database: Database, since: datetime, until: datetime) -> Counts:
    """Count the people who wrote from `since` on and before `until`, both aware UTC."""
    wrote = (Inbound.received_at >= since, Inbound.received_at < until)
    people = func.count(func.distinct(Contact.id))
    joined = (
        select(people)
        .select_from(Inbound)
        .join(Conversation, Conversation.id == Inbound.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(*wrote)
    )
    with database.reading() as session:

        def by(column: InstrumentedAttribute[str], *where: ColumnElement[bool]) -> dict[str, int]:
            rows = session.execute(joined.add_columns(column).where(*where).group_by(column).order_by(column))
            return {str(name): int(count) for count, name in rows}

        return Counts(
            people=session.scalar(joined) or 0,
            topics=by(Inbound.topic, Inbound.topic != ""),
            locales=by(Contact.locale),
            channels=by(Contact.channel),
        )


def publish(counts: Counts) -> Published:
    """Hide what could lead to people."""
    tables = {"topics": counts.topics, "locales": counts.locales, "channels": counts.channels}
    people, shown = hide_small(counts.people, tables, overlapping=("topics",))
    return Published(people, **shown)


def hide_small(
    people: int, tables: Mapping[str, Mapping[str, int]], overlapping: Collection[str] = ()
) -> tuple[int | str, dict[str, dict[str, int | str]]]:
    """Return the total and each table with what could lead to people hidden.

    Args:
        overlapping: the tables in which a person may be in several cells; in the others everybody is in exactly one.
    """
    if people <= SMALL:
        return SMALL_TEXT if people else 0, {name: dict.fromkeys(cells, SMALL_TEXT) for name, cells in tables.items()}
    shown: dict[str, dict[str, int | str]] = {}
    for name, cells in tables.items():
        table = _protect(cells, people, may_overlap=name in overlapping)
        if table is None:  # Without a safe figure; then no other table may tell the total either.
            return WITHHELD_TEXT, {name: _all_hidden(cells) for name, cells in tables.items()}
        shown[name] = table
    return people, shown


def _protect(cells: Mapping[str, int], total: int, *, may_overlap: bool = False) -> dict[str, int | str] | None:
    """Return a table that keeps its small figures; None when even hiding all of it would not, beside the total.

    Args:
        may_overlap: a person may be in several cells, so the others tell a small one only from below.
    """
    small = {name for name, count in cells.items() if 0 < count <= SMALL}
    others = sorted((name for name in cells if cells[name] > SMALL), key=lambda name: (cells[name], name))
    withheld: list[str] = []
    while small and not _is_safe(cells, total, small, withheld, may_overlap):
        if len(withheld) == len(others):
            return None
        withheld.append(others[len(withheld)])
    shown: dict[str, int | str] = dict(cells)
    shown.update(dict.fromkeys(small, SMALL_TEXT))
    shown.update(dict.fromkeys(withheld, WITHHELD_TEXT))
    return shown


def _is_safe(cells: Mapping[str, int], total: int, small: set[str], withheld: list[str], may_overlap: bool) -> bool:
    """Tell whether each small figure could be any number from 1 to 10 for somebody who knows all that is shown."""
    hidden = total - sum(count for name, count in cells.items() if name not in small and name not in withheld)
    # What the other hidden figures come to at least and, unless one of them has no upper bound, at most.
    least = (len(small) - 1) + (SMALL + 1) * len(withheld)
    most = SMALL * (len(small) - 1)
    is_free_below = bool(withheld) or hidden - most <= 1
    return is_free_below and (may_overlap or hidden - least >= SMALL)


def _all_hidden(cells: Mapping[str, int]) -> dict[str, int | str]:
    return {name: SMALL_TEXT if 0 < count <= SMALL else WITHHELD_TEXT for name, count in cells.items()}
