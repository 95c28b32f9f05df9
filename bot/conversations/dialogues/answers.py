"""What a message means in the middle of a guided dialogue.

A tapped or numbered choice says it for certain: it carries `answer`, either "question.option" or one of `Move`. Typed words are
compared with the titles and words of the question's options; where there is any doubt, nothing is taken for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

import yaml
from rapidfuzz import fuzz

from bot.content.dialogues import NO, UNSAID, YES, Question
from bot.conversations.choices import fold
from bot.conversations.commands import Command, read_command
from bot.conversations.turns import Turn
from bot.messages import InboundKind

ANSWER = "answer"
"""The entity that a dialogue's choices carry."""
SLIP_RATIO = 84.0
"""How alike two phrases of `SLIP_LETTERS` letters or more must be, in percent, to count as one with a slip."""
SLIP_LETTERS = 4
WORDS_OF_AN_ANSWER = 5
"""Longer texts are not searched for the words of an option: they say more than that."""
_NUMBERS = re.compile(r"^\W*\d{1,2}(\W+(y|e|o|u|and|or|et|ou)?\W*\d{1,2})+\W*$")
_WRONG_KINDS = (InboundKind.MEDIA, InboundKind.LOCATION, InboundKind.UNSUPPORTED)


class Move(str, Enum):
    """What is no answer to a question; `WRONG_KIND` and the following are no answer at all."""

    BACK = "back"
    LEAVE = "leave"
    GO_ON = "go_on"
    ANEW = "anew"
    SILENT = "silent"  # Leave, and say nothing: something else was answered that must stand alone.
    WRONG_KIND = "wrong_kind"  # A voice message, a picture, a position.
    SEVERAL = "several"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class DialogueWords:
    """The phrases of `intents/vocabulary/dialogue-words.yml`, folded, by what they mean."""

    phrases: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, path: Path) -> DialogueWords:
        """Read the file."""
        return _read_words(path)

    def means(self, folded: str, *names: str) -> str:
        """Return which of the meanings a whole text has, exactly or but for a slip; empty: none."""
        for name in names:
            if folded in self.phrases[name]:
                return name
        return next((name for name in names if self.is_slip_of(folded, self.phrases[name])), "")

    def is_slip_of(self, folded: str, phrases: Iterable[str]) -> bool:
        """Tell whether a text is one of the phrases but for a slip; a "no" more or less is none."""
        return any(is_slip(folded, phrase) and self.negates(folded) == self.negates(phrase) for phrase in phrases)

    def without_fillers(self, folded: str) -> str:
        """Return a text without the small words in front of what it names: "un primo", "es mi tía"."""
        said = folded.split()
        while len(said) > 1 and said[0] in self.phrases["fillers"]:
            said = said[1:]
        return " ".join(said)

    def negates(self, folded: str) -> bool:
        """Tell whether a text turns something into its opposite."""
        return not self.phrases["negations"].isdisjoint(folded.split())


@lru_cache(maxsize=4)
def _read_words(path: Path) -> DialogueWords:
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    phrases = {str(name): [phrase for words in said.values() for phrase in words] for name, said in rows.items()}
    return DialogueWords({name: _folded(said) for name, said in phrases.items()})


def _folded(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(str(phrase)) for phrase in phrases)


def is_slip(text: str, phrase: str) -> bool:
    """Tell whether a text is a phrase but for a slip; short words are too easily others."""
    return min(len(text), len(phrase)) >= SLIP_LETTERS and fuzz.ratio(text, phrase) >= SLIP_RATIO


def read_move(text: str, words: DialogueWords) -> Move | None:
    """Return the wish to go back, to leave, to go on or to begin anew."""
    found = words.means(fold(text), "back", "leave", "anew", "go_on")
    return Move(found) if found else None


def read_yes_no(text: str, words: DialogueWords) -> str:
    """Return `YES`, `NO` or nothing."""
    return words.means(fold(text), YES, NO)


def read_option(text: str, question: Question, words: DialogueWords, *, only_whole: bool = False) -> str:
    """Return the id of the option that a typed text names, `Move.SEVERAL` for more than one, or nothing when in doubt.

    Args:
        only_whole: the whole text must be the option's title or another word for it.
    """
    folded = fold(text)
    bare = words.without_fillers(folded)
    if not folded:
        return ""
    if _NUMBERS.match(folded):
        return Move.SEVERAL.value
    phrases = _phrases_of(question, words)
    for found in (
        {name for name, said in phrases.items() if folded in said},
        {Move.SEVERAL.value} if folded in words.phrases["several"] else set(),
        {name for name, said in phrases.items() if bare in said},
        {name for name, said in phrases.items() if words.is_slip_of(folded, said) or words.is_slip_of(bare, said)},
        set() if only_whole else _contained(folded, phrases, words),
    ):
        if found:
            return found.pop() if len(found) == 1 else Move.SEVERAL.value
    return ""


def _phrases_of(question: Question, words: DialogueWords) -> dict[str, frozenset[str]]:
    """Return what may be said for each option, in all languages: people mix them."""
    phrases = {
        option.id: _folded([*option.title.values(), *(word for said in option.words.values() for word in said)])
        for option in question.options
    }
    for name in {YES, NO} & set(phrases):
        phrases[name] |= words.phrases[name]
    return {**phrases, UNSAID: words.phrases["unsaid"]}


def _contained(folded: str, phrases: Mapping[str, frozenset[str]], words: DialogueWords) -> set[str]:
    """Return the options that are named within a short text; a shorter phrase inside a longer one does not count."""
    if len(folded.split()) > WORDS_OF_AN_ANSWER:
        return set()
    spans = [
        (match.start(), match.end(), name)
        for name, said in phrases.items()
        for phrase in said
        for match in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", folded)
    ]
    widest = [one for one in spans if not any(_is_inside(one, other) for other in spans)]
    found = {name for _, _, name in widest}
    if not words.negates(folded) or UNSAID in found:
        return found
    # "No tengo contrato" is a no; "no es de una agencia" says nothing that can be relied on; "sí y no" says both.
    said_yes = not words.phrases[YES].isdisjoint(folded[start:end] for start, end, _ in widest)
    sure = {NO} & found if folded.split()[0] in words.phrases[NO] or said_yes else set()
    return sure | ({YES} & found if said_yes else set())


def _is_inside(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return other[0] <= one[0] and one[1] <= other[1] and (one[1] - one[0]) < (other[1] - other[0])


def shown_dialogue(turn: Turn) -> str:
    """Return the dialogue whose choices are on the screen; empty: none."""
    return dialogue_of(choice.payload for choice in turn.choices)


def dialogue_of(payloads: Iterable[str]) -> str:
    """Return the dialogue that one of these choices answers; empty: none."""
    shown = map(read_command, payloads)
    return next((command.intent for command in shown if command and ANSWER in command.entities), "")


def wrong_kind(turn: Turn) -> Command | None:
    """Return what a voice message, picture or position means while a dialogue's choices are on the screen; None: nothing."""
    if turn.kind not in _WRONG_KINDS or turn.text.strip():
        return None
    dialogue = shown_dialogue(turn)
    return Command(dialogue, {ANSWER: Move.WRONG_KIND.value}) if dialogue else None
