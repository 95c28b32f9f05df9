"""Choose the language in which a contact is answered: sticky, changed by command or by clear evidence only."""

from __future__ import annotations

CLEAR = 0.9
"""Probability from which a detected language counts as clear."""
LIKELY = 0.7
"""Probability that is enough while nothing better than a default or the provider's hint is known."""
CLEAR_WORDS = 3
"""Words that a message needs before it can change a language that was detected before."""


def choose_locale(current: str, source: str, detected: str, confidence: float, words: int) -> tuple[str, str]:
    """Return locale and source after a message.

    Args:
        current: the contact's locale so far.
        source: how it is known: `chosen` by command, `detected`, `hint` of the provider, or `default`.
        detected: the language that the message seems to be written in.
        confidence: its probability, 0 to 1.
        words: how many words the message has.
    """
    if source == "chosen" or detected == current:
        is_confirmed = detected == current and source != "chosen" and confidence >= CLEAR and words >= CLEAR_WORDS
        return current, "detected" if is_confirmed else source
    if source == "detected":
        return (detected, "detected") if confidence >= CLEAR and words >= CLEAR_WORDS else (current, source)
    return (detected, "detected") if confidence >= LIKELY and words >= 1 else (current, source)
