"""Permissions: for one purpose, in one wording, until withdrawn; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bot.conversations import consent
from bot.storage.models import Contact
from tests.support.builders import System, make_inbound


@pytest.fixture
def contact_id(system: System) -> str:
    """Return a contact."""
    system.inbox.store([make_inbound()])
    with system.database.reading() as session:
        return session.scalars(select(Contact.id)).one()


def test_a_permission_counts_for_its_purpose_and_wording(system: System, contact_id: str) -> None:
    """Another purpose, a new wording or another contact has none."""
    with system.database.transaction() as session:
        consent.give(session, contact_id, "alerts", "1", system.clock())
        assert consent.is_given(session, contact_id, "alerts", "1")
        assert not consent.is_given(session, contact_id, "alerts", "2")
        assert not consent.is_given(session, contact_id, "stories", "1")
        assert not consent.is_given(session, "someone-else", "alerts", "1")


def test_a_withdrawn_permission_is_kept_as_proof(system: System, contact_id: str) -> None:
    """It no longer holds, and both times are known."""
    begun = system.clock()
    with system.database.transaction() as session:
        consent.give(session, contact_id, "alerts", "1", begun)
        consent.give(session, contact_id, "stories", "1", begun)
    system.clock.turn(days=1)
    with system.database.transaction() as session:
        assert consent.withdraw(session, contact_id, system.clock(), "alerts") == 1
        assert consent.withdraw(session, contact_id, system.clock(), "alerts") == 0
        assert not consent.is_given(session, contact_id, "alerts", "1")
        assert consent.is_given(session, contact_id, "stories", "1")
        first, _ = consent.list_consents(session, contact_id)
        assert (first.given_at, first.withdrawn_at) == (begun, system.clock())


def test_a_new_wording_ends_the_old_permission(system: System, contact_id: str) -> None:
    """Given twice in the same wording it stands once; in a new one the old ends."""
    with system.database.transaction() as session:
        for version in ("1", "1", "2"):
            consent.give(session, contact_id, "alerts", version, system.clock())
        found = consent.list_consents(session, contact_id)
    assert [(one.version, one.withdrawn_at is None) for one in found] == [("1", False), ("2", True)]
