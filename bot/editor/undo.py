"""Take an action back for a few minutes. A page keeps what is needed with `visit.notice(..., undo=(kind, data))`.

The function that takes it back is registered with `@pages.undo(kind)`; see `bot.editor.pages`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete

from bot.storage.session import Database
from bot.storage.staff_models import UndoStep

UNDO_LIFE = timedelta(minutes=10)


class UndoSteps:
    """Keeps what is needed to take an action back, for the person who did it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def keep(self, staff_id: str, kind: str, data: dict[str, Any]) -> str:
        """Keep a step and return its id; steps that are over are deleted."""
        step_id, now = secrets.token_hex(16), self._clock()
        with self._database.transaction() as session:
            session.execute(delete(UndoStep).where(UndoStep.expires_at < now))
            expires_at = now + UNDO_LIFE
            session.add(UndoStep(id=step_id, staff_id=staff_id, kind=kind, data=json.dumps(data), expires_at=expires_at))
        return step_id

    def take(self, step_id: str, staff_id: str) -> tuple[str, dict[str, Any]] | None:
        """Return kind and data of a step, once and only to the person who did it; None when it is over."""
        with self._database.transaction() as session:
            step = session.get(UndoStep, step_id, with_for_update=True)
            if step is None or step.staff_id != staff_id or step.used_at or step.expires_at < self._clock():
                return None
            step.used_at = self._clock()
            data: dict[str, Any] = json.loads(step.data)
            return step.kind, data
