"""Tables as files: written so that Excel and LibreOffice open them, read with limits on size, rows, columns and cells."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import zip_longest
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from bot.editor.sheets.cells import CELL_LIMIT, carried, guarded, unguarded
from bot.editor.sheets.plan import CellFault, Sheet, SheetRefused, SheetRow
from bot.i18n import N_

UPLOAD_LIMIT = 10 * 1024 * 1024
"""Bytes of a file that is imported."""
UNPACKED_LIMIT = 60 * 1024 * 1024
"""Bytes of all that an XLSX file holds once unpacked."""
ROW_LIMIT = 20_000
COLUMN_LIMIT = 60
_SCANNED_LIMIT = 200_000
"""Rows that are looked at, empty ones included: some programs write a million of them."""
_MEMBER_LIMIT = 200
_FAULT_LIMIT = 50
_XLSX_START = b"PK\x03\x04"
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=[\"']([A-Z0-9:$]{1,30})")
_SEPARATORS = ",;\t"


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[str]], separator: str = ",") -> bytes:
    """Return a table as CSV in UTF-8, with the mark by which Excel knows that it is.

    Args:
        separator: Excel expects a semicolon where the decimal comma is written, as in Ecuador.
    """
    made = io.StringIO()
    writer = csv.writer(made, delimiter=separator, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows([guarded(carried(text)) for text in row] for row in _portable(rows))
    return made.getvalue().encode("utf-8-sig")


def write_xlsx(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int] = ()) -> bytes:
    """Return a table as XLSX: every cell is text, so that no program takes a telephone for a number."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for number, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.append([_cell(sheet, heading, is_heading=True) for heading in headings])
    style = _cell(sheet, "")
    for row in _portable(rows):
        sheet.append([_cell(sheet, guarded(carried(text)), style) for text in row])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def read_table(data: bytes) -> Sheet:
    """Read an XLSX or CSV file, told apart by what stands in it.

    Raises:
        SheetRefused: it is too large, broken, has formulas or merged cells, or is no table.
    """
    if len(data) > UPLOAD_LIMIT:
        raise SheetRefused(CellFault(N_("editor.sheets.too_large"), values={"limit": UPLOAD_LIMIT // 1024 // 1024}))
    rows = _xlsx_rows(data) if data.startswith(_XLSX_START) else _csv_rows(data)
    return _table(rows)


def _portable(rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Leave out rows that Excel would cut; such texts fail the checks anyway and are mended on their page."""
    return (row for row in rows if all(len(text) < CELL_LIMIT for text in row))


def _cell(sheet: Any, text: str, style: Any = None, *, is_heading: bool = False) -> Any:
    """Return a cell; one that looks like another cell is made in a third of the time."""
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    if style is not None:
        cell._style = style._style
        return cell
    cell.number_format = "@"
    cell.alignment = Alignment(wrap_text=not is_heading, vertical="top")
    if is_heading:
        cell.font = Font(bold=True)
    return cell


def _table(rows: Iterator[tuple[int, list[str]]]) -> Sheet:
    number, first = next(rows, (0, []))
    headings = [heading.strip().lower() for heading in first]
    while headings and not headings[-1]:
        headings.pop()
    if not headings:
        raise SheetRefused(CellFault(N_("editor.sheets.empty")))
    twice = [heading for place, heading in enumerate(headings) if heading and heading in headings[:place]]
    if twice:
        raise SheetRefused(*(CellFault(N_("editor.sheets.heading_twice"), number, name, {"name": name}) for name in twice))
    read: list[SheetRow] = []
    faults: list[CellFault] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(read) >= ROW_LIMIT:
            raise SheetRefused(CellFault(N_("editor.sheets.too_many_rows"), values={"limit": ROW_LIMIT}))
        padded = [*cells, *("" for _ in headings)]
        named = list(zip_longest(headings, padded[: max(len(headings), len(cells))], fillvalue=""))
        stray = [place for place, (heading, cell) in enumerate(named, 1) if not heading and cell.strip()]
        faults += [CellFault(N_("editor.sheets.no_heading"), number, get_column_letter(place)) for place in stray[:1]]
        read.append(SheetRow(number, {heading: unguarded(carried(cell)) for heading, cell in named if heading}))
    if faults:
        raise SheetRefused(*faults[:_FAULT_LIMIT])
    return Sheet(tuple(name for name in headings if name), tuple(read))


def _xlsx_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        _require_modest(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # A file may lie about how large it is.
        yield from _read_cells(sheet)
    except SheetRefused:
        raise
    except Exception as error:  # Whatever a broken or hostile file makes the library raise, it is no table.
        raise SheetRefused(CellFault(N_("editor.sheets.broken"))) from error


def _read_cells(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    faults = []
    for number, row in enumerate(sheet.iter_rows(max_col=COLUMN_LIMIT + 1), 1):
        if number > _SCANNED_LIMIT:
            raise SheetRefused(CellFault(N_("editor.sheets.too_many_rows"), values={"limit": ROW_LIMIT}))
        if len(row) > COLUMN_LIMIT and row[COLUMN_LIMIT].value is not None:
            raise SheetRefused(CellFault(N_("editor.sheets.too_many_columns"), number, values={"limit": COLUMN_LIMIT}))
        for place, cell in enumerate(row, 1):
            if cell.value is not None and cell.data_type in ("f", "e"):
                faults.append(_formula(number, place))
        if len(faults) >= _FAULT_LIMIT:
            break
        yield number, [_text(cell.value) for cell in row]
    if faults:
        raise SheetRefused(*faults)


def _formula(row: int, place: int) -> CellFault:
    letter = get_column_letter(place)
    return CellFault(N_("editor.sheets.formula"), row, letter, {"cell": f"{letter}{row}"})


def _text(value: object) -> str:
    """Return a cell as text; spreadsheets turn what looks like a number or a date into one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)


def _require_modest(data: bytes) -> None:
    """Refuse what unpacks to more than we read, by counting what really comes out and not what the file says of itself."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        total = 0
        for member in members[: _MEMBER_LIMIT + 1]:
            merged: list[str] = []
            tail = b""
            with archive.open(member) as file:
                while chunk := file.read(65_536):
                    total += len(chunk)
                    if total > UNPACKED_LIMIT or len(members) > _MEMBER_LIMIT:
                        raise SheetRefused(CellFault(N_("editor.sheets.bomb")))
                    seen = tail + chunk
                    if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
                        raise SheetRefused(CellFault(N_("editor.sheets.broken")))
                    if member.filename.startswith("xl/worksheets/"):
                        merged += [found.decode() for found in _MERGED.findall(seen)]
                    tail = seen[-300:]
            if merged:
                names = list(dict.fromkeys(merged))[:_FAULT_LIMIT]
                raise SheetRefused(*(CellFault(N_("editor.sheets.merged"), values={"cells": name}) for name in names))


def _csv_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetRefused(CellFault(N_("editor.sheets.encoding"))) from error
    if "\0" in text:
        raise SheetRefused(CellFault(N_("editor.sheets.broken")))
    head = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    faults = []
    try:
        for number, cells in enumerate(reader, 1):
            if len(cells) > COLUMN_LIMIT:
                raise SheetRefused(CellFault(N_("editor.sheets.too_many_columns"), number, values={"limit": COLUMN_LIMIT}))
            faults += [_formula(number, place) for place, cell in enumerate(cells, 1) if cell[:1] in ("=", "＝") and cell]
            yield number, cells
    except csv.Error as error:
        raise SheetRefused(CellFault(N_("editor.sheets.half"), reader.line_num)) from error
    if faults:
        raise SheetRefused(*faults[:_FAULT_LIMIT])
