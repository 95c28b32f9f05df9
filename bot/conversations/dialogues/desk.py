"""One door to the guided dialogues, for the engine's actions: read a message, move on, and say what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from bot.content.dialogues import Dialogue, Question
from bot.content.library import ContentLibrary
from bot.conversations.dialogues.answers import DialogueWords, Move
from bot.conversations.dialogues.course import (
    ENDINGS,
    OVER,
    Heard,
    advance,
    answer_value,
    edited_answer,
    is_over,
    plan_steps,
    raised_alarm,
    story_answers,
    understand,
)
from bot.conversations.dialogues.days import DayWords, days_since, is_numeric
from bot.conversations.dialogues.provinces import Provinces
from bot.conversations.dialogues.replies import DialogueReplies
from bot.conversations.dialogues.state import Phase, State, current_question, fitting
from bot.conversations.replies import Replies
from bot.i18n import Catalogues
from bot.messages import OutboundMessage


class DialogueDesk:
    """Runs guided dialogues on the content as it stands now.

    Args:
        replies: the composer of all other replies.
        words: what is typed beside the options.
        provinces: reads which province somebody names by a town.
        dates: reads when something was; `today` returns the present day.
    """

    def __init__(
        self,
        replies: Replies,
        words: DialogueWords,
        provinces: Provinces,
        dates: DayWords,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._replies = replies
        self._composer = DialogueReplies(replies)
        self._words = words
        self._provinces = provinces
        self._dates = dates
        self._today = today

    @classmethod
    def open(cls, root: Path, replies: Replies | None = None, provinces: Provinces | None = None) -> DialogueDesk:
        """Return a desk on the folders of the project, as a separate server of actions needs it."""
        made = replies or Replies(ContentLibrary(root / "content"), Catalogues(root / "locales"), root / "content" / "people.yml")
        vocabulary = root / "intents" / "vocabulary"
        words, dates = DialogueWords.read(vocabulary / "dialogue-words.yml"), DayWords.read(vocabulary / "date-words.yml")
        return cls(made, words, provinces or Provinces(root / "intents"), dates)

    def dialogue(self, dialogue_id: str) -> Dialogue | None:
        """Return a dialogue as its file says now; None when there is none."""
        return self._replies.library.loaded.dialogues.get(dialogue_id)

    def start(self, state: State | None, heard: Heard) -> State:
        """Return where somebody stands who asks for a dialogue, or taps a choice of one that is not running."""
        dialogue = self.dialogue(heard.intent)
        fresh = State(heard.intent, is_survey=bool(dialogue and dialogue.survey))
        known = fitting(state, dialogue) if state and dialogue and state.dialogue == heard.intent else fresh
        if known.is_open:
            return advance(known, dialogue, heard.answer) if dialogue and heard.answer else replace(known, phase=Phase.STALE)
        if heard.answer in ("", Move.ANEW.value, Move.GO_ON.value):
            return fresh
        return replace(fresh, phase=Phase.LEFT, note=OVER)

    def understand(self, state: State, heard: Heard) -> str:
        """Return the answer or move that a message is; empty when it is about something else."""
        dialogue = self.dialogue(state.dialogue)
        if dialogue is None:
            return ""
        # Both before the classifier, which takes "hace 3 días" for somebody who is missing.
        certain = edited_answer(state, dialogue, heard, self._words) or self._dated(state, dialogue, heard)
        if certain:
            return certain
        value = understand(state, dialogue, heard, self._words, self.urgent)
        is_open = value in ("", Move.UNCLEAR.value) and heard.intent not in self.urgent
        named = self._provinces.answer(state, dialogue, heard, self._words) if is_open else ""
        return named or value

    def _dated(self, state: State, dialogue: Dialogue, heard: Heard) -> str:
        """Return the answer that a typed time is, when the question asks for one and all that was said is a time."""
        question = current_question(fitting(state, dialogue), dialogue) if state.phase is Phase.ASK and heard.text else None
        span = days_since(heard.text, self._today(), self._dates) if question and question.takes_dates else None
        if question is None or not question.takes_dates:
            return ""
        if span is None:  # "31/02/2026" is a date that cannot be, and nothing else.
            return Move.UNCLEAR.value if is_numeric(heard.text) else ""
        options = {_option_since(question, days) for days in span}
        return answer_value(question, options.pop()) if len(options) == 1 else Move.UNCLEAR.value

    def advance(self, state: State, value: str) -> tuple[State, bool]:
        """Return the state after an answer or a move, and whether the dialogue is over."""
        dialogue = self.dialogue(state.dialogue)
        if dialogue is None:
            return replace(state, phase=Phase.LEFT), True
        after = advance(state, dialogue, value)
        return after, is_over(after, dialogue)

    def leaves_alone(self, intent: str) -> bool:
        """Tell whether the answer to an intent ends the dialogue: an emergency, the menu, a farewell."""
        return intent in self.urgent or intent in ENDINGS

    def ask(self, state: State, locale: str) -> OutboundMessage:
        """Return what the person is asked now."""
        dialogue = self.dialogue(state.dialogue)
        return self._composer.ask(fitting(state, dialogue), dialogue, locale) if dialogue else self._missing(locale)

    def end(self, state: State, locale: str) -> list[OutboundMessage]:
        """Return the outcome or a word of parting."""
        dialogue = self.dialogue(state.dialogue)
        return self._composer.end(state, dialogue, locale) if dialogue else [self._missing(locale)]

    def is_over(self, state: State) -> bool:
        """Tell whether nothing is left to ask."""
        dialogue = self.dialogue(state.dialogue)
        return dialogue is None or is_over(fitting(state, dialogue), dialogue)

    def plan(self, state: State) -> list[str]:
        """Return the topics of the plan that the answers lead to; none for a check, or when it was left."""
        dialogue = self.dialogue(state.dialogue)
        if dialogue is None or state.phase is not Phase.ASK:
            return []
        return [step.topic for step in plan_steps(fitting(state, dialogue), dialogue)]

    def story(self, state: State) -> tuple[str, dict[str, str]]:
        """Return version of the permission and answers of a survey that has ended; no answers when nothing is to be stored."""
        dialogue = self.dialogue(state.dialogue)
        if dialogue is None or dialogue.survey is None:
            return "", {}
        return dialogue.survey.version, story_answers(fitting(state, dialogue), dialogue)

    def alarm(self, state: State) -> str:
        """Return the urgent topic that the answers lead to at once, or nothing."""
        dialogue = self.dialogue(state.dialogue)
        alarm = raised_alarm(state, dialogue) if dialogue and state.phase is Phase.ASK else None
        return alarm.topic if alarm else ""

    @property
    def urgent(self) -> frozenset[str]:
        """The urgent topics."""
        return frozenset(topic.id for topic in self._replies.catalogue.values() if topic.is_urgent)

    def _missing(self, locale: str) -> OutboundMessage:
        return self._replies.sentence("reply.no_answer_yet", locale)


def _option_since(question: Question, days: int) -> str:
    """Return the option that a number of days falls under."""
    limits = sorted((option.under_days, option.id) for option in question.options if option.under_days)
    longest = next((option.id for option in question.options if not option.under_days), limits[-1][1])
    return next((name for limit, name in limits if days < limit), longest)
