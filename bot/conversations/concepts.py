"""Find what a message speaks of by lists of words that mean the same in four languages: coyote, pollero, smuggler, passeur.

The lists live in `intents/vocabulary/concepts.yml` and belong to staff. The classifier takes each concept as a feature, so that a
word that no example holds still counts. Places in Ecuador (`places.yml`) are read the same way. Pure: no engine, no storage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.words import Lexicon, split_words
from bot.errors import RutaError
from bot.i18n import LOCALES


@dataclass(frozen=True)
class FoundName:
    """A listed name in a text: `start` and `end`, exclusive, are places in the text."""

    name: str
    start: int
    end: int


class Concepts:
    """Names, each with the words and phrases that mean it; the longest phrase wins.

    Args:
        rows: phrase and name.
        real_words: words that are never a typo of a listed one, folded.

    Raises:
        ValueError: a phrase stands in two names.
    """

    def __init__(self, rows: Iterable[tuple[str, str]], real_words: Collection[str] = ()) -> None:
        self._rows = tuple(rows)
        self._real_words = frozenset(real_words)
        self._phrases: dict[tuple[str, ...], str] = {}
        for text, name in self._rows:
            phrase = tuple(word.text for word in split_words(text))
            if phrase and self._phrases.setdefault(phrase, name) != name:
                raise ValueError(f"{text!r} stands in {self._phrases[phrase]} and in {name}; keep one")
        self._longest: dict[str, int] = defaultdict(int)
        for phrase in self._phrases:
            self._longest[phrase[0]] = max(self._longest[phrase[0]], len(phrase))
        self._lexicon = Lexicon({phrase[0] for phrase in self._phrases if len(phrase) == 1}, self._real_words)

    def __reduce__(self) -> tuple[type[Concepts], tuple[object, ...]]:
        return Concepts, (self._rows, self._real_words)  # It travels inside the model; what the lexicon remembers does not.

    def names(self) -> list[str]:
        """Return all names."""
        return sorted({name for _, name in self._rows})

    def find(self, text: str) -> list[str]:
        """Return the names that a text speaks of, each as often as it does."""
        return [found.name for found in self.find_places(text)]

    def find_places(self, text: str) -> list[FoundName]:
        """Return the names in order, with their places in the text."""
        typed = split_words(text)
        words = tuple(word.text for word in typed)
        found, position = [], 0
        while position < len(words):
            name, length = self._at(words, position)
            if name:
                found.append(FoundName(name, typed[position].start, typed[position + length - 1].end))
            position += length
        return found

    def _at(self, words: tuple[str, ...], position: int) -> tuple[str, int]:
        longest = min(self._longest.get(words[position], 0), len(words) - position)
        for length in range(longest, 0, -1):
            name = self._phrases.get(words[position : position + length])
            if name:
                return name, length
        readings = (self._phrases.get(reading.words, "") for reading in self._lexicon.readings(words[position]))
        return next((name for name in readings if name), ""), 1


def read_concepts(path: Path, real_words: Collection[str] = ()) -> Concepts:
    """Read `concepts.yml`: lists by name and locale.

    Raises:
        RutaError: the file cannot be read, or a phrase stands twice; the text names it.
    """

    def rows(data: Any) -> Iterator[tuple[str, str]]:
        for name, by_locale in data["concepts"].items():
            for locale in LOCALES:
                yield from ((str(phrase), name) for phrase in by_locale.get(locale, []))

    return _read(path, rows, real_words)


def read_places(path: Path, real_words: Collection[str] = ()) -> Concepts:
    """Read `places.yml`: one list by name.

    Raises:
        RutaError: the file cannot be read, or a phrase stands twice; the text names it.
    """

    def rows(data: Any) -> Iterator[tuple[str, str]]:
        for name, phrases in data["places"].items():
            yield from ((str(phrase), str(name)) for phrase in phrases)

    return _read(path, rows, real_words)


def _read(path: Path, rows: Callable[[Any], Iterator[tuple[str, str]]], real_words: Collection[str]) -> Concepts:
    try:
        return Concepts(rows(yaml.safe_load(path.read_text(encoding="utf-8"))), real_words)
    except ValueError as error:
        raise RutaError(f"{path}: {error}") from error
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise RutaError(f"{path}: cannot be read as lists of words ({type(error).__name__})") from error
