"""The plan of a return with the real engine and a real database: the list, what is kept of it, ticks, and its end."""

from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.content.loader import load_content
from bot.conversations.dialogues.answers import DialogueWords
from bot.conversations.dialogues.plan_desk import PlanDesk
from bot.conversations.dialogues.state import Phase
from bot.conversations.my_data import MyDataReader
from bot.conversations.paging import fit_choices
from bot.conversations.plans import PlanReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.retention import Retention, RetentionLimits
from bot.i18n import LOCALES
from bot.messages import InboundKind, OutboundMessage
from bot.storage.models import Conversation, Inbound, Outbound, PlanItem, QuickReplyToken
from bot.wiring import CHANNELS, Paths, build_replies
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


async def _at(question: str, locale: str = "es") -> DialogueTester:
    """Return a tester that is asked this question."""
    tester = DialogueTester(shared_worker(), locale)
    await tester.taps_payload("/plan_return")
    for asked, option in zip((one.id for one in DIALOGUE.questions), DEPORTED, strict=True):
        if asked == question:
            break
        await tester.taps_payload(f'/plan_return{{"answer": "{asked}.{option}"}}')
    return tester


def _answers(tester: DialogueTester) -> dict[str, str]:
    assert tester.state is not None
    return dict(tester.state.answers)


def _asks(tester: DialogueTester, question: str, *, again: bool = False) -> bool:
    found = DIALOGUE.question(question)
    return found is not None and (found.again if again else found.ask)["es"] in tester.heard


QUESTIONS = [question.id for question in DIALOGUE.questions]


@pytest.mark.parametrize(
    ("said", "option"),
    [("ayer", "days"), ("antier", "days"), ("hace 3 días", "days"), ("el martes", "days"), ("hace dos semanas", "months"),
     ("hace 1 mes", "months"), ("hace 5 años", "years"), ("12/03/2019", "years"), ("3 de marzo de 2019", "years"), ("2019-03-12", "years"),
     ("en 2019", "years"), ("il y a 2 ans", "years"), ("two years ago", "years"), ("no me acuerdo", "unsaid"), ("recién", "days")],
)  # fmt: skip
async def test_a_time_is_understood_in_any_notation(said: str, option: str) -> None:
    """Also one that the classifier takes for an emergency: "hace 3 días" alone looks like somebody who is missing."""
    tester = await _at("since")
    await tester.says(said)
    assert _answers(tester)["since"] == option


@pytest.mark.parametrize("days", [0, 6, 7, 364, 365, 800])
async def test_a_day_falls_under_the_right_option(days: int) -> None:
    """Written with slashes, on the day of the test."""
    tester = await _at("since")
    await tester.says(f"{date.today() - timedelta(days=days):%d/%m/%Y}")
    assert _answers(tester)["since"] == ("days" if days < 7 else "months" if days < 365 else "years")


@pytest.mark.parametrize("said", ["31/02/2026", "12/2090", "01/01/2090", "hace mucho", "1 o 2", "77"])
async def test_a_time_in_doubt_is_asked_again_once(said: str) -> None:
    """Days that cannot be, days to come: in other words, then the ways out; nothing is guessed."""
    tester = await _at("since")
    await tester.says(said)
    assert _asks(tester, "since", again=True)
    await tester.says(said)
    assert tester.titles == ["Sí, seguir", "Hablar con alguien", "Menú", "No, terminar"]
    assert "since" not in _answers(tester)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_emergency_goes_first_in_every_question(question: str) -> None:
    """Only the card; asked for again, the plan can be gone on with."""
    tester = await _at(question)
    await tester.says("me quieren matar ayuda")
    assert tester.replies == [build_replies(Paths(ROOT)).answer("emergency_danger", "", "es")]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_what_is_no_text_is_asked_again(question: str) -> None:
    """A voice message, a sticker, a position: in other words, then the ways out."""
    tester = await _at(question)
    await tester.sends(InboundKind.MEDIA, "audio")
    assert _asks(tester, question, again=True)
    await tester.sends(InboundKind.LOCATION)
    assert tester.titles == ["Sí, seguir", "Hablar con alguien", "Menú", "No, terminar"]
    await tester.taps("Sí, seguir")
    assert _asks(tester, question)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_unrelated_question_is_answered_and_the_plan_goes_on(question: str) -> None:
    """Then yes goes on with the same question."""
    tester = await _at(question)
    before = _answers(tester)
    await tester.says("como saco el pasaporte")
    assert tester.replies[0] == build_replies(Paths(ROOT)).answer("passport", "", "es")
    assert "¿Seguimos con" in tester.replies[1].text
    await tester.says("sí")
    assert _asks(tester, question)
    assert _answers(tester) == before


@pytest.mark.parametrize("word", ["menú", "salir", "cancelar"])
async def test_it_can_be_left_and_taken_up_again(word: str) -> None:
    """Where it was left."""
    tester = await _at("children")
    await tester.says(word)
    await tester.taps_payload("/plan_return")
    assert tester.titles == ["Sí, seguir", "Empezar de nuevo", "No, terminar"]
    await tester.taps("Sí, seguir")
    assert _asks(tester, "children")


async def test_back_an_old_button_and_a_second_press() -> None:
    """One step back; a changed mind takes with it what no longer applies; the second press shows the same again."""
    tester = await _at("tonight")
    await tester.says("atrás")
    assert _asks(tester, "since")
    await tester.taps_payload('/plan_return{"answer": "situation.planning"}')
    assert "Cambié su respuesta" in tester.heard
    assert _asks(tester, "tonight")
    heard = await tester.taps("Sí")
    assert await tester.taps_payload('/plan_return{"answer": "tonight.is_so"}') == heard


async def test_after_a_day_the_plan_can_go_on() -> None:
    """A greeting on the next day brings the offer."""
    tester = await _at("work")
    tester.sleeps(hours=30)
    assert "quedó a medias" in await tester.says("hola")
    await tester.taps("Sí, seguir")
    assert _asks(tester, "work")


@pytest.mark.parametrize(
    ("question", "said", "option"),
    [("situation", "me deportaron", "deported"), ("tonight", "no", "is_not"), ("tonight", "claro que si", "is_so"), ("health", "las dos", "both"),
     ("health", "los dos", ""), ("work", "un trabajo", "job"), ("papers", "la perdi", "is_not"), ("city", "gye", "guayaquil"),
     ("city", "Cuenka", "cuenca"), ("children", "1 y 2", ""), ("city", "quito y cuenca", ""), ("work", "no sé", "unsaid"),
     ("papers", "prefiero no decirlo", "unsaid")],
)  # fmt: skip
async def test_typed_answers(question: str, said: str, option: str) -> None:
    """Understood, or not guessed: then it is asked again."""
    tester = await _at(question)
    await tester.says(said)
    if question == "city" and option:
        assert tester.state is not None
        assert tester.state.phase is Phase.DONE  # It is the last question.
    else:
        assert _answers(tester).get(question, "") == option


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
