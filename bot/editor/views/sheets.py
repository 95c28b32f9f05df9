"""Spreadsheets: download the content as XLSX, CSV or PO, and bring it back in two steps: what it would change, then drafts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from bot.content.model import Kind
from bot.editor.differences import marked_changes
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.sheets import answers, points
from bot.editor.sheets.files import UPLOAD_LIMIT, read_table, write_csv, write_xlsx
from bot.editor.sheets.plan import CellFault, Plan, Sheet, SheetRefused, SheetRow, missing_headings
from bot.editor.sheets.po import looks_like_po, read_answers_po, write_answers_po
from bot.editor.states import TEXT_KEYS
from bot.editor.views.answer import undo_save
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, SOURCE_LOCALE

pages = Pages()
pages.menu_entry(N_("editor.menu.sheets"), "/sheets")

KIND_KEYS = {answers.KIND: N_("editor.sheets.answers"), points.KIND: N_("editor.sheets.points")}
_SHOWN = 200
"""Changes that the page lists; the count tells of all."""
_MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "po": "text/x-gettext-translation; charset=utf-8",
}
_WIDTHS: dict[str, tuple[int, ...]] = {answers.KIND: answers.WIDTHS, points.KIND: points.WIDTHS}
Planner = Callable[[Visit, Sheet], Plan]
_PLANNERS: dict[str, tuple[tuple[str, ...], Planner]] = {
    answers.KIND: (answers.NEEDED, lambda v, sheet: answers.plan_answers(answers.Texts(v.parts), v.staff, sheet)),
    points.KIND: (points.NEEDED, lambda v, sheet: points.plan_points(v.parts, v.staff, sheet)),
}


@dataclass(frozen=True)
class ShownChange:
    """A change as the page lists it."""

    row: int
    path: str
    column: str
    marked: Any


@pages.get("/sheets", needs=Need.READ)
def show_sheets(visit: Visit) -> Response:
    """Show what can be downloaded, and the form for what comes back."""
    return _show(visit)


@pages.get("/sheets/export/{name}", needs=Need.READ)
def export(visit: Visit) -> Response:
    """Send a file."""
    kind, _, suffix = visit.path["name"].rpartition(".")
    if kind not in _PLANNERS or suffix not in _MEDIA_TYPES or (suffix == "po" and kind != answers.KIND):
        raise PageNotFound
    if kind == points.KIND:
        headings, rows = points.HEADINGS, list(points.point_rows(visit.parts))
    else:
        headings, rows = answers.HEADINGS, list(answers.answer_rows(answers.Texts(visit.parts), _wanted(visit)))
    if suffix == "po":
        locale = visit.query.get("language", "")
        if locale not in LOCALES or locale == SOURCE_LOCALE:
            return _show(visit, 422, (CellFault(N_("editor.sheets.po_language")),))
        return _file(visit, f"{kind}.{locale}.po", write_answers_po(rows, locale), "po")
    table = [[row[heading] for heading in headings] for row in rows]
    if suffix == "csv":
        separator = ";" if visit.locale == "es" else ","
        return _file(visit, f"{kind}.csv", write_csv(headings, table, separator), "csv")
    return _file(visit, f"{kind}.xlsx", write_xlsx(kind, headings, table, _WIDTHS[kind]), "xlsx")


@pages.post("/sheets/check", needs=Need.TRANSLATE)
def check_upload(visit: Visit) -> Response:
    """Show what a file would change; nothing is kept."""
    uploaded = visit.form.get("file")
    data = uploaded.file.read(UPLOAD_LIMIT + 1) if isinstance(uploaded, UploadFile) else b""
    if not data:
        return _show(visit, 422, (CellFault(N_("editor.sheets.no_file")),))
    try:
        sheet = read_answers_po(data) if looks_like_po(data) else read_table(data)
    except SheetRefused as refused:
        return _show(visit, 422, refused.faults)
    return _show_plan(visit, _plan(visit, _kind_of(sheet), sheet))


@pages.post("/sheets/apply", needs=Need.TRANSLATE, takes_long_fields=True)
def apply_plan(visit: Visit) -> Response:
    """Make drafts of what was shown, all or none; it is compared again with the content as it stands now."""
    try:
        kind, sheet = _read_rows(str(visit.form.get("rows", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _show(visit, 422, (CellFault(N_("editor.sheets.no_file")),))
    plan = _plan(visit, kind, sheet)
    if plan.faults or not plan.files:
        return _show_plan(visit, plan)
    before = {each.path: each for each in plan.files}
    try:
        drafts = visit.parts.drafts.save_all(plan.files, visit.staff.id, "sheets.imported")
    except ChangedMeanwhile:
        return _show_plan(visit, _plan(visit, kind, sheet), 409)
    steps = []
    for draft in drafts:
        change = before[draft.path]
        former = change.current if change.current != change.on_disk else ""
        steps.append({"draft_id": draft.id, "before": former, "after": fingerprint(draft.text), "address": "/sheets"})
    visit.notice(N_("editor.sheets.imported"), ("sheets.import", {"steps": steps}), count=len(drafts))
    return visit.redirect("/drafts")


@pages.undo("sheets.import")
def undo_import(visit: Visit, data: dict[str, Any]) -> str:
    """Take every draft of an import back that nobody has gone on with."""
    done = [undo_save(visit, step) for step in data["steps"]]
    return "/sheets" if any(done) else ""


def _wanted(visit: Visit) -> answers.Wanted:
    locale = visit.query.get("language", "")
    if locale and locale not in LOCALES:
        raise PageNotFound
    query = visit.query
    return answers.Wanted(query.get("family", ""), query.get("topic", "").strip(), locale, query.get("only", ""))


def _kind_of(sheet: Sheet) -> str:
    """Return what a table is about: what it has the most headings of."""
    return min(_PLANNERS, key=lambda kind: len(missing_headings(sheet.headings, _PLANNERS[kind][0])))


def _plan(visit: Visit, kind: str, sheet: Sheet) -> Plan:
    needed, planner = _PLANNERS[kind]
    return planner(visit, sheet)


def _read_rows(text: str) -> tuple[str, Sheet]:
    data = json.loads(text)
    rows = tuple(SheetRow(int(row["number"]), {str(k): str(v) for k, v in row["cells"].items()}) for row in data["rows"])
    if data["kind"] not in _PLANNERS or not rows:
        raise ValueError("no rows")
    headings = tuple(rows[0].cells)
    return data["kind"], Sheet(headings, tuple(row for row in rows if tuple(row.cells) == headings))


def _show_plan(visit: Visit, plan: Plan, status: int = 200) -> Response:
    shown = [ShownChange(c.row, c.path, c.column, marked_changes(c.before, c.after)) for c in plan.changes[:_SHOWN]]
    rows = [{"number": row.number, "cells": dict(row.cells)} for row in plan.rows]
    return visit.render(
        "sheet_plan.html",
        status if status != 200 or not plan.faults else 422,
        plan=plan,
        kind_key=KIND_KEYS[plan.kind],
        shown=shown,
        rows=json.dumps({"kind": plan.kind, "rows": rows}, ensure_ascii=False),
    )


def _show(visit: Visit, status: int = 200, faults: tuple[CellFault, ...] = ()) -> Response:
    catalogue = visit.parts.library.loaded.catalogue.values()
    return visit.render(
        "sheets.html",
        status,
        faults=faults,
        families=list(dict.fromkeys(entry.family for entry in catalogue if entry.kind is Kind.ANSWER)),
        languages=LOCALES,
        states=TEXT_KEYS,
        limit=UPLOAD_LIMIT // 1024 // 1024,
        may_import=visit.staff.may(Need.TRANSLATE),
    )


def _file(visit: Visit, name: str, body: bytes, suffix: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return visit.answer(body, _MEDIA_TYPES[suffix], **headers)
