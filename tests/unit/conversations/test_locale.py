"""The choice of the language in which a contact is answered."""

from __future__ import annotations

import pytest

from bot.conversations.locale import choose_locale


@pytest.mark.parametrize(
    ("current", "source", "detected", "confidence", "words", "expected"),
    [
        ("en", "detected", "es", 0.97, 2, ("en", "detected")),
        ("en", "hint", "es", 0.97, 2, ("en", "hint")),
        ("en", "detected", "es", 0.97, 3, ("es", "detected")),
        ("en", "detected", "es", 0.85, 12, ("en", "detected")),
        ("en", "hint", "es", 0.85, 4, ("es", "detected")),
        ("en", "hint", "es", 0.7, 4, ("en", "hint")),
        ("es", "default", "en", 0.9, 1, ("en", "detected")),
        ("es", "default", "en", 0.6, 1, ("es", "default")),
        ("es", "default", "es", 0.99, 5, ("es", "detected")),
        ("fr", "hint", "fr", 0.99, 5, ("fr", "detected")),
        ("fr", "hint", "fr", 0.99, 1, ("fr", "hint")),
        ("es", "chosen", "en", 1.0, 40, ("es", "chosen")),
        ("pt", "chosen", "pt", 1.0, 40, ("pt", "chosen")),
        ("es", "default", "", 0.0, 3, ("es", "default")),
        ("es", "default", "en", 0.0, 0, ("es", "default")),
        ("es", "unheard of", "en", 0.95, 2, ("en", "detected")),
    ],
    ids=[
        "ok gracias from an english contact",
        "ok gracias from an english phone",
        "clear sentence",
        "unclear sentence",
        "sentence against a hint",
        "unclear sentence against a hint",
        "hello instead of the default",
        "unclear word",
        "default confirmed",
        "hint confirmed",
        "hint not confirmed by one word",
        "chosen stays",
        "chosen stays chosen",
        "nothing detected",
        "no words",
        "unknown source",
    ],
)
def test_choose_locale_is_sticky(
    current: str, source: str, detected: str, confidence: float, words: int, expected: tuple[str, str]
) -> None:
    """A language changes only on evidence as strong as what it replaces, and never once it was chosen."""
    assert choose_locale(current, source, detected, confidence, words) == expected
