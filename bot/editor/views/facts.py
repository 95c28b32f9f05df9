"""The list of facts: what every number, date and telephone in the answers rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from bot.content.facts import CHECKED_ON, changed_facts, fact_files, read_facts, resting_on
from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.views.help_points import CONFIDENCE_KEYS
from bot.editor.views.topics import folded
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()
pages.menu_entry(N_("editor.menu.facts"), "/facts")

MOST_SHOWN = 100
"""Rows on one page; the search finds the others."""
FILE_KEYS = {
    "ecuador-return": N_("editor.facts.file_return"),
    "emergency-numbers": N_("editor.facts.file_numbers"),
    "legal-pathways": N_("editor.facts.file_pathways"),
    "risks-routes": N_("editor.facts.file_risks"),
    "service-points": N_("editor.facts.file_points"),
}
"""What the files hold, in words; another file is called by its name."""
FILTERS = {"draft": N_("editor.points.draft"), "unused": N_("editor.facts.unused")}


@dataclass(frozen=True)
class Row:
    """One fact in the list, as its file's draft or its file has it."""

    id: str
    file: str
    data: Mapping[str, Any]
    uses: int
    has_draft: bool

    def text(self, key: str) -> str:
        """Return a value as text; empty when it is not there."""
        return str(self.data.get(key) or "")

    @property
    def said(self) -> str:
        """What it says, in Spanish where there is Spanish."""
        own = self.text("fact_es") or self.text("fact")
        return own or " · ".join(each for key in ("name", "number", "phone", "city", "address") if (each := self.text(key)))

    @property
    def checked_on(self) -> str:
        """When somebody last held it against its page; until then the page's own date."""
        return self.text(CHECKED_ON) or self.text("page_date")


@pages.get("/facts", needs=Need.READ)
def show_facts(visit: Visit) -> Response:
    """Show the facts that were searched for."""
    query = {name: visit.query.get(name, "").strip() for name in ("q", "file", "confidence", "only")}
    rows = all_rows(visit.parts)
    shown = [row for row in rows if _fits(row, query)]
    return visit.render(
        "facts.html",
        rows=shown[:MOST_SHOWN],
        found=len(shown),
        total=len(rows),
        most=MOST_SHOWN,
        query=query,
        files={file: FILE_KEYS.get(file, file) for file in dict.fromkeys(row.file for row in rows)},
        confidences=CONFIDENCE_KEYS,
        filters=FILTERS,
        may_change=visit.staff.may_change(""),
    )


def all_rows(parts: EditorParts) -> list[Row]:
    """Return all facts in the order of their files; what a broken file holds is left out, the checks tell of it."""
    uses = resting_on(parts.library.loaded)
    rows: list[Row] = []
    for path in fact_files(parts.content):
        draft, on_disk = parts.drafts.find(path), parts.folder.read(path)
        try:
            facts = read_facts(draft.text if draft else on_disk)
        except ValueError:
            continue
        changed = changed_facts(draft.base_text, draft.text) if draft else set()
        file = path.split("/")[1].removesuffix(".yml")
        rows += [Row(fact_id, file, data, len(uses.get(fact_id, ())), fact_id in changed) for fact_id, data in facts.items()]
    return rows


def _fits(row: Row, query: Mapping[str, str]) -> bool:
    if query["file"] not in ("", row.file) or query["confidence"] not in ("", row.text("confidence")):
        return False
    if (query["only"] == "draft" and not row.has_draft) or (query["only"] == "unused" and row.uses):
        return False
    text = folded(" ".join(str(value) for value in row.data.values() if value is not None))
    return all(word in text for word in folded(query["q"]).split())
