"""Permissions that a contact gives for one purpose at a time; for dialogues that must ask before they keep or send something.

General information needs none. A permission counts for the version of the wording that was shown, so a changed wording is asked
again. A stop word withdraws all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.storage.models import Consent


@dataclass(frozen=True)
class GivenConsent:
    """A permission as it stands.

    Attributes:
        purpose: what it is for, for example `alerts`.
        version: which wording was shown.
        withdrawn_at: None while it holds; aware UTC.
    """

    purpose: str
    version: str
    given_at: datetime
    withdrawn_at: datetime | None


def give(session: Session, contact_id: str, purpose: str, version: str, now: datetime) -> None:
    """Note a permission inside the caller's transaction; an older one for the same purpose ends with it."""
    if is_given(session, contact_id, purpose, version):
        return
    withdraw(session, contact_id, now, purpose)
    session.add(Consent(contact_id=contact_id, purpose=purpose, version=version, given_at=now))
    session.flush()


def withdraw(session: Session, contact_id: str, now: datetime, purpose: str = "") -> int:
    """End the permissions for a purpose, or all of them when none is named; return how many held until now."""
    holding = update(Consent).where(Consent.contact_id == contact_id, Consent.withdrawn_at.is_(None))
    if purpose:
        holding = holding.where(Consent.purpose == purpose)
    return int(session.connection().execute(holding.values(withdrawn_at=now)).rowcount)


def is_given(session: Session, contact_id: str, purpose: str, version: str) -> bool:
    """Tell whether a permission holds for this purpose in this wording."""
    of_purpose = (Consent.contact_id == contact_id, Consent.purpose == purpose, Consent.version == version)
    return session.execute(select(Consent.id).where(*of_purpose, Consent.withdrawn_at.is_(None))).first() is not None


def list_consents(session: Session, contact_id: str) -> list[GivenConsent]:
    """Return all permissions of a contact, withdrawn ones too, the oldest first."""
    rows = session.scalars(select(Consent).where(Consent.contact_id == contact_id).order_by(Consent.id))
    return [GivenConsent(row.purpose, row.version, row.given_at, row.withdrawn_at) for row in rows]
