"""Find what a message speaks of by lists of words that mean the same in four languages: coyote, pollero, smuggler, passeur.

The lists live in `intents/vocabulary/concepts.yml` and belong to staff. The classifier takes each concept as a feature, so that a
word that no example holds still counts. Pure: no engine, no storage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.conversations.words import split_words
from bot.errors import RutaError
from bot.i18n import LOCALES

TYPO_LENGTH = 5
"""Letters that a word needs before one slip in it is forgiven."""
_MOST_REMEMBERED = 65536


class Concepts:
    """The lists of a file.

    Args:
        real_words: words that are never a typo of a listed one, folded.

    Raises:
        RutaError: the file cannot be read, or a word stands in two concepts; the text names it.
    """

    def __init__(self, path: Path, real_words: Collection[str] = ()) -> None:
        try:
            lists = yaml.safe_load(path.read_text(encoding="utf-8"))["concepts"]
            rows = list(_rows(lists))
        except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise RutaError(f"{path}: cannot be read as concepts ({type(error).__name__})") from error
        self._phrases: dict[tuple[str, ...], str] = {}
        for phrase, concept in rows:
            if self._phrases.setdefault(phrase, concept) != concept:
                raise RutaError(f"{path}: {' '.join(phrase)!r} stands in {self._phrases[phrase]} and in {concept}; keep one")
        self._longest: dict[str, int] = defaultdict(int)
        for phrase in self._phrases:
            self._longest[phrase[0]] = max(self._longest[phrase[0]], len(phrase))
        self._words = sorted({phrase[0] for phrase in self._phrases if len(phrase) == 1 and len(phrase[0]) >= TYPO_LENGTH})
        self._real_words = frozenset(real_words)
        self._remember()

    def find(self, text: str) -> list[str]:
        """Return the concepts that a message names, each as often as it is named."""
        words = tuple(word.text for word in split_words(text))
        found, position = [], 0
        while position < len(words):
            concept, length = self._at(words, position)
            if concept:
                found.append(concept)
            position += length
        return found

    def _at(self, words: tuple[str, ...], position: int) -> tuple[str, int]:
        for length in range(self._longest.get(words[position], 0), 0, -1):
            concept = self._phrases.get(words[position : position + length])
            if concept:
                return concept, length
        return self._like(words[position]), 1

    def _nearest(self, word: str) -> str:
        """Return the concept of the listed word that differs from this one by one slip, or the empty string."""
        if len(word) < TYPO_LENGTH or word in self._real_words:
            return ""
        like = process.extractOne(word, self._words, scorer=OSA.distance, score_cutoff=1)
        return self._phrases[(like[0],)] if like else ""

    def _remember(self) -> None:
        self._like = lru_cache(maxsize=_MOST_REMEMBERED)(self._nearest)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_like"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._remember()


def _rows(lists: dict[str, dict[str, list[str]]]) -> Iterator[tuple[tuple[str, ...], str]]:
    for concept, by_locale in lists.items():
        for locale in LOCALES:
            for phrase in by_locale.get(locale, []):
                yield tuple(word.text for word in split_words(str(phrase))), concept
