"""Accounts of the editor: invitations, sign-in with a password, roles, closing. Pages call this; nothing else writes accounts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.editor.audit import AuditLog
from bot.editor.passwords import Passwords
from bot.editor.roles import Role
from bot.editor.sessions import Sessions
from bot.editor.throttle import Throttle
from bot.errors import RutaError
from bot.storage.session import Database
from bot.storage.staff_models import StaffAccount, StaffInvitation
from bot.storage.vault import Vault

INVITATION_LIFE = timedelta(hours=72)
_EMAIL = "editor-email"
_INVITATION = "editor-invitation"


class AccountError(RutaError):
    """Something asked of an account can not be done; `code` says what, `str()` why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Invitation:
    """An invitation that is still good."""

    role: Role
    translates: str
    email: str = field(repr=False)
    staff_id: str = ""
    """Set when an account gets a new password."""


@dataclass(frozen=True)
class Account:
    """An account as the admin sees it."""

    id: str
    role: Role
    translates: str
    has_second_factor: bool
    is_closed: bool
    last_login_at: datetime | None
    name: str = field(repr=False)
    email: str = field(repr=False)


class Accounts:
    """Creates, finds and changes accounts.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        audit: AuditLog,
        sessions: Sessions,
        throttle: Throttle,
        passwords: Passwords,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._sessions = sessions
        self._throttle = throttle
        self._passwords = passwords
        self._clock = clock

    def invite(self, email: str, role: Role, translates: str = "", by: str = "", staff_id: str = "") -> str:
        """Make an invitation and return its token, which is shown once and kept nowhere.

        Args:
            translates: the one locale of a translator.
            by: who invites; empty: a command on the server.
            staff_id: the account that gets a new password; empty for a new account.

        Raises:
            AccountError: there is an open account for this address already.
        """
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as session:
            if not staff_id and self._find(session, email):
                raise AccountError("account_exists", "there is an account for this address already")
            earlier = update(StaffInvitation).where(
                StaffInvitation.email_hash == self._email_hash(email), StaffInvitation.used_at.is_(None)
            )
            session.execute(earlier.values(used_at=now))  # Only the newest link works.
            session.add(
                StaffInvitation(
                    token_hash=self._vault.keyed_hash(_INVITATION, token),
                    email_hash=self._email_hash(email),
                    email_encrypted=self._vault.encrypt(email.strip()),
                    role=role.value,
                    translates=translates if role is Role.TRANSLATOR else "",
                    staff_id=staff_id or None,
                    invited_by=by,
                    created_at=now,
                    expires_at=now + INVITATION_LIFE,
                )
            )
            self._audit.write(session, by, "account.invited", staff_id, f"role={role.value}")
        return token

    def invitation(self, token: str) -> Invitation | None:
        """Return an invitation that is still good, by its token."""
        with self._database.reading() as session:
            row = self._open_invitation(session, token)
            if row is None:
                return None
            return Invitation(Role(row.role), row.translates, self._vault.decrypt(row.email_encrypted), row.staff_id or "")

    def accept(self, token: str, name: str, password: str, locale: str) -> str:
        """Use an invitation up: make the account, or give it its new password; return the account's id.

        Raises:
            AccountError: the invitation was used, has expired, or another account took the address meanwhile.
        """
        with self._database.transaction() as session:
            row = self._open_invitation(session, token)
            if row is None:
                raise AccountError("invitation_over", "this invitation was used or has expired")
            row.used_at = self._clock()
            if row.staff_id:
                account = session.get_one(StaffAccount, row.staff_id)
                account.password_hash = self._passwords.hash(password)
                self._audit.write(session, account.id, "account.password_renewed", account.id)
            else:
                account = self._create(session, row, name, password, locale)
            staff_id, email = account.id, self._vault.decrypt(row.email_encrypted)
        self._sessions.end_all(staff_id)
        self._throttle.forget("account", _normal(email))
        return staff_id

    def sign_in(self, email: str, password: str, address: str) -> tuple[str, int]:
        """Check a password and open a session that still lacks its second factor, if there is one.

        Right and wrong take the same time and unknown addresses are answered like known ones.

        Args:
            address: the caller's network address, for throttling only; it is not stored.

        Returns:
            The session's token, empty when refused, and the seconds to wait before another try.
        """
        subjects = {"account": _normal(email), "address": address}
        wait = self._throttle.seconds_to_wait(**subjects)
        if wait:
            return "", wait
        with self._database.reading() as session:
            account = self._find(session, email)
            stored = account.password_hash if account and not account.closed_at else ""
            staff_id, has_factor = (account.id, account.totp_secret_encrypted is not None) if account else ("", False)
        if not self._passwords.matches(stored, password):
            self._throttle.note_failure(**subjects)
            return "", self._throttle.seconds_to_wait(**subjects)
        if not has_factor:
            self.note_sign_in(staff_id, email)
        if self._passwords.needs_new_hash(stored):
            self._set_hash(staff_id, self._passwords.hash(password))
        return self._sessions.open(staff_id, is_complete=not has_factor), 0

    def note_sign_in(self, staff_id: str, email: str = "") -> None:
        """Note that a person is in: the throttle forgets the account's failures."""
        with self._database.transaction() as session:
            account = session.get_one(StaffAccount, staff_id)
            account.last_login_at = self._clock()
            email = email or self._vault.decrypt(account.email_encrypted)
            self._audit.write(session, staff_id, "session.opened", staff_id)
        self._throttle.forget("account", _normal(email))

    def find(self, email: str) -> str:
        """Return the id of an address's account; empty: there is none."""
        with self._database.reading() as session:
            account = self._find(session, email)
            return account.id if account else ""

    def email(self, staff_id: str) -> str:
        """Return an account's address."""
        with self._database.reading() as session:
            return self._vault.decrypt(session.get_one(StaffAccount, staff_id).email_encrypted)

    def password_is(self, staff_id: str, password: str) -> bool:
        """Tell whether this is the account's password."""
        with self._database.reading() as session:
            stored = session.get_one(StaffAccount, staff_id).password_hash
        return self._passwords.matches(stored, password)

    def set_password(self, staff_id: str, password: str) -> None:
        """Give an account a new password."""
        self._set_hash(staff_id, self._passwords.hash(password), "account.password_changed")

    def set_locale(self, staff_id: str, locale: str) -> None:
        """Change the language in which a person sees the editor."""
        with self._database.transaction() as session:
            session.get_one(StaffAccount, staff_id).locale = locale

    def set_role(self, staff_id: str, role: Role, translates: str, by: str) -> None:
        """Change what a person may do.

        Raises:
            AccountError: nobody with the role admin would be left.
        """
        with self._database.transaction() as session:
            account = session.get_one(StaffAccount, staff_id)
            if account.role == Role.ADMIN.value and role is not Role.ADMIN:
                self._require_other_admin(session, staff_id)
            account.role, account.translates = role.value, translates if role is Role.TRANSLATOR else ""
            self._audit.write(session, by, "account.role_changed", staff_id, f"role={role.value}")

    def close(self, staff_id: str, by: str) -> None:
        """Close an account: its sessions end and it can not sign in. It is not deleted: the audit log names it.

        Raises:
            AccountError: nobody with the role admin would be left.
        """
        with self._database.transaction() as session:
            account = session.get_one(StaffAccount, staff_id)
            if account.role == Role.ADMIN.value:
                self._require_other_admin(session, staff_id)
            account.closed_at = self._clock()
            self._audit.write(session, by, "account.closed", staff_id)
        self._sessions.end_all(staff_id)

    def reopen(self, staff_id: str, by: str) -> None:
        """Open a closed account again."""
        with self._database.transaction() as session:
            session.get_one(StaffAccount, staff_id).closed_at = None
            self._audit.write(session, by, "account.reopened", staff_id)

    def all(self) -> list[Account]:
        """Return all accounts, the open ones first, by name."""
        with self._database.reading() as session:
            accounts = [self._account(row) for row in session.scalars(select(StaffAccount))]
        return sorted(accounts, key=lambda account: (account.is_closed, account.name.casefold()))

    def get(self, staff_id: str) -> Account | None:
        """Return one account; None: there is none of this id."""
        with self._database.reading() as session:
            row = session.get(StaffAccount, staff_id)
            return self._account(row) if row else None

    def names(self) -> dict[str, str]:
        """Return the names of all people by id, for lists that show who did something."""
        with self._database.reading() as session:
            return {row.id: self._vault.decrypt(row.name_encrypted) for row in session.scalars(select(StaffAccount))}

    def number_of(self, staff_id: str) -> int:
        """Return the number under which git knows a person: the place among all accounts, which are never deleted."""
        query = select(StaffAccount.id).order_by(StaffAccount.created_at, StaffAccount.id)
        with self._database.reading() as session:
            return {each: number for number, each in enumerate(session.scalars(query), 1)}.get(staff_id, 0)

    def _create(self, session: Session, row: StaffInvitation, name: str, password: str, locale: str) -> StaffAccount:
        if session.scalar(select(StaffAccount.id).where(StaffAccount.email_hash == row.email_hash)):
            raise AccountError("account_exists", "there is an account for this address already")
        account = StaffAccount(
            id=secrets.token_hex(16),
            email_hash=row.email_hash,
            email_encrypted=row.email_encrypted,
            name_encrypted=self._vault.encrypt(name.strip()),
            role=row.role,
            translates=row.translates,
            locale=locale,
            password_hash=self._passwords.hash(password),
            created_at=self._clock(),
        )
        session.add(account)
        self._audit.write(session, account.id, "account.created", account.id, f"role={row.role}")
        return account

    def _open_invitation(self, session: Session, token: str) -> StaffInvitation | None:
        row = session.get(StaffInvitation, self._vault.keyed_hash(_INVITATION, token), with_for_update=True)
        return row if row and row.used_at is None and row.expires_at > self._clock() else None

    def _require_other_admin(self, session: Session, staff_id: str) -> None:
        others = select(func.count()).where(
            StaffAccount.role == Role.ADMIN.value, StaffAccount.closed_at.is_(None), StaffAccount.id != staff_id
        )
        if not session.scalar(others):
            raise AccountError("last_admin", "somebody must be left who can invite people")

    def _set_hash(self, staff_id: str, stored: str, action: str = "") -> None:
        with self._database.transaction() as session:
            session.get_one(StaffAccount, staff_id).password_hash = stored
            if action:
                self._audit.write(session, staff_id, action, staff_id)

    def _find(self, session: Session, email: str) -> StaffAccount | None:
        return session.scalar(select(StaffAccount).where(StaffAccount.email_hash == self._email_hash(email)))

    def _account(self, row: StaffAccount) -> Account:
        return Account(
            id=row.id,
            role=Role(row.role),
            translates=row.translates,
            has_second_factor=row.totp_secret_encrypted is not None,
            is_closed=row.closed_at is not None,
            last_login_at=row.last_login_at,
            name=self._vault.decrypt(row.name_encrypted),
            email=self._vault.decrypt(row.email_encrypted),
        )

    def _email_hash(self, email: str) -> str:
        return self._vault.keyed_hash(_EMAIL, _normal(email))


def _normal(email: str) -> str:
    return email.strip().casefold()
