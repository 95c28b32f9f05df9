"""Quick exit: a word that ends the conversation at once with one plain sentence, in any state, for somebody who is being watched.

The words live in `intents/vocabulary/exit.yml` and belong to staff. Only urgent phrases are heard before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.effects import Effect, EffectKind
from bot.conversations.phrases import read_message
from bot.conversations.privacy_words import PrivacyWords
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.words import Lexicon, read_common_words, split_words
from bot.errors import RutaError
from bot.i18n import LOCALES, Catalogues
from bot.messages import InboundKind, OutboundMessage

CLEARED = b""
"""The engine's state of a conversation that has just begun."""
_TYPED = (InboundKind.TEXT, InboundKind.EDITED)


class QuickExit:
    """Hears the words and words the reply.

    Args:
        path: the file.

    Raises:
        RutaError: it cannot be read; the text names it.
    """

    def __init__(self, path: Path, texts: Catalogues) -> None:
        self._texts = texts
        try:
            data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))["exit"]
            phrases = {tuple(word.text for word in split_words(row)): locale for locale in LOCALES for row in data[locale]}
        except (OSError, KeyError, TypeError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RutaError(f"{path}: there must be a list for each of {', '.join(LOCALES)} under `exit`") from error
        self._phrases = phrases
        common = read_common_words(path.parent / "common-words.txt")
        self._lexicon = Lexicon({word for phrase in phrases for word in phrase}, common)

    def find(self, text: str) -> str:
        """Return the language of the words with which a message asks to leave, or the empty string when it says anything else."""
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

    def reply(self, turn: Turn) -> OutboundMessage | None:
        """Return the plain sentence, without anything to tap; None when the message does not ask to leave."""
        locale = self.find(turn.text) if turn.kind in _TYPED else ""
        if not locale:
            return None
        return OutboundMessage(self._texts.text(turn.locale if turn.locale_source != "default" else locale, "exit.neutral"))

    def hear(self, turn: Turn) -> TurnResult | None:
        """Return what a message that asks to leave changes: nothing offered counts any more, nothing of it is kept."""
        reply = self.reply(turn)
        if reply is None:
            return None
        effect = Effect(EffectKind.EXIT, before=turn.received_at)
        return TurnResult([reply], "", turn.locale, turn.locale_source, CLEARED, trace=Trace("fixed"), effect=effect)


def faults(path: Path, texts: Catalogues, urgent: UrgentPhrases, privacy: PrivacyWords) -> list[str]:
    """Return what is wrong with the words of a file, for `ruta check`: what is an emergency, or asks for something else."""
    found = []
    for phrase in QuickExit(path, texts).phrases():
        match = urgent.match(phrase)
        if match is not None:
            found.append(f"{phrase!r} is also the urgent phrase {match.phrase!r}; take it out here, a life may hang on it")
        if privacy.find(phrase) is not None:
            found.append(f"{phrase!r} also stands in privacy.yml; leave it in one")
    return found
