"""Phrases with alternatives and gaps, and an index that finds hundreds of them in a text in well under a millisecond.

The notation, explained for editors in `intents/urgent/README.md`:

    (me|nos) quieren matar     one of several words
    estoy (muy)? mal           words that may be missing
    <relative> ... secuestrado a named list, then up to three other words
    hace 00 años               any number
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import prod

from rapidfuzz import fuzz

from bot.conversations.words import Lexicon, Word, split_words
from bot.errors import RutaError

GAP_WORDS = 5
"""How many words of the message three dots stand for at most."""
NUMBER_WORD = "00"
"""What stands for any number in a phrase."""
SCORE_MINIMUM = 86.0
"""How alike a phrase and the words that were typed must be, 0 to 100, over all their letters."""
_MOST_VARIANTS = 400
_ELEMENT = re.compile(
    r"\s*(?:(?P<gap>\.\.\.)|<(?P<list>\w+)>(?P<list_optional>\?)?|\((?P<group>[^()]*)\)(?P<group_optional>\?)?|"
    r"(?P<word>[^\s()<>?|\[\].]+))(?=[\s(<.]|$)\s*"
)
_LIST_NAME = re.compile(r"<(\w+)>")
_Places = tuple[frozenset[str], ...]


class PhraseError(RutaError):
    """A phrase cannot be read; the text says which one and what is wrong with it."""

    code = "phrase_invalid"


@dataclass(frozen=True)
class Slot:
    """One place of a phrase: the words that fit there, and how many other words may stand before it."""

    words: frozenset[str]
    gap: int = 0


@dataclass(frozen=True)
class Phrase:
    """One phrase as it was written, with the key of what it means and one of its variants.

    Attributes:
        key: what the phrase stands for, for example a topic.
        text: as the editor wrote it.
        slots: the places, in order.
        locale: the language of the file that it stands in.
    """

    key: str
    text: str
    slots: tuple[Slot, ...]
    locale: str = ""


@dataclass(frozen=True)
class Hit:
    """A phrase that was found.

    Attributes:
        first: the position of its first word in the message.
        last: the position of its last word.
        letters: how many letters of the message it covers: a measure of how much the phrase says.
        score: how alike, 0 to 100.
    """

    phrase: Phrase
    first: int
    last: int
    letters: int
    score: float


@dataclass(frozen=True)
class TypedWord:
    """A word of a message with the listed words it may stand for."""

    text: str
    readings: Mapping[str, float]


def parse_phrase(key: str, text: str, lists: Mapping[str, Sequence[str]], locale: str = "") -> list[Phrase]:
    """Return the variants of a phrase.

    Args:
        lists: the named word lists that `<name>` refers to.

    Raises:
        PhraseError: it names an unknown list, is empty, or has too many variants.
    """
    elements: list[list[_Places]] = []
    gaps: list[int] = []
    gap = position = 0
    while position < len(text):
        match = _ELEMENT.match(text, position)
        if match is None:
            raise PhraseError(f"{text!r}: cannot be read from {text[position:]!r} on")
        position = match.end()
        if match["gap"]:
            gap = GAP_WORDS
            continue
        elements.append(_alternatives(match, text, lists))
        gaps.append(gap)
        gap = 0
    return [Phrase(key, text, slots, locale) for slots in _variants(elements, gaps, text)]


def _alternatives(match: re.Match[str], text: str, lists: Mapping[str, Sequence[str]]) -> list[_Places]:
    """Return what may stand at one element of a phrase, each alternative as the words that fit its places."""
    written = match["group"].split("|") if match["group"] is not None else [match["word"] or f"<{match['list']}>"]
    found = [places for option in written for places in _option(option, text, lists)]
    return [*found, ()] if match["list_optional"] or match["group_optional"] else found


def _option(option: str, text: str, lists: Mapping[str, Sequence[str]]) -> list[_Places]:
    """Return the variants of one alternative, in which `<name>` stands for any entry of a list."""
    parts: list[list[_Places]] = []
    for index, part in enumerate(_LIST_NAME.split(option)):
        if index % 2:
            if part not in lists:
                raise PhraseError(f"{text!r}: there is no word list called {part!r}")
            parts.append(_grouped([_places(entry) for entry in lists[part]]))
        elif part.strip():
            parts.append([_places(part)])
    variants = [tuple(chain.from_iterable(chosen)) for chosen in product(*parts)]
    if not all(variants):
        raise PhraseError(f"{text!r}: an alternative is empty; write (word)? for a word that may be missing")
    return variants


def _places(words: str) -> _Places:
    return tuple(frozenset({word.text}) for word in split_words(words))


def _grouped(alternatives: Sequence[_Places]) -> list[_Places]:
    """Keep single words together in one place; alternatives of several words become variants of their own."""
    single = [option[0] for option in alternatives if len(option) == 1]
    together: list[_Places] = [(frozenset().union(*single),)] if single else []
    return together + [option for option in dict.fromkeys(alternatives) if len(option) != 1]


def _variants(elements: list[list[_Places]], gaps: list[int], text: str) -> Iterator[tuple[Slot, ...]]:
    grouped = [_grouped(alternatives) for alternatives in elements]
    count = prod(len(group) for group in grouped)
    if count > _MOST_VARIANTS:
        raise PhraseError(f"{text!r}: {count} variants; write it as several phrases")
    for chosen in product(*grouped):
        slots = _slots(chosen, gaps)
        if not slots:
            raise PhraseError(f"{text!r}: no word must be there")
        yield slots


def _slots(chosen: Sequence[_Places], gaps: Sequence[int]) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    gap = 0
    for places, gap_before in zip(chosen, gaps, strict=True):
        gap = max(gap, gap_before)
        for words in places:
            slots.append(Slot(words, gap if slots else 0))
            gap = 0
    return tuple(slots)


class PhraseIndex:
    """Finds phrases in a message; each phrase is looked up by its rarest word.

    Args:
        phrases: all phrases, with their variants.
        fillers: words that may stand between the words of any phrase.
    """

    def __init__(self, phrases: Iterable[Phrase], fillers: Collection[str] = ()) -> None:
        self._fillers = frozenset(fillers)
        unique = list(dict.fromkeys(phrases))
        uses: dict[str, int] = {}
        for phrase in unique:
            for word in {word for slot in phrase.slots for word in slot.words}:
                uses[word] = uses.get(word, 0) + 1
        self._anchored: dict[str, list[tuple[Phrase, int]]] = {}
        for phrase in unique:
            costs = [sum(uses[word] for word in slot.words) for slot in phrase.slots]
            anchor = costs.index(min(costs))
            for word in phrase.slots[anchor].words:
                self._anchored.setdefault(word, []).append((phrase, anchor))
        self.words = frozenset(uses)

    def find(self, message: Sequence[TypedWord]) -> list[Hit]:
        """Return every phrase that stands in the message."""
        hits = []
        for position, typed in enumerate(message):
            for word in typed.readings:
                for phrase, anchor in self._anchored.get(word, ()):
                    hit = self._check(message, position, phrase, anchor)
                    if hit:
                        hits.append(hit)
        return hits

    def _check(self, message: Sequence[TypedWord], position: int, phrase: Phrase, anchor: int) -> Hit | None:
        before = self._walk(message, position, phrase.slots, anchor, -1)
        if before is None:
            return None
        after = self._walk(message, position, phrase.slots, anchor, 1)
        if after is None:
            return None
        places = [*reversed(before), position, *after]
        typed = [message[place] for place in places]
        meant = [
            max((score, word) for word, score in t.readings.items() if word in slot.words)[1]
            for t, slot in zip(typed, phrase.slots, strict=True)
        ]
        score = _likeness(typed, meant)
        if score < SCORE_MINIMUM:
            return None
        return Hit(phrase, places[0], places[-1], sum(len(word) for word in meant), score)

    def _walk(
        self, message: Sequence[TypedWord], position: int, slots: tuple[Slot, ...], anchor: int, step: int
    ) -> list[int] | None:
        """Return the places of the words after (or before) the anchor; None when one is missing."""
        places = []
        index = anchor + step
        while 0 <= index < len(slots):
            gap = slots[index if step > 0 else index + 1].gap
            place = self._next(message, position, slots[index].words, gap, step)
            if place is None:
                return None
            places.append(place)
            position, index = place, index + step
        return places

    def _next(self, message: Sequence[TypedWord], position: int, words: frozenset[str], gap: int, step: int) -> int | None:
        place = position + step
        skipped = 0
        while 0 <= place < len(message) and skipped <= gap:
            typed = message[place]
            if not words.isdisjoint(typed.readings):
                return place
            if typed.text not in self._fillers:
                skipped += 1
            place += step
        return None


def _likeness(typed: Sequence[TypedWord], meant: Sequence[str]) -> float:
    if all(word.readings[listed] == 100.0 for word, listed in zip(typed, meant, strict=True)):
        return 100.0
    return fuzz.ratio(" ".join(word.text for word in typed), " ".join(meant))


def read_message(words: Iterable[Word], lexicon: Lexicon) -> list[TypedWord]:
    """Look up each word of a message; words typed without spaces are parted, unlisted emojis and symbols left out."""
    message: list[TypedWord] = []
    for word in words:
        if word.text.isdigit():
            message.append(TypedWord(word.text, {NUMBER_WORD: 100.0, word.text: 100.0}))
            continue
        readings = lexicon.readings(word.text)
        if readings and len(readings[0].words) > 1:
            message.extend(TypedWord(part, {part: 100.0}) for part in readings[0].words)
        elif readings or word.text.isalnum():
            message.append(TypedWord(word.text, {reading.words[0]: reading.score for reading in readings}))
    return _rejoined(message, lexicon)


def _rejoined(message: list[TypedWord], lexicon: Lexicon) -> list[TypedWord]:
    """Join a listed word that was typed as two ("secues trada"), when neither half is listed."""
    joined: list[TypedWord] = []
    for typed in message:
        whole = joined[-1].text + typed.text if joined and not typed.readings and not joined[-1].readings else ""
        if whole and len(whole) >= 6 and whole in lexicon:
            joined[-1] = TypedWord(whole, {whole: 100.0})
        else:
            joined.append(typed)
    return joined
