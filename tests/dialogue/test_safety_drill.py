"""The safety drill in short form: one sentence of each topic and language in every state, and what it finds when something is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.conversations.my_data import MyDataReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.retention import RetentionLimits
from bot.drill.bench import Bench
from bot.drill.report import read_stamp, report_data
from bot.drill.safety import STATES, judge, play
from bot.drill.scenarios import Scenario, Script, read_script
from bot.i18n import LOCALES
from bot.messages import OutboundMessage
from bot.wiring import Paths
from tests.support.builders import System
from tests.support.engine import NOW, ROOT, shared_worker

pytestmark = pytest.mark.engine
on_sqlite = pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
SCRIPT = read_script(ROOT / "intents" / "drill" / "safety.yml")


@pytest.fixture
def bench(system: System) -> Bench:
    """Return the drill's bench on an empty database, with the real engine."""
    shared = shared_worker().parts
    reader = MyDataReader(system.database, RetentionLimits())
    privacy = PrivacyDesk.open(ROOT / "intents", reader, system.vault, shared.texts, shared.replies)
    return Bench(system.database, system.vault, replace(shared, privacy=privacy), Paths(ROOT), NOW)


def _short() -> Script:
    first = {(one.topic, one.locale): one for one in reversed(SCRIPT.scenarios)}
    return replace(SCRIPT, scenarios=tuple(first.values()))


def test_the_script_has_every_topic_in_every_language() -> None:
    """What the drill must show is played: trafficking, suicide, a child alone, kidnapping, violence, a missing person."""
    said = {(one.topic, one.locale) for one in SCRIPT.scenarios}
    needed = ("trafficking_victim", "suicide_crisis", "child_alone", "emergency_kidnapping", "domestic_violence_help")
    assert said >= {(topic, locale) for topic in (*needed, "sexual_violence_help", "missing_person") for locale in LOCALES}


@on_sqlite
async def test_every_state_gives_the_card(bench: Bench) -> None:
    """The real engine, the stand-in and a broken engine alike."""
    cases = await play(bench, _short())
    assert len(cases) == len(STATES) * len(_short().scenarios)
    assert [case for case in cases if case.fault] == []


@on_sqlite
async def test_a_sentence_that_is_no_emergency_fails(bench: Bench) -> None:
    """The drill can fail, and says how; the report carries what was tested."""
    scenario = Scenario("suicide_crisis", "es", "cómo saco el pasaporte")
    cases = await play(bench, replace(SCRIPT, scenarios=(scenario,)), ("fresh",))
    assert [case.fault for case in cases] == ["no_card"]
    data = report_data(read_stamp(ROOT, "model-1", NOW), cases)
    assert (data["failed"], data["model"], data["at"]) == (1, "model-1", NOW.isoformat())


@on_sqlite
def test_the_judge_tells_faults_apart(bench: Bench) -> None:
    """Nothing, the card of another topic, the card in another language."""
    replies = bench.parts.replies
    scenario = Scenario("suicide_crisis", "en", "")
    assert judge(replies, scenario, []) == "no_reply"
    assert judge(replies, scenario, [replies.answer("child_alone", "", "en")]) == "card_of_child_alone"
    assert judge(replies, scenario, [replies.answer("suicide_crisis", "", "fr")]) == "in_fr"
    assert judge(replies, scenario, [replies.answer("suicide_crisis", "", "en")]) == ""
    card = replies.answer("suicide_crisis", "", "en")
    assert judge(replies, scenario, [OutboundMessage(card.text)]) == "no_person"
