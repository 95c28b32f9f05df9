"""Recognise the words by which people stop messages, begin again, see their data and delete them.

The phrases live in `intents/vocabulary/privacy.yml` and belong to staff. They are read before everything else, so only a
whole message counts. Pure: no storage, no engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.phrases import TypedWord, read_message
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.words import Lexicon, read_common_words, split_words
from bot.errors import RutaError
from bot.i18n import LOCALES

MOST_WORDS = 14
"""A longer message says something else as well."""


class PrivacyRequest(str, Enum):
    """What somebody asks for."""

    STOP = "stop"
    START = "start"
    MY_DATA = "my_data"
    ERASE = "erase"
    AGREE = "agree"
    REFUSE = "refuse"


ANSWERS = frozenset({PrivacyRequest.AGREE, PrivacyRequest.REFUSE})
"""What only means something right after our question."""


@dataclass(frozen=True)
class PrivacyMatch:
    """A request that was recognised.

    Attributes:
        locale: the language of the words, empty when they are said in several.
    """

    request: PrivacyRequest
    locale: str = ""


class PrivacyWords:
    """Recognises requests by the phrases of a file.

    Args:
        path: the file.
        common_words: the file of words that are never a typo; None takes the one beside it, if it is there.

    Raises:
        RutaError: the file cannot be read; the text names it and what is wrong.
    """

    def __init__(self, path: Path, common_words: Path | None = None) -> None:
        data = _read(path)
        self._fillers = sorted({_words(row) for row in data["fillers"]}, key=len, reverse=True)
        self._meanings: dict[PrivacyRequest, dict[tuple[str, ...], set[str]]] = {}
        for request in PrivacyRequest:
            of_request = self._meanings.setdefault(request, {})
            for locale, phrase in _phrases(data[request.value]):
                of_request.setdefault(_words(phrase), set()).add(locale)
        common_words = common_words or path.parent / "common-words.txt"
        real = read_common_words(common_words) if common_words.exists() else frozenset()
        listed = {word for phrases in self._meanings.values() for phrase in phrases for word in phrase}
        self._lexicon = Lexicon(listed | {word for filler in self._fillers for word in filler}, real)

    def find(self, text: str) -> PrivacyMatch | None:
        """Return what a message asks for, or None when it says anything else; see `find_answer` for yes and no."""
        return self._find(text, [request for request in PrivacyRequest if request not in ANSWERS])

    def find_answer(self, text: str) -> PrivacyMatch | None:
        """Return whether a message says yes or no to our question, or None when it says anything else."""
        return self._find(text, sorted(ANSWERS))

    def phrases(self) -> Iterator[tuple[PrivacyRequest, str]]:
        """Yield every phrase, folded, with what it asks for."""
        for request, phrases in self._meanings.items():
            yield from ((request, " ".join(phrase)) for phrase in phrases)

    def _find(self, text: str, requests: Sequence[PrivacyRequest]) -> PrivacyMatch | None:
        words = split_words(text)
        if not words or len(words) > MOST_WORDS:
            return None
        typed = read_message(words, self._lexicon)
        for candidate in (typed, self._bare(typed)):
            for request in requests:
                for phrase, locales in self._meanings[request].items():
                    if _says(candidate, phrase):
                        return PrivacyMatch(request, next(iter(locales)) if len(locales) == 1 else "")
        return None

    def _bare(self, typed: Sequence[TypedWord]) -> Sequence[TypedWord]:
        """Take fillers away from both ends."""
        for filler in self._fillers:
            size = len(filler)
            if len(typed) > size and _says(typed[:size], filler):
                return self._bare(typed[size:])
            if len(typed) > size and _says(typed[-size:], filler):
                return self._bare(typed[:-size])
        return typed


def faults(path: Path, urgent: UrgentPhrases) -> list[str]:
    """Return what is wrong with the phrases of a file, for `ruta check`: what means two things, or is an emergency."""
    words = PrivacyWords(path)
    meant: dict[str, PrivacyRequest] = {}
    found = []
    for request, phrase in words.phrases():
        other = meant.setdefault(phrase, request)
        if other is not request and (other in ANSWERS) == (request in ANSWERS):
            found.append(f"{phrase!r} stands under {other.value} and under {request.value}; leave it in one")
        match = urgent.match(phrase)
        if match is not None:
            found.append(f"{phrase!r} is also the urgent phrase {match.phrase!r}; take it out here, a life may hang on it")
    return found


def _says(typed: Sequence[TypedWord], phrase: Sequence[str]) -> bool:
    return len(typed) == len(phrase) and all(
        word == said.text or word in said.readings for said, word in zip(typed, phrase, strict=True)
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        # The base loader: "no" is a word here, not a truth value.
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RutaError(f"{path}: cannot be read as YAML ({type(error).__name__})") from error
    known = {"fillers", *(request.value for request in PrivacyRequest)}
    if not isinstance(data, dict) or set(data) != known:
        raise RutaError(f"{path}: there must be exactly these blocks: {', '.join(sorted(known))}")
    if not isinstance(data["fillers"], list):
        raise RutaError(f"{path}: `fillers` must be a list")
    for request in PrivacyRequest:
        block = data[request.value]
        if (
            not isinstance(block, dict)
            or set(block) != set(LOCALES)
            or not all(isinstance(rows, list) for rows in block.values())
        ):
            raise RutaError(f"{path}: `{request.value}` must have one list for each of {', '.join(LOCALES)}")
        for locale, rows in block.items():
            empty = [row for row in rows if not isinstance(row, str) or not _words(row)]
            if empty or not rows:
                raise RutaError(f"{path}: `{request.value}`, {locale}: a phrase without words")
    return data


def _phrases(block: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    return ((locale, phrase) for locale, rows in block.items() for phrase in rows)


def _words(text: object) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(str(text)))
