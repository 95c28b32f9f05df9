"""Understand a province that is named by one of its towns: "soy de Gualaceo" is Azuay."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from bot.content.dialogues import ABROAD, Dialogue, Question
from bot.conversations.choices import fold
from bot.conversations.dialogues.answers import DialogueWords, Move, read_option
from bot.conversations.dialogues.course import Heard, answer_value
from bot.conversations.dialogues.state import Phase, State, current_question, fitting
from bot.conversations.place_finder import PlaceFinder
from bot.geography.gazetteer import HOME

_MOST_WORDS = 8
"""A longer message says something else as well."""
_BETWEEN = re.compile(r"\s+(?:y|e|o|u|and|or|et|ou)\s+|\s*[,/;]\s*")
"""What stands between two towns."""


class Provinces:
    """Reads the province of a town that somebody types as an answer.

    Args:
        intents: the folder whose vocabulary names the towns; it is read when the first question needs it.
        finder: one that has been read already.
    """

    def __init__(self, intents: Path, finder: PlaceFinder | None = None) -> None:
        self._intents = intents
        self._given = finder

    @cached_property
    def _finder(self) -> PlaceFinder:
        return self._given or PlaceFinder.open(self._intents)

    def answer(self, state: State, dialogue: Dialogue, heard: Heard, words: DialogueWords) -> str:
        """Return the answer that a typed town is, or nothing when the question takes none or there is doubt."""
        question = current_question(fitting(state, dialogue), dialogue) if state.phase is Phase.ASK else None
        folded = fold(heard.text)
        if question is None or not question.takes_towns or not folded or len(folded.split()) > _MOST_WORDS:
            return ""
        if words.negates(folded):
            return ""
        named = {self._option(part, question, words) for part in _BETWEEN.split(folded)} - {""}
        if len(named) > 1:
            return Move.SEVERAL.value
        found = self._option(heard.text, question, words)
        return answer_value(question, found) if found else ""

    def _option(self, text: str, question: Question, words: DialogueWords) -> str:
        """Return the option that a text stands for which says nothing but a town."""
        found = self._finder.find(text)
        if found is None or not found.is_all:
            return ""
        if found.town.country != HOME:
            return ABROAD
        option = read_option(found.town.province, question, words, only_whole=True)
        return option if question.option(option) else ""
