"""The first page, "what needs me": one line for each thing that waits, from the counters that the pages register."""

from __future__ import annotations

from starlette.responses import Response

from bot.editor.pages import CounterEntry, PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.visit import Visit, local_address
from bot.i18n import N_

pages = Pages()
pages.menu_entry(N_("editor.menu.home"), "/")


@pages.get("/", needs=Need.READ)
def show_home(visit: Visit) -> Response:
    """Show what waits for this person, what has something first."""
    counted = [(entry, entry.count(visit.parts, visit.staff)) for entry in _counters(visit)]
    waiting = [(entry, count) for entry, count in counted if count]
    unknown = any(count is None for _, count in counted)
    quiet = [entry for entry, count in counted if count == 0]
    return visit.render("home.html", waiting=waiting, quiet=quiet, is_checking=unknown)


@pages.post("/undo/{step}", needs=Need.READ)
def undo(visit: Visit) -> Response:
    """Take an action back, if it was this person's and not too long ago."""
    step = visit.parts.undo_steps.take(visit.path["step"], visit.staff.id)
    if step is None:
        visit.notice(N_("editor.undo.over"))
        return visit.redirect("/")
    kind, data = step
    undoer = next((each.undoers[kind] for each in visit.request.app.state.modules if kind in each.undoers), None)
    if undoer is None:
        raise PageNotFound
    address = undoer(visit, data)
    visit.notice(N_("editor.undo.done") if address else N_("editor.undo.over"))
    return visit.redirect(local_address(address))


def _counters(visit: Visit) -> list[CounterEntry]:
    entries = [entry for each in visit.request.app.state.modules for entry in each.counters]
    return [entry for entry in entries if visit.staff.may(entry.needs)]
