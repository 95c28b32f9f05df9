"""The audit log, for admins to read. No page changes it."""

from __future__ import annotations

from starlette.responses import Response

from bot.editor.pages import Pages
from bot.editor.roles import Need
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()
pages.menu_entry(N_("editor.menu.audit"), "/audit", Need.ADMIN)

PAGE_LENGTH = 100


@pages.get("/audit", needs=Need.ADMIN)
def show_audit(visit: Visit) -> Response:
    """Show the newest entries, and whether the chain holds."""
    before = visit.query.get("before", "")
    entries = visit.parts.audit.newest(PAGE_LENGTH, int(before) if before.isdecimal() and len(before) < 10 else None)
    count, last_hash, broken = visit.parts.audit.verify()
    return visit.render(
        "audit.html", entries=entries, names=visit.parts.accounts.names(), count=count, last_hash=last_hash, broken=broken
    )
