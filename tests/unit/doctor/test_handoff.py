"""What the doctor says of the hand-off to people of staff."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.handoff import look_at_handoff
from bot.editor.roles import Role
from bot.storage.staff_models import StaffAccount
from tests.support.builders import System
from tests.support.handoff import HandoffWorld


@pytest.fixture
def talk(system: System, tmp_path: Path) -> HandoffWorld:
    """Staff have hours, and nobody has an account."""
    return HandoffWorld(system, tmp_path / "people.yml")


def _codes(talk: HandoffWorld, *, is_on: bool = True) -> list[str]:
    found = list(look_at_handoff(talk.system.database, talk.people, talk.system.clock(), is_on=is_on))
    assert all(one.cause for one in found)
    return [one.code for one in found]


def _account(talk: HandoffWorld, role: Role, *, is_closed: bool = False) -> None:
    now = talk.system.clock()
    with talk.system.database.transaction() as session:
        row = StaffAccount(id=f"{role.value}{is_closed}", email_hash=f"{role.value}{is_closed}", role=role.value, created_at=now)
        row.email_encrypted = row.name_encrypted = b"x"
        row.password_hash, row.closed_at = "x", now if is_closed else None
        session.add(row)


def test_somebody_must_be_able_to_read(talk: HandoffWorld) -> None:
    """An admin is not trained, and a closed account reads nothing."""
    _account(talk, Role.ADMIN)
    _account(talk, Role.COUNSELLOR, is_closed=True)
    assert _codes(talk) == ["handoff_without_readers"]
    assert _codes(talk, is_on=False) == []
    _account(talk, Role.COUNSELLOR)
    assert _codes(talk) == ["handoff_ready"]


def test_hours_must_be_there(talk: HandoffWorld) -> None:
    """Switched on without them nobody ever reaches a person."""
    _account(talk, Role.COUNSELLOR)
    talk.people.write_text("help_points: []\n", encoding="utf-8")
    assert _codes(talk) == ["handoff_without_hours"]


async def test_people_who_were_forgotten_are_counted(talk: HandoffWorld) -> None:
    """After a day, also when the service was switched off meanwhile."""
    _account(talk, Role.COUNSELLOR)
    await talk.opens()
    assert _codes(talk) == ["handoff_ready"]
    talk.system.clock.turn(hours=25)
    assert _codes(talk) == ["cases_forgotten"]
    assert _codes(talk, is_on=False) == ["cases_forgotten"]
