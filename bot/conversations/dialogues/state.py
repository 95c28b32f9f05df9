"""Where somebody is in a guided dialogue, as one short text: ids only, never a word that was typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from bot.content.dialogues import UNSAID, YES, Dialogue, Question, holds


class Phase(str, Enum):
    """What the person was shown last."""

    ASK = "ask"  # The current question.
    ASIDE = "aside"  # The answer to something else, and "shall we go on?".
    STALE = "stale"  # "Go on or begin anew?", after a day or after it had been left.
    STUCK = "stuck"  # The ways out, after two answers that were not understood.
    LEFT = "left"  # It was left; the answers are kept for a while, in case that they come back.
    DONE = "done"  # The outcome; the answers are forgotten.


@dataclass(frozen=True)
class State:
    """A dialogue that somebody is in.

    Attributes:
        answers: option by question, in the order in which they were given.
        misses: messages in a row that were no answer.
        note: why the next question is worded as it is; see `Note`.
        is_survey: nothing of it may be left with the person once it is over.
    """

    dialogue: str
    answers: Mapping[str, str] = field(default_factory=dict)
    phase: Phase = Phase.ASK
    misses: int = 0
    note: str = ""
    is_survey: bool = False

    def to_text(self) -> str:
        """Return what the engine's memory keeps."""
        kept: dict[str, object] = {"d": self.dialogue, "a": dict(self.answers), "p": self.phase.value}
        kept |= {"m": self.misses, "n": self.note, "s": self.is_survey}
        return json.dumps({key: value for key, value in kept.items() if value}, separators=(",", ":"))

    @property
    def is_open(self) -> bool:
        """Whether there is something to go on with."""
        return self.phase is not Phase.DONE and bool(self.answers)

    @property
    def is_past(self) -> bool:
        """Whether it has ended or been left."""
        return self.phase in (Phase.DONE, Phase.LEFT)


def read_state(text: object) -> State | None:
    """Read what `to_text` wrote; None for anything else."""
    try:
        data = json.loads(str(text)) if text else None
        if not isinstance(data, dict):
            return None
        answers = {str(key): str(value) for key, value in data.get("a", {}).items()}
        return State(
            dialogue=str(data["d"]),
            answers=answers,
            phase=Phase(data.get("p", "ask")),
            misses=int(data.get("m", 0)),
            note=str(data.get("n", "")),
            is_survey=bool(data.get("s", False)),
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def fitting(state: State, dialogue: Dialogue) -> State:
    """Return the state without answers whose question or option has left the file, or whose question no longer applies."""
    kept: dict[str, str] = {}
    for question in dialogue.questions:  # In their order, because a condition looks at questions before its own.
        option = state.answers.get(question.id, "")
        if option and holds(question.when, kept) and (option == UNSAID or question.option(option)):
            kept[question.id] = option
    if dialogue.survey and kept.get(dialogue.survey.consent) != YES:
        kept = {}  # An old button may bring an answer before the permission.
    return replace(state, answers={key: value for key, value in state.answers.items() if key in kept})


def current_question(state: State, dialogue: Dialogue) -> Question | None:
    """Return the first question that applies and has no answer; None when all have one."""
    return next((question for question in asked(state, dialogue) if question.id not in state.answers), None)


def asked(state: State, dialogue: Dialogue) -> list[Question]:
    """Return the questions that apply as far as is known, in order."""
    return [question for question in dialogue.questions if holds(question.when, state.answers)]
