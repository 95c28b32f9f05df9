"""The importer: every topic of the catalogue has its intent, examples in all languages, one rule and a response."""

from __future__ import annotations

import shutil
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
from rasa.shared.core.events import ActionExecuted, UserUttered

from bot.content.loader import dialogue_files, load_catalogue
from bot.content.model import Kind
from bot.engine.importer import ContentImporter
from bot.i18n import LOCALES

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = load_catalogue(ROOT / "content")
ANSWERS = {topic.id for topic in CATALOGUE.values() if topic.kind is Kind.ANSWER}
DIALOGUES = {path.stem for path in dialogue_files(ROOT / "content")}
FEWEST_EXAMPLES = 3


@lru_cache(maxsize=1)
def _importer() -> ContentImporter:
    return ContentImporter(config_file=str(ROOT / "config.yml"))


def _rules(importer: ContentImporter) -> list[tuple[str, str]]:
    """Return (intent, action) of each rule."""
    rules = []
    for step in importer.get_stories().story_steps:
        intent = next((event.intent["name"] for event in step.events if isinstance(event, UserUttered)), "")
        actions = [event.action_name for event in step.events if isinstance(event, ActionExecuted)]
        rules.append((intent, actions[-1]))
    return rules


def test_the_domain_has_an_intent_and_a_response_for_every_topic() -> None:
    """A line in the catalogue is all that a topic needs to be known to the engine."""
    domain = _importer().get_domain()
    assert set(CATALOGUE) <= set(domain.intents)
    assert {f"utter_{topic}" for topic in CATALOGUE if topic not in DIALOGUES} <= set(domain.responses)


def test_an_answer_topic_is_remembered_and_no_other_is() -> None:
    """The slot that follow-ups read is filled by answers only, never by a greeting."""
    (slot,) = [slot for slot in _importer().get_domain().slots if slot.name == "topic"]
    mapped = [row["value"] for row in slot.mappings if row["type"] == "from_intent"]
    assert sorted(mapped) == sorted(ANSWERS)


def test_every_topic_has_exactly_one_rule() -> None:
    """Whatever is asked, the response of that topic follows; what is unclear gets its own."""
    rules = Counter(_rules(_importer()))
    answered = [(topic, f"utter_{topic}") for topic in CATALOGUE if topic not in DIALOGUES]
    guided = [(topic, "dialogue_form") for topic in DIALOGUES]
    ends = [("nlu_fallback", "utter_not_sure"), ("", "action_finish_dialogue")]
    assert rules == Counter([*answered, *guided, *ends])


def test_every_topic_has_examples_in_every_language() -> None:
    """No language is left out, and no example stands under an intent that does not exist."""
    examples = _importer().get_nlu_data().intent_examples
    counted = Counter((example.get("intent"), example.get("metadata")["locale"]) for example in examples)
    assert {intent for intent, _ in counted} == set(CATALOGUE)
    scarce = {key: counted[key] for topic in CATALOGUE for locale in LOCALES if counted[key := (topic, locale)] < FEWEST_EXAMPLES}
    assert scarce == {}


def test_no_example_stands_under_two_intents_of_one_language() -> None:
    """The same words cannot mean two things to the classifier."""
    intents: dict[tuple[str, str], set[str]] = {}
    for example in _importer().get_nlu_data().intent_examples:
        key = (example.get("metadata")["locale"], example.get("text").casefold().strip())
        intents.setdefault(key, set()).add(example.get("intent"))
    assert {key: names for key, names in intents.items() if len(names) > 1} == {}


def test_the_decision_gets_the_catalogues_urgent_topics() -> None:
    """Which topics are urgent stands in one place."""
    (decision,) = [row for row in _importer().get_config()["pipeline"] if row["name"].endswith("DecisionMaker")]
    assert set(decision["urgent"]) == {topic.id for topic in CATALOGUE.values() if topic.is_urgent}
    assert len(decision["urgent"]) >= 11
    assert set(decision["never_offered"]) <= set(CATALOGUE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy what the importer reads, but for the examples."""
    (tmp_path / "content").mkdir()
    for name in ("config.yml", "content/topics.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "intents" / "domain", tmp_path / "intents" / "domain")
    return tmp_path


def test_a_new_topic_needs_no_more_than_its_line(project: Path) -> None:
    """A line in the catalogue gives intent, response and rule, without Python and without the domain."""
    path = project / "content" / "topics.yml"
    line = '  emergency:\n    - {id: emergency_flood, kind: answer, urgent: true, means: "The water rises."}\n'
    path.write_text(path.read_text(encoding="utf-8").replace("  emergency:\n", line, 1), encoding="utf-8")
    importer = ContentImporter(config_file=str(project / "config.yml"))
    assert "emergency_flood" in importer.get_domain().intents
    assert ("emergency_flood", "utter_emergency_flood") in _rules(importer)


def test_a_written_rule_replaces_the_made_one(project: Path) -> None:
    """A topic with a hand-written rule gets no second one, which the engine would refuse."""
    path = project / "intents" / "rules" / "passport.yml"
    path.parent.mkdir()
    rule = "- rule: passport\n  steps:\n  - intent: passport\n  - action: utter_menu\n"
    path.write_text(f'version: "3.1"\nrules:\n{rule}', encoding="utf-8")
    rules = _rules(ContentImporter(config_file=str(project / "config.yml")))
    assert [action for intent, action in rules if intent == "passport"] == ["utter_menu"]
    assert ("id_card", "utter_id_card") in rules
