"""How easy a Spanish text is to read: the Szigriszt-Pazos scale, about 0 to 100, higher is easier; 60 is plain Spanish.

Our own few lines, because the library `textstat` counts syllables by hyphenation: "día", "agua" and "policía" come out one
short (22 of 39 common words were wrong), which makes a text look easier than it is. It also fetches a word list over the
network. The formula: https://legible.es/blog/perspicuidad-szigriszt-pazos/ .
"""

from __future__ import annotations

import re

from bot.markup import parse_markup

MINIMUM_EASE = 60.0
"""The least ease of a Spanish answer: the upper half of "normal" in the table of the same page."""

_LETTERS = r"a-záéíóúüñ"
_WORD = re.compile(rf"[{_LETTERS}]+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…]+[\"”»')]*(?:\s+|$)|\n")
# Addresses of pages and mailboxes are copied, not read.
_ADDRESS = re.compile(r"https?://\S+|\S+@\S+|\b(?:[\w-]+\.)+[a-z]{2,}\b(?:/\S*)?", re.IGNORECASE)
# "EE. UU." and "Av." do not end a sentence: only a full stop after three letters or more, or a figure, does.
_ABBREVIATION = re.compile(rf"\b([{_LETTERS}]{{1,2}})\.(?=\s)", re.IGNORECASE)
# "que", "gui": the u is not heard; "h" does not part vowels; a final y is a vowel.
_SILENT_U = re.compile(r"(?<=q)u|(?<=g)u(?=[eiéí])")
_CONSONANT_Y = re.compile(r"y(?=[aeiouáéíóú])")
_NUCLEI = re.compile(r"[iuü]?[aeoáéó][iuüy]?(?![aeoáéóíúiuü])|[iuü]?[aeoáéó]|[iuü]?[íú]|[iuüy]+")


def reading_ease(text: str) -> float | None:
    """Return the ease of a marked-up Spanish text, or None when it has no words. Each list item is a sentence."""
    lines = "\n".join(block.plain for block in parse_markup(text))
    clean = _ABBREVIATION.sub(r"\1", _ADDRESS.sub("", lines))
    words = _WORD.findall(clean)
    if not words:
        return None
    sentences = sum(1 for part in _SENTENCE_END.split(clean) if part and _WORD.search(part))
    syllables = sum(count_syllables(word) for word in words)
    return 206.835 - 62.3 * syllables / len(words) - len(words) / sentences


def count_syllables(word: str) -> int:
    """Count the syllables of a Spanish word by its spelling: two strong vowels or an accented weak one part, others join."""
    sounds = _SILENT_U.sub("", word.lower()).replace("h", "")
    return max(1, len(_NUCLEI.findall(_CONSONANT_Y.sub("j", sounds))))
