"""The engine's compact memory: what it keeps, what it drops, and that its size does not grow."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.tracker_store import TURNS_KEPT, SessionTrackerStore

DOMAIN = Domain.from_dict(
    {
        "intents": ["passport", "id_card"],
        "slots": {name: {"type": "text", "mappings": [{"type": "custom"}]} for name in ("topic", "destination")},
        "forms": {"check_form": {"required_slots": []}},
        "session_config": {"session_expiration_time": 1440, "carry_over_slots_to_new_session": False},
    }
)


@pytest.fixture
def store() -> SessionTrackerStore:
    """Return an empty store."""
    return SessionTrackerStore(DOMAIN)


def _begin(conversation_id: str = "c1") -> DialogueStateTracker:
    tracker = DialogueStateTracker(conversation_id, DOMAIN.slots)
    tracker.update(ActionExecuted("action_session_start"), DOMAIN)
    tracker.update(SessionStarted(), DOMAIN)
    tracker.update(ActionExecuted("action_listen"), DOMAIN)
    return tracker


def _say(tracker: DialogueStateTracker, text: str, topic: str = "passport") -> None:
    entities = [{"entity": "destination", "value": "us", "start": 0, "end": 2, "confidence": 0.9}]
    parse_data: dict[str, Any] = {"intent_ranking": [{"name": topic, "confidence": 0.9}], "text": text}
    intent = {"name": topic, "confidence": 0.9}
    metadata = {"locale": "es", "words": text}
    tracker.update(UserUttered(text, intent, entities, parse_data, metadata=metadata), DOMAIN)
    tracker.update(SlotSet("topic", topic), DOMAIN)
    tracker.update(SlotSet("destination", "us"), DOMAIN)
    tracker.update(ActionExecuted(f"utter_{topic}"), DOMAIN)
    tracker.update(BotUttered(f"a reply about {text}"), DOMAIN)
    tracker.update(ActionExecuted("action_listen"), DOMAIN)


async def _again(store: SessionTrackerStore, tracker: DialogueStateTracker) -> DialogueStateTracker:
    await store.save(tracker)
    found = await store.retrieve(tracker.sender_id)
    assert found is not None
    return found


async def test_a_conversation_without_state_begins_anew(store: SessionTrackerStore) -> None:
    """The first turn of a contact finds nothing."""
    store.put("c1", None)
    assert await store.retrieve("c1") is None


async def test_put_forgets_the_conversation_before(store: SessionTrackerStore) -> None:
    """Two contacts are never in the store together."""
    await store.save(_begin("c1"))
    state = store.take("c1")
    store.put("c2", None)
    assert await store.retrieve("c1") is None
    store.put("c1", state)
    assert await store.retrieve("c1") is not None


@pytest.mark.parametrize("turns", [1, TURNS_KEPT, TURNS_KEPT + 1, 40])
async def test_slots_intents_and_entities_survive(store: SessionTrackerStore, turns: int) -> None:
    """However long a session is, the next turn sees its slots and the last intents."""
    tracker = _begin()
    for number in range(turns):
        _say(tracker, f"pregunta {number}", "id_card" if number == turns - 1 else "passport")
        tracker = await _again(store, tracker)
    assert tracker.get_slot("topic") == "id_card"
    assert tracker.get_slot("destination") == "us"
    assert tracker.latest_message is not None
    assert tracker.latest_message.intent["name"] == "id_card"
    assert [entity["value"] for entity in tracker.latest_message.entities] == ["us"]
    kept = [event for event in tracker.events if isinstance(event, UserUttered)]
    assert len(kept) == min(turns, TURNS_KEPT)


async def test_a_slot_that_was_set_long_ago_survives(store: SessionTrackerStore) -> None:
    """A slot whose own event has been dropped is written at the head of the state."""
    tracker = _begin()
    tracker.update(SlotSet("destination", "mx"), DOMAIN)
    for _ in range(TURNS_KEPT + 2):
        tracker.update(UserUttered("x", {"name": "passport", "confidence": 1.0}), DOMAIN)
        tracker.update(ActionExecuted("action_listen"), DOMAIN)
        tracker = await _again(store, tracker)
    assert tracker.get_slot("destination") == "mx"


async def test_a_running_form_survives(store: SessionTrackerStore) -> None:
    """A form that was begun many turns ago is still the active one."""
    tracker = _begin()
    tracker.update(ActiveLoop("check_form"), DOMAIN)
    for number in range(TURNS_KEPT + 3):
        _say(tracker, f"respuesta {number}")
        tracker = await _again(store, tracker)
    assert tracker.active_loop_name == "check_form"


async def test_the_state_holds_nothing_that_was_typed_or_said(store: SessionTrackerStore) -> None:
    """Neither the text, nor what was derived from it, nor our reply is in the stored bytes."""
    tracker = _begin()
    _say(tracker, "estoy en Tapachula")
    await store.save(tracker)
    raw = zlib.decompress(store.take("c1")).decode()
    assert "Tapachula" not in raw
    assert "a reply about" not in raw
    assert "passport" in raw


async def test_the_state_does_not_grow(store: SessionTrackerStore) -> None:
    """After two hundred turns there are no more events than after ten, and hardly a byte more."""
    tracker, events, sizes = _begin(), {}, {}
    for number in range(1, 201):
        _say(tracker, f"pregunta {number}")
        tracker = await _again(store, tracker)
        state = store.take("c1")
        events[number], sizes[number] = len(json.loads(zlib.decompress(state))), len(state)
    assert events[200] <= events[10]
    assert sizes[200] <= sizes[10] * 1.1


async def test_last_keeps_the_turn_whole(store: SessionTrackerStore) -> None:
    """Whoever asks what was decided still sees the message as it was."""
    tracker = _begin()
    _say(tracker, "pregunta")
    await store.save(tracker)
    assert store.last.latest_message is not None
    assert store.last.latest_message.text == "pregunta"
