"""Words as people type them on a phone: folding, splitting with positions, and a list of words that forgives typos.

Shared by the urgent phrases and the destinations. Nothing here knows what a word means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

_INVISIBLE = "\u200b-\u200f\u2060\ufe0f\ufeff"
_MARKS = f"\u0300-\u036f{_INVISIBLE}"
_CONTRACTION = re.compile(r"(?<=[a-z])['\u2019\u00b4`](?=(?:m|s|t|re|ve|ll|d)\b)", re.IGNORECASE)
# Letters with their marks, numbers, or one symbol such as an emoji. An invisible character inside a word does not split it.
_WORD = re.compile(rf"(?P<letters>(?:[^\W\d_][{_MARKS}]*)+)|(?P<number>\d+)|(?P<symbol>[\u203c-\u3299\U0001f000-\U0001faff])")
_LIGATURES = str.maketrans({"\u0153": "oe", "\u00e6": "ae", "\u00f8": "o", "\u0142": "l"})
_LONG_RUN = re.compile(r"(.)\1{2,}")
_RUN = re.compile(r"(.)\1+")
_ONE_TYPO_LENGTH = 5
_TWO_TYPOS_LENGTH = 9
_JOINED_LENGTH = 8
_ELISIONS = frozenset("jmtldsnc")
_MOST_REMEMBERED = 8192
_MOST_LETTERS = 32
_MOST_READINGS = 4


@dataclass(frozen=True)
class Word:
    """One word of a text.

    Attributes:
        text: folded: lower case, without accents.
        start: where it begins in the text as it was written.
        end: where it ends there, exclusive.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Reading:
    """A listed word that a typed word may stand for.

    Attributes:
        words: one listed word, or several when they were typed without spaces.
        score: how alike they are, 0 to 100; 100 means typed as listed.
    """

    words: tuple[str, ...]
    score: float


@lru_cache(maxsize=_MOST_REMEMBERED)
def fold_word(text: str) -> str:
    """Return a word in lower case without accents and invisible characters."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().translate(_LIGATURES)
    return "".join(char for char in decomposed if char.isalnum() or unicodedata.category(char) == "So")


def split_words(text: str) -> list[Word]:
    """Return the words of a text in order; a number is a word and so is each emoji.

    English contractions stay one word ("don't" is "dont", as most people type it); other apostrophes part words.
    """
    found = []
    for start, end, raw in _raw_words(text):
        folded = fold_word(raw)
        if folded:
            found.append(Word(folded, start, end))
    return found


def _raw_words(text: str) -> Iterable[tuple[int, int, str]]:
    joined_at = {match.start() for match in _CONTRACTION.finditer(text)} if "'" in text or "\u2019" in text else set()
    pending: tuple[int, int, str] | None = None
    for match in _WORD.finditer(text):
        if pending and pending[1] in joined_at and match.start() == pending[1] + 1:
            pending = (pending[0], match.end(), pending[2] + match[0])
            continue
        if pending:
            yield pending
        pending = (match.start(), match.end(), match[0])
    if pending:
        yield pending


def read_common_words(path: Path) -> frozenset[str]:
    """Read a list of folded words, one a line; lines that begin with # are remarks."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


class Lexicon:
    """A closed list of words that finds what a typed word stands for, in spite of repeated letters and typos.

    A word of five letters or more may have one wrong, missing, extra or swapped letter, a word of nine or more two.

    Args:
        words: the listed words, folded.
        real_words: words that are not typos of a listed one although they look like it, folded.
    """

    def __init__(self, words: Collection[str], real_words: Collection[str] = ()) -> None:
        self._words = frozenset(words)
        self._real = frozenset(real_words) - self._words
        self._by_collapsed: dict[str, str] = {}
        self._by_length: dict[int, list[str]] = {}
        self._by_remains: dict[str, list[str]] = {}
        for word in sorted(self._words):
            self._by_collapsed.setdefault(_RUN.sub(r"\1", word), word)
            if len(word) >= _TWO_TYPOS_LENGTH:
                self._by_length.setdefault(len(word), []).append(word)
            for remains in _remains(word) if len(word) >= _ONE_TYPO_LENGTH else ():
                self._by_remains.setdefault(remains, []).append(word)
        self._remembered = lru_cache(maxsize=_MOST_REMEMBERED)(self._read)

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def readings(self, word: str) -> tuple[Reading, ...]:
        """Return what a typed, folded word may stand for, the likeliest first; empty when it is no listed word."""
        if word in self._words:
            return (Reading((word,), 100.0),)
        return () if word in self._real or len(word) > _MOST_LETTERS * 4 else self._remembered(word)

    def _read(self, word: str) -> tuple[Reading, ...]:
        stretched = self._unstretched(word)
        if stretched:
            return (Reading((stretched,), 100.0),)
        calm = _LONG_RUN.sub(r"\1", word)
        parts = self._elided(calm) or self._parted(calm)
        if parts:
            return (Reading(parts, 100.0),)
        return self._misspelt(calm)

    def _unstretched(self, word: str) -> str:
        """Return the listed word in "ayudaaa", "killl" or "aayyuuddaa"; a listed "kill" keeps its two letters."""
        if not _RUN.search(word):
            return ""
        for candidate in (_LONG_RUN.sub(r"\1", word), _LONG_RUN.sub(r"\1\1", word)):
            if candidate in self._words:
                return candidate
        return self._by_collapsed.get(_RUN.sub(r"\1", word), "") if _LONG_RUN.search(word) else ""

    def _elided(self, word: str) -> tuple[str, ...]:
        """Part a French word typed without its apostrophe: "jai" is "j'ai"."""
        head, tail = word[:1], word[1:]
        is_elided = head in _ELISIONS and head in self._words and len(tail) >= 2 and tail in self._words
        return (head, tail) if is_elided else ()

    def _parted(self, word: str) -> tuple[str, ...]:
        """Part words typed without spaces: "mequierenmatar"; empty unless every part is listed."""
        if not _JOINED_LENGTH <= len(word) <= _MOST_LETTERS:
            return ()
        best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(2, len(word) + 1):
            for start in range(end - 1):
                before = best[start]
                if before is None or word[start:end] not in self._words:
                    continue
                current = best[end]
                if current is None or len(before) + 1 < len(current):
                    best[end] = (*before, word[start:end])
        return best[-1] or ()

    def _misspelt(self, word: str) -> tuple[Reading, ...]:
        if not _ONE_TYPO_LENGTH <= len(word) <= _MOST_LETTERS:
            return ()
        near = {listed: OSA.distance(word, listed) for listed in self._one_typo_away(word)}
        near |= dict(self._two_typos_away(word)) if len(word) >= _TWO_TYPOS_LENGTH else {}
        found = [
            Reading((listed,), 100.0 * (1 - distance / max(len(word), len(listed))))
            for listed, distance in near.items()
            if distance <= _typos(min(len(word), len(listed)))
        ]
        return tuple(sorted(found, key=lambda one: (-one.score, len(one.words[0]), one.words))[:_MOST_READINGS])

    def _one_typo_away(self, word: str) -> set[str]:
        """Return the listed words that share what is left without one letter: all that are one typo away, and a few more."""
        return {listed for remains in _remains(word) for listed in self._by_remains.get(remains, ())}

    def _two_typos_away(self, word: str) -> Iterator[tuple[str, int]]:
        for length in range(len(word) - 2, len(word) + 3):
            listed = self._by_length.get(length, ())
            yield from (row[:2] for row in process.extract(word, listed, scorer=OSA.distance, score_cutoff=2, limit=8))


def _remains(word: str) -> set[str]:
    """Return a word, and what is left of it without each of its letters."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def _typos(length: int) -> int:
    return 2 if length >= _TWO_TYPOS_LENGTH else 1
