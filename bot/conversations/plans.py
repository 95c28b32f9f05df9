"""The plan that a guided dialogue made for somebody: kept for a while as topics with ticks, shown, ticked off, and deleted.

Nothing that was typed is in it, and no answer: only which topics, in which order, and which are done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from bot.storage.models import PlanItem
from bot.storage.session import Database


@dataclass(frozen=True)
class KeptItem:
    """One step of a kept plan."""

    topic: str
    is_done: bool


@dataclass(frozen=True)
class KeptPlan:
    """A plan as it stands.

    Attributes:
        dialogue: which dialogue made it.
        made_at: when; aware UTC.
        until: when it is deleted.
    """

    dialogue: str
    made_at: datetime
    until: datetime
    items: tuple[KeptItem, ...]


class PlanReader:
    """Reads kept plans.

    Args:
        days: how long they are kept.
    """

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days

    def read(self, contact_id: str) -> KeptPlan | None:
        """Return a contact's plan; None when there is none."""
        with self._database.reading() as session:
            rows = session.scalars(select(PlanItem).where(PlanItem.contact_id == contact_id).order_by(PlanItem.position)).all()
            if not rows:
                return None
            items = tuple(KeptItem(row.topic, row.is_done) for row in rows)
            return KeptPlan(rows[0].dialogue, rows[0].made_at, rows[0].made_at + timedelta(days=self._days), items)


def save_plan(session: Session, contact_id: str, dialogue: str, topics: tuple[str, ...], now: datetime) -> None:
    """Keep a plan in place of an older one, inside the caller's transaction; what was done stays done."""
    done = set(session.scalars(select(PlanItem.topic).where(PlanItem.contact_id == contact_id, PlanItem.is_done.is_(True))))
    delete_plan(session, contact_id)
    rows = [
        {
            "contact_id": contact_id,
            "dialogue": dialogue,
            "topic": topic,
            "position": number,
            "is_done": topic in done,
            "made_at": now,
        }
        for number, topic in enumerate(topics)
    ]
    if rows:
        session.connection().execute(insert(PlanItem), rows)


def tick_item(session: Session, contact_id: str, topic: str) -> None:
    """Turn one step to done, or back, inside the caller's transaction."""
    item = update(PlanItem).where(PlanItem.contact_id == contact_id, PlanItem.topic == topic)
    session.connection().execute(item.values(is_done=~PlanItem.is_done))


def delete_plan(session: Session, contact_id: str) -> None:
    """Delete a plan inside the caller's transaction."""
    session.connection().execute(delete(PlanItem).where(PlanItem.contact_id == contact_id))
