"""Looks at the hand-off to people of staff: nobody must be promised a person who cannot read the message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from bot.content.people import read_staff_times
from bot.findings import Finding, fault, fine, warning
from bot.storage.models import StaffCase
from bot.storage.session import Database
from bot.storage.staff_models import StaffAccount

_ROLE = "counsellor"
_WAIT = timedelta(hours=24)


def look_at_handoff(database: Database, people: Path, now: datetime, *, is_on: bool) -> Iterator[Finding]:
    """Find what keeps staff from answering; nothing is said where the service is off and nobody waits."""
    waiting = (StaffCase.state == "open", StaffCase.waiting_since < now - _WAIT)
    trained = (StaffAccount.role == _ROLE, StaffAccount.closed_at.is_(None))
    with database.reading() as session:
        forgotten = session.scalar(select(func.count()).select_from(StaffCase).where(*waiting)) or 0
        readers = session.scalar(select(func.count()).select_from(StaffAccount).where(*trained)) or 0
    if forgotten:
        cause = f"{forgotten} people have waited for a person of staff for more than a day"
        yield warning("cases_forgotten", cause, "See that somebody opens Conversaciones in the editor every day.")
    if not is_on:
        return
    if read_staff_times(people) is None:
        cause = "RUTA_HANDOFF is on, but content/people.yml has no hours of staff that can be read, so only offices are named"
        yield warning("handoff_without_hours", cause, "Write the block `staff`, and run `ruta check`.")
    elif not readers:
        cause = "people can ask for a person of staff, and no open account of the editor has the role that may read them"
        yield fault("handoff_without_readers", cause, "Invite somebody with the role counsellor, or set RUTA_HANDOFF=false.")
    elif not forgotten:
        yield fine("handoff_ready", f"{readers} people of staff can answer conversations")
