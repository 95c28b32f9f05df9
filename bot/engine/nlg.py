"""The engine's voice: answers come from `content/`, every other sentence from `locales/`, in the reader's language.

The engine asks for `utter_<topic>`; what the topic is decides who composes the reply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.content.library import ContentLibrary
from bot.conversations.locale import locale_of_message
from bot.conversations.replies import Replies
from bot.i18n import LOCALES, SOURCE_LOCALE, Catalogues, language_name
from bot.messages import OutboundMessage

SECTIONS_SLOT = "sections_sent"
"""Holds a topic and the sections of it that were sent: "passport:cost,time"."""
_MISS_INTENTS = frozenset({"nlu_fallback", "out_of_scope"})


class ContentNlg(NaturalLanguageGenerator):
    """Composes each response for the tracker's present state.

    Args:
        replies: the composer; by default made from the project's folders, as `rasa shell` needs it.
    """

    def __init__(
        self,
        endpoint_config: Optional[EndpointConfig] = None,
        domain: Optional[Domain] = None,
        replies: Optional[Replies] = None,
    ) -> None:
        self._replies = replies or _replies_of(Path.cwd())

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> Optional[Dict[str, Any]]:
        """Return text and buttons of a response, and which section of an answer it is, for the engine's memory."""
        topic = utter_action[len("utter_") :]
        message = self.compose(topic, tracker)
        buttons = [{"title": reply.title, "payload": reply.payload} for reply in message.quick_replies]
        section = self._section(tracker) if topic == "more_detail" else ""
        return {"text": message.text, "buttons": buttons, "custom": {"section": section}}

    def compose(self, topic: str, tracker: DialogueStateTracker) -> OutboundMessage:
        """Return the reply to a topic, a follow-up, or a miss."""
        locale = reading_locale(tracker)
        entities = _entities(tracker)
        destination = str(tracker.get_slot("destination") or "")
        if self._replies.is_answer(topic):
            return self._replies.answer(topic, destination, locale)
        if topic in ("more_detail", "inform_destination", "repeat_or_explain"):
            return self._follow_up(topic, tracker, entities, destination, locale)
        if topic in ("not_sure", "out_of_scope"):
            return self._miss(tracker, locale)
        if topic == "menu":
            return self._replies.menu(locale, entities.get("family", ""))
        if topic == "change_language":
            return self._change_language(entities, locale)
        if topic == "talk_to_person":
            return self._replies.people(locale)
        # A model from before a topic became a guided dialogue still asks for its sentence.
        key = f"reply.{topic}"
        return self._replies.sentence(key if self._replies.texts.has(key) else "reply.no_answer_yet", locale)

    def _follow_up(
        self, topic: str, tracker: DialogueStateTracker, entities: dict[str, str], destination: str, locale: str
    ) -> OutboundMessage:
        last = self._replies.catalogue.get(str(tracker.get_slot("topic") or ""))  # It may have left the catalogue.
        named = "" if "topic" in entities else entities.get("destination", "")  # A button knows its topic.
        if named and not (last and (last.is_by_destination or last.is_urgent)):
            return self._replies.about_country(named, locale)  # The last topic has nothing to say about a country.
        if last is None:
            return self._without_topic(tracker, locale)
        if topic != "more_detail":
            return self._replies.answer(last.id, destination, locale)
        section = self._section(tracker)
        return (
            self._replies.section(last.id, section, destination, locale) if section else self._no_more(last.id, tracker, locale)
        )

    def _without_topic(self, tracker: DialogueStateTracker, locale: str) -> OutboundMessage:
        """Return what the classifier took the message for, as choices, when there is nothing that it could go on with."""
        latest = tracker.latest_message
        guessed = ((latest.parse_data or {}).get("decision", {}) if latest else {}).get("guessed", [])
        return self._replies.did_you_mean(guessed, locale) if guessed else self._replies.menu(locale)

    def _section(self, tracker: DialogueStateTracker) -> str:
        """Return the section that "more" means now: the one asked for, or the next that was not sent; empty: none is left."""
        asked = _entities(tracker).get("section", "")
        topic = str(tracker.get_slot("topic") or "")
        if asked or not topic:
            return asked
        sent = read_sections(tracker, topic)
        destination = str(tracker.get_slot("destination") or "")
        return next(
            (name for name in self._replies.sections(topic, destination, reading_locale(tracker)) if name not in sent), ""
        )

    def _no_more(self, topic: str, tracker: DialogueStateTracker, locale: str) -> OutboundMessage:
        return self._replies.no_more(topic, str(tracker.get_slot("destination") or ""), locale)

    def _miss(self, tracker: DialogueStateTracker, locale: str) -> OutboundMessage:
        latest = tracker.latest_message
        decision = (latest.parse_data or {}).get("decision", {}) if latest else {}
        if decision.get("kind") == "choices" and decision.get("topics"):
            return self._replies.did_you_mean(decision["topics"], locale)
        return self._replies.not_understood(locale, _misses_in_a_row(tracker))

    def _change_language(self, entities: dict[str, str], locale: str) -> OutboundMessage:
        chosen = entities.get("locale", "")
        if chosen not in LOCALES:
            return self._replies.languages(locale)
        return self._replies.sentence("reply.language_changed", chosen, language=language_name(chosen))


def reading_locale(tracker: DialogueStateTracker) -> str:
    """Return the locale in which this turn is answered."""
    return locale_of_turn(tracker)[0]


def locale_of_turn(tracker: DialogueStateTracker) -> tuple[str, str]:
    """Return locale and its source after this turn: chosen by command, or by what the message was written in."""
    latest = tracker.latest_message
    if latest is None:
        return SOURCE_LOCALE, "default"
    parsed = {**(latest.parse_data or {}), "metadata": latest.metadata, "intent": latest.intent, "entities": latest.entities}
    return locale_of_message(parsed, latest.text or "")


def _entities(tracker: DialogueStateTracker) -> dict[str, str]:
    latest = tracker.latest_message
    found: List[Dict[str, Any]] = latest.entities if latest else []
    return {entity["entity"]: str(entity["value"]) for entity in found}


def _misses_in_a_row(tracker: DialogueStateTracker) -> int:
    misses = 0
    for event in reversed(tracker.events):
        if not isinstance(event, UserUttered):
            continue
        if event.intent.get("name") not in _MISS_INTENTS:
            break
        misses += 1
    return misses


def read_sections(tracker: DialogueStateTracker, topic: str) -> tuple[str, ...]:
    """Return the sections of a topic that were sent since it was answered; `note_section` writes them."""
    of_topic, _, names = str(tracker.get_slot(SECTIONS_SLOT) or "").partition(":")
    return tuple(names.split(",")) if of_topic == topic and names else ()


def note_section(tracker: DialogueStateTracker, section: str) -> str:
    """Return the value of the slot after one more section was sent."""
    topic = str(tracker.get_slot("topic") or "")
    return f"{topic}:{','.join((*read_sections(tracker, topic), section))}"


def _replies_of(root: Path) -> Replies:
    return Replies(ContentLibrary(root / "content"), Catalogues(root / "locales"), root / "content" / "people.yml")
