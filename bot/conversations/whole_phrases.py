"""Phrases that count only when a message says nothing else, in a file of `intents/vocabulary/` with a list for each locale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.phrases import read_message
from bot.conversations.privacy_words import PrivacyWords
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.words import Lexicon, read_common_words, split_words
from bot.errors import RutaError
from bot.i18n import LOCALES


class WholePhrases:
    """The phrases of one block of a file; slips of the finger are forgiven.

    Raises:
        RutaError: the file cannot be read; the text names it.
    """

    def __init__(self, path: Path, block: str) -> None:
        try:
            data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))[block]
            phrases = {tuple(word.text for word in split_words(row)): locale for locale in LOCALES for row in data[locale]}
        except (OSError, KeyError, TypeError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RutaError(f"{path}: there must be a list for each of {', '.join(LOCALES)} under `{block}`") from error
        self._phrases = phrases
        common = read_common_words(path.parent / "common-words.txt")
        self._lexicon = Lexicon({word for phrase in phrases for word in phrase}, common)

    def find(self, text: str) -> str:
        """Return the language of the phrase that a message is, or the empty string when it says anything else."""
        words = split_words(text)
        if not words or len(words) > max(map(len, self._phrases)):
            return ""
        typed = read_message(words, self._lexicon)
        for phrase, locale in self._phrases.items():
            if len(typed) == len(phrase) and all(
                word == said.text or word in said.readings for said, word in zip(typed, phrase, strict=True)
            ):
                return locale
        return ""

    def phrases(self) -> Iterator[str]:
        """Yield every phrase, folded."""
        return (" ".join(phrase) for phrase in self._phrases)


def faults(phrases: WholePhrases, urgent: UrgentPhrases, privacy: PrivacyWords) -> list[str]:
    """Return what is wrong with phrases, for `ruta check`: what is an emergency, or asks for something else."""
    found = []
    for phrase in phrases.phrases():
        match = urgent.match(phrase)
        if match is not None:
            found.append(f"{phrase!r} is also the urgent phrase {match.phrase!r}; take it out here, a life may hang on it")
        if privacy.find(phrase) is not None:
            found.append(f"{phrase!r} also stands in privacy.yml; leave it in one")
    return found
