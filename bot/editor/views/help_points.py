"""The list of help points: real offices, shelters and lines; what must be checked again stands first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from bot.content.help_points import FOLDER, help_point_slugs, is_overdue, read_help_point
from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.views.topics import folded
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()
pages.menu_entry(N_("editor.menu.points"), "/help-points")

KIND_KEYS = {
    "consular": N_("editor.kind.consular"),
    "customs": N_("editor.kind.customs"),
    "documents": N_("editor.kind.documents"),
    "education": N_("editor.kind.education"),
    "employment": N_("editor.kind.employment"),
    "health": N_("editor.kind.health"),
    "hotline": N_("editor.kind.hotline"),
    "legal": N_("editor.kind.legal"),
    "missing-family": N_("editor.kind.missing_family"),
    "protection": N_("editor.kind.protection"),
    "reintegration": N_("editor.kind.reintegration"),
    "shelter": N_("editor.kind.shelter"),
    "social-security": N_("editor.kind.social_security"),
}
CONFIDENCE_KEYS = {
    "low": N_("editor.confidence.low"),
    "medium": N_("editor.confidence.medium"),
    "high": N_("editor.confidence.high"),
}
FILTERS = {
    "overdue": N_("editor.points.overdue"),
    "draft": N_("editor.points.draft"),
    "retired": N_("editor.points.retired"),
}


@dataclass(frozen=True)
class Row:
    """One help point in the list, as its draft or its file has it."""

    slug: str
    data: Mapping[str, Any]
    is_overdue: bool
    has_draft: bool

    @property
    def is_retired(self) -> bool:
        """Whether the bot names it no more."""
        return "retired_on" in self.data

    def text(self, key: str) -> str:
        """Return a value as text; empty when it is not there."""
        return str(self.data.get(key) or "")


@pages.get("/help-points", needs=Need.READ)
def show_points(visit: Visit) -> Response:
    """Show the help points that were searched for, overdue ones first; retired ones only when they are asked for."""
    rows = sorted(all_rows(visit.parts), key=lambda row: (not row.is_overdue, row.text("checked_on"), row.text("name")))
    names = ("q", "country", "city", "kind", "confidence", "only")
    query = {name: visit.query.get(name, "").strip() for name in names}
    shown = [row for row in rows if _fits(row, query)]
    return visit.render(
        "help_points.html",
        rows=shown,
        total=len(rows),
        query=query,
        countries=sorted({row.text("country") for row in rows} - {""}),
        cities=sorted({row.text("city") for row in rows} - {""}),
        kinds=KIND_KEYS,
        confidences=CONFIDENCE_KEYS,
        filters=FILTERS,
        may_change=visit.staff.may_change(""),
    )


@pages.counter(N_("editor.counter.points"), "/help-points?only=overdue")
def count_overdue(parts: EditorParts, staff: Staff) -> int:
    """Count the help points that must be checked again."""
    return sum(is_overdue(point, parts.today()) for point in parts.library.loaded.help_points.values())


def all_rows(parts: EditorParts) -> list[Row]:
    """Return all help points, those that are only drafts too."""
    drafts = {draft.path: draft.text for draft in parts.drafts.all_open() if draft.path.startswith(f"{FOLDER}/")}
    slugs = dict.fromkeys([*help_point_slugs(parts.content), *(path.split("/")[1].removesuffix(".yml") for path in drafts)])
    return [_row(parts, slug, drafts.get(f"{FOLDER}/{slug}.yml")) for slug in slugs]


def _row(parts: EditorParts, slug: str, draft: str | None) -> Row:
    try:
        data = read_help_point(draft if draft is not None else parts.folder.read(f"{FOLDER}/{slug}.yml"))
    except ValueError:
        data = {"name": slug}  # Its page shows what is wrong with it.
    return Row(slug, data, "retired_on" not in data and is_overdue(data, parts.today()), draft is not None)


def _fits(row: Row, query: Mapping[str, str]) -> bool:
    if any(query[key] and query[key] != row.text(key) for key in ("country", "city", "kind", "confidence")):
        return False
    if row.is_retired != (query["only"] == "retired"):
        return False
    if (query["only"] == "overdue" and not row.is_overdue) or (query["only"] == "draft" and not row.has_draft):
        return False
    text = folded(" ".join([row.slug, *(str(value) for value in row.data.values())]))
    return all(word in text for word in folded(query["q"]).split())
