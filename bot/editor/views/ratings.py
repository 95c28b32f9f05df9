"""What people said of the answers: those that helped least first, each with the way to its topic."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from bot.conversations.feedback_counts import count_feedback
from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()
pages.menu_entry(N_("editor.menu.ratings"), "/ratings")

DAYS = 90
"""How far back ratings count here."""
REASON_KEYS = {
    "wrong": N_("editor.ratings.wrong"),
    "old": N_("editor.ratings.old"),
    "unclear": N_("editor.ratings.unclear"),
    "other": N_("editor.ratings.other"),
}


@pages.get("/ratings", needs=Need.READ)
def show_ratings(visit: Visit) -> Response:
    """Show the ratings of the last months."""
    since = visit.parts.clock() - timedelta(days=DAYS)
    counts = count_feedback(visit.parts.database, visit.parts.library.loaded, since)
    return visit.render("ratings.html", counts=counts, days=DAYS, reason_keys=REASON_KEYS)


@pages.counter(N_("editor.counter.low_rated"), "/ratings")
def count_low_rated(parts: EditorParts, staff: Staff) -> int | None:
    """Count the present texts that many people found unhelpful."""
    since = parts.clock() - timedelta(days=DAYS)
    return sum(one.is_low for one in count_feedback(parts.database, parts.library.loaded, since))
