"""Answers to a survey, stored apart from whoever gave them, and counted so that nobody can be found in the figures.

A row holds no contact, no day and no order; decision record 0017 tells what else could lead to a person, and why it does not.
"""

from __future__ import annotations

import json
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from bot.content.dialogues import UNSAID
from bot.conversations.statistics import hide_small
from bot.errors import RutaError
from bot.storage.models import Story as StoredStory
from bot.storage.session import Database

MIXED = timedelta(days=35)
"""Rows of months that began within this time are mixed: those that may have come since the last time, and their neighbours."""

_AT_ONCE = 500


@dataclass(frozen=True)
class Story:
    """What somebody answered.

    Attributes:
        survey: the dialogue's id.
        version: of the permission that was given.
        answers: options by question; what was not said is left out.
    """

    survey: str
    version: str
    answers: Mapping[str, str] = field(repr=False)


def store_story(session: Session, story: Story, now: datetime) -> None:
    """Store one row, inside the caller's transaction."""
    answers = json.dumps(dict(sorted(story.answers.items())), separators=(",", ":"))
    named = {"survey": story.survey, "consent_version": story.version, "month": month_of(now)}
    session.connection().execute(insert(StoredStory).values(id=_new_id(), **named, answers=answers))


def mix_stories(database: Database, now: datetime) -> None:
    """Store the rows of the running months anew, in random order and under new ids.

    PostgreSQL keeps with each row the number of the transaction that wrote it, which the message answered by the same turn has as
    well, and lays rows down as they come. After this, all of them carry one number and lie in no order.
    """
    running = StoredStory.month >= now - MIXED
    with database.reading() as session:  # Without SQLite's one write lock when there is nothing to do.
        if session.scalar(select(StoredStory.id).where(running).limit(1)) is None:
            return
    with database.transaction() as session:
        rows = [_columns(row) for row in session.scalars(select(StoredStory).where(running).with_for_update())]
        connection = session.connection()
        for start in range(0, len(rows), _AT_ONCE):  # By their ids: what comes in just now must stay.
            ids = [row["id"] for row in rows[start : start + _AT_ONCE]]
            connection.execute(delete(StoredStory).where(StoredStory.id.in_(ids)))
        random.SystemRandom().shuffle(rows)
        if rows:
            connection.execute(insert(StoredStory), [{**row, "id": _new_id()} for row in rows])


def month_of(at: datetime) -> datetime:
    """Return the first moment of a time's month, in UTC."""
    return at.astimezone(timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months(since: str, until: str) -> tuple[datetime, datetime]:
    """Return the beginning of the first month and the end of the last one, in UTC.

    Raises:
        RutaError: a month is not written as 2026-11, or the last one comes before the first.
    """
    try:
        first, last = (date.fromisoformat(f"{month}-01") for month in (since, until))
    except ValueError as error:
        raise RutaError("--since and --until: write months as 2026-11; no day is kept") from error
    if last < first:
        raise RutaError("--until must not be before --since")
    begin = datetime(first.year, first.month, 1, tzinfo=timezone.utc)
    return begin, month_of(datetime(last.year, last.month, 1, tzinfo=timezone.utc) + timedelta(days=32))


def count_stories(
    database: Database, survey: str, since: datetime, until: datetime
) -> tuple[int | str, dict[str, dict[str, int | str]]]:
    """Count the answers to each question, and return only what leads to nobody; `UNSAID` counts who did not answer it.

    Args:
        since: the beginning of a month; `until` that of the first month which no longer counts.
    """
    tables: dict[str, Counter[str]] = defaultdict(Counter)
    of_months = (StoredStory.survey == survey, StoredStory.month >= since, StoredStory.month < until)
    with database.reading() as session:
        said = [json.loads(row) for row in session.scalars(select(StoredStory.answers).where(*of_months))]
    for answers in said:
        for question, option in answers.items():
            tables[question][option] += 1
    for table in tables.values():
        table[UNSAID] = len(said) - table.total()
    return hide_small(len(said), {name: {cell: n for cell, n in sorted(table.items()) if n} for name, table in tables.items()})


def _columns(row: StoredStory) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in StoredStory.__table__.columns}


def _new_id() -> str:
    return secrets.token_hex(16)
