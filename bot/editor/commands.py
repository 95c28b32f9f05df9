"""What the command line does for the editor."""

from __future__ import annotations

from collections.abc import Iterator

from bot.editor.accounts import AccountError
from bot.editor.audit import AuditLog
from bot.editor.parts import EditorParts
from bot.editor.roles import Role


def invite_admin(parts: EditorParts, email: str) -> str:
    """Return a link that makes an admin's account, or gives the account of this address a new password and that role.

    Raises:
        AccountError: the address is none.
    """
    if "@" not in email.strip().strip("@"):
        raise AccountError("email_malformed", "write an e-mail address, for example: ruta editor create-admin ana@example.org")
    staff_id = parts.accounts.find(email)
    if staff_id:
        parts.accounts.set_role(staff_id, Role.ADMIN, "", "")
        parts.accounts.reopen(staff_id, "")
    return f"{parts.url}/invitation/{parts.accounts.invite(email, Role.ADMIN, staff_id=staff_id)}"


def audit_lines(audit: AuditLog) -> Iterator[str]:
    """Yield one line for each entry."""
    for entry in audit.all():
        who, at = entry.staff_id[:8] or "server", f"{entry.at:%Y-%m-%dT%H:%M:%SZ}"
        yield " ".join(part for part in (str(entry.id), at, who, entry.action, entry.target or "-", entry.detail) if part)
