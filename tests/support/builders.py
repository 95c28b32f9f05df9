"""Builders of values and of a system on an empty database, with a clock that tests turn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.fernet import Fernet

from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.conversations.turns import Turn, TurnResult, Turns
from bot.messages import InboundKind, InboundMessage, OutboundMessage
from bot.storage.session import Database
from bot.storage.vault import Vault

KEY = "kO2hM8cJ0sS3p3mXo1oZ0n2Yq6b3cY3Vw1w9gq5b1x0="
_ids = itertools.count(1)


@dataclass
class Clock:
    """A clock that stands until it is turned."""

    now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        """Return the present time."""
        return self.now

    def turn(self, **by: float) -> None:
        """Turn the clock forward."""
        self.now += timedelta(**by)


def make_inbound(text: str = "hola", **changes: Any) -> InboundMessage:
    """Return a text message of an invented contact."""
    values: dict[str, Any] = {
        "channel": "webchat",
        "address": "contact-a",
        "provider_id": f"m{next(_ids)}",
        "kind": InboundKind.TEXT,
        "text": text,
    }
    return InboundMessage(**{**values, **changes})


@dataclass
class System:
    """Inbox, turns and outbox over one database."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    vault: Vault = field(default_factory=lambda: Vault([Fernet.generate_key().decode()], KEY))

    @property
    def inbox(self) -> Inbox:
        """The inbox."""
        return Inbox(self.database, self.vault, self.clock)

    @property
    def outbox(self) -> Outbox:
        """The outbox."""
        return Outbox(self.database, self.vault, self.clock)

    def turns(self, owner: str = "worker-1") -> Turns:
        """Return the turns of one worker."""
        return Turns(self.database, self.vault, self.outbox, owner, self.clock)

    def answer(self, *replies: OutboundMessage, owner: str = "worker-1", state: bytes | None = None) -> Turn:
        """Claim the next turn and commit these replies."""
        turn = self.turns(owner).claim()
        assert turn is not None
        self.turns(owner).commit(turn, TurnResult(replies, turn.text, turn.locale, turn.locale_source, state))
        return turn
