"""The plan of a return with the real engine and a real database: the list, what is kept of it, ticks, and its end."""

from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.content.loader import load_content
from bot.conversations.dialogues.answers import DialogueWords
from bot.conversations.dialogues.plan_desk import PlanDesk
from bot.conversations.my_data import MyDataReader
from bot.conversations.paging import fit_choices
from bot.conversations.plans import PlanReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.retention import Retention, RetentionLimits
from bot.i18n import LOCALES
from bot.messages import InboundKind, OutboundMessage
from bot.storage.models import Conversation, Inbound, Outbound, PlanItem, QuickReplyToken
from bot.wiring import CHANNELS
from bot.worker import Worker
from tests.support.builders import System, make_inbound
from tests.support.dialogue import DialogueTester
from tests.support.engine import ROOT, shared_worker

pytestmark = pytest.mark.engine
CONTENT = load_content(ROOT / "content")
DIALOGUE = CONTENT.dialogues["plan_return"]
DEPORTED = ["deported", "days", "is_so", "born_abroad", "both", "job", "is_not", "quito"]
PLANNING = ["planning", "is_not", "is_not", "is_not", "nothing", "is_so", "other"]


async def _planned(tester: DialogueTester, options: list[str], locale: str = "es") -> OutboundMessage:
    await tester.taps_payload("/plan_return")
    for option in options:
        titles = {
            one.id: one.title[locale]
            for question in DIALOGUE.questions
            for one in question.options
            if one.title[locale] in tester.titles
        }
        await tester.taps(titles[option])
    return tester.replies[-1]


def _topics(reply: OutboundMessage) -> list[str]:
    return [row.payload[1:] for row in reply.quick_replies if row.payload[1:] in CONTENT.topics]


async def test_the_plan_follows_the_answers_in_order() -> None:
    """Tonight's bed first, then arrival, health, papers, children; with the places of the city, and doubt said."""
    reply = await _planned(DialogueTester(shared_worker()), DEPORTED)
    assert _topics(reply) == ["return_housing", "return_arrival", "return_health", "return_mental_health", "id_card",
                              "return_children_born_abroad", "return_school", "return_certificate"]  # fmt: skip
    assert "Casa del Migrante" in reply.text
    assert "dato poco seguro" in reply.text
    assert "Guayaquil" not in reply.text
    assert "revisado el" in reply.text


async def test_who_is_still_abroad_gets_the_way_back() -> None:
    """No question on the arrival, no certificate, no address of a city that was not named."""
    reply = await _planned(DialogueTester(shared_worker()), PLANNING)
    assert _topics(reply) == ["return_voluntary", "return_household_goods", "return_reintegration_iom"]
    assert "San Blas" not in reply.text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("channel", sorted(CHANNELS))
async def test_the_longest_plan_is_one_message_with_one_list(channel: str, locale: str) -> None:
    """Also on WhatsApp: no second page of choices, no title cut."""
    limits: Any = importlib.import_module(f"{CHANNELS[channel][0]}.limits").LIMITS
    tester = DialogueTester(shared_worker(), locale, channel)
    reply = await _planned(tester, DEPORTED, locale)
    assert len(tester.replies) == 1
    assert len(reply.text) <= limits.text
    assert len(fit_choices(reply, limits, shared_worker().parts.texts, locale).quick_replies) == len(reply.quick_replies)
    assert all(len(row.title) <= (limits.list_title or limits.button_title) for row in reply.quick_replies)


def _worker(system: System) -> Worker:
    shared = shared_worker().parts
    words = DialogueWords.read(ROOT / "intents" / "vocabulary" / "dialogue-words.yml")
    desk = PrivacyDesk.open(
        ROOT / "intents", MyDataReader(system.database, RetentionLimits()), system.vault, shared.texts, shared.replies
    )
    plans = PlanDesk(words, PlanReader(system.database, RetentionLimits().plan_days), shared.replies)
    return Worker(replace(shared, turns=system.turns(), privacy=desk, plans=plans))


class Kept:
    """A contact whose conversation is stored."""

    def __init__(self, system: System) -> None:
        self.system, self.worker = system, _worker(system)

    async def says(self, text: str) -> str:
        """Write; return the newest reply."""
        self.system.inbox.store([make_inbound(text)])
        assert await self.worker.run_once()
        with self.system.database.reading() as session:
            rows = session.scalars(select(Outbound).order_by(Outbound.id)).all()
            return OutboundMessage.from_json(rows[-1].body).text

    async def taps(self, title: str) -> str:
        """Tap the newest choice with this title."""
        with self.system.database.reading() as session:
            tokens = select(QuickReplyToken).where(QuickReplyToken.title == title).order_by(QuickReplyToken.outbound_id.desc())
            token = session.scalars(tokens).first()
        assert token is not None, title
        self.system.inbox.store([replace(make_inbound(title), kind=InboundKind.QUICK_REPLY, quick_reply=token.token)])
        assert await self.worker.run_once()
        return ""

    def items(self) -> list[tuple[str, bool]]:
        """Return what the database keeps of the plan."""
        with self.system.database.reading() as session:
            return [(row.topic, row.is_done) for row in session.scalars(select(PlanItem).order_by(PlanItem.position))]

    async def plans(self) -> None:
        """Answer all questions by typing numbers."""
        await self.says("planear mi regreso")
        for number in ("1", "1", "2", "3", "4", "4", "2", "1"):
            await self.says(number)


async def test_a_plan_is_kept_shown_ticked_and_deleted(system: System) -> None:
    """Only topics and ticks; a second plan keeps the ticks of the first."""
    contact = Kept(system)
    await contact.plans()
    kept = contact.items()
    assert [topic for topic, _ in kept] == ["return_arrival", "id_card", "return_certificate", "return_reintegration_iom"]
    shown = await contact.says("mi plan")
    assert "0 de 4" in shown
    await contact.says("2")
    assert contact.items()[1] == ("id_card", True)
    assert "1 de 4" in await contact.says("Mi plan")
    await contact.plans()
    assert ("id_card", True) in contact.items()
    assert "Su plan de regreso: 4 pasos" in await contact.says("mis datos")
    await contact.says("mi plan")
    await contact.taps("Borrar mi plan")
    assert contact.items() == []
    assert "No tengo un plan" in await contact.says("mi plan")


async def test_my_plan_works_in_the_middle_of_a_dialogue(system: System) -> None:
    """It is shown, and the question can still be answered."""
    contact = Kept(system)
    await contact.plans()
    await contact.says("revisar una oferta conmigo")
    assert "0 de 4" in await contact.says("mi plan")
    with system.database.reading() as session:
        assert session.scalars(select(Conversation)).one().engine_state
    assert "¿Quién se lo ofrece?" in await contact.says("un trabajo")


async def test_the_plan_goes_with_its_time_and_with_everything_else(system: System) -> None:
    """After thirty days, and at once with "borrar mis datos"."""
    contact = Kept(system)
    await contact.plans()
    purge = Retention(system.database, RetentionLimits(), system.clock, lambda seconds: None)
    system.clock.turn(days=29)
    assert purge.purge()["plans"] == 0
    system.clock.turn(days=2)
    assert purge.purge()["plans"] == 4
    await contact.plans()
    await contact.says("borrar mis datos")
    await contact.says("2")
    assert contact.items() == []


async def test_nothing_that_was_answered_is_kept(system: System) -> None:
    """When the plan is made, the answers are gone from the engine's memory; the messages are masked as all are."""
    contact = Kept(system)
    await contact.plans()
    tester = DialogueTester(shared_worker())
    await _planned(tester, DEPORTED)
    assert tester.state is not None
    assert tester.state.answers == {}
    with system.database.reading() as session:
        assert {row.decision for row in session.scalars(select(Inbound))} == {"flow"}
    assert timedelta(days=RetentionLimits().plan_days) == timedelta(days=30)
