"""A worker at work over an empty database, with real sentences and urgent phrases; only the engine is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.conversations.commands import Command
from bot.conversations.my_data import MyDataReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.replies import Replies
from bot.conversations.retention import RetentionLimits
from bot.conversations.turns import Turn, TurnResult
from bot.conversations.urgent import UrgentPhrases
from bot.errors import SendFailed
from bot.gateway.sending import _check_may_send
from bot.i18n import Catalogues
from bot.messages import ChannelLimits, OutboundMessage
from bot.storage.models import Base, Contact, Inbound, Outbound, UnansweredQuestion
from bot.wiring import Paths, build_replies
from bot.worker import Worker, WorkerParts
from tests.support.builders import System, make_inbound

ROOT = Path(__file__).resolve().parents[2]
LIMITS = ChannelLimits(text=4096, text_with_choices=4096, buttons=4, button_title=20)
TEXTS = Catalogues(ROOT / "locales")

Asked = tuple[str, Command | None]


@dataclass
class FakeEngine:
    """Answers what it was told to, and notes what it was asked."""

    replies: tuple[OutboundMessage, ...] = (OutboundMessage("la respuesta"),)
    asked: list[Asked] = field(default_factory=list)
    trouble: Callable[[], object] | None = None

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Note the question, then fail, hang or answer."""
        self.asked.append((text, command))
        if self.trouble:
            trouble = self.trouble()
            if asyncio.iscoroutine(trouble):
                await trouble
        return TurnResult(self.replies, text, turn.locale, turn.locale_source, b"state")


@lru_cache(maxsize=1)
def _replies() -> Replies:
    return build_replies(Paths(ROOT))


@lru_cache(maxsize=1)
def _urgent() -> UrgentPhrases:
    return UrgentPhrases(ROOT / "intents" / "urgent")


@dataclass
class Desk:
    """A worker at work: what is written to it, and what it replied."""

    system: System
    engine: FakeEngine
    worker: Worker

    async def gets(self, text: str = "hola", **changes: object) -> list[OutboundMessage]:
        """Store a message, run its turn, and return its replies."""
        self.system.inbox.store([make_inbound(text, **changes)])
        before = len(self.sent())
        assert await self.worker.run_once()
        return self.sent()[before:]

    def sent(self) -> list[OutboundMessage]:
        """Return all replies, in order."""
        with self.system.database.transaction() as session:
            return [OutboundMessage.from_json(row.body) for row in session.scalars(select(Outbound).order_by(Outbound.id))]

    def inbound(self) -> list[Inbound]:
        """Return all messages, in order."""
        with self.system.database.transaction() as session:
            return list(session.scalars(select(Inbound).order_by(Inbound.id)))


@pytest.fixture
def desk(system: System) -> Desk:
    """Return a worker over an empty database."""
    engine = FakeEngine()
    limits = {"webchat": LIMITS, "whatsapp": LIMITS, "telegram": LIMITS}
    parts = WorkerParts(
        turns=system.turns(),
        engine=engine,
        replies=_replies(),
        texts=TEXTS,
        urgent=_urgent(),
        privacy=PrivacyDesk.open(
            ROOT / "intents", MyDataReader(system.database, RetentionLimits()), system.vault, TEXTS, _replies()
        ),
        limits=limits,
        ordinals=ROOT / "intents" / "vocabulary" / "ordinals.yml",
        engine_seconds=0.2,
    )
    return Desk(system, engine, Worker(parts))


def count_rows(system: System, table: type[Base]) -> int:
    """Return how many rows a table has."""
    with system.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def only_contact(system: System) -> Contact:
    """Return the one contact."""
    with system.database.reading() as session:
        return session.scalars(select(Contact)).one()


def send_due(system: System) -> list[str]:
    """Do what the sending loop does with all that is due, and return the texts that reached the provider."""
    texts = []
    for sending in system.outbox.take_due({"whatsapp"}, 10):
        try:
            _check_may_send(sending, LIMITS, system.clock())
        except SendFailed as failed:
            system.outbox.fail(sending.outbound_id, failed)
            continue
        texts.append(sending.message.text)
        provider_id = f"p{sending.outbound_id}-{len(texts)}-{system.clock()}"
        system.outbox.part_sent(sending.outbound_id, provider_id, is_last=True, ends_contact=sending.ends_contact)
    return texts


def drain(system: System) -> list[str]:
    """Send until nothing is due, and return the texts."""
    return [text for _ in range(6) for text in send_due(system)]


def note_question(system: System, contact: Contact) -> None:
    """Keep a question of a contact that got no certain answer."""
    question = UnansweredQuestion(contact_id=contact.id, person_hash="h", masked_text="q", locale="es", decision="choices")
    question.guesses, question.asked_at, question.state = "[]", system.clock(), "open"
    with system.database.transaction() as session:
        session.add(question)
