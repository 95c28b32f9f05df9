"""The editor's tables: accounts, sessions, invitations, throttling, the audit log, drafts, versions and steps to undo.

As everywhere, personal data is only in columns that end in `_encrypted`; secrets that we only compare are hashed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy import text as literal_text
from sqlalchemy.orm import Mapped, mapped_column

from bot.storage.models import Base


class StaffAccount(Base):
    """A person who works with the editor. Accounts are closed, never deleted: the audit log names them."""

    __tablename__ = "staff_account"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    email_hash: Mapped[str] = mapped_column(String(64), unique=True)
    email_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    name_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    role: Mapped[str] = mapped_column(String(12))
    translates: Mapped[str] = mapped_column(String(8), default="")
    """The one locale of a translator."""
    locale: Mapped[str] = mapped_column(String(8), default="es")
    password_hash: Mapped[str] = mapped_column(String(200))
    totp_secret_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_last_step: Mapped[int] = mapped_column(Integer, default=0)
    """The last time step whose code was taken; that one and older ones are refused."""
    recovery_hashes: Mapped[str] = mapped_column(Text, default="[]")
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class StaffSession(Base):
    """A browser that is signed in; the cookie holds the token, we only its hash."""

    __tablename__ = "staff_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff_account.id", ondelete="CASCADE"), index=True)
    is_complete: Mapped[bool] = mapped_column(default=False)
    """False: the password was right, the second factor is still missing."""
    pending_secret_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A second factor that is being set up and not yet confirmed."""
    notices: Mapped[str] = mapped_column(Text, default="[]")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class StaffInvitation(Base):
    """A link with which somebody makes an account, or a new password for one (`staff_id`); good once, for a time."""

    __tablename__ = "staff_invitation"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    email_hash: Mapped[str] = mapped_column(String(64), index=True)
    email_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    role: Mapped[str] = mapped_column(String(12))
    translates: Mapped[str] = mapped_column(String(8), default="")
    staff_id: Mapped[str | None] = mapped_column(ForeignKey("staff_account.id", ondelete="CASCADE"))
    invited_by: Mapped[str] = mapped_column(String(32), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class StaffThrottle(Base):
    """How often somebody failed to sign in, by account or by network address, both hashed."""

    __tablename__ = "staff_throttle"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    last_failed_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what, when, to what. Each entry's hash covers the one before, so that a change to an old one shows."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_target", "target"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    staff_id: Mapped[str] = mapped_column(String(32), default="")
    """Who did it; empty: a command on the server."""
    action: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(200), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    """A few plain words or codes; never a name, an address or a text."""
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Draft(Base):
    """A change of one content file that is not live yet. At most one is open for a file."""

    __tablename__ = "draft"
    __table_args__ = (
        Index(
            "ix_draft_open",
            "path",
            unique=True,
            sqlite_where=literal_text("closed_at IS NULL"),
            postgresql_where=literal_text("closed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    path: Mapped[str] = mapped_column(String(200))
    """Below the content folder, with slashes, for example `risks/risk_darien/es.md`."""
    locale: Mapped[str] = mapped_column(String(8), default="")
    text: Mapped[str] = mapped_column(Text)
    base_text: Mapped[str] = mapped_column(Text)
    """The file as it stood when the draft was begun; empty: there was none."""
    base_hash: Mapped[str] = mapped_column(String(64))
    author_id: Mapped[str] = mapped_column(ForeignKey("staff_account.id"))
    """Who changed it last."""
    authors: Mapped[str] = mapped_column(Text, default="[]", server_default="[]")
    """Everybody who wrote a part of it, as a JSON list of account ids; the release before leaves it empty."""
    reviewer_id: Mapped[str | None] = mapped_column(ForeignKey("staff_account.id"))
    state: Mapped[str] = mapped_column(String(12), default="draft")
    """draft → in_review → published, or discarded; see `bot.editor.workflow`."""
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Version(Base):
    """A text that was live: what each publication wrote, and what was found in the folder. An empty text: it was taken out."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("path", "number"), Index("ix_version_path_text_hash", "path", "text_hash"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    path: Mapped[str] = mapped_column(String(200))
    number: Mapped[int] = mapped_column(Integer)
    """Counted from 1 for each file."""
    text: Mapped[str] = mapped_column(Text)
    text_hash: Mapped[str] = mapped_column(String(12), default="")
    """The hash by which translations name an answer's text; empty for other files."""
    fingerprint: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The hash of the whole file; the release before leaves it empty."""
    origin: Mapped[str] = mapped_column(String(12), default="editor", server_default="editor")
    """`editor`: published here; `folder`: somebody else wrote the file, by hand or with git."""
    draft_id: Mapped[int | None] = mapped_column(ForeignKey("draft.id"))
    author_id: Mapped[str | None] = mapped_column(ForeignKey("staff_account.id"))
    authors: Mapped[str] = mapped_column(Text, default="[]", server_default="[]")
    reviewer_id: Mapped[str | None] = mapped_column(ForeignKey("staff_account.id"))
    reason: Mapped[str] = mapped_column(Text, default="")
    commit_id: Mapped[str] = mapped_column(String(40), default="")
    """The commit that holds it, once the folder is under version control."""
    published_at: Mapped[datetime]


class UndoStep(Base):
    """What is needed to take one action back, for a few minutes, by the person who did it."""

    __tablename__ = "undo_step"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff_account.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    data: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
