"""Find the countries that a message names: by name, slang, people or city, with typos, in four languages.

The words live in `intents/vocabulary/destinations.yml` and belong to staff. Pure: no engine, no storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz, process

from bot.conversations.words import Word, read_common_words, split_words
from bot.errors import RutaError

FUZZY_SCORE = 88.0
"""How alike a typed word and a name must be, 0 to 100, to be read as a typo of it."""
FUZZY_LENGTH = 5
"""Letters that a word needs before a typo is forgiven: shorter ones resemble too many others."""
FUZZY_PHRASE_SCORE = 91.0
"""The same for a name of several words."""
FUZZY_PHRASE_LENGTH = 7
"""Letters and spaces that such a name needs."""
MOST_WORDS = 600
_CAPITALS_LENGTH = 3
_FLAG_BASE = 0x1F1E6
_KEYS = frozenset(
    {"countries", "only_after", "only_near_papers", "papers", "never", "origin", "towards", "inside", "from", "articles"}
)
_MOST_REMEMBERED = 8192


class VocabularyError(RutaError):
    """A vocabulary file cannot be read; the text names the file and says what to do."""

    code = "vocabulary_invalid"


class Hint(IntEnum):
    """What the small word before a country says of it, the more wanted the higher."""

    PEOPLE = 0
    ORIGIN = 1
    NONE = 2
    INSIDE = 3
    TOWARDS = 4


@dataclass(frozen=True)
class FoundDestination:
    """A country that a message names.

    Attributes:
        value: the country's two letters, lower case.
        start: where the name begins in the message.
        end: where it ends, exclusive.
        confidence: 1.0 for a name as it is listed, less for one with a typo.
        hint: how much it seems to be the country that the message is about.
    """

    value: str
    start: int
    end: int
    confidence: float
    hint: Hint


@dataclass(frozen=True)
class _Name:
    value: str
    is_people: bool
    only_after: frozenset[str] | None
    is_near_papers: bool


class Destinations:
    """Finds countries by the vocabulary of a file.

    Args:
        path: the vocabulary, for example `intents/vocabulary/destinations.yml`.
        common_words: words that are never a typo of a name; None takes `common-words.txt` beside the vocabulary.

    Raises:
        VocabularyError: the file cannot be read.
    """

    def __init__(self, path: Path, common_words: Path | None = None) -> None:
        data = _read(path)
        common = common_words or path.parent / "common-words.txt"
        self._common = read_common_words(common) if common.exists() else frozenset()
        self._never = frozenset(str(word).casefold() for word in data.get("never") or ())
        self._papers = _folded(data, "papers")
        self._origin = _folded(data, "origin")
        self._articles = _folded(data, "articles")
        self._hints = dict.fromkeys(_folded(data, "from"), Hint.ORIGIN)
        self._hints |= dict.fromkeys(_folded(data, "inside"), Hint.INSIDE)
        self._hints |= dict.fromkeys(_folded(data, "towards"), Hint.TOWARDS)
        self._names = _names(data)
        self._longest = max(len(key) for key in self._names)
        fuzzy = [key for key, name in self._names.items() if name.only_after is None and not name.is_near_papers]
        self._words = [key[0] for key in fuzzy if len(key) == 1 and len(key[0]) >= FUZZY_LENGTH]
        # "The states" must not be found in "the state": a name that begins with an article is taken as it is listed.
        phrases = [" ".join(key) for key in fuzzy if len(key) > 1 and key[0] not in self._articles]
        self._phrases = [phrase for phrase in phrases if len(phrase) >= FUZZY_PHRASE_LENGTH]
        self._by_beginning: dict[tuple[str, int], list[str]] = {}
        for name in (*self._words, *self._phrases):
            self._by_beginning.setdefault(_beginning(name), []).append(name)
        self._resemble = lru_cache(maxsize=_MOST_REMEMBERED)(self._resembling)
        self.values = frozenset(name.value for name in self._names.values())

    def find(self, text: str) -> list[FoundDestination]:
        """Return each country that is named once, the one most likely meant first and the others by position."""
        words = split_words(text)[:MOST_WORDS]
        found: list[FoundDestination] = []
        position = 0
        while position < len(words):
            size, destination = self._at(text, words, position)
            if destination is not None:
                found.append(destination)
            position += size
        if not found:
            return []
        first = max(found, key=lambda one: (one.hint, one.value != "ec", -one.start))
        others = {one.value: one for one in reversed(found) if one.value != first.value}
        return [first, *sorted(others.values(), key=lambda one: one.start)]

    def _at(self, text: str, words: Sequence[Word], position: int) -> tuple[int, FoundDestination | None]:
        """Return how many words were read from a position, at least one, and the country that they name."""
        for size in range(min(self._longest, len(words) - position), 0, -1):
            span = words[position : position + size]
            key, confidence = self._key(text, span)
            name = self._names.get(key)
            if name is None or not self._counts(text, words, position, size, name):
                continue
            if words[position].text in self._articles and self._is_outreached(text, words, position, size):
                return 1, None
            hint = Hint.PEOPLE if name.is_people else self._hint(words, position)
            return size, FoundDestination(name.value, span[0].start, span[-1].end, confidence, hint)
        return 1, None

    def _is_outreached(self, text: str, words: Sequence[Word], position: int, size: int) -> bool:
        """Tell whether a name that begins after the article says more: "los (Estados Unidos)" rather than "los Estados"."""
        inner, destination = self._at(text, words, position + 1)
        return destination is not None and 1 + inner > size

    def _key(self, text: str, span: Sequence[Word]) -> tuple[tuple[str, ...], float]:
        """Return the listed name that some words stand for, and how sure that is; an empty name when they stand for none."""
        if len(span) == 1 and text[span[0].start : span[0].end].casefold() in self._never:
            return (), 0.0
        key = tuple(word.text for word in span)
        return (key, 1.0) if key in self._names else self._resemble(" ".join(key))

    def _resembling(self, typed: str) -> tuple[tuple[str, ...], float]:
        is_phrase = " " in typed
        if len(typed) < (FUZZY_PHRASE_LENGTH if is_phrase else FUZZY_LENGTH) or typed in self._common:
            return (), 0.0
        listed, cutoff = (self._phrases, FUZZY_PHRASE_SCORE) if is_phrase else (self._words, FUZZY_SCORE)
        # A name begins as it is spelled, whatever else goes wrong: "inglaterra" is no "tierra", "halemania" is rare.
        likely = self._by_beginning.get(_beginning(typed), ())
        if process.extractOne(typed, likely, scorer=fuzz.ratio, score_cutoff=cutoff) is None:
            return (), 0.0
        best = process.extractOne(typed, listed, scorer=fuzz.ratio, score_cutoff=cutoff)
        if best is None or _beginning(best[0]) != _beginning(typed):
            return (), 0.0
        return tuple(best[0].split(" ")), round(best[1] / 100.0, 2)

    def _counts(self, text: str, words: Sequence[Word], position: int, size: int, name: _Name) -> bool:
        before = words[position - 1].text if position else ""
        after = words[position + size].text if position + size < len(words) else ""
        if name.is_near_papers and not {before, after} & self._papers:
            return False
        if name.is_people:
            return before not in self._origin
        if name.only_after is None:
            return True
        is_said_alone = all(self._is_small(word) for word in (*words[:position], *words[position + size :]))
        return is_said_alone or self._leads(words, position, name.only_after) or _in_capitals(text, words[position], size)

    def _leads(self, words: Sequence[Word], position: int, allowed: frozenset[str]) -> bool:
        """Tell whether one of the allowed words stands before a name, articles in between set aside."""
        for word in reversed(words[:position]):
            if word.text in allowed:
                return True
            if word.text not in self._articles:
                return False
        return False

    def _is_small(self, word: Word) -> bool:
        return word.text in self._articles or word.text in self._hints

    def _hint(self, words: Sequence[Word], position: int) -> Hint:
        for word in reversed(words[:position]):
            if word.text in self._hints:
                return self._hints[word.text]
            if word.text not in self._articles:
                return Hint.NONE
        return Hint.NONE


def _in_capitals(text: str, word: Word, size: int) -> bool:
    written = text[word.start : word.end]
    is_short = size == 1 and 1 < len(written) <= _CAPITALS_LENGTH
    return is_short and written.isupper() and any(char.islower() for char in text)


def _names(data: Mapping[str, Any]) -> dict[tuple[str, ...], _Name]:
    only_after = {_key(word): _fold_all(before) for word, before in (data.get("only_after") or {}).items()}
    near_papers = {_key(word) for word in data.get("only_near_papers") or ()}
    names: dict[tuple[str, ...], _Name] = {}
    for value, block in data["countries"].items():
        for kind in ("people", "places", "names"):
            for written in block.get(kind) or ():
                key = _key(written)
                names[key] = _Name(value, kind == "people", only_after.get(key), key in near_papers)
        names[tuple(chr(_FLAG_BASE + ord(letter) - ord("a")) for letter in value)] = _Name(value, False, None, False)
    return names


def _read(path: Path) -> dict[str, Any]:
    try:
        # Every scalar stays text: "no" is a Portuguese word here, not a truth value.
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise VocabularyError(f"{path}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(data, dict) or not isinstance(data.get("countries"), dict) or not data["countries"]:
        raise VocabularyError(f"{path}: there must be a `countries` block, see README.md beside it")
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise VocabularyError(f"{path}: {unknown[0]!r} is not one of {', '.join(sorted(_KEYS))}")
    return data


def _key(written: str) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(str(written)))


def _beginning(name: str) -> tuple[str, int]:
    """Return a name's first letter, and how many words follow its first one."""
    return name[0], name.count(" ")


def _folded(data: Mapping[str, Any], name: str) -> frozenset[str]:
    return _fold_all(data.get(name) or ())


def _fold_all(rows: Iterable[Any]) -> frozenset[str]:
    return frozenset(word.text for row in rows for word in split_words(str(row)))
