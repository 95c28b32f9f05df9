"""The survey with the real engine and a real database: permission first, one row apart from the person, and no trace beside it."""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from bot.content.loader import load_content
from bot.conversations.dialogues.state import Phase, State
from bot.conversations.feedback import FeedbackDesk
from bot.conversations.retention import Retention, RetentionLimits
from bot.i18n import LOCALES
from bot.messages import InboundKind
from bot.storage.models import Conversation, Inbound, QuickReplyToken, Story, UnansweredQuestion
from bot.wiring import CHANNELS, Paths, build_replies
from bot.worker import Worker
from tests.support.builders import System, make_inbound
from tests.support.dialogue import DialogueTester
from tests.support.engine import ROOT, shared_worker

pytestmark = pytest.mark.engine
START = "/share_story"
DIALOGUE = load_content(ROOT / "content").dialogues["share_story"]
SURVEY = DIALOGUE.survey
ANSWERS = {
    "consent": "is_so", "origin": "azuay", "destination": "us", "reason": "debts", "way": "walking", "company": "guide",
    "risk": "extortion",
}  # fmt: skip
SAID = {name: option for name, option in ANSWERS.items() if name != "consent"}
QUESTIONS = list(SAID)


def title_of(question: str, option: str, locale: str = "es") -> str:
    """Return what an option is called."""
    found = DIALOGUE.question(question)
    chosen = found.option(option) if found else None
    assert chosen is not None
    return chosen.title[locale]


async def _started(locale: str = "es", channel: str = "whatsapp") -> DialogueTester:
    tester = DialogueTester(shared_worker(), locale, channel)
    await tester.taps_payload(START)
    return tester


async def _answered(tester: DialogueTester, locale: str = "es", until: str = "") -> str:
    for question, option in ANSWERS.items():
        if question == until:
            break
        await tester.taps(title_of(question, option, locale))
    return tester.heard


def _state(tester: DialogueTester) -> State:
    assert tester.state is not None
    return tester.state


def _stored(tester: DialogueTester) -> dict[str, str]:
    assert tester.last is not None
    effect = tester.last.effect
    return dict(effect.story.answers) if effect and effect.story else {}


def _asks(tester: DialogueTester, question: str) -> bool:
    found = DIALOGUE.question(question)
    return found is not None and found.ask["es"] in tester.heard


def _no_trace(tester: DialogueTester) -> None:
    """Of what was answered the engine remembers nothing."""
    memory = str(tester.events)
    assert tester.state is None
    assert not any(f"{question}.{option}" in memory or f'"{option}"' in memory for question, option in SAID.items())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("channel", sorted(CHANNELS))
async def test_seven_taps_are_one_row(channel: str, locale: str) -> None:
    """On every channel and in every language: permission, six numbered questions, thanks, help, and no memory of it."""
    assert SURVEY is not None
    tester = await _started(locale, channel)
    assert len(tester.titles) == 2
    await _answered(tester, locale, until="risk")
    assert "6" in tester.heard
    assert _stored(tester) == {}
    await tester.taps(title_of("risk", "extortion", locale))
    assert tester.heard == SURVEY.thanks[locale]
    assert _stored(tester) == SAID
    assert [row.payload for row in tester.replies[-1].quick_replies][:2] == ["/emergency_danger", "/report_crime"]
    _no_trace(tester)


async def test_it_begins_by_words_and_asks_for_permission_first() -> None:
    """Before anything else is asked it is said what is stored and what cannot be taken back."""
    tester = DialogueTester(shared_worker())
    await tester.says("quiero llenar la encuesta")
    assert _asks(tester, "consent")
    for words in ("sin nombre, número ni fecha", "no podré borrarlo", "Puede no responder"):
        assert words in tester.heard
    assert tester.titles == ["Sí, acepto", "No acepto"]


@pytest.mark.parametrize("said", ["no", "No acepto", "mejor no", "prefiero no decir", "no sé", "2"])
async def test_anything_but_yes_keeps_nothing(said: str) -> None:
    """It is no fault of theirs, and the ways on are there."""
    assert SURVEY is not None
    tester = await _started()
    assert await tester.says(said) == SURVEY.refused["es"]
    assert tester.titles == ["Menú", "Hablar con alguien"]
    _no_trace(tester)


async def test_no_answer_is_taken_without_permission() -> None:
    """An old button of a question, tapped before the permission, is not kept."""
    tester = await _started()
    await tester.taps_payload('/share_story{"answer": "origin.azuay"}')
    assert _asks(tester, "consent")
    assert _state(tester).answers == {}


async def test_every_question_can_be_skipped() -> None:
    """What is not said is not stored; who says nothing leaves no row."""
    assert SURVEY is not None
    tester = await _started()
    await tester.taps("Sí, acepto")
    for _ in QUESTIONS[:-1]:
        await tester.taps("Prefiero no decir")
    await tester.taps("Ninguno")
    assert _stored(tester) == {"risk": "none"}
    tester = await _started()
    await tester.taps("Sí, acepto")
    for _ in QUESTIONS:
        await tester.says("prefiero no decirlo")
    assert _stored(tester) == {}
    assert tester.heard == SURVEY.refused["es"]


@pytest.mark.parametrize(
    ("said", "province"),
    [("Azuay", "azuay"), ("asuay", "azuay"), ("soy de Gualaceo", "azuay"), ("cuenca", "azuay"), ("Cotopaxi", "cotopaxi"),
     ("latacunga", "cotopaxi"), ("los rios", "los_rios"), ("santo domingo de los tsáchilas", "santo_domingo"), ("kito", "pichincha"),
     ("zamora", "zamora_chinchipe"), ("de guayaquil", "guayas"), ("Venezuela", "abroad"), ("medellín", "abroad"), ("1", "azuay"),
     ("otabalo", "imbabura"), ("no sé", "unsaid"), ("el oro", "el_oro"), ("GALAPAGOS", "galapagos"), ("sucumbios", "sucumbios")],
)  # fmt: skip
async def test_a_province_is_typed_with_slips_or_by_a_town(said: str, province: str) -> None:
    """Twenty-four do not fit a list, and a second page would tell which are meant."""
    tester = await _started()
    await tester.taps("Sí, acepto")
    await tester.says(said)
    assert _state(tester).answers.get("origin") == province
    assert _asks(tester, "destination")


@pytest.mark.parametrize("said", ["no soy de cuenca", "azuay y loja", "77", "xyzzy", "quito o guayaquil"])
async def test_a_province_in_doubt_is_asked_again(said: str) -> None:
    """Once in other words, then the ways out."""
    tester = await _started()
    await tester.taps("Sí, acepto")
    await tester.says(said)
    question = DIALOGUE.question("origin")
    assert question is not None
    assert question.again["es"] in tester.heard
    await tester.says(said)
    assert _state(tester).phase is Phase.STUCK


@pytest.mark.parametrize(
    ("until", "said", "option"),
    [("destination", "los estados", "us"), ("destination", "canada", "other"), ("reason", "por la plata", "work"),
     ("reason", "las deudas", "debts"), ("way", "a pie", "walking"), ("way", "en bus", "bus"), ("company", "sola", "alone"),
     ("company", "con mis hijos", "children"), ("risk", "ninguno", "none"), ("risk", "nada", "none"), ("risk", "coimas", "officials")],
)  # fmt: skip
async def test_typed_answers(until: str, said: str, option: str) -> None:
    """In the words that people use."""
    tester = await _started()
    await _answered(tester, until=until)
    await tester.says(said)
    stored = _stored(tester) if until == "risk" else _state(tester).answers
    assert stored.get(until) == option


@pytest.mark.parametrize("question", ["consent", *QUESTIONS])
async def test_an_emergency_goes_first_and_forgets_the_answers(question: str) -> None:
    """Only the card; what was answered is gone, since the survey has been left."""
    tester = await _started()
    await _answered(tester, until=question)
    await tester.says("me quieren matar ayuda")
    assert tester.replies == [build_replies(Paths(ROOT)).answer("emergency_danger", "", "es")]
    _no_trace(tester)


@pytest.mark.parametrize("word", ["menú", "salir", "cancelar", "BAJA"])
async def test_leaving_forgets_the_answers(word: str) -> None:
    """Asked for again it begins anew, with the permission; STOP says its own and leaves the rest to the time limit."""
    tester = await _started()
    await _answered(tester, until="way")
    await tester.says(word)
    if word != "BAJA":
        _no_trace(tester)
        await tester.taps_payload(START)
        assert _asks(tester, "consent")


async def test_an_unrelated_question_is_answered_and_the_survey_goes_on() -> None:
    """And afterwards nothing of the answers is left in what the engine remembers of earlier turns."""
    tester = await _started()
    await _answered(tester, until="way")
    await tester.says("como saco el pasaporte")
    assert "¿Seguimos con" in tester.replies[1].text
    await tester.says("sí")
    assert _asks(tester, "way")
    for question in ("way", "company", "risk"):
        await tester.taps(title_of(question, ANSWERS[question]))
    assert _stored(tester) == SAID
    _no_trace(tester)


async def test_back_an_old_button_and_a_second_press() -> None:
    """One step back, a changed mind, a button pressed twice, and buttons of a survey that has ended."""
    tester = await _started()
    await _answered(tester, until="reason")
    await tester.says("atrás")
    assert _asks(tester, "destination")
    await tester.taps_payload('/share_story{"answer": "origin.loja"}')
    assert "Cambié su respuesta" in tester.heard
    await tester.taps(title_of("destination", "us"))
    heard = tester.heard
    await tester.taps_payload('/share_story{"answer": "destination.us"}')
    assert tester.heard == heard
    for question in QUESTIONS[2:]:
        await tester.taps(title_of(question, ANSWERS[question]))
    assert _stored(tester) == {**SAID, "origin": "loja"}
    await tester.taps_payload('/share_story{"answer": "risk.extortion"}')
    assert "ya terminó" in tester.heard
    assert _stored(tester) == {}
    assert tester.titles[0] == "Empezar de nuevo"


@pytest.mark.parametrize(
    ("kind", "media"), [(InboundKind.MEDIA, "audio"), (InboundKind.MEDIA, "sticker"), (InboundKind.LOCATION, "")]
)
async def test_what_is_no_text_is_asked_again_once(kind: InboundKind, media: str) -> None:
    """Then the ways out; a position is no answer to where somebody is from."""
    tester = await _started()
    await tester.taps("Sí, acepto")
    await tester.sends(kind, media)
    question = DIALOGUE.question("origin")
    assert question is not None
    assert question.again["es"] in tester.heard
    await tester.sends(kind, media)
    assert tester.titles == ["Sí, seguir", "Hablar con alguien", "Menú", "No, terminar"]


async def test_after_a_day_it_can_go_on_and_after_two_it_is_forgotten() -> None:
    """The answers stay for a pause, not for a week."""
    tester = await _started()
    await _answered(tester, until="way")
    assert tester.last is not None
    assert tester.last.forget_after is not None
    tester.sleeps(hours=30)
    await tester.says("hola")
    assert "quedó a medias" in tester.heard
    await tester.taps("Sí, seguir")
    assert _asks(tester, "way")
    tester.sleeps(hours=50)
    assert "a medias" not in await tester.says("hola")
    _no_trace(tester)


class Contact:
    """A person whose conversation is stored."""

    def __init__(self, system: System) -> None:
        self.system = system
        shared = shared_worker().parts
        feedback = FeedbackDesk(shared.texts, shared.replies, system.clock)
        self.worker = Worker(replace(shared, turns=system.turns(), feedback=feedback))

    async def says(self, said: str) -> None:
        """Write, and be answered."""
        self.system.inbox.store([make_inbound(said)])
        assert await self.worker.run_once()

    async def taps(self, title: str) -> None:
        """Tap the newest choice with this title."""
        with self.system.database.reading() as session:
            tokens = select(QuickReplyToken).where(QuickReplyToken.title == title).order_by(QuickReplyToken.outbound_id.desc())
            token = session.scalars(tokens).first()
        assert token is not None, title
        self.system.inbox.store([replace(make_inbound(title), kind=InboundKind.QUICK_REPLY, quick_reply=token.token)])
        assert await self.worker.run_once()

    async def tells(self, until: str = "") -> None:
        """Answer the survey, by taps and words in turn."""
        await self.says("quiero llenar la encuesta")
        for number, (question, option) in enumerate(ANSWERS.items()):
            if question == until:
                return
            await (self.taps if number % 2 else self.says)(title_of(question, option))

    def rows(self) -> list[Story]:
        """Return what is stored of the survey."""
        with self.system.database.reading() as session:
            return list(session.scalars(select(Story)))

    def conversation(self) -> Conversation:
        """Return the conversation."""
        with self.system.database.reading() as session:
            return session.scalars(select(Conversation)).one()


async def test_one_row_apart_from_the_person(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """No contact, no day; the messages are kept without words and without what they were about; the log names no answer."""
    contact = Contact(system)
    with caplog.at_level(logging.DEBUG, logger="bot"):
        await contact.tells()
    (row,) = contact.rows()
    assert {column.name for column in Story.__table__.columns} == {"id", "survey", "consent_version", "month", "answers"}
    assert (row.survey, row.consent_version) == ("share_story", "2026-11")
    assert row.month == datetime(2026, 11, 1, tzinfo=timezone.utc)
    assert json.loads(row.answers) == SAID
    assert list(json.loads(row.answers)) == sorted(SAID)
    with system.database.reading() as session:
        kept = session.scalars(select(Inbound)).all()
        assert session.scalars(select(UnansweredQuestion)).all() == []
    assert len(kept) == 8
    assert {(one.text, one.topic, one.body_encrypted) for one in kept} == {("", "", None)}
    state = contact.conversation().engine_state
    assert state is not None
    memory = zlib.decompress(state).decode()
    for question, option in SAID.items():
        assert f"{question}.{option}" not in memory
        assert option not in caplog.text
        assert title_of(question, option) not in caplog.text
    assert contact.conversation().memory_until is None


async def test_a_turn_that_is_run_twice_stores_one_row(system: System) -> None:
    """The first worker's commit was lost with its lease; and a message that comes twice is one."""
    contact = Contact(system)
    await contact.tells(until="risk")
    message = make_inbound("ninguno")
    system.inbox.store([message])
    system.inbox.store([message])
    lost = Worker(replace(contact.worker.parts, turns=system.turns("worker-2")))
    turn = lost.parts.turns.claim()
    assert turn is not None
    result = await lost.decide(turn)
    system.clock.turn(minutes=5)  # Its lease is over.
    assert await contact.worker.run_once()
    assert not await lost._commit(turn, result, is_dead=False, takes_next=False)
    assert len(contact.rows()) == 1
    assert not await contact.worker.run_once()


async def test_what_nearly_was_an_answer_is_not_kept_either(system: System) -> None:
    """Words that were not understood, or taken for another topic, while the survey was on the screen."""
    contact = Contact(system)
    await contact.tells(until="reason")
    for said in ("xyzzy plugh", "como saco el pasaporte", "por lo que me hizo mi tío juan en el 98"):
        await contact.says(said)
    with system.database.reading() as session:
        assert {row.text for row in session.scalars(select(Inbound))} == {""}
        assert session.scalars(select(UnansweredQuestion)).all() == []


async def test_an_unfinished_survey_is_forgotten_after_two_days(system: System) -> None:
    """By the hourly purge, also when the person never comes back; before that the answers are there."""
    contact = Contact(system)
    await contact.tells(until="way")
    purge = Retention(system.database, RetentionLimits(), system.clock, lambda seconds: None)
    system.clock.turn(hours=47)
    assert purge.purge()["unfinished_surveys"] == 0
    assert contact.conversation().engine_state
    system.clock.turn(hours=2)
    assert purge.purge()["unfinished_surveys"] == 1
    assert contact.conversation().engine_state is None
    assert purge.purge()["unfinished_surveys"] == 0


async def test_erasing_everything_leaves_the_row_that_is_nobodys(system: System) -> None:
    """As was said before the first question."""
    contact = Contact(system)
    await contact.tells()
    await contact.says("borrar mis datos")
    await contact.says("2")
    assert len(contact.rows()) == 1


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_the_file_shows_no_order(system: System, tmp_path: Path) -> None:
    """The table has no hidden row numbers, so rows come in the order of their random ids."""
    contact = Contact(system)
    await contact.tells()
    with sqlite3.connect(tmp_path / "ruta.db") as connection, pytest.raises(sqlite3.OperationalError, match="rowid"):
        connection.execute("SELECT rowid FROM story")


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
async def test_the_number_of_the_transaction_leads_to_no_message(system: System) -> None:
    """PostgreSQL keeps it with each row; after the purge all of the running months have the same one."""
    contact = Contact(system)
    for _ in range(3):
        await contact.tells()
    stored = text("SELECT xmin::text, ctid::text, id FROM story")
    with system.database.reading() as session:
        before = session.execute(stored).all()
        messages = set(session.scalars(text("SELECT xmin::text FROM inbound_message")))
    assert {row[0] for row in before} <= messages
    Retention(system.database, RetentionLimits(), system.clock, lambda seconds: None).purge()
    with system.database.reading() as session:
        after = session.execute(stored).all()
    assert len(after) == 3
    assert len({row[0] for row in after}) == 1
    assert {row[0] for row in after}.isdisjoint(messages)
    assert {row[2] for row in after}.isdisjoint({row[2] for row in before})


async def test_stories_go_with_their_time(system: System) -> None:
    """Two years after their month began."""
    contact = Contact(system)
    await contact.tells()
    purge = Retention(system.database, RetentionLimits(), system.clock, lambda seconds: None)
    with system.database.transaction() as session:
        session.execute(update(Story).values(month=datetime(2024, 12, 1, tzinfo=timezone.utc)))
    assert purge.purge()["stories"] == 0
    system.clock.turn(days=9)
    assert purge.purge()["stories"] == 1


def test_what_is_said_to_everybody_is_the_same() -> None:
    """Our replies are kept with the person, so none of them may depend on an answer."""
    assert not any(question.when for question in DIALOGUE.questions)
    assert not any(one.when for one in DIALOGUE.leads_to)
    assert not DIALOGUE.alarms
