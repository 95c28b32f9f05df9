"""Check the vocabulary that is read before everything else: what a word there means must be beyond doubt."""

from __future__ import annotations

from pathlib import Path

from bot.content.model import Problem
from bot.conversations.privacy_words import faults
from bot.conversations.urgent import UrgentPhrases
from bot.errors import RutaError


def check_privacy_words(intents: Path) -> list[Problem]:
    """Return what is wrong with `intents/vocabulary/privacy.yml`."""
    path = intents / "vocabulary" / "privacy.yml"
    try:
        found = faults(path, UrgentPhrases(intents / "urgent"))
    except RutaError as error:
        return [Problem(path, 0, "privacy_words", str(error))]
    return [Problem(path, 0, "privacy_words", fault) for fault in found]
