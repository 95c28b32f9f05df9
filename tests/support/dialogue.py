"""One contact in a guided dialogue with the real engine, tapping and typing as on a phone; nothing is stored."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

from bot.conversations.dialogues.state import State, read_state
from bot.conversations.paging import fit_choices
from bot.conversations.turns import OfferedChoice, Turn, TurnResult, fresh_turn
from bot.messages import InboundKind, OutboundMessage
from bot.worker import Worker
from tests.support.engine import NOW


class DialogueTester:
    """Speaks with a worker; what was offered last can be tapped by its title, also what was offered long ago."""

    def __init__(self, worker: Worker, locale: str = "es", channel: str = "whatsapp") -> None:
        self._worker = worker
        self._turn: Turn = replace(fresh_turn("", locale, NOW), channel=channel)
        self.last: TurnResult | None = None
        self.offered: list[tuple[OfferedChoice, ...]] = []

    @property
    def heard(self) -> str:
        """All replies of the last turn as one text."""
        assert self.last is not None
        return "\n".join(reply.text for reply in self.last.replies)

    @property
    def titles(self) -> list[str]:
        """What is offered now."""
        return [choice.title for choice in self._turn.choices]

    @property
    def replies(self) -> list[OutboundMessage]:
        """The replies of the last turn."""
        assert self.last is not None
        return list(self.last.replies)

    @property
    def state(self) -> State | None:
        """Where the dialogue is."""
        slots = [event for event in self.events if event["event"] == "slot" and event["name"] == "dialogue"]
        return read_state(slots[-1]["value"]) if slots else None

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the engine remembers."""
        return list(json.loads(zlib.decompress(self._turn.engine_state))) if self._turn.engine_state else []

    async def says(self, text: str) -> str:
        """Type something; return what is heard."""
        return await self._hear(replace(self._turn, kind=InboundKind.TEXT, text=text))

    async def edits(self, text: str) -> str:
        """Put another text into an earlier message."""
        return await self._hear(replace(self._turn, kind=InboundKind.EDITED, text=text))

    async def taps(self, title: str, since: int = -1) -> str:
        """Tap a choice of the newest offer, or of an older one."""
        choices = self.offered[since] if since != -1 else self._turn.choices
        (payload,) = [choice.payload for choice in choices if choice.title == title]
        return await self.taps_payload(payload, title)

    async def taps_payload(self, payload: str, title: str = "") -> str:
        """Tap a button whose message is no longer known here."""
        return await self._hear(replace(self._turn, kind=InboundKind.QUICK_REPLY, text=title, payload=payload, quick_reply="t"))

    async def sends(self, kind: InboundKind, media_kind: str = "") -> str:
        """Send something that is no text."""
        return await self._hear(replace(self._turn, kind=kind, text="", media_kind=media_kind))

    def sleeps(self, hours: float) -> None:
        """Let time pass: the engine tells it by its memory's times."""
        events = self.events
        for event in events:
            event["timestamp"] = (event.get("timestamp") or 0.0) - hours * 3600
        self._turn = replace(self._turn, engine_state=zlib.compress(json.dumps(events).encode()))

    async def _hear(self, turn: Turn) -> str:
        result = await self._worker.decide(turn)
        fitted = [
            fit_choices(reply, self._worker.parts.limits.get(turn.channel), self._worker.parts.texts, result.locale)
            for reply in result.replies
        ]
        self.last = result
        shown = next((reply.quick_replies for reply in reversed(fitted) if reply.quick_replies), ())
        choices = tuple(OfferedChoice(number, one.title, one.payload) for number, one in enumerate(shown, 1))
        self._turn = replace(
            self._turn,
            engine_state=result.engine_state or self._turn.engine_state,
            locale=result.locale,
            locale_source=result.locale_source,
            choices=choices or self._turn.choices,
        )
        self.offered.append(choices)
        return self.heard
