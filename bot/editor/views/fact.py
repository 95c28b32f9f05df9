"""One fact: its form, what rests on it, and a new one. Changes go the way of all drafts, together with the texts they need."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from starlette.responses import Response

from bot.content.facts import (
    CHECKED_ON,
    FOLDER,
    NUMBER_PREFIX,
    Resting,
    changed_facts,
    fact_files,
    fact_text,
    next_id,
    read_facts,
    resting_on,
    with_fact,
)
from bot.content.model import Problem
from bot.editor.drafts import OpenDraft
from bot.editor.faults import to_fault
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.views.answer import tidy_base
from bot.editor.views.drafts import edit_address, title_of
from bot.editor.views.facts import FILE_KEYS
from bot.editor.views.help_points import CONFIDENCE_KEYS
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()

NEW = "new"
"""Stands for a fact that has no id yet in addresses."""
_ID = re.compile(r"[A-Z]{2,4}-\d{3,5}")
_LONG = frozenset({"fact", "fact_es", "note", "address"})
_HIDDEN = frozenset({"id", "confidence", CHECKED_ON})
LABEL_KEYS = {
    "topic": N_("editor.fact.topic"),
    "destination": N_("editor.fact.destination"),
    "country": N_("editor.points.country"),
    "fact": N_("editor.fact.in_english"),
    "fact_es": N_("editor.fact.in_spanish"),
    "source_title": N_("editor.source.title"),
    "source_url": N_("editor.source.url"),
    "publisher": N_("editor.source.publisher"),
    "page_date": N_("editor.source.date"),
    "note": N_("editor.fact.note"),
    "service": N_("editor.fact.service"),
    "name": N_("editor.points.name"),
    "number": N_("editor.fact.number"),
    "hours": N_("editor.points.hours"),
    "kind": N_("editor.points.kind"),
    "city": N_("editor.points.city"),
    "province": N_("editor.points.province"),
    "address": N_("editor.points.address"),
    "phone": N_("editor.points.phone"),
    "url": N_("editor.points.url"),
    "lat": N_("editor.fact.lat"),
    "lon": N_("editor.fact.lon"),
}


@pages.get("/facts/new", needs=Need.WRITE)
def show_new(visit: Visit) -> Response:
    """Show the form of one more fact of a file."""
    path = _path_of_file(visit, visit.query.get("file", ""))
    keys = _keys(read_facts(_current(visit, path)[0]))
    return _show(visit, path, "", dict.fromkeys(keys), "")


@pages.post("/facts/new", needs=Need.WRITE)
def add_fact(visit: Visit) -> Response:
    """Begin a draft with one more fact."""
    return _save(visit, _path_of_file(visit, str(visit.form.get("file", ""))), "")


@pages.get("/facts/{fact_id}", needs=Need.READ)
def show_fact(visit: Visit) -> Response:
    """Show a fact and what rests on it."""
    path, row = _find(visit)
    return _show(visit, path, str(row["id"]), row, fact_text(_current(visit, path)[0], str(row["id"])))


@pages.post("/facts/{fact_id}", needs=Need.WRITE)
def save_fact(visit: Visit) -> Response:
    """Keep a draft of the fact's file."""
    path, row = _find(visit)
    return _save(visit, path, str(row["id"]))


def _find(visit: Visit) -> tuple[str, Mapping[str, Any]]:
    """Return the path of the file that a fact stands in, and the fact as its draft or its file has it."""
    fact_id = visit.path["fact_id"]
    if _ID.fullmatch(fact_id):
        for path in fact_files(visit.parts.content):
            try:
                row = read_facts(_current(visit, path)[0]).get(fact_id)
            except ValueError:
                continue  # The checks tell of a broken file.
            if row is not None:
                return path, row
    raise PageNotFound


def _path_of_file(visit: Visit, file: str) -> str:
    path = f"{FOLDER}/{file}.yml"
    if path not in fact_files(visit.parts.content):
        raise PageNotFound
    return path


def _current(visit: Visit, path: str) -> tuple[str, OpenDraft | None]:
    draft = visit.parts.drafts.find(path)
    return (draft.text if draft else visit.parts.folder.read(path)), draft


def _keys(facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the keys that the facts of a file have, in their order."""
    return [key for key in dict.fromkeys(key for row in facts.values() for key in row) if key != CHECKED_ON]


def _save(visit: Visit, path: str, fact_id: str) -> Response:
    current, draft = _current(visit, path)
    facts, seen = read_facts(current), tidy_base(visit)
    before = facts.get(fact_id, {})
    row = _given(visit, {**dict.fromkeys(_keys(facts)), **before} if not fact_id else before, fact_id or next_id(facts))
    if fact_id and dict(before) == row:
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(f"/facts/{fact_id}")
    if fact_text(current, fact_id) != seen:
        return _show(visit, path, fact_id, row, fact_text(current, fact_id), 409, N_("editor.data.conflict"))
    wrong = _refused(row)
    if wrong:
        return _show(visit, path, fact_id, row, seen, 422, wrong)
    text, on_disk = with_fact(current, row), visit.parts.folder.read(path)
    try:
        saved = visit.parts.drafts.save(path, "", text, on_disk, fingerprint(current), visit.staff.id)
    except ChangedMeanwhile:
        return _show(visit, path, fact_id, row, fact_text(_current(visit, path)[0], fact_id), 409, N_("editor.data.conflict"))
    address = f"/facts/{row['id']}"
    back = address if fact_id else "/facts"
    step = {"draft_id": saved.id, "before": current if draft else "", "after": fingerprint(text), "address": back}
    visit.notice(N_("editor.answer.saved"), ("draft.save", step))
    return visit.redirect(address)


def _given(visit: Visit, before: Mapping[str, Any], fact_id: str) -> dict[str, Any]:
    """Return the fact with what the form says; what is empty is null, as in the files."""
    row: dict[str, Any] = {**before, "id": fact_id}
    for key in [key for key in row if key != "id"]:
        if f"v_{key}" in visit.form:
            said = " ".join(str(visit.form[f"v_{key}"]).split())
            row[key] = before.get(key) if said == str(before.get(key) or "") else said or None
    checked = str(visit.form.get(f"v_{CHECKED_ON}", "")).strip()
    row.pop(CHECKED_ON, None)
    return {**row, CHECKED_ON: checked} if checked else row


def _refused(row: Mapping[str, Any]) -> str:
    """Return why a fact cannot be kept even as a draft; empty: it can."""
    said = row.get("fact_es") or row.get("fact") or row.get("name")
    if not said:
        return N_("editor.fact.empty")
    if row.get("confidence") not in CONFIDENCE_KEYS:
        return N_("editor.fact.no_confidence")
    try:
        date.fromisoformat(row.get(CHECKED_ON) or "2000-01-01")
    except ValueError:
        return N_("editor.fact.no_date")
    return ""


def _show(
    visit: Visit, path: str, fact_id: str, row: Mapping[str, Any], base_text: str, status: int = 200, error: str = ""
) -> Response:
    draft = visit.parts.drafts.find(path)
    is_drafted = draft is not None and fact_id in changed_facts(draft.base_text, draft.text)
    file = path.split("/")[1].removesuffix(".yml")
    return visit.render(
        "fact.html",
        status,
        fact_id=fact_id,
        file=file,
        file_key=FILE_KEYS.get(file, file),
        path=path,
        row={key: str(value) if value is not None else "" for key, value in row.items()},
        fields=[(key, LABEL_KEYS.get(key, key), key in _LONG) for key in row if key not in _HIDDEN],
        confidences=CONFIDENCE_KEYS,
        base_text=base_text,
        error=visit.say(error) if error else "",
        draft=draft if is_drafted else None,
        resting=_named(visit, resting_on(visit.parts.library.loaded).get(fact_id, [])),
        is_number=fact_id.startswith(NUMBER_PREFIX),
        broken=_broken(visit, draft) if draft is not None and is_drafted else [],
        may_change=visit.staff.may_change(""),
    )


def _named(visit: Visit, resting: Sequence[Resting]) -> list[tuple[str, str, str]]:
    """Return what rests on a fact: its name, its address (empty: there is no page), and the destination."""
    loaded, named = visit.parts.library.loaded, []
    for each in resting:
        if each.kind == "topic":
            query = f"?for={each.destination}" if each.destination else ""
            named.append((title_of(visit, f"x/{each.id}/topic.yml"), f"/topics/{each.id}{query}", each.destination))
        elif each.kind == "help_point":
            named.append((str(loaded.help_points[each.id]["name"]), f"/help-points/{each.id}", ""))
        else:
            named.append((visit.say(f"topic.{each.id}"), "", ""))
    return named


def _broken(visit: Visit, draft: OpenDraft) -> list[tuple[str, str, str, list[object]]]:
    """Return the files that would say something else than the facts: path, title, address, faults; without their drafts."""
    bundle = visit.parts.workflow.bundle(draft)
    texts = {each.path: each.text for each in bundle if each.path != draft.path}
    broken: Mapping[str, Sequence[Problem]] = visit.parts.workflow.broken_by_facts(draft, texts)
    return [
        (path, title_of(visit, path), edit_address(path), [to_fault(problem, visit.say) for problem in found])
        for path, found in broken.items()
    ]
