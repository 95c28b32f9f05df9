"""What an import would do: each change with the old and the new text, each fault with its row and column, and the new files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from bot.content.loader import text_hash
from bot.editor.drafts import FileChange
from bot.errors import RutaError
from bot.i18n import N_

_NEAR = 60
"""How alike, of 100, a name must be to be suggested."""


@dataclass(frozen=True)
class CellFault:
    """Something that stands in the way of an import.

    Attributes:
        key: the sentence for the person, with what it needs in `values`.
        row: counted as the spreadsheet does, the headings are row 1; 0: the whole file.
        column: the heading, or the column's letter.
        now: for a conflict, the text as it stands now.
    """

    key: str
    row: int = 0
    column: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    now: str | None = None


class SheetRefused(RutaError):
    """The file cannot be read as a table; `faults` say why."""

    code = "sheet_refused"

    def __init__(self, *faults: CellFault) -> None:
        super().__init__("the file cannot be read as a table")
        self.faults = faults


@dataclass(frozen=True)
class SheetRow:
    """One row below the headings; `cells` by heading, as they were before they were marked."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """A table that was read."""

    headings: tuple[str, ...]
    rows: tuple[SheetRow, ...]


@dataclass(frozen=True)
class Change:
    """One cell that differs from the content as it stands."""

    row: int
    path: str
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class Plan:
    """What an import would do; with a fault it does nothing at all."""

    kind: str
    changes: tuple[Change, ...] = ()
    faults: tuple[CellFault, ...] = ()
    files: tuple[FileChange, ...] = ()
    rows: tuple[SheetRow, ...] = ()
    """The rows that change something, for the second look when the import is confirmed."""
    read: int = 0


def part_hash(text: str) -> str:
    """Return the short name of a text in a hash column; the letter keeps spreadsheets from reading it as a number."""
    return f"h{text_hash(text)}" if text else ""


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the known name that is most like this one, or the empty string when none is near."""
    found = process.extractOne(name, known, scorer=fuzz.ratio, score_cutoff=_NEAR)
    return str(found[0]) if found else ""


def unknown(row: SheetRow, column: str, known: Sequence[str]) -> CellFault:
    """Return the fault of a name that is not known, with a near one when there is one."""
    name = row.cells.get(column, "")
    near = nearest(name, known)
    if near:
        return CellFault(N_("editor.sheets.unknown_near"), row.number, column, {"name": name, "near": near})
    return CellFault(N_("editor.sheets.unknown"), row.number, column, {"name": name})


def missing_headings(headings: Sequence[str], needed: Sequence[str]) -> list[CellFault]:
    """Return a fault for each heading that is not there, with the one that looks like it."""
    left = [heading for heading in headings if heading not in needed]
    faults = []
    for name in needed:
        if name not in headings:
            near = nearest(name, left)
            key = N_("editor.sheets.heading_near") if near else N_("editor.sheets.heading_missing")
            faults.append(CellFault(key, 1, name, {"name": name, "near": near}))
    return faults
