"""How much waits, since when, and what is stuck or was given up: counts and times only, for metrics, health and `ruta doctor`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, and_, bindparam, func, literal_column, or_, select

from bot.conversations.outbox import OPEN_STATES
from bot.messages import DeliveryState
from bot.storage.models import Conversation, Inbound, Outbound
from bot.storage.session import Database

STUCK_SECONDS = 300.0
"""After waiting this long a conversation counts as stuck; one whose worker died counts at once when its lease has run out."""


_EVER = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class QueueFigures:
    """The queues at one moment; ages in seconds, 0 when nothing waits.

    Attributes:
        unsent: replies that we have to send ourselves; those that a page fetches are not among them.
        stuck: conversations that wait too long or whose worker died.
    """

    waiting: int
    waiting_age: float
    unsent: int
    unsent_age: float
    dead: int
    failed: int
    stuck: int


class Queues:
    """Reads the figures in one query that follows indexes only.

    Args:
        pushed: the channels whose replies we send ourselves.
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, pushed: Collection[str], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._pushed = list(pushed)
        self._clock = clock

    def read(self) -> QueueFigures:
        """Return the figures now; an error of the database passes through."""
        now = self._clock()
        asked = {"now": now, "before": now - timedelta(seconds=STUCK_SECONDS), "pushed": self._pushed}
        with self._database.reading() as session:
            row = session.execute(_figures(), asked).one()
        return QueueFigures(
            waiting=row.waiting,
            waiting_age=_age(now, row.waiting_since),
            unsent=row.unsent,
            unsent_age=_age(now, row.unsent_since),
            dead=row.dead,
            failed=row.failed,
            stuck=row.stuck,
        )


def is_stuck() -> ColumnElement[bool]:
    """Return the condition on conversations, with `now` and `before` (now less `STUCK_SECONDS`) to be bound."""
    is_orphaned = and_(Conversation.lease_owner != "", Conversation.lease_until < bindparam("now"))
    return and_(is_waiting(), or_(Conversation.waiting_since < bindparam("before"), is_orphaned))


def is_waiting() -> ColumnElement[bool]:
    """Return the condition on conversations that a message waits in: a range, because SQLite uses no index for "is not null"."""
    return Conversation.waiting_since > bindparam("ever", _EVER, unique=True)


def is_dead() -> ColumnElement[bool]:
    """Return the condition on messages that were given up, written out so that both databases use the small index on them."""
    return Inbound.state == literal_column("'dead'")


@lru_cache(maxsize=1)
def _figures() -> Executable:
    # By the conversations that wait: there are few of them, and an index leads from each to its waiting messages.
    waiting = (Inbound.conversation_id.in_(select(Conversation.id).where(is_waiting())), Inbound.state == "waiting")
    unsent = (Outbound.state.in_(OPEN_STATES), Outbound.channel.in_(bindparam("pushed", expanding=True)))
    counted: dict[str, Select[Any]] = {
        "waiting": select(func.count(Inbound.id)).where(*waiting),
        "waiting_since": select(func.min(Inbound.received_at)).where(*waiting),
        "unsent": select(func.count(Outbound.id)).where(*unsent),
        "unsent_since": select(func.min(Outbound.created_at)).where(*unsent),
        "dead": select(func.count(Inbound.id)).where(is_dead()),
        "failed": select(func.count(Outbound.id)).where(Outbound.state == DeliveryState.FAILED.value),
        "stuck": select(func.count(Conversation.id)).where(is_stuck()),
    }
    return select(*(query.scalar_subquery().label(name) for name, query in counted.items()))


def _age(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
