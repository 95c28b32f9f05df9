"""One door to the guided dialogues, for the engine's actions: read a message, move on, and say what comes next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.content.dialogues import Dialogue
from bot.content.library import ContentLibrary
from bot.conversations.dialogues.answers import DialogueWords, Move
from bot.conversations.dialogues.course import ENDINGS, OVER, Heard, advance, is_over, plan_steps, raised_alarm, understand
from bot.conversations.dialogues.replies import DialogueReplies
from bot.conversations.dialogues.state import Phase, State, fitting
from bot.conversations.replies import Replies
from bot.i18n import Catalogues
from bot.messages import OutboundMessage


class DialogueDesk:
    """Runs guided dialogues on the content as it stands now.

    Args:
        replies: the composer of all other replies.
        words: what is typed beside the options.
    """

    def __init__(self, replies: Replies, words: DialogueWords) -> None:
        self._replies = replies
        self._composer = DialogueReplies(replies)
        self._words = words

    @classmethod
    def open(cls, root: Path, replies: Replies | None = None) -> DialogueDesk:
        """Return a desk on the folders of the project, as a separate server of actions needs it."""
        made = replies or Replies(ContentLibrary(root / "content"), Catalogues(root / "locales"), root / "content" / "people.yml")
        return cls(made, DialogueWords.read(root / "intents" / "vocabulary" / "dialogue-words.yml"))

    def dialogue(self, dialogue_id: str) -> Dialogue | None:
        """Return a dialogue as its file says now; None when there is none."""
        return self._replies.library.loaded.dialogues.get(dialogue_id)

    def start(self, state: State | None, heard: Heard) -> State:
        """Return where somebody stands who asks for a dialogue, or taps a choice of one that is not running."""
        dialogue = self.dialogue(heard.intent)
        known = fitting(state, dialogue) if state and dialogue and state.dialogue == heard.intent else State(heard.intent)
        if known.is_open:
            return advance(known, dialogue, heard.answer) if dialogue and heard.answer else replace(known, phase=Phase.STALE)
        if heard.answer in ("", Move.ANEW.value, Move.GO_ON.value):
            return State(heard.intent)
        return State(heard.intent, phase=Phase.LEFT, note=OVER)

    def understand(self, state: State, heard: Heard) -> str:
        """Return the answer or move that a message is; empty when it is about something else."""
        dialogue = self.dialogue(state.dialogue)
        return understand(state, dialogue, heard, self._words, self.urgent) if dialogue else ""

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
