"""The engine's voice: every response of the domain has words in every language, whatever the tracker holds."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.content.loader import load_catalogue
from bot.conversations.replies import Replies
from bot.engine.nlg import ContentNlg, locale_of_turn, note_section
from bot.i18n import LOCALES, Catalogues
from bot.wiring import Paths, build_replies

ROOT = Path(__file__).resolve().parents[3]
TEXTS = Catalogues(ROOT / "locales")
CATALOGUE = load_catalogue(ROOT / "content")
EVERY_LOCALE = pytest.mark.parametrize("locale", LOCALES)
SLOTS = Domain.from_dict(
    {"slots": {name: {"type": "text", "mappings": [{"type": "custom"}]} for name in ("topic", "destination", "sections_sent")}}
).slots


@lru_cache(maxsize=1)
def _replies() -> Replies:
    return build_replies(Paths(ROOT))


@pytest.fixture
def nlg() -> ContentNlg:
    """Return the voice on the real content and sentences."""
    return ContentNlg(replies=_replies())


def _tracker(
    locale: str, intent: str = "x", slots: dict[str, str] | None = None, entities: dict[str, str] | None = None, **parsed: Any
) -> DialogueStateTracker:
    tracker = DialogueStateTracker("c1", SLOTS)
    rows = [{"entity": name, "value": value} for name, value in (entities or {}).items()]
    intent_row = {"name": intent, "confidence": 1.0}
    parse_data = {"intent": intent_row, "entities": rows, **parsed}
    metadata = {"locale": locale, "locale_source": "detected"}
    tracker.update(UserUttered("palabras", intent_row, rows, parse_data, metadata=metadata))
    for name, value in (slots or {}).items():
        tracker.update(SlotSet(name, value))
    return tracker


@EVERY_LOCALE
@pytest.mark.parametrize("destination", ["", "us", "de"], ids=["nowhere", "us", "de"])
def test_every_topic_has_words(nlg: ContentNlg, locale: str, destination: str) -> None:
    """Whichever topic the engine answers, there is a text without a raw key or a placeholder."""
    for topic in [*CATALOGUE, "not_sure"]:
        message = nlg.compose(topic, _tracker(locale, topic, {"destination": destination}))
        assert len(message.text) > 15, topic
        assert not re.search(r"\{\w*\}|\b(?:reply|notice|choices|section|topic|family)\.[a-z_]+", message.text), topic
        assert message.quick_replies, topic
        assert all(choice.title.strip() for choice in message.quick_replies), topic


@EVERY_LOCALE
async def test_generate_gives_text_and_buttons(nlg: ContentNlg, locale: str) -> None:
    """The engine gets a response in its own form, with our payloads on the buttons."""
    response = await nlg.generate("utter_greet", _tracker(locale, "greet"), "collector")
    assert response is not None
    assert response["text"] == TEXTS.text(locale, "reply.greet")
    assert {"title": TEXTS.text(locale, "choices.menu"), "payload": "/menu"} in response["buttons"]


@pytest.mark.parametrize("topic", ["inform_destination", "repeat_or_explain"])
def test_a_follow_up_is_about_the_last_answer(nlg: ContentNlg, topic: str) -> None:
    """What was answered last is what "once more" and "in Spain" are about."""
    tracker = _tracker("es", topic, {"topic": "passport"})
    assert nlg.compose(topic, tracker) == _replies().answer("passport", "", "es")


def test_more_gives_one_section_after_the_other(nlg: ContentNlg) -> None:
    """ "Más" goes through the sections that were not sent yet, whatever came in between, and says when there are no more."""
    sections = _replies().sections("passport", "", "es")
    assert len(sections) >= 3
    slots = {"topic": "passport", "sections_sent": f"passport:{sections[1]}"}
    left = [name for name in sections if name != sections[1]]
    for name in left:
        tracker = _tracker("es", "more_detail", slots)
        assert nlg.compose("more_detail", tracker) == _replies().section("passport", name, "", "es")
        slots["sections_sent"] = note_section(tracker, name)
    assert nlg.compose("more_detail", _tracker("es", "more_detail", slots)) == _replies().no_more("passport", "", "es")
    other = {"topic": "id_card", "sections_sent": slots["sections_sent"]}
    first = _replies().sections("id_card", "", "es")[0]
    assert nlg.compose("more_detail", _tracker("es", "more_detail", other)) == _replies().section("id_card", first, "", "es")


def test_a_follow_up_of_nothing_offers_what_the_classifier_guessed(nlg: ContentNlg) -> None:
    """ "Qué derechos tengo" as the first message is a question, and not only half of one."""
    decision = {"kind": "answer", "topics": ["more_detail"], "guessed": ["migrant_rights_transit"]}
    message = nlg.compose("more_detail", _tracker("es", "more_detail", decision=decision))
    assert message == _replies().did_you_mean(["migrant_rights_transit"], "es")


def test_a_country_after_an_emergency_gives_its_numbers(nlg: ContentNlg) -> None:
    """Whoever says where they are gets the card again with that country's numbers, and no list of visas."""
    slots = {"topic": "emergency_danger", "destination": "mx"}
    tracker = _tracker("es", "inform_destination", slots, {"destination": "mx"})
    assert nlg.compose("inform_destination", tracker) == _replies().answer("emergency_danger", "mx", "es")


def test_a_topic_that_left_the_catalogue_is_forgotten(nlg: ContentNlg) -> None:
    """An old conversation does not end in an error."""
    tracker = _tracker("es", "inform_destination", {"topic": "retired", "destination": "ca"}, {"destination": "ca"})
    assert nlg.compose("inform_destination", tracker) == _replies().about_country("ca", "es")
    assert nlg.compose("more_detail", _tracker("es", "more_detail", {"topic": "retired"})) == _replies().menu("es")


def _missing(topic: str) -> str:
    return _replies().section(topic, "no_such_section", "", "es").text


def test_a_section_that_is_not_there_is_said_to_be_missing(nlg: ContentNlg) -> None:
    """Nobody gets the whole answer again for a question that it does not hold; what there is is offered."""
    message = nlg.compose("more_detail", _tracker("es", "more_detail", {"topic": "passport"}, {"section": "rights"}))
    title = TEXTS.text("es", "reply.section_missing", title="x").split("x")[0]
    assert message.text.startswith(title)
    assert any('"section": "cost"' in choice.payload for choice in message.quick_replies)


def test_a_country_that_the_last_topic_knows_nothing_of_gets_its_own_choices(nlg: ContentNlg) -> None:
    """ "¿Y para Canadá?" after the passport, or at the beginning, offers what people ask about Canada; a button keeps its topic."""
    for slots in ({}, {"topic": "passport"}):
        tracker = _tracker("es", "inform_destination", {**slots, "destination": "ca"}, {"destination": "ca"})
        message = nlg.compose("inform_destination", tracker)
        assert message == _replies().about_country("ca", "es")
        assert all('"destination": "ca"' in choice.payload for choice in message.quick_replies[:-1])
    known = _tracker("es", "inform_destination", {"topic": "visit_visa", "destination": "ca"}, {"destination": "ca"})
    assert nlg.compose("inform_destination", known) == _replies().answer("visit_visa", "ca", "es")
    tapped = {"topic": "passport", "section": "cost", "destination": "ca"}
    button = _tracker("es", "more_detail", {"topic": "passport", "destination": "ca"}, tapped)
    assert nlg.compose("more_detail", button) == _replies().section("passport", "cost", "ca", "es")


@pytest.mark.parametrize("topic", ["more_detail", "inform_destination", "repeat_or_explain"])
def test_a_follow_up_of_nothing_gets_the_menu(nlg: ContentNlg, topic: str) -> None:
    """At the beginning of a session there is nothing to say more about."""
    assert nlg.compose(topic, _tracker("pt", topic)) == _replies().menu("pt")


def test_a_follow_up_by_button_picks_its_section(nlg: ContentNlg) -> None:
    """The section that was tapped is what is sent."""
    tracker = _tracker("es", "more_detail", {"topic": "passport"}, {"section": "cost"})
    expected = _replies().section("passport", "cost", "", "es")
    assert nlg.compose("more_detail", tracker) == expected
    assert expected != _replies().answer("passport", "", "es")


def test_an_unsure_decision_offers_its_choices(nlg: ContentNlg) -> None:
    """What the decision offers is what the contact reads."""
    decision = {"kind": "choices", "topics": ["passport", "id_card"]}
    message = nlg.compose("not_sure", _tracker("fr", "nlu_fallback", decision=decision))
    assert [choice.payload for choice in message.quick_replies] == ["/passport", "/id_card", "/menu"]
    assert message.text == TEXTS.text("fr", "reply.did_you_mean")


@pytest.mark.parametrize(
    ("intents", "key"),
    [
        pytest.param(["nlu_fallback"], "reply.not_understood", id="one miss"),
        pytest.param(["nlu_fallback", "nlu_fallback"], "reply.not_understood_again", id="two misses"),
        pytest.param(["nlu_fallback", "out_of_scope"], "reply.not_understood_again", id="two kinds of miss"),
        pytest.param(["nlu_fallback", "passport", "nlu_fallback"], "reply.not_understood", id="not in a row"),
    ],
)
def test_misses_are_counted_in_a_row(nlg: ContentNlg, intents: list[str], key: str) -> None:
    """An answer in between begins the count again."""
    tracker = DialogueStateTracker("c1", SLOTS)
    for intent in intents:
        tracker.update(UserUttered("x", {"name": intent}, metadata={"locale": "en", "locale_source": "chosen"}))
    assert nlg.compose("not_sure", tracker).text == TEXTS.text("en", key)


@EVERY_LOCALE
def test_a_chosen_language_is_confirmed_in_that_language(nlg: ContentNlg, locale: str) -> None:
    """Whoever picks a language reads the confirmation in it."""
    message = nlg.compose("change_language", _tracker("es", "change_language", entities={"locale": locale}))
    names = {"es": "español", "en": "English", "fr": "français", "pt": "português"}
    assert message.text == TEXTS.text(locale, "reply.language_changed", language=names[locale])


@pytest.mark.parametrize("entities", [{}, {"locale": "de"}], ids=["none", "not ours"])
def test_an_unclear_language_is_asked_for(nlg: ContentNlg, entities: dict[str, str]) -> None:
    """Without a language that we speak, the four are offered."""
    message = nlg.compose("change_language", _tracker("es", "change_language", entities=entities))
    assert len(message.quick_replies) == len(LOCALES)


@pytest.mark.parametrize(
    ("tracker", "expected"),
    [
        pytest.param(DialogueStateTracker("c1", []), ("es", "default"), id="nothing said"),
        pytest.param(_tracker("fr"), ("fr", "detected"), id="no language found"),
        pytest.param(_tracker("es", "change_language", entities={"locale": "pt"}), ("pt", "chosen"), id="chosen"),
        pytest.param(_tracker("es", "passport", entities={"locale": "pt"}), ("es", "detected"), id="an entity alone"),
    ],
)
def test_the_locale_of_a_turn_comes_from_command_or_contact(tracker: DialogueStateTracker, expected: tuple[str, str]) -> None:
    """Only the command to change the language changes it, and it sticks."""
    assert locale_of_turn(tracker) == expected
