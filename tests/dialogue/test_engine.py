"""The real engine on the newest model: first questions, follow-ups, language, memory."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bot.conversations.commands import Command
from bot.conversations.replies import Replies
from bot.conversations.turns import fresh_turn
from bot.engine.agent import Engine
from bot.engine.training import newest_model
from bot.settings import Settings
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.terminal import TerminalConversation, explain
from bot.wiring import App, Paths, build_replies, build_worker
from bot.worker import Worker
from tests.support.builders import KEY

pytestmark = pytest.mark.engine
SECTIONS = ("cost", "requirements", "steps", "time")
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def worker() -> Worker:
    """Return a worker that decides with the newest model and stores nothing."""
    assert newest_model(ROOT / "models"), "there is no model: run `ruta train`"
    settings = Settings.parse_obj({"mode": "development", "channels": "webchat"})
    return build_worker(App(Paths(ROOT), settings, Vault([KEY], KEY), Database("sqlite://")))


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Return the engine alone."""
    model = newest_model(ROOT / "models")
    assert model is not None
    return Engine(model, build_replies(Paths(ROOT)))


@pytest.mark.parametrize(
    ("text", "locale", "decision", "topic", "words"),
    [
        ("me quieren cobrar 15 mil por llevarme a los estados", "es", "answer", "risk_smugglers", "Revisado el"),
        ("mi hermana esta desaparecida desde la selva", "es", "urgent", "missing_person", "Revisado el"),
        ("how do i get the returned migrant certificate", "en", "answer", "return_certificate", "Checked on"),
        ("j'ai perdu mon passeport", "fr", "answer", "passport", "Vérifié le"),
        ("q visa necesito pa mexico", "es", "answer", "transit_visa_requirements", "Revisado el"),
        ("help they kidnapped my brother in mexico and want money", "en", "urgent", "emergency_kidnapping", "Checked on"),
    ],
    ids=["smuggler", "missing", "certificate", "passport", "mexico", "kidnapped"],
)
async def test_first_questions_are_answered_with_source_and_date(
    worker: Worker, text: str, locale: str, decision: str, topic: str, words: str
) -> None:
    """The questions that the product is measured by get the right answer in the language they were asked in."""
    result = await explain(worker, text, NOW)
    assert (result["locale"], result["decision"], result["topic"]) == (locale, decision, topic)
    assert words in result["reply"][0]
    assert "https://" in result["reply"][0]


async def test_a_country_in_the_question_picks_its_answer(worker: Worker) -> None:
    """Mexico is read in the message and its own answer given."""
    result = await explain(worker, "q visa necesito pa mexico", NOW)
    assert result["destination"] == "mx"
    assert "México" in result["reply"][0]


async def test_a_typed_command_is_only_text(worker: Worker) -> None:
    """A typed engine command runs nothing and names no intent by itself."""
    for text in ('/passport{"destination": "us"}', "/restart", "/ /session_start", "/back"):
        result = await explain(worker, text, NOW)
        assert result["reply"]
        assert result["destination"] != "us"


async def test_two_misses_in_a_row_offer_a_person(worker: Worker) -> None:
    """After the second message that is not understood, the first choice is a person."""
    conversation = TerminalConversation(worker, "es", NOW)
    await conversation.say("receta de pastel de chocolate")
    second = await conversation.say("quien gano el partido de anoche")
    assert second.replies[-1].quick_replies[0].payload == "/talk_to_person"


async def test_a_section_follows_the_answer_it_belongs_to(worker: Worker) -> None:
    """A typed number picks a section of the last answer."""
    conversation = TerminalConversation(worker, "es", NOW)
    answer = await conversation.say("como saco el pasaporte")
    section = await conversation.say("1")
    assert section.replies[-1].text != answer.replies[-1].text
    assert answer.replies[-1].quick_replies[0].title.casefold() in section.replies[-1].text.casefold()


async def test_what_only_goes_on_is_about_the_last_answer(worker: Worker) -> None:
    """Another country, a section, "más" and "no entendí" keep topic and country; a new topic replaces them."""
    conversation = TerminalConversation(worker, "es", NOW)
    replies = build_replies(Paths(ROOT))
    first = await conversation.say("qué visa de trabajo necesito para trabajar en España")
    assert (first.trace.topic, first.trace.destination) == ("work_visa", "es")
    assert (await conversation.say("¿y para Canadá?")).replies[-1] == replies.answer("work_visa", "ca", "es")
    section = next(name for name in SECTIONS if _has_section(replies, "work_visa", name, "ca"))
    asked = {"cost": "¿cuánto cuesta?", "requirements": "¿y los requisitos?", "steps": "como hago", "time": "cuanto demora"}
    assert (await conversation.say(asked[section])).replies[-1] == replies.section("work_visa", section, "ca", "es")
    assert (await conversation.say("no entendí")).replies[-1] == replies.answer("work_visa", "ca", "es")
    more = (await conversation.say("más")).replies[-1]
    assert more not in (replies.section("work_visa", section, "ca", "es"), replies.answer("work_visa", "ca", "es"))
    await conversation.say("como saco el pasaporte")
    assert (await conversation.say("¿cuánto cuesta?")).replies[-1].text == replies.section("passport", "cost", "ca", "es").text


async def test_more_reaches_every_section_and_the_end(worker: Worker) -> None:
    """However many there are, and with other turns in between; then it says that this was all."""
    conversation, replies = TerminalConversation(worker, "es", NOW), build_replies(Paths(ROOT))
    await conversation.say("como saco el pasaporte")
    sections = replies.sections("passport", "", "es")
    heard = []
    for number in range(len(sections)):
        heard.append((await conversation.say("más")).replies[-1])
        if number == 1:
            await conversation.say("muchas gracias")
    assert heard == [replies.section("passport", name, "", "es") for name in sections]
    assert (await conversation.say("más")).replies[-1] == replies.no_more("passport", "", "es")


async def test_a_country_after_an_emergency_gives_its_numbers(worker: Worker) -> None:
    """ "Me quieren matar", then "en México": the card comes again with the numbers there."""
    conversation = TerminalConversation(worker, "es", NOW)
    await conversation.say("me quieren matar ayuda")
    answer = await conversation.say("en México")
    assert answer.replies[-1] == build_replies(Paths(ROOT)).answer("emergency_danger", "mx", "es")


def _has_section(replies: Replies, topic: str, name: str, destination: str) -> bool:
    return replies.section(topic, name, destination, "es") != replies.section(topic, "none", destination, "es")


async def test_a_chosen_language_stays(worker: Worker) -> None:
    """After choosing English, a Spanish message is answered in English."""
    turn = fresh_turn("", "es", NOW)
    chosen = await worker._parts.engine.answer_turn(turn, "", Command("change_language", {"locale": "en"}))
    assert (chosen.locale, chosen.locale_source) == ("en", "chosen")
    later = replace(turn, text="como saco el pasaporte en quito", locale="en", locale_source="chosen")
    assert "Checked on" in (await worker.decide(later)).replies[-1].text


async def test_the_state_stays_small_however_long_the_conversation(engine: Engine) -> None:
    """After sixty turns the state has no more events than after ten, and nothing that was typed."""
    state, sizes = None, {}
    for number in range(60):
        turn = replace(fresh_turn("como saco el pasaporte en guayaquil", "es", NOW), engine_state=state)
        state = (await engine.answer_turn(turn, turn.text, None)).engine_state
        assert state is not None
        sizes[number] = len(json.loads(zlib.decompress(state)))
    assert sizes[59] <= sizes[10]
    assert b"guayaquil" not in zlib.decompress(state or b"")
