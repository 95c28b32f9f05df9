"""Understand a message that only goes on with the last answer: "¿cuánto cuesta?", "¿y para Canadá?", "más", "no entendí".

The phrases live in `intents/vocabulary/follow-ups.yml` and belong to staff. A message is a follow-up only when it says nothing
else; "cuánto cuesta el pasaporte" is a question of its own. Pure: no engine, no storage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz.distance import OSA

from bot.conversations.words import split_words
from bot.errors import RutaError

TYPO_LENGTH = 5
"""Letters that a word needs before one slip in it is forgiven."""
MOST_WORDS = 12
"""A longer message has a question of its own."""
_KEYS = frozenset({"connectors", "fillers", "sections", "more", "again"})


@dataclass(frozen=True)
class FollowUp:
    """What a message asks of the last answer.

    Attributes:
        intent: more_detail, repeat_or_explain or inform_destination.
        section: the section that is asked for, or empty.
    """

    intent: str
    section: str = ""


class FollowUps:
    """Recognises follow-ups by the phrases of a file.

    Raises:
        RutaError: the file cannot be read; the text names it.
    """

    def __init__(self, path: Path) -> None:
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            unknown = set(data) - _KEYS
            self._fillers = sorted({_words(row) for row in data["fillers"]}, key=len, reverse=True)
            self._connectors = frozenset(word for row in data["connectors"] for word in _words(row))
            self._phrases = dict(self._read(data))
            self._by_length: dict[int, list[list[str]]] = {}
            for phrase in self._phrases:
                self._by_length.setdefault(phrase.count(" ") + 1, []).append(phrase.split())
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise RutaError(f"{path}: cannot be read as follow-up phrases ({type(error).__name__})") from error
        if unknown:
            raise RutaError(f"{path}: {sorted(unknown)[0]!r} is not one of {', '.join(sorted(_KEYS))}")

    def find(self, text: str, countries: Sequence[tuple[int, int]]) -> FollowUp | None:
        """Return what the message asks of the last answer, or None when it is no follow-up.

        Args:
            countries: where the message names countries, as start and end.
        """
        words = split_words(text)
        if len(words) > MOST_WORDS:
            return None
        typed = tuple(word.text for word in words if not any(start <= word.start < end for start, end in countries))
        found = self._meaning(" ".join(typed)) or self._meaning(" ".join(_without(typed, self._fillers)))
        if found is None and countries and not _without(typed, self._fillers):
            return FollowUp("inform_destination")
        if found is not None and countries and words[0].text not in self._connectors:
            return None  # "requisitos para Canadá" is a question of its own; "¿y los requisitos para Canadá?" is not.
        return found

    def _meaning(self, typed: str) -> FollowUp | None:
        if typed in self._phrases:
            return self._phrases[typed]
        words = typed.split()
        alike = (phrase for phrase in self._by_length.get(len(words), ()) if _is_typo_of(words, phrase))
        return self._phrases.get(" ".join(next(alike, ())))

    def _read(self, data: dict[str, Any]) -> Iterable[tuple[str, FollowUp]]:
        meanings = [(FollowUp("more_detail", name), rows) for name, rows in data["sections"].items()]
        meanings += [(FollowUp("more_detail"), data["more"]), (FollowUp("repeat_or_explain"), data["again"])]
        for meaning, rows in meanings:
            for phrase in (str(phrase) for row in rows for phrase in row):
                words = _words(phrase)
                yield " ".join(words), meaning
                bare = " ".join(_without(words, self._fillers))
                if bare and len(bare.split()) > 1:  # "de nuevo" must not make a single small word a phrase.
                    yield bare, meaning


def _is_typo_of(typed: Sequence[str], phrase: Sequence[str]) -> bool:
    """Tell whether each word is the phrase's, but for one slip in long ones; both have as many."""
    return all(
        word == listed or (min(len(word), len(listed)) >= TYPO_LENGTH and OSA.distance(word, listed, score_cutoff=1) <= 1)
        for word, listed in zip(typed, phrase, strict=True)
    )


def _words(text: object) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(str(text)))


def _without(typed: Sequence[str], fillers: Collection[tuple[str, ...]]) -> list[str]:
    kept, position = [], 0
    while position < len(typed):
        filler = next((words for words in fillers if words and tuple(typed[position : position + len(words)]) == words), None)
        if filler is None:
            kept.append(typed[position])
        position += len(filler) if filler else 1
    return kept
