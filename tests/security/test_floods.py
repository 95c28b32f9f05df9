"""Floods: from one contact and from many, through the real inbox, turns and worker; only the engine is a fake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.conversations.commands import Command, payload
from bot.conversations.flood import CALM_MESSAGES, FLOOD_MESSAGES, KEPT, TOLD
from bot.conversations.stand_in import WAIT_SECONDS, StandIn
from bot.conversations.turns import Turn, TurnResult
from bot.conversations.urgent import UrgentPhrases
from bot.i18n import Catalogues
from bot.messages import InboundKind, OutboundMessage, QuickReply
from bot.storage.models import Contact, Conversation, Inbound, Outbound
from bot.wiring import Paths, build_replies
from bot.worker import Worker, WorkerParts
from tests.support.builders import System, make_inbound
from tests.support.privacy import privacy_desk

ROOT = Path(__file__).resolve().parents[2]
TEXTS = Catalogues(ROOT / "locales")
REPLIES = build_replies(Paths(ROOT))
URGENT = UrgentPhrases(ROOT / "intents" / "urgent")
CRY = "auxilio me quieren matar"


@dataclass
class Engine:
    """Answers everything, and notes what reached it."""

    asked: list[str] = field(default_factory=list)

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Note the text; a command is answered by its card."""
        self.asked.append(text)
        reply = REPLIES.answer(command.intent, "", turn.locale) if command else OutboundMessage("respuesta")
        return TurnResult([reply], text, turn.locale, turn.locale_source, b"state")


@dataclass
class Desk:
    """A worker and what contacts read from it."""

    system: System
    engine: Engine = field(default_factory=Engine)

    def __post_init__(self) -> None:
        ordinals = ROOT / "intents" / "vocabulary" / "ordinals.yml"
        parts = WorkerParts(
            turns=self.system.turns(),
            engine=self.engine,
            replies=REPLIES,
            texts=TEXTS,
            urgent=URGENT,
            privacy=privacy_desk(self.system),
            limits={},
            ordinals=ordinals,
        )
        self.worker = Worker(parts)

    def store(self, text: str, count: int = 1, every: float = 0.0, **changes: Any) -> None:
        """Store messages, one every so many seconds."""
        if not every:
            self.system.inbox.store([make_inbound(text, **changes) for _ in range(count)])
            return
        for _ in range(count):
            self.system.inbox.store([make_inbound(text, **changes)])
            self.system.clock.turn(seconds=every)

    async def run(self) -> None:
        """Run all turns that wait."""
        while await self.worker.run_once():
            pass

    def heard(self, address: str = "contact-a") -> list[str]:
        """Return what a contact got, in order."""
        key = self.system.vault.address_hash("webchat", address)
        query = select(Outbound.body).join(Conversation, Conversation.id == Outbound.conversation_id).join(Contact)
        with self.system.database.reading() as session:
            rows = session.scalars(query.where(Contact.address_hash == key).order_by(Outbound.id))
            return [OutboundMessage.from_json(body).text for body in rows]

    def marks(self) -> Counter[str]:
        """Return how often each mark stands."""
        with self.system.database.reading() as session:
            return Counter(session.scalars(select(Inbound.error_code)))


@pytest.fixture
def desk(system: System) -> Desk:
    """Return a worker over an empty database."""
    return Desk(system)


async def test_a_worried_person_is_answered_every_time(desk: Desk) -> None:
    """Ten short messages in a row, three times within two minutes: all thirty are answered."""
    for _ in range(3):
        desk.store("y mi hijo", count=10, every=1.0)
        desk.system.clock.turn(seconds=25)
    await desk.run()
    assert desk.heard() == ["respuesta"] * 30


async def test_one_notice_then_silence_when_a_contact_floods(desk: Desk) -> None:
    """The first thirty are answered, then comes one notice in the contact's language, and the rest is kept without an answer."""
    desk.store("hello", count=FLOOD_MESSAGES + 40, locale_hint="en")
    await desk.run()
    notice = TEXTS.text("en", "reply.too_many_messages")
    assert desk.heard() == ["respuesta"] * FLOOD_MESSAGES + [notice]
    assert desk.marks() == {"": FLOOD_MESSAGES, TOLD: 1, KEPT: 39}
    assert len(desk.engine.asked) == FLOOD_MESSAGES


async def test_contact_is_answered_again_when_it_has_calmed_down(desk: Desk) -> None:
    """After a quiet minute all is as before, and a second flood gets its own notice."""
    notice = TEXTS.text("es", "reply.too_many_messages")
    for _ in range(2):
        desk.store("hola", count=FLOOD_MESSAGES + 5)
        await desk.run()
        desk.system.clock.turn(seconds=61)
    desk.store("como saco el pasaporte")
    await desk.run()
    assert desk.heard() == (["respuesta"] * FLOOD_MESSAGES + [notice]) * 2 + ["respuesta"]


async def test_slower_is_enough_when_a_flood_ends(desk: Desk) -> None:
    """Who goes on at a human pace is answered again after the minute, without a full stop."""
    desk.store("hola", count=FLOOD_MESSAGES + 1)
    desk.store("sigo aqui", count=CALM_MESSAGES, every=8.0)
    desk.store("y ahora")
    await desk.run()
    assert desk.heard()[-1] == "respuesta"


async def test_urgent_message_passes_in_the_middle_of_a_flood(desk: Desk) -> None:
    """The card comes, before and after the notice; the same cry does not get it a second time at once, another one does."""
    desk.store("hola", count=FLOOD_MESSAGES)
    desk.store(CRY)
    desk.store("hola", count=5)
    desk.store(CRY, count=5)
    desk.store("mi hermana esta desaparecida desde la selva")
    await desk.run()
    after = desk.heard()[FLOOD_MESSAGES:]
    assert len(after) == 3
    assert "911" in after[0]
    assert after[1] == TEXTS.text("es", "reply.too_many_messages")
    assert "911" in after[2]
    assert after[2] != after[0]


async def test_tapped_emergency_passes_in_the_middle_of_a_flood(desk: Desk) -> None:
    """The emergency menu and its topics can always be tapped."""
    desk.store("hola", count=FLOOD_MESSAGES + 5)
    await desk.run()
    topic = payload("emergency_danger") if "emergency_danger" in URGENT.topics else payload(sorted(URGENT.topics)[0])
    offer = OutboundMessage(
        "?", (QuickReply("Emergencia", payload("menu", family="emergency"), "t1"), QuickReply("a", topic, "t2"))
    )
    with desk.system.database.transaction() as session:
        conversation = session.scalars(select(Conversation)).one()
        desk.system.outbox.enqueue(session, conversation.id, "webchat", offer, None)
    for token in ("t1", "t2"):
        desk.store("", kind=InboundKind.QUICK_REPLY, quick_reply=token)
    before = len(desk.heard())
    await desk.run()
    assert len(desk.heard()) == before + 2


async def test_who_wants_to_be_left_alone_is_heard_in_the_middle_of_a_flood(desk: Desk) -> None:
    """STOP counts in any state: it is confirmed, and what still waits to go out is dropped."""
    desk.store("hola", count=FLOOD_MESSAGES + 5)
    await desk.run()
    desk.store("STOP")
    await desk.run()
    assert desk.heard()[-1] == TEXTS.text("es", "privacy.stopped")


async def test_a_group_is_not_told(desk: Desk) -> None:
    """A notice in a group would be read by people who did not write."""
    desk.store("", count=FLOOD_MESSAGES + 5, kind=InboundKind.GROUP)
    await desk.run()
    assert TEXTS.text("es", "reply.too_many_messages") not in desk.heard()


async def test_nobody_waits_longer_than_a_turn_when_one_contact_floods(desk: Desk) -> None:
    """A thousand messages of one contact wait; who writes after them is answered next but one."""
    desk.store("hola", count=1000, address="flooder")
    desk.system.clock.turn(seconds=5)
    await desk.worker.run_once()
    for name in ("b", "c"):
        desk.system.clock.turn(seconds=1)
        desk.store("me robaron", address=name)
    for _ in range(3):
        desk.system.clock.turn(seconds=1)
        await desk.worker.run_once()
    assert desk.heard("b")
    assert desk.heard("c")
    assert len(desk.heard("flooder")) <= 2


async def test_everybody_is_answered_when_many_write_at_once(desk: Desk) -> None:
    """Sixty contacts with three messages each: nobody is held back, nobody is forgotten, and each in order."""
    for number in range(3):
        desk.system.inbox.store([make_inbound(f"pregunta {number}", address=f"contact-{name}") for name in range(60)])
    await desk.run()
    assert all(desk.heard(f"contact-{name}") == ["respuesta"] * 3 for name in range(60))
    assert desk.marks() == {"": 180}


def test_gateway_alone_does_not_repeat_the_card_when_no_worker_runs(desk: Desk) -> None:
    """Fifty cries for help bring one card, and all of them still wait for a worker."""
    system = desk.system
    stand_in = StandIn(system.turns("gateway"), REPLIES, TEXTS, {}, ROOT / "intents", system.clock)
    desk.store(CRY, count=50)
    system.clock.turn(seconds=WAIT_SECONDS + 1)
    assert stand_in.answer_overdue() == 1
    assert stand_in.answer_overdue() == 0
    assert len(desk.heard()) == 1
    with system.database.reading() as session:
        assert set(session.scalars(select(Inbound.state))) == {"waiting"}
