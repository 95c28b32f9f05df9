"""What a turn leaves for staff beside its replies, in a table of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from bot.storage.vault import Vault


class Note(Protocol):
    """Something that is stored inside the turn's transaction."""

    def store(self, session: Session, vault: Vault, contact_id: str, now: datetime) -> None:
        """Store it."""
