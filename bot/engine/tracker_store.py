"""The engine's memory of one conversation, as one compact value that the worker commits with the replies.

Only the running session is kept: slots, the active form, and the last few turns that rules may look at. What a contact
typed is not in it. So the cost of a turn stays flat however long a conversation grows, and nothing personal is stored.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Optional

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, Event, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.conversations.dialogues.answers import ANSWER
from bot.conversations.dialogues.state import read_state

STATE_SLOT = "dialogue"
TURNS_KEPT = 3
"""Turns that are kept whole: rules span at most this many, and "two misses in a row" is counted on them."""
_NOT_KEPT = frozenset({"city", "concept", ANSWER})
"""Entities that say where somebody is, what they spoke of or what they answered: they serve the turn of their message and are not
stored."""


class SessionTrackerStore(TrackerStore):
    """Holds the state of the conversation whose turn is running; the worker puts it in and takes it out."""

    def __init__(self, domain: Optional[Domain] = None) -> None:
        super().__init__(domain)
        self._state: dict[str, bytes] = {}
        self.last = DialogueStateTracker("", [])

    def put(self, conversation_id: str, state: bytes | None) -> None:
        """Begin a turn with the state that the database holds."""
        self._state.clear()
        if state:
            self._state[conversation_id] = state

    def take(self, conversation_id: str) -> bytes:
        """Return the state after the turn, for the database."""
        return self._state[conversation_id]

    async def remember(self, slot: str, value: str) -> None:
        """Keep a value that became known only when the turn had been decided."""
        self.last.update(SlotSet(slot, value))
        await self.save(self.last)

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        """Rebuild the tracker of the running session."""
        state = self._state.get(sender_id)
        if state is None:
            return None
        events = [_event_class(event["event"])._from_parameters(event) for event in json.loads(zlib.decompress(state))]
        return DialogueStateTracker.from_events(sender_id, [event for event in events if event], self.domain.slots)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Reduce the tracker to what the next turn needs; `last` keeps it whole for whoever asks what was decided."""
        self.last = tracker
        kept = [_compact(event) for event in _without_past_answers([*_head(tracker), *_tail(tracker)])]
        self._state[tracker.sender_id] = zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)


@lru_cache(maxsize=64)
def _event_class(name: str) -> Any:
    """Return the class of an event; the engine looks through all subclasses for each event anew."""
    return Event.resolve_by_type(name)


def _tail(tracker: DialogueStateTracker) -> Sequence[Event]:
    events = _without_overwritten([event for event in tracker.applied_events() if not isinstance(event, BotUttered)])
    turns = [index for index, event in enumerate(events) if isinstance(event, UserUttered)]
    return events[turns[-TURNS_KEPT] :] if len(turns) > TURNS_KEPT else events


def _without_overwritten(events: Sequence[Event]) -> list[Event]:
    """Leave out what was put into a slot and overwritten before anything else happened.

    Of the messages that a form takes only the slots remain, so a form would grow with each of them.
    """
    kept: list[Event] = []
    later: set[str] = set()
    for event in reversed(events):
        if not isinstance(event, SlotSet):
            later.clear()
        elif event.key in later:
            continue
        else:
            later.add(event.key)
        kept.append(event)
    return kept[::-1]


def _without_past_answers(events: Sequence[Event]) -> list[Event]:
    """Keep of the guided dialogues only where somebody is now; of a survey that is over, nothing."""
    last = next((event for event in reversed(events) if _is_dialogue(event)), None)
    state = read_state(last.value) if isinstance(last, SlotSet) else None
    is_forgotten = state is None or (state.is_survey and state.is_past)
    return [event for event in events if not _is_dialogue(event) or (event is last and not is_forgotten)]


def _is_dialogue(event: Event) -> bool:
    return isinstance(event, SlotSet) and event.key == STATE_SLOT


def _head(tracker: DialogueStateTracker) -> Sequence[Event]:
    tail = _tail(tracker)
    if not tail or not isinstance(tail[0], UserUttered):
        return ()  # The session is short: its own beginning is still there.
    at = tail[0].timestamp
    slots = [SlotSet(name, slot.value, timestamp=at) for name, slot in tracker.slots.items() if slot.value != slot.initial_value]
    loop = [ActiveLoop(tracker.active_loop_name, timestamp=at)] if tracker.active_loop_name else []
    return (
        ActionExecuted(ACTION_SESSION_START_NAME, timestamp=at),
        SessionStarted(timestamp=at),
        *slots,
        *loop,
        ActionExecuted(ACTION_LISTEN_NAME, timestamp=at),
    )


def _compact(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = event.as_dict()
    data.pop("metadata", None)
    if isinstance(event, UserUttered):
        intent = {"name": event.intent.get("name"), "confidence": event.intent.get("confidence")}
        entities = [{"entity": e["entity"], "value": e["value"]} for e in event.entities if e["entity"] not in _NOT_KEPT]
        data["text"] = ""
        data["parse_data"] = {"intent": intent, "entities": entities, "text": ""}
    return data
