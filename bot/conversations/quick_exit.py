"""Quick exit: a word that ends the conversation at once with one plain sentence, in any state, for somebody who is being watched.

The words live in `intents/vocabulary/exit.yml` and belong to staff. Only urgent phrases are heard before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.conversations.effects import Effect, EffectKind
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.conversations.whole_phrases import WholePhrases
from bot.i18n import Catalogues
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
        self._words = WholePhrases(path, "exit")

    def find(self, text: str) -> str:
        """Return the language of the words with which a message asks to leave, or the empty string when it says anything else."""
        return self._words.find(text)

    def phrases(self) -> Iterator[str]:
        """Yield every phrase, folded."""
        return self._words.phrases()

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
