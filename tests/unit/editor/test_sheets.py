"""Spreadsheets out and in: a round trip changes nothing, an import is all or nothing, and every fault names its cell."""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from bot.content.writing import read_answer_text
from bot.editor.roles import Role
from bot.editor.sessions import Staff
from bot.editor.sheets import answers, points
from bot.editor.sheets.cells import guarded, unguarded
from bot.editor.sheets.files import COLUMN_LIMIT, UPLOAD_LIMIT, read_table, write_csv, write_xlsx
from bot.editor.sheets.plan import CellFault, Plan, Sheet, SheetRefused, SheetRow
from bot.editor.sheets.po import read_answers_po, write_answers_po
from tests.support.editor import BrowserWithoutScripts, EditorWorld

PATH = "routes/passport/es.md"
_ROWS = re.compile(r'<textarea hidden name="rows" aria-hidden="true">\n?(.*?)</textarea>', re.DOTALL)
_TEXT = st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=60)


def refused(data: bytes) -> list[CellFault]:
    """Return why a file is refused."""
    with pytest.raises(SheetRefused) as caught:
        read_table(data)
    return list(caught.value.faults)


def editor() -> Staff:
    """Somebody who may change every answer."""
    return Staff(id="1", name="Ana", role=Role.EDITOR, translates="", locale="es", has_second_factor=False)


def exported(world: EditorWorld, wanted: answers.Wanted) -> list[dict[str, str]]:
    """Return the rows of an export of answers."""
    return list(answers.answer_rows(answers.Texts(world.parts), wanted))


def plan(world: EditorWorld, data: bytes) -> Plan:
    """Return what a table of answers would change."""
    return answers.plan_answers(answers.Texts(world.parts), editor(), read_table(data))


def as_csv(rows: list[dict[str, str]]) -> bytes:
    """Return rows of answers as the export writes them."""
    return write_csv(answers.HEADINGS, [[row[heading] for heading in answers.HEADINGS] for row in rows])


def upload(browser: BrowserWithoutScripts, data: bytes, name: str = "a.csv"):
    """Send a file to the dry run."""
    return browser.client.post("/sheets/check", data={"csrf": browser.csrf}, files={"file": (name, data)})


def confirm(browser: BrowserWithoutScripts, page: str):
    """Confirm what a dry run shows."""
    return browser.post("/sheets/apply", rows=html.unescape(_ROWS.search(page)[1]))


def passport(world: EditorWorld, **changes: str) -> list[dict[str, str]]:
    """Return the rows of one answer, with new texts for some parts."""
    rows = exported(world, answers.Wanted(topic="passport", locale="es"))
    assert {"title", "menu_title", "lead"} <= {row["part"] for row in rows}
    return [{**row, "text": changes.get(row["part"], row["text"])} for row in rows]


@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_round_trip_of_all_real_content_changes_nothing(world: EditorWorld, suffix: str) -> None:
    """Every answer and every help point goes out and comes back as it was."""
    browser = world.browser(world.person(Role.EDITOR))
    for kind, least in (("answers", 2000), ("help-points", 50)):
        data = browser.get(f"/sheets/export/{kind}.{suffix}").content
        sheet = read_table(data)
        assert len(sheet.rows) >= least
        made = (
            answers.plan_answers(answers.Texts(world.parts), editor(), sheet)
            if kind == "answers"
            else points.plan_points(world.parts, editor(), sheet)
        )
        assert (made.changes, made.faults, made.files) == ((), (), ())


@pytest.mark.parametrize("locale", ["en", "fr", "pt"])
def test_round_trip_as_po_changes_nothing(world: EditorWorld, locale: str) -> None:
    """What a translators' tool gets and gives back unchanged makes no draft; what it changes does."""
    rows = exported(world, answers.Wanted(locale=locale))
    data = write_answers_po(rows, locale)
    sheet = read_answers_po(data)
    assert len(sheet.rows) > 300
    made = answers.plan_answers(answers.Texts(world.parts), editor(), sheet)
    assert (made.changes, made.faults) == ((), ())
    first = sheet.rows[0]
    changed = SheetRow(first.number, {**first.cells, "text": "Nouveau"})
    made = answers.plan_answers(answers.Texts(world.parts), editor(), Sheet(sheet.headings, (changed,)))
    assert [change.after for change in made.changes] == ["Nouveau"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_TEXT, min_size=3, max_size=3), max_size=5), kind=st.sampled_from(["xlsx", "csv", "semicolon"]))
def test_any_text_comes_back_as_it_went(rows: list[list[str]], kind: str) -> None:
    """Whatever stands in a text, both formats bring it back, but for what XML forbids and the ends of lines."""
    from bot.editor.sheets.cells import carried

    headings = ("a", "b", "c")
    written = write_xlsx("x", headings, rows) if kind == "xlsx" else write_csv(headings, rows, ";" if kind != "csv" else ",")
    wanted = [[carried(text) for text in row] for row in rows if any(carried(text).strip() for text in row)]
    assert [[row.cells[name] for name in headings] for row in read_table(written).rows] == wanted


@given(_TEXT)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """What a spreadsheet could run is marked, and the mark is taken off again."""
    assert guarded(text)[:1] not in tuple("=+-@\t\r")
    assert unguarded(guarded(text)) == text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lead=_TEXT.filter(lambda text: "#" not in text), kind=st.sampled_from(["xlsx", "csv", "po"]))
def test_generated_answer_goes_out_and_back_unchanged(world: EditorWorld, lead: str, kind: str) -> None:
    """A draft with any lead at all is exported and imported without a change."""
    file = world.parts.content / "routes/passport/en.md"
    before = file.read_text("utf-8")
    text = read_answer_text(before)
    file.write_text(before.replace(text.lead, f"x {answers.clean('lead', lead)}", 1), "utf-8", newline="")
    rows = exported(world, answers.Wanted(topic="passport", locale="en"))
    table = [[row[heading] for heading in answers.HEADINGS] for row in rows]
    if kind == "po":
        sheet = read_answers_po(write_answers_po(rows, "en"))
    else:
        sheet = read_table(write_xlsx("x", answers.HEADINGS, table) if kind == "xlsx" else write_csv(answers.HEADINGS, table))
    made = answers.plan_answers(answers.Texts(world.parts), editor(), sheet)
    file.write_text(before, "utf-8")
    assert (made.changes, made.faults) == ((), ())


def test_csv_opens_in_excel_and_formulas_are_dead(world: EditorWorld) -> None:
    """The file has the mark of UTF-8; a list that begins with a hyphen is marked."""
    data = as_csv(passport(world, lead='=HYPERLINK("https://evil.example")', title="@x"))
    assert data.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    by_part = {row["part"]: row["text"] for row in table}
    assert (by_part["lead"][:2], by_part["title"]) == ("'=", "'@x")
    book = load_workbook(io.BytesIO(write_xlsx("x", ("text",), [["=1+1"], ["+593 2"]])))
    cells = [row[0] for row in book.active.iter_rows(min_row=2)]
    assert [(cell.value, cell.data_type) for cell in cells] == [("'=1+1", "s"), ("'+593 2", "s")]


def test_bad_row_is_named_and_nothing_is_written(world: EditorWorld) -> None:
    """One unknown topic among good rows: its row and column are named, a near name is suggested, no draft is made."""
    browser = world.browser(world.person(Role.EDITOR))
    rows = passport(world, title="Pasaporte nuevo")
    rows[1]["topic"] = "pasport"
    answer = upload(browser, as_csv(rows))
    assert answer.status_code == 422
    assert "Fila 3, <code>topic</code>" in answer.text
    assert "«passport»" in answer.text
    assert "No se escribió nada" in answer.text
    assert _ROWS.search(answer.text) is None
    assert world.parts.drafts.all_open() == []


def test_good_file_is_shown_then_kept_then_taken_back(world: EditorWorld) -> None:
    """The dry run writes nothing; the confirmed import makes drafts; one step takes all of them back."""
    browser = world.browser(world.person(Role.EDITOR))
    shown = upload(browser, write_xlsx("a", answers.HEADINGS, [list(row.values()) for row in passport(world, title="Nuevo")]))
    assert shown.status_code == 200
    assert "<ins>Nuevo</ins>" in shown.text
    assert world.parts.drafts.all_open() == []
    before = world.parts.folder.read(PATH)
    assert confirm(browser, shown.text).headers["location"] == "/drafts"
    (draft,) = world.parts.drafts.all_open()
    assert (draft.path, read_answer_text(draft.text).title) == (PATH, "Nuevo")
    assert world.parts.folder.read(PATH) == before
    assert "sheets.imported" in [entry.action for entry in world.parts.audit.all()]
    step = re.search(r"/undo/\w+", browser.get("/drafts").text)[0]
    assert browser.post(step).status_code == 303
    assert world.parts.drafts.all_open() == []


def test_change_since_the_export_is_a_conflict(world: EditorWorld) -> None:
    """What changed on disk after the download, or between the dry run and the confirmation, is shown and not overwritten."""
    browser = world.browser(world.person(Role.EDITOR))
    data = as_csv(passport(world, title="Desde la hoja"))
    page = upload(browser, data).text
    file = world.parts.content / PATH
    by_hand = re.sub(r"^title: .*$", 'title: "A mano"', file.read_text("utf-8"), count=1, flags=re.MULTILINE)
    file.write_text(by_hand, "utf-8")
    for answer in (confirm(browser, page), upload(browser, data)):
        assert answer.status_code == 422
        assert "cambió después de la descarga" in answer.text
        assert "A mano" in answer.text
    assert world.parts.drafts.all_open() == []
    assert file.read_text("utf-8") == by_hand


def test_drafts_are_all_or_none(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the second file cannot be kept, the first is not either."""
    browser = world.browser(world.person(Role.EDITOR))
    rows = [{**row, "text": "Nuevo"} for row in exported(world, answers.Wanted(topic="passport")) if row["part"] == "title"]
    assert len(rows) > 1
    page = upload(browser, as_csv(rows)).text
    keep, kept = world.parts.drafts._keep, []

    def fail(*given: object):
        kept.append(given)
        if len(kept) > 1:
            raise OSError(28, "full")
        return keep(*given)

    monkeypatch.setattr(world.parts.drafts, "_keep", fail)
    assert confirm(browser, page).status_code == 500
    assert len(kept) == 2
    assert world.parts.drafts.all_open() == []


def test_translator_brings_only_their_language(world: EditorWorld) -> None:
    """A row of another language is a fault; the own one passes, and says that it was compared when it was."""
    browser = world.browser(world.person(Role.TRANSLATOR, translates="en"))
    rows = [{**row, "text": "New"} for row in exported(world, answers.Wanted(topic="passport")) if row["part"] == "title"]
    answer = upload(browser, as_csv(rows))
    assert answer.status_code == 422
    assert "<code>language</code>" in answer.text
    own = [{**row, "compared": "x", "source_hash": "h000000000000"} for row in rows if row["language"] == "en"]
    assert confirm(browser, upload(browser, as_csv(own)).text).status_code == 303
    (draft,) = world.parts.drafts.all_open()
    assert (read_answer_text(draft.text).title, read_answer_text(draft.text).source_hash) == ("New", "000000000000")


def test_missing_translation_is_begun_from_a_sheet(world: EditorWorld) -> None:
    """An export has empty rows for what is not written; filled ones make a new file that knows its source."""
    rows = list(exported(world, answers.Wanted(locale="fr", only="missing")))
    topic = rows[0]["topic"], rows[0]["destination"]
    filled = [{**row, "text": f"Texte {row['part']}"} for row in rows if (row["topic"], row["destination"]) == topic]
    made = plan(world, as_csv(filled))
    assert made.faults == ()
    assert read_answer_text(made.files[0].text).source_hash == filled[0]["source_hash"].removeprefix("h")


def test_part_goes_and_comes(world: EditorWorld) -> None:
    """An empty section is taken out; a title cannot be."""
    rows = passport(world)
    section = next(row["part"] for row in rows if row["part"] not in answers.ALWAYS)
    made = plan(world, as_csv(passport(world, **{section: ""})))
    assert section not in read_answer_text(made.files[0].text).sections
    (fault,) = plan(world, as_csv(passport(world, title=""))).faults
    assert (fault.key, fault.row, fault.column) == ("editor.sheets.part_needed", 2, "text")


def test_wrong_headings_are_named(world: EditorWorld) -> None:
    """The page says which column is missing and which one looks like it."""
    browser = world.browser(world.person(Role.EDITOR))
    data = as_csv(passport(world)).replace(b"language", b"lenguage", 1).replace(b",hash,", b",kkkkkk,", 1)
    answer = upload(browser, data)
    assert answer.status_code == 422
    assert "Falta la columna «language»; «lenguage» se le parece" in answer.text
    assert "Falta la columna «hash»" in answer.text


def book(rows: list[list[object]]) -> Workbook:
    """Return a workbook as a person would make it."""
    made = Workbook()
    for row in rows:
        made.active.append(row)
    return made


def saved(made: Workbook) -> bytes:
    """Return a workbook's file."""
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def test_formula_is_refused_with_its_cell() -> None:
    """A formula could say anything once it is opened elsewhere."""
    assert [fault.values["cell"] for fault in refused(saved(book([["a", "b"], ["x", "=1+1"], ["=A1", "y"]])))] == ["B2", "A3"]
    assert refused(b"a,b\r\nx,=1+1\r\n")[0].values["cell"] == "B2"


def test_merged_cells_are_refused_by_name() -> None:
    """Only one of the merged cells has a text; nobody can know which rows it is meant for."""
    made = book([["a", "b"], ["x", "y"], ["z", None]])
    made.active.merge_cells("A2:A3")
    (fault,) = refused(saved(made))
    assert (fault.key, fault.values["cells"]) == ("editor.sheets.merged", "A2:A3")


def test_numbers_and_dates_are_read_as_they_look() -> None:
    """A program that took a telephone for a number has not destroyed it."""
    from datetime import datetime

    sheet = read_table(saved(book([["a", "b", "c"], [171, 1800335486.0, datetime(2026, 11, 23)]])))
    assert dict(sheet.rows[0].cells) == {"a": "171", "b": "1800335486", "c": "2026-11-23"}


def _zip(size: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/worksheets/sheet1.xml", "w") as file:
        for _ in range(size):
            file.write(b" " * 1024 * 1024)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "key"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b'a,b\r\n1,"half', "half", id="cut-csv"),
        pytest.param(write_xlsx("x", ("a",), [["b"]])[:-200], "broken", id="cut-xlsx"),
        pytest.param("a,b\r\nñ,x".encode("cp1252"), "encoding", id="cp1252"),
        pytest.param(b"a,b\0\r\n", "broken", id="zeros"),
        pytest.param(b"a,a\r\n1,2\r\n", "heading_twice", id="twice"),
        pytest.param(b"a,b\r\n1,2,3\r\n", "no_heading", id="stray"),
        pytest.param(b"x" * (UPLOAD_LIMIT + 1), "too_large", id="large"),
        pytest.param(b"a\r\n" + b"x\r\n" * 20_001, "too_many_rows", id="rows"),
        pytest.param(b",".join([b"x"] * (COLUMN_LIMIT + 1)), "too_many_columns", id="columns"),
        pytest.param(saved(book([["x"] * (COLUMN_LIMIT + 1)])), "too_many_columns", id="xlsx-columns"),
        pytest.param(_zip(61), "bomb", id="bomb"),
        pytest.param(write_xlsx("x", ("a",), [["b"]]).replace(b"PK\x01\x02", b"PK\x01\x03"), "broken", id="mangled"),
    ],
)
def test_bad_file_is_refused_with_its_reason(data: bytes, key: str) -> None:
    """No file makes the editor fall over or guess."""
    assert refused(data)[0].key == f"editor.sheets.{key}"


def test_entities_are_refused() -> None:
    """XML that declares anything of its own is not read at all."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(book([["a"], ["b"]])))) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            body = old.read(member)
            if member.filename.startswith("xl/worksheets/"):
                body = body.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet', 1)
            new.writestr(member, body)
    assert refused(made.getvalue())[0].key == "editor.sheets.broken"


def test_help_point_is_changed_from_a_sheet(world: EditorWorld) -> None:
    """Hours, names and days change one file each; one that nobody could reach is refused, and so are hours nobody can read."""
    rows = [row for row in points.point_rows(world.parts) if row[points.ID] == "hias-quito"]
    changed = {
        **rows[0],
        "schedule.opening": "Mo-Fr 8:30-13, 14:00-17:00; Sa off; by appointment",
        "location.city": "Quito D. M.",
    }
    (row,) = (SheetRow(2, changed),)
    made = points.plan_points(world.parts, editor(), Sheet(points.HEADINGS, (row,)))
    assert made.faults == ()
    assert 'city: "Quito D. M."' in made.files[0].text
    assert 'mo: ["08:30-13:00", "14:00-17:00"]' in made.files[0].text
    assert "  sa: []\n  by_appointment: true\n" in made.files[0].text
    gone = SheetRow(2, {**rows[0], "service.url": ""})
    assert points.plan_points(world.parts, editor(), Sheet(points.HEADINGS, (gone,))).faults[0].key == "editor.points.unreachable"
    odd = SheetRow(2, {**rows[0], "schedule.opening": "Mo-Fr siempre"})
    assert points.plan_points(world.parts, editor(), Sheet(points.HEADINGS, (odd,))).faults[0].column == "schedule.opening"


def test_five_megabytes_in_any_form_come_back(world: EditorWorld) -> None:
    """A paste that is far too long gets a plain message, and the text stands on the page to be shortened."""
    browser = world.browser(world.person(Role.ADMIN))
    paste = "ñandú " * 800_000
    posts = [
        gate.route
        for gate in world.app.state.gates
        if gate.route.method == "POST" and gate.route.path.startswith(("/topics", "/sheets"))
    ]
    assert len(posts) > 3
    for address in ("/topics/passport/answer/general/es", "/topics/passport/data/general"):
        answer = browser.post(address, lead=paste, title="Corto")
        assert answer.status_code == 413
        assert "El texto es demasiado largo" in answer.text
        assert paste in answer.text
        assert "Corto" in answer.text
    assert browser.post("/sheets/apply", rows=paste).status_code == 422
