"""The links of the content: which ones no longer answer, where they stand, and a button that asks all of them anew."""

from __future__ import annotations

from starlette.responses import Response

from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.visit import Visit
from bot.i18n import N_
from bot.link_checks import links_of, read_results

pages = Pages()
pages.menu_entry(N_("editor.menu.links"), "/links")

STATE_KEYS = {
    "broken": N_("editor.links.broken"),
    "unsure": N_("editor.links.unsure"),
    "moved": N_("editor.links.moved"),
    "ok": N_("editor.links.ok"),
}
STATE_TAGS = {"broken": "late", "unsure": "soon", "moved": "soon", "ok": "good"}
FAILURE_KEYS = {
    "no_network": N_("editor.links.no_network"),
    "failed": N_("editor.links.failed"),
}


@pages.counter(N_("editor.counter.links"), "/links")
def count_broken(parts: EditorParts, staff: Staff) -> int:
    """Count the addresses that did not answer at the last check and still stand in the content."""
    present = links_of(parts.library.loaded, parts.content)
    return sum(one.is_broken and one.url in present for one in read_results(parts.link_results))


@pages.get("/links", needs=Need.READ)
def show_links(visit: Visit) -> Response:
    """Show what became of each address, broken ones first."""
    only = visit.query.get("only", "")
    present = links_of(visit.parts.library.loaded, visit.parts.content)
    known = [one for one in read_results(visit.parts.link_results) if one.url in present]
    order = list(STATE_KEYS)
    shown = sorted(known, key=lambda one: (order.index(one.state) if one.state in order else 0, one.url))
    task = visit.parts.link_task
    return visit.render(
        "links.html",
        rows=[one for one in shown if only in ("", one.state) and (only or one.state != "ok")],
        counts={state: sum(one.state == state for one in known) for state in STATE_KEYS},
        total=len(present),
        checked_at=max((one.checked_at for one in known), default=""),
        places=present,
        only=only,
        state_keys=STATE_KEYS,
        state_tags=STATE_TAGS,
        is_running=task.is_running,
        failure=FAILURE_KEYS.get(task.failure, ""),
        may_check=visit.staff.may(Need.WRITE),
    )


@pages.post("/links/check", needs=Need.WRITE)
def start_check(visit: Visit) -> Response:
    """Begin to ask all addresses."""
    started = visit.parts.link_task.start(links_of(visit.parts.library.loaded, visit.parts.content))
    visit.notice(N_("editor.links.started") if started else N_("editor.links.running"))
    return visit.redirect("/links")
