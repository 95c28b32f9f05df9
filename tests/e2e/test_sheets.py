"""A spreadsheet in a real browser: one bad row is named and nothing is written; the corrected file goes through."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import BrowserContext, expect

from bot.content.writing import read_answer_text
from bot.editor.roles import Role
from tests.e2e.test_editor import context, faults, sign_in, watch, world  # noqa: F401 - fixtures
from tests.support.editor import EditorWorld

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def changed(file: Path, **cells: str) -> bytes:
    """Return the downloaded file with the title of the first text changed, and other cells of its row."""
    book = load_workbook(file)
    columns = {cell.value: cell.column for cell in book.active[1]}
    row = next(row for row in book.active.iter_rows(min_row=2) if row[columns["part"] - 1].value == "title")
    for name, text in {"text": "Unahoja", **cells}.items():
        row[columns[name] - 1].value = text
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def test_bad_row_is_named_then_the_corrected_file_goes_through(
    world: tuple[EditorWorld, str],  # noqa: F811
    context: BrowserContext,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Download, spoil one row, see it named, correct it, confirm, and find the draft."""
    editor, url = world
    page = context.new_page()
    errors = watch(page)
    sign_in(page, editor, url, editor.person(Role.EDITOR, factor=True))
    page.goto(f"{url}/sheets")
    page.get_by_label("Idioma").select_option("en")
    with page.expect_download() as download:
        page.get_by_role("button", name="Respuestas XLSX").click()
    file = tmp_path / "answers.xlsx"
    download.value.save_as(file)
    page.get_by_label("Archivo").set_input_files({"name": "a.xlsx", "mimeType": "", "buffer": changed(file, topic="pasportt")})
    page.get_by_role("button", name="Ver qué cambiaría").click()
    expect(page.get_by_role("alert")).to_contain_text("Fila 2, topic: «pasportt» no existe. ¿Quiso decir «passport»?")
    expect(page.locator("main")).to_contain_text("No se escribió nada")
    expect(page.get_by_role("button", name="Crear los borradores")).to_have_count(0)
    assert editor.parts.drafts.all_open() == []
    found = faults(page)
    errors.clear()  # The browser notes the 422 of the refused file; what comes now must be clean.
    page.goto(f"{url}/sheets")
    page.get_by_label("Archivo").set_input_files({"name": "a.xlsx", "mimeType": "", "buffer": changed(file)})
    page.get_by_role("button", name="Ver qué cambiaría").click()
    expect(page.locator("main .text ins").first).to_contain_text("Unahoja")
    found += faults(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Crear los borradores").click()
    expect(page.locator("#notices")).to_contain_text("Borradores creados: 1")
    (draft,) = editor.parts.drafts.all_open()
    assert read_answer_text(draft.text).title == "Unahoja"
    assert (found, errors) == ([], [])
