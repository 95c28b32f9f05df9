"""Find an emergency in what a contact wrote by reviewed phrases, before the engine runs and while it is down.

The phrases live in `intents/urgent/<locale>.yml` and belong to staff. All languages are tried on every message, because
people in danger write in the language they think in. Pure: no storage, no engine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.phrases import Hit, Phrase, PhraseError, PhraseIndex, TypedWord, parse_phrase, read_message
from bot.conversations.words import Lexicon, read_common_words, split_words

MOST_WORDS = 600
"""Words read of one message: the longest text of a channel (4,096 characters) has about as many."""
UNLESS_REACH = 12
"""In a long message an `unless` phrase silences only what stands at most this many words away."""
_SHORT_MESSAGE = 30
_TOPIC_KEYS = frozenset({"phrases", "alone", "unless"})
_FILE_KEYS = frozenset({"locale", "lists", "fillers", "topics", "unless", "now", "real_words"})
_EVERY_TOPIC = "*"


@dataclass(frozen=True)
class UrgentMatch:
    """An emergency that was recognised.

    Attributes:
        topic: one of the urgent topics of the catalogue.
        phrase: the phrase as the editors wrote it; never the contact's own words.
        score: how alike the phrase and what was typed are, 0 to 100.
        locale: the language of the phrase, for a contact whose language is not known yet.
    """

    topic: str
    phrase: str
    score: float
    locale: str = ""


@dataclass
class _Read:
    """What the files hold, all languages together."""

    phrases: list[Phrase] = field(default_factory=list)
    alone: list[Phrase] = field(default_factory=list)
    unless: list[Phrase] = field(default_factory=list)
    now: list[Phrase] = field(default_factory=list)
    fillers: set[str] = field(default_factory=set)
    real_words: set[str] = field(default_factory=set)


class UrgentPhrases:
    """Recognises emergencies by the reviewed phrases of a folder.

    Args:
        folder: the folder that holds one `<locale>.yml` for each language.
        common_words: the file of words that are never a typo; None takes `../vocabulary/common-words.txt`, if it is there.

    Raises:
        PhraseError: a file cannot be read; the text names the file and the phrase.
    """

    def __init__(self, folder: Path, common_words: Path | None = None) -> None:
        read = _Read()
        paths = sorted(folder.glob("*.yml"))
        if not paths:
            raise PhraseError(f"{folder}: there is no <locale>.yml with urgent phrases")
        for path in paths:
            _read_file(path, read)
        common_words = common_words or folder.parent / "vocabulary" / "common-words.txt"
        if common_words.exists():
            read.real_words |= read_common_words(common_words)
        self._phrases = PhraseIndex(read.phrases, read.fillers)
        self._alone = PhraseIndex(read.alone, read.fillers)
        self._unless = PhraseIndex(read.unless, read.fillers)
        self._now = PhraseIndex(read.now)
        indexes = (self._phrases, self._alone, self._unless, self._now)
        self._fillers = frozenset(read.fillers)
        self._lexicon = Lexicon(frozenset().union(*(index.words for index in indexes)), read.real_words)
        self.topics = frozenset(phrase.key for phrase in (*read.phrases, *read.alone))

    def match(self, text: str) -> UrgentMatch | None:
        """Return the emergency that a message tells of, or None when it tells of none for certain.

        When several phrases stand in it, the one that says most wins: the one that covers most letters.
        """
        message = read_message(split_words(text)[:MOST_WORDS], self._lexicon)
        hits = self._phrases.find(message)
        hits += self._all_said(message)
        if not hits:
            return None
        hits = self._still_urgent(message, hits)
        best = max(hits, key=lambda hit: (hit.letters, hit.score), default=None)
        return _match(best) if best else None

    def _all_said(self, message: Sequence[TypedWord]) -> list[Hit]:
        """Return the hits of `alone` phrases when the message says nothing else, but for fillers."""
        hits = self._alone.find(message)
        covered = {position for hit in hits for position in range(hit.first, hit.last + 1)}
        others = (typed for position, typed in enumerate(message) if position not in covered)
        return hits if all(typed.text in self._fillers for typed in others) else []

    def _still_urgent(self, message: Sequence[TypedWord], hits: list[Hit]) -> list[Hit]:
        """Drop what an `unless` phrase nearby tells to be past, feared or asked about in general."""
        unless = self._unless.find(message)
        if not unless or self._now.find(message):
            return hits
        reach = len(message) if len(message) <= _SHORT_MESSAGE else UNLESS_REACH
        return [hit for hit in hits if not any(_silences(other, hit, reach) for other in unless)]


def _match(hit: Hit) -> UrgentMatch:
    return UrgentMatch(hit.phrase.key, hit.phrase.text, hit.score, hit.phrase.locale)


def _silences(unless: Hit, hit: Hit, reach: int) -> bool:
    distance = max(unless.first - hit.last, hit.first - unless.last, 0)
    return unless.phrase.key in (_EVERY_TOPIC, hit.phrase.key) and distance <= reach


def _read_file(path: Path, read: _Read) -> None:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PhraseError(f"{path}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(data, dict) or not isinstance(data.get("topics"), dict):
        raise PhraseError(f"{path}: there must be a `topics` block, see intents/urgent/README.md")
    _refuse_unknown(path, data, _FILE_KEYS)
    parse = partial(_parse, locale=str(data.get("locale") or path.stem), lists=data.get("lists") or {})
    try:
        for topic, block in data["topics"].items():
            _refuse_unknown(path, block, _TOPIC_KEYS)
            read.phrases += parse(topic, block.get("phrases"))
            read.alone += parse(topic, block.get("alone"))
            read.unless += parse(topic, block.get("unless"))
        read.unless += parse(_EVERY_TOPIC, data.get("unless"))
        read.now += parse(_EVERY_TOPIC, data.get("now"))
    except PhraseError as error:
        raise PhraseError(f"{path}: {error}") from error
    read.fillers |= _folded(data.get("fillers"))
    read.real_words |= _folded(data.get("real_words"))


def _refuse_unknown(path: Path, block: Mapping[str, Any], known: Collection[str]) -> None:
    unknown = sorted(set(block) - set(known))
    if unknown:
        raise PhraseError(f"{path}: {unknown[0]!r} is not one of {', '.join(sorted(known))}")


def _parse(key: str, rows: Iterable[Any] | None, locale: str, lists: Mapping[str, Sequence[str]]) -> list[Phrase]:
    return [phrase for row in rows or () for phrase in parse_phrase(key, str(row), lists, locale)]


def _folded(rows: Iterable[Any] | None) -> set[str]:
    return {word.text for row in rows or () for word in split_words(str(row))}
