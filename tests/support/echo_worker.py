"""A worker without an engine: it answers by the words it is sent, through the same claims and commits as the real one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from bot.conversations.turns import Turn, TurnResult, Turns
from bot.errors import LeaseLost
from bot.messages import InboundKind, OutboundMessage, QuickReply

LONG_TEXT = "\n\n".join(
    f"Párrafo {number}. " + "Una frase que se repite hasta llenar la pantalla. " * 12 for number in range(1, 25)
)


def echo(turn: Turn) -> list[OutboundMessage]:
    """Return the replies to a message: an echo, or what its first word asks for."""
    if turn.kind is InboundKind.START:
        return [OutboundMessage("**Bienvenida**", (QuickReply("Pasaporte", "topic:passport"), QuickReply("Visas", "topic:visa")))]
    if turn.kind is InboundKind.QUICK_REPLY:
        return [OutboundMessage(f"Eligió {turn.payload or turn.quick_reply}")]
    if turn.kind is InboundKind.LOCATION and turn.location:
        return [OutboundMessage(f"Está en {turn.location.latitude:.3f}, {turn.location.longitude:.3f}")]
    word = turn.text.split(" ")[0].lower()
    fixed = {
        "opciones": [
            OutboundMessage("¿Qué necesita?", (QuickReply("Pasaporte", "topic:passport"), QuickReply("Visas", "topic:visa")))
        ],
        "largo": [OutboundMessage(LONG_TEXT)],
        "lugar": [OutboundMessage("¿Dónde está?", asks_location=True, location_title="Enviar dónde estoy")],
        "dos": [OutboundMessage("Primera"), OutboundMessage("Segunda")],
        "nada": [],
    }
    return fixed.get(word, [OutboundMessage(f"Eco: {turn.text}")])


class EchoWorker:
    """Runs turns in a thread of its own."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._is_stopping = threading.Event()
        self.is_paused = False

    def run_once(self) -> bool:
        """Answer one message; return whether one waited."""
        turn = self._turns.claim()
        if turn is None:
            return False
        result = TurnResult(echo(turn), turn.text, turn.locale, turn.locale_source)
        with contextlib.suppress(LeaseLost):
            self._turns.commit(turn, result)
        return True

    @contextlib.contextmanager
    def running(self) -> Iterator[EchoWorker]:
        """Answer until the block ends."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._is_stopping.set()
            thread.join(10)

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            if self.is_paused or not self.run_once():
                self._is_stopping.wait(0.02)
