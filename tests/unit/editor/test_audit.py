"""The audit log: who did what, and that a later change to it shows."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from bot.editor.commands import audit_lines
from bot.editor.roles import Role
from bot.storage.staff_models import AuditEntry
from tests.support.editor import EditorWorld


def test_what_people_do_is_written_down(world: EditorWorld) -> None:
    """Invitation, account, sign-in and role leave entries, with ids and without names."""
    admin = world.person(Role.ADMIN)
    browser = world.browser(admin)
    editor = world.person(Role.EDITOR)
    browser.post(f"/people/{editor.id}/role", role="reader", translates="")
    actions = [entry.action for entry in world.parts.audit.all()]
    assert actions[:2] == ["account.invited", "account.created"]
    assert actions[-1] == "account.role_changed"
    lines = "\n".join(audit_lines(world.parts.audit))
    assert "role=reader" in lines
    assert "example.org" not in lines
    assert "sin alteraciones" in browser.get("/audit").text


@pytest.mark.parametrize(
    "tamper",
    [
        update(AuditEntry).where(AuditEntry.id == 2).values(staff_id="0" * 32),
        update(AuditEntry).where(AuditEntry.id == 2).values(action="session.opened"),
        update(AuditEntry).where(AuditEntry.id == 2).values(hash="0" * 64),
        delete(AuditEntry).where(AuditEntry.id == 2),
        delete(AuditEntry).where(AuditEntry.id == 1),
    ],
    ids=["who", "what", "hash", "deleted", "first deleted"],
)
def test_change_shows_when_the_log_is_verified(world: EditorWorld, tamper: object) -> None:
    """An entry that was changed or taken out breaks the chain."""
    browser = world.browser(world.person(Role.ADMIN))
    assert world.parts.audit.verify()[2] == []
    with world.parts.database.transaction() as session:
        session.execute(tamper)
    assert world.parts.audit.verify()[2] != []
    assert "fue alterado" in browser.get("/audit").text
