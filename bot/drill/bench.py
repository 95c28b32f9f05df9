"""The bench of the safety drill: inbox, worker, stand-in and outbox over a database of its own, with a clock that it turns."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from bot.conversations.commands import Command
from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.conversations.stand_in import StandIn
from bot.conversations.turns import Turn, TurnResult, Turns
from bot.errors import EngineError
from bot.messages import InboundKind, InboundMessage, OutboundMessage
from bot.storage.models import UnansweredQuestion
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.wiring import Paths
from bot.worker import Worker, WorkerParts

CHANNEL = "webchat"


class BrokenEngine:
    """An engine that fails on every message."""

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Fail.

        Raises:
            EngineError: always.
        """
        raise EngineError("broken on purpose, for the drill")


@dataclass
class Bench:
    """The parts between a channel's parser and its sender.

    Args:
        database: empty, with the present tables.
        parts: of a worker with the real engine; its storage is replaced by this bench's.
        now: where its clock stands.
    """

    database: Database
    vault: Vault
    parts: WorkerParts
    paths: Paths
    now: datetime
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        outbox = Outbox(self.database, self.vault, self.clock)
        self._outbox = outbox
        self._inbox = Inbox(self.database, self.vault, self.clock)
        turns = Turns(self.database, self.vault, outbox, "drill", self.clock)
        self._worker = Worker(replace(self.parts, turns=turns, notices=None))
        self._broken = Worker(replace(self.parts, turns=turns, notices=None, engine=BrokenEngine()))
        of_gateway = Turns(self.database, self.vault, outbox, "drill-gateway", self.clock)
        parts, clock = self.parts, self.clock
        self._stand_in = StandIn(of_gateway, parts.replies, parts.texts, parts.limits, self.paths.intents, clock)

    def clock(self) -> datetime:
        """Return the time of the bench."""
        return self.now

    def turn_clock(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def store(self, address: str, text: str = "", kind: InboundKind = InboundKind.TEXT, quick_reply: str = "") -> None:
        """Let a message come in."""
        provider_id = f"drill-{next(self._numbers)}"
        self._inbox.store([InboundMessage(CHANNEL, address, provider_id, kind, text, quick_reply)])

    async def work(self, *, is_broken: bool = False) -> None:
        """Let a worker answer all that waits.

        Args:
            is_broken: its engine fails.
        """
        worker = self._broken if is_broken else self._worker
        while await worker.run_once():
            pass

    def stand_in(self) -> None:
        """Let the gateway answer what waits too long."""
        self._stand_in.answer_overdue()

    def delivered(self) -> list[OutboundMessage]:
        """Take what would go out now, in order; what a stopped contact must not get is dropped."""
        taken: list[OutboundMessage] = []
        while self._outbox.has_due({CHANNEL}):
            for sending in self._outbox.take_due({CHANNEL}, 50):
                if not sending.stopped_reason or sending.message.is_last_word:
                    taken.append(sending.message)
                self._outbox.finish(sending.outbound_id)
        return taken

    def questions(self) -> int:
        """Return how many messages were kept for staff as unanswered questions."""
        with self.database.reading() as session:
            return session.scalar(select(func.count(UnansweredQuestion.id))) or 0
