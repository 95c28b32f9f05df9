"""How alike two sentences are: for examples that stand twice, and for messages of the tests that must not be learned from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from rapidfuzz import fuzz, process

NEAR = 90
"""From this score on, of 100, two sentences count as nearly the same."""
FEWEST_WORDS = 4
"""Shorter messages of the tests are compared as a whole only: of "cuánto cuesta" there are not many spellings."""


def fold_sentence(text: str) -> str:
    """Return a sentence in lower case without accents, punctuation and repeated spaces; one of signs alone is empty."""
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[^\w\s]|_", " ", plain).split())


def copy_score(held_out: str, example: str) -> float:
    """Return how much a folded message of the tests is like a folded example, 0 to 100; one inside the other is 100."""
    return max(fuzz.token_set_ratio(held_out, example), fuzz.ratio(held_out, example))


class HeldOut:
    """The messages on which models are measured; nobody who writes examples shall see them.

    Args:
        messages: (text, whether its topic only steers the conversation); of those a copy is no harm when it is short.
    """

    def __init__(self, messages: Iterable[tuple[str, bool]]) -> None:
        folded = [(fold_sentence(text), is_system) for text, is_system in messages]
        self._exact = {text for text, is_system in folded if not is_system}
        self._long = [text for text, _ in folded if len(text.split()) >= FEWEST_WORDS]

    def has_copy_of(self, example: str) -> bool:
        """Tell whether an example is one of the messages, or nearly one."""
        folded = fold_sentence(example)
        if folded in self._exact:
            return True
        if len(folded.split()) < FEWEST_WORDS:
            return False
        best = (process.extractOne(folded, self._long, scorer=scorer) for scorer in (fuzz.token_set_ratio, fuzz.ratio))
        return any(found is not None and found[1] >= NEAR for found in best)
