"""Sessions of signed-in people: kept on the server, known to the browser by a token of which we keep only the hash."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, update

from bot.editor.roles import Need, Role, may, may_change
from bot.storage.session import Database
from bot.storage.staff_models import StaffAccount, StaffSession
from bot.storage.vault import Vault

IDLE = timedelta(minutes=30)
"""A session in which nothing happens ends after this time."""
LONGEST = timedelta(hours=12)
"""Every session ends after this time."""
_NOTE_EVERY = timedelta(minutes=1)
"""How exactly the last use is kept; writing it at each call would take the database's lock each time."""
_PURPOSE = "editor-session"


@dataclass(frozen=True)
class Staff:
    """A person at the editor, as pages need to know them."""

    id: str
    role: Role
    translates: str
    locale: str
    name: str = field(repr=False)
    has_second_factor: bool = False

    def may(self, need: Need) -> bool:
        """Tell whether this person may open a page with this need."""
        return may(self.role, need)

    def may_change(self, locale: str) -> bool:
        """Tell whether this person may change texts of a locale; empty: what is true in every language."""
        return may_change(self.role, self.translates, locale)


@dataclass(frozen=True)
class SignedIn:
    """A session and its person; `is_complete` is False while the second factor is missing."""

    token: str = field(repr=False)
    staff: Staff
    is_complete: bool


class Sessions:
    """Opens, finds and ends sessions.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def open(self, staff_id: str, *, is_complete: bool, replaces: str = "") -> str:
        """Open a session and return its token; a session that it replaces ends, so that no known token gains rights."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as session:
            oldest, idle = now - LONGEST, now - IDLE
            session.execute(delete(StaffSession).where(or_(StaffSession.created_at < oldest, StaffSession.last_seen_at < idle)))
            session.execute(delete(StaffSession).where(StaffSession.token_hash == self._hash(replaces)))
            row = StaffSession(token_hash=self._hash(token), staff_id=staff_id, is_complete=is_complete, notices="[]")
            row.created_at = row.last_seen_at = now
            session.add(row)
        return token

    def find(self, token: str, *, is_seen: bool = True) -> SignedIn | None:
        """Return the session of a token; None when there is none, or it ended, or the account was closed.

        Args:
            is_seen: somebody sits there: the session lasts on.
        """
        if not token:
            return None
        now = self._clock()
        query = select(StaffSession, StaffAccount).join(StaffAccount).where(StaffSession.token_hash == self._hash(token))
        with self._database.reading() as session:
            found = session.execute(query).first()
            if found is None:
                return None
            row, account = found
            is_over = now - row.last_seen_at > IDLE or now - row.created_at > LONGEST
            if is_over or account.closed_at:
                return None
            signed_in = SignedIn(token, self._staff(account), row.is_complete)
            is_noted = now - row.last_seen_at < _NOTE_EVERY
        if is_seen and not is_noted:
            self._change(token, last_seen_at=now)
        return signed_in

    def end(self, token: str) -> None:
        """End one session."""
        with self._database.transaction() as session:
            session.execute(delete(StaffSession).where(StaffSession.token_hash == self._hash(token)))

    def end_all(self, staff_id: str, but: str = "") -> None:
        """End all sessions of a person, but for one token."""
        query = delete(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.token_hash != self._hash(but))
        with self._database.transaction() as session:
            session.execute(query)

    def count(self, staff_id: str) -> int:
        """Return how many sessions a person has open."""
        now = self._clock()
        query = select(func.count()).where(
            StaffSession.staff_id == staff_id, StaffSession.last_seen_at > now - IDLE, StaffSession.created_at > now - LONGEST
        )
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def add_notice(self, token: str, notice: dict[str, Any]) -> None:
        """Keep something to be shown on the next page."""
        with self._database.transaction() as session:
            row = session.get(StaffSession, self._hash(token), with_for_update=True)
            if row:
                row.notices = json.dumps([*json.loads(row.notices), notice][-5:])

    def take_notices(self, token: str) -> list[dict[str, Any]]:
        """Return what is to be shown, once."""
        query = select(StaffSession.notices).where(StaffSession.token_hash == self._hash(token))
        with self._database.reading() as session:
            notices: list[dict[str, Any]] = json.loads(session.scalar(query) or "[]")
        if notices:
            self._change(token, notices="[]")
        return notices

    def pending_secret(self, token: str) -> str:
        """Return the second factor that is being set up; empty: none."""
        with self._database.reading() as session:
            row = session.get(StaffSession, self._hash(token))
            kept = row.pending_secret_encrypted if row else None
        return self._vault.decrypt(kept) if kept else ""

    def keep_pending_secret(self, token: str, secret: str) -> None:
        """Keep a second factor until it is confirmed; empty: forget it."""
        self._change(token, pending_secret_encrypted=self._vault.encrypt(secret) if secret else None)

    def _change(self, token: str, **values: Any) -> None:
        with self._database.transaction() as session:
            session.execute(update(StaffSession).where(StaffSession.token_hash == self._hash(token)).values(**values))

    def _staff(self, account: StaffAccount) -> Staff:
        name = self._vault.decrypt(account.name_encrypted)
        has_factor = account.totp_secret_encrypted is not None
        return Staff(account.id, Role(account.role), account.translates, account.locale, name, has_factor)

    def _hash(self, token: str) -> str:
        return self._vault.keyed_hash(_PURPOSE, token)
