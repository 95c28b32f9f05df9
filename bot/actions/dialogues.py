"""The actions of the guided dialogues: start, read an answer, ask, end, and take one over into a new session.

All dialogues share one form with one slot to fill. It is never filled before the end, so the form asks on; where somebody is
stands in the slot `dialogue`. That is why questions and options may change without training.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import ActionExecuted, ActiveLoop, EventType, SessionStarted, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from bot.conversations.dialogues.answers import ANSWER, Move
from bot.conversations.dialogues.course import Heard
from bot.conversations.dialogues.desk import DialogueDesk
from bot.conversations.dialogues.state import Phase, State, read_state
from bot.conversations.locale import locale_of_message
from bot.messages import OutboundMessage

FORM = "dialogue_form"
STATE_SLOT = "dialogue"
ANSWER_SLOT = "dialogue_answer"
START_ACTION = "action_start_dialogue"
DAYS_KEPT = 7
"""How long an unfinished dialogue can be gone on with."""
SURVEY_DAYS_KEPT = 2
"""The same for a survey, whose answers must not stay with a person for longer than a pause."""
_DONE = "done"
_DAY_SECONDS = 86_400.0


class DialogueAction(Action, ABC):
    """What the actions share.

    Args:
        desk: by default made from the project's folders, as a server of actions needs it.
    """

    def __init__(self, desk: DialogueDesk | None = None) -> None:
        self._desk = desk or DialogueDesk.open(Path.cwd())

    @abstractmethod
    def name(self) -> str:
        """Return the action's name in the domain; abstract, so that a server of actions does not register this class."""


class StartDialogue(DialogueAction):
    """Begins the dialogue that was asked for, or goes on with it."""

    def name(self) -> str:
        return START_ACTION

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        state = self._desk.start(_state(tracker), heard_in(tracker))
        return [_keep(state), SlotSet(ANSWER_SLOT, None)]


class ReadAnswer(DialogueAction, FormValidationAction):
    """Reads each message while a dialogue runs; what it does not take is answered by another rule."""

    def name(self) -> str:
        return f"validate_{FORM}"

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[str]:
        return [ANSWER_SLOT]

    async def extract_dialogue_answer(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, str]:
        """Return the answer or move that the message is, if it is one."""
        value = self._value(tracker)
        return {ANSWER_SLOT: value} if value else {}

    def _value(self, tracker: Tracker) -> str:
        state, heard = _state(tracker), heard_in(tracker)
        if state is None:
            return _DONE
        if _has_started(tracker):  # The form begins: the message was the wish for it.
            return _DONE if self._desk.is_over(state) else ""
        if _was_rejected(tracker):  # The message has been answered by another rule, and the form runs once more.
            return Move.SILENT.value if self._desk.leaves_alone(heard.intent) else ""
        return self._desk.understand(state, heard)

    async def validate_dialogue_answer(
        self, value: str, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, str | None]:
        """Move on; the slot is filled only when the dialogue is over."""
        state = _state(tracker)
        if value == _DONE or state is None:
            return {ANSWER_SLOT: _DONE}
        after, is_over = self._desk.advance(state, value)
        return {STATE_SLOT: after.to_text(), ANSWER_SLOT: _DONE if is_over else None}


class AskQuestion(DialogueAction):
    """Asks the current question, or whether to go on."""

    def name(self) -> str:
        return f"action_ask_{ANSWER_SLOT}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        state = _state(tracker)
        if state is None:
            return []
        if _was_rejected(tracker) and not _has_started(tracker) and state.phase is not Phase.STALE:
            state = replace(state, phase=Phase.ASIDE, misses=0, note="")
        _utter(dispatcher, self._desk.ask(state, _locale(tracker)))
        return [_keep(state)]


class FinishDialogue(DialogueAction):
    """Tells the outcome and forgets the answers, or keeps them for a while when the dialogue was left."""

    def name(self) -> str:
        return "action_finish_dialogue"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        state = _state(tracker)
        if state is None:
            return []
        alarm = self._desk.alarm(state)
        if alarm:
            dispatcher.utter_message(response=f"utter_{alarm}")
        else:
            for message in self._desk.end(state, _locale(tracker)):
                _utter(dispatcher, message, self._outcome(state))
        kept = state if state.phase is Phase.LEFT else replace(state, answers={}, phase=Phase.DONE, misses=0, note=alarm)
        return [_keep(kept), SlotSet(ANSWER_SLOT, None)]

    def _outcome(self, state: State) -> dict[str, Any]:
        """Return what is to be stored of it."""
        topics = self._desk.plan(state)
        version, answers = self._desk.story(state)
        if answers:
            return {"story": {"survey": state.dialogue, "version": version, "answers": answers}}
        return {"plan": {"dialogue": state.dialogue, "topics": topics}} if topics else {}


class StartSession(DialogueAction):
    """Begins a session; an unfinished dialogue goes with it, and asks whether to go on.

    Args:
        clock: returns the present time in seconds since 1970.
    """

    def __init__(self, desk: DialogueDesk | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(desk)
        self._clock = clock

    def name(self) -> str:
        return "action_session_start"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        return [SessionStarted(), *self._taken_over(tracker), ActionExecuted("action_listen")]

    def _taken_over(self, tracker: Tracker) -> list[EventType]:
        state = _state(tracker)
        times = [float(event.get("timestamp") or 0.0) for event in tracker.events if event["event"] == "user"]
        if state is None or not state.is_open:
            return []
        days = SURVEY_DAYS_KEPT if state.is_survey else DAYS_KEPT
        if self._clock() - max(times, default=0.0) > days * _DAY_SECONDS:
            return []
        if state.phase is Phase.LEFT:
            return [_keep(state)]
        stale = replace(state, phase=Phase.STALE, misses=0, note="")
        return [_keep(stale), ActiveLoop(FORM), SlotSet("requested_slot", ANSWER_SLOT)]


def heard_in(tracker: Tracker) -> Heard:
    """Return the newest message as the dialogues need it."""
    latest = tracker.latest_message or {}
    intent = str((latest.get("intent") or {}).get("name") or "")
    answer = next((str(row["value"]) for row in latest.get("entities") or [] if row["entity"] == ANSWER), "")
    typed = latest.get("decision")  # What was tapped has not been through the classifier.
    is_edit = bool((latest.get("metadata") or {}).get("is_edit"))
    return Heard(intent, answer, str(latest.get("text") or "") if typed else "", is_edit)


def _state(tracker: Tracker) -> State | None:
    return read_state(tracker.get_slot(STATE_SLOT))


def _keep(state: State) -> EventType:
    return SlotSet(STATE_SLOT, state.to_text())


def _since_message(tracker: Tracker) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for event in reversed(tracker.events):
        if event["event"] == "user":
            break
        events.append(event)
    return events


def _was_rejected(tracker: Tracker) -> bool:
    return any(event["event"] == "action_execution_rejected" for event in _since_message(tracker))


def _has_started(tracker: Tracker) -> bool:
    return any(event["event"] == "action" and event.get("name") == START_ACTION for event in _since_message(tracker))


def _locale(tracker: Tracker) -> str:
    latest = tracker.latest_message or {}
    return locale_of_message(latest, str(latest.get("text") or ""))[0]


def _utter(dispatcher: CollectingDispatcher, message: OutboundMessage, extra: dict[str, Any] | None = None) -> None:
    buttons = [{"title": reply.title, "payload": reply.payload} for reply in message.quick_replies]
    if message.text:
        dispatcher.utter_message(text=message.text, buttons=buttons, json_message=extra)
