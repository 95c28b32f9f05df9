"""Help points as a table with the names of Open Referral's HSDS where they fit; and what a table of them would change.

`docs/editor.md` has the mapping. A column that a file does not have is left alone; an empty cell takes the value out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.content.help_points import FOLDER, format_help_point, help_point_slugs, is_reachable, read_help_point
from bot.content.opening import opening_text, read_opening_text
from bot.editor.drafts import FileChange
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.sheets.cells import carried
from bot.editor.sheets.plan import CellFault, Change, Plan, Sheet, SheetRow, missing_headings, part_hash
from bot.i18n import LOCALES, N_, SOURCE_LOCALE

KIND = "help-points"
ID = "service.id"
OPENING = "schedule.opening"
_PLAIN_COLUMNS = {
    "organization.name": ("name",),
    **{f"service.alternate_name_{locale}": ("names", locale) for locale in LOCALES if locale != SOURCE_LOCALE},
    "service.taxonomy": ("kind",),
    "location.country": ("country",),
    "location.state_province": ("province",),
    "location.city": ("city",),
    "location.address_1": ("address",),
    "phones.number": ("phone",),
    "service.url": ("url",),
    **{f"schedule.description_{locale}": ("hours", locale) for locale in LOCALES},
    OPENING: ("opening",),
    **{f"schedule.holidays_{locale}": ("opening", "holidays", locale) for locale in LOCALES},
    **{f"required_document.document_{locale}": ("what_to_bring", locale) for locale in LOCALES},
    **{f"service.description_{locale}": ("note", locale) for locale in LOCALES},
    "fact": ("fact",),
    "confidence": ("confidence",),
    "service.assured_date": ("checked_on",),
    "page_date": ("page_date",),
    "source_url": ("source_url",),
    "retired_on": ("retired_on",),
}
"""The columns with the keys that lead to their values in a help point's file."""
HEADINGS = (ID, *_PLAIN_COLUMNS, "hash")
NEEDED = (ID, "organization.name", "hash")
WIDTHS = (34, 44)
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_BLOCKING = frozenset({"schema", "yaml"})


def point_rows(parts: EditorParts) -> Iterator[dict[str, str]]:
    """Yield a row for each help point, retired ones too: the open draft, else the file."""
    drafts = {draft.path: draft.text for draft in parts.drafts.all_open()}
    slugs = {*help_point_slugs(parts.content), *(_slug(path) for path in drafts if path.startswith(f"{FOLDER}/"))}
    for slug in sorted(slugs):
        current = drafts.get(_path(slug)) or parts.folder.read(_path(slug))
        yield {ID: slug, **columns_of(_data(current)), "hash": part_hash(current)}


def columns_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Return a help point's values by column."""
    return {heading: _shown(heading, _value(data, keys)) for heading, keys in _PLAIN_COLUMNS.items()}


def plan_points(parts: EditorParts, staff: Staff, sheet: Sheet) -> Plan:
    """Return what a table would change in the help points as they stand now."""
    faults: list[CellFault] = list(missing_headings(sheet.headings, NEEDED))
    if faults:
        return Plan(KIND, faults=tuple(faults))
    drafts = {draft.path: draft.text for draft in parts.drafts.all_open()}
    seen: dict[str, int] = {}
    changes: list[Change] = []
    files: list[FileChange] = []
    used: list[SheetRow] = []
    for row in sheet.rows:
        slug = row.cells[ID].strip()
        first = seen.setdefault(slug, row.number)
        if first != row.number:
            faults.append(CellFault(N_("editor.sheets.row_twice"), row.number, ID, {"row": first}))
        elif not _SLUG.fullmatch(slug) or len(slug) > 80:
            faults.append(CellFault(N_("editor.sheets.slug"), row.number, ID, {"name": slug}))
        else:
            on_disk = parts.folder.read(_path(slug))
            current = drafts.get(_path(slug)) or on_disk
            found, made = _changed(row, current, faults)
            if found and _is_fine(parts, staff, row, current, made, faults):
                changes += found
                files.append(FileChange(_path(slug), "", format_help_point(made), on_disk, current))
                used.append(row)
    return Plan(KIND, tuple(changes), tuple(faults), tuple(files), tuple(used), len(sheet.rows))


def _path(slug: str) -> str:
    return f"{FOLDER}/{slug}.yml"


def _slug(path: str) -> str:
    return path.removeprefix(f"{FOLDER}/").removesuffix(".yml")


def _data(raw: str) -> dict[str, Any]:
    try:
        return read_help_point(raw)
    except ValueError:
        return {}


def _value(data: Mapping[str, Any], keys: Iterable[str]) -> Any:
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _shown(heading: str, value: Any) -> str:
    if heading == OPENING:
        return opening_text(value) if isinstance(value, Mapping) else ""
    return "" if value is None else str(value)


def _changed(row: SheetRow, current: str, faults: list[CellFault]) -> tuple[list[Change], dict[str, Any]]:
    """Return the cells that differ from the help point as it stands, and its values with them."""
    data = _data(current)
    before, found = columns_of(data), []
    for heading in (name for name in _PLAIN_COLUMNS if name in row.cells):
        old, new = before[heading], " ".join(row.cells[heading].split())
        if new == " ".join(carried(old).split()):
            continue
        try:
            value = read_opening_text(new) if heading == OPENING else new
        except ValueError as error:
            faults.append(CellFault(N_("editor.sheets.opening"), row.number, heading, {"part": str(error)}))
            continue
        found.append(Change(row.number, _path(row.cells[ID].strip()), heading, old, new))
        data = _with(data, _PLAIN_COLUMNS[heading], value)
    return found, data


def _with(data: dict[str, Any], keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the values with one of them replaced; an empty one is taken out."""
    key, rest = keys[0], keys[1:]
    if rest:
        inner = data.get(key)
        value = _with(dict(inner) if isinstance(inner, Mapping) else {}, rest, value)
    elif key == "opening":
        holidays = _value(data, ("opening", "holidays"))
        value = {**value, **({"holidays": holidays} if holidays else {})}
    if value in ("", {}):
        return {name: other for name, other in data.items() if name != key} if key != "page_date" else {**data, key: None}
    return {**data, key: value}


def _is_fine(
    parts: EditorParts, staff: Staff, row: SheetRow, current: str, made: dict[str, Any], faults: list[CellFault]
) -> bool:
    before = len(faults)
    slug = row.cells[ID].strip()
    if not staff.may(Need.WRITE):
        faults.append(CellFault(N_("editor.sheets.points_role"), row.number, ID))
    elif row.cells["hash"] != part_hash(current):
        values = {"part": slug, "path": _path(slug)}
        faults.append(CellFault(N_("editor.sheets.conflict"), row.number, ID, values, now=current))
    elif not is_reachable(made):
        faults.append(CellFault(N_("editor.points.unreachable"), row.number, "phones.number"))
    else:
        for problem in parts.workflow.problems(_path(slug), format_help_point(made)):
            if problem.code in _BLOCKING:
                faults.append(CellFault(N_("editor.sheets.point_fault"), row.number, ID, {"detail": problem.message}))
    return len(faults) == before
