"""Facts in the editor: found, corrected, added; a new amount and the answers that say it go live together, or not at all."""

from __future__ import annotations

import html

import pytest

from bot.content.checks import check_content
from bot.content.facts import changed_facts, fact_files, format_fact, next_id, read_facts, with_fact
from bot.editor.roles import Role
from bot.editor.views.drafts import edit_address
from tests.support.editor import ROOT, BrowserWithoutScripts, EditorWorld

FILE = "facts/legal-pathways.yml"
FACT = "LP-002"
ANSWERS = [f"routes/transit_visa_requirements/us.{locale}.md" for locale in ("es", "en", "fr", "pt")]


def form(world: EditorWorld, fact_id: str, path: str = FILE, **changes: str) -> dict[str, str]:
    """Return what the form of a fact sends, as it is filled, with changes."""
    draft = world.parts.drafts.find(path)
    row = read_facts(draft.text if draft else world.parts.folder.read(path))[fact_id]
    fields = {f"v_{key}": str(value or "") for key, value in row.items() if key != "id"}
    return {**fields, "base_text": format_fact(row), **{f"v_{key}": value for key, value in changes.items()}}


def new_amount(world: EditorWorld, browser: BrowserWithoutScripts) -> int:
    """Correct the amount of a fee; return the draft's number."""
    row = read_facts(world.parts.folder.read(FILE))[FACT]
    changes = {key: str(row[key]).replace("185", "205") for key in ("fact", "fact_es")}
    assert browser.post(f"/facts/{FACT}", **form(world, FACT, **changes)).status_code == 303
    draft = world.parts.drafts.find(FILE)
    assert draft is not None
    return draft.id


@pytest.mark.parametrize("path", fact_files(ROOT / "content"))
def test_every_fact_is_written_as_it_stands(path: str) -> None:
    """Writing a fact that did not change gives the same bytes, so a change is a small difference."""
    raw = (ROOT / "content" / path).read_text(encoding="utf-8")
    for row in read_facts(raw).values():
        assert with_fact(raw, row) == raw
    added = with_fact(raw, {**row, "id": next_id(read_facts(raw))})
    assert added.startswith(raw)
    assert changed_facts(raw, added) == {next_id(read_facts(raw))}


def test_list_is_searched(world: EditorWorld) -> None:
    """By words without accents, by group, by confidence; an unused fact and a drafted one are found."""
    browser = world.browser(world.person(Role.READER))
    page = html.unescape(browser.get("/facts?q=tasa+visa+turismo+185").text)
    assert f'href="/facts/{FACT}"' in page
    assert "1 de 832 hechos" in page
    assert "Se muestran los primeros 100" in browser.get("/facts").text
    numbers = browser.get("/facts?file=emergency-numbers&q=911").text
    assert 'href="/facts/EN-001"' in numbers
    assert "LP-" not in numbers
    assert "0 de 832" in browser.get("/facts?only=draft").text


def test_page_shows_what_rests_on_a_fact(world: EditorWorld) -> None:
    """Topics with their destination, each with its address."""
    page = html.unescape(world.browser(world.person(Role.READER)).get(f"/facts/{FACT}").text)
    assert 'href="/topics/transit_visa_requirements?for=us"' in page
    assert "Estados Unidos" in page
    assert "Guardar borrador" not in page


def test_new_amount_goes_live_with_the_answers_that_say_it(world: EditorWorld) -> None:
    """Alone it is refused and says which texts say something else; with them it goes live in one step, and the checks pass."""
    writer = world.browser(world.person(Role.EDITOR))
    reviewer = world.browser(world.person(Role.REVIEWER))
    number = new_amount(world, writer)
    page = html.unescape(writer.get(f"/facts/{FACT}").text)
    assert "Textos que dicen otra cosa" in page
    for path in ANSWERS:
        assert f'href="{edit_address(path)}"' in page
    draft = world.parts.drafts.get(number)
    seen = {"seen": seen_of(reviewer, number)}
    assert reviewer.post(f"/drafts/{number}/publish", **seen).status_code == 422
    assert "205" not in read_facts(world.parts.folder.read(FILE))[FACT]["fact"]
    author = draft.author_id
    for path in ANSWERS:
        on_disk = world.parts.folder.read(path)
        saved = world.parts.drafts.save(
            path, path[-5:-3], on_disk.replace("185", "205"), on_disk, fingerprint_of(on_disk), author
        )
        assert {each.path for each in world.parts.workflow.bundle(saved)} >= {FILE, path}
    _mark_translations(world, author)
    assert "Textos que dicen otra cosa" not in html.unescape(writer.get(f"/facts/{FACT}").text)
    answer = reviewer.post(f"/drafts/{number}/publish", seen=seen_of(reviewer, number))
    assert answer.status_code == 303, html.unescape(answer.text)[:3000]
    assert "205" in read_facts(world.parts.folder.read(FILE))[FACT]["fact"]
    assert all("205" in world.parts.folder.read(path) for path in ANSWERS)
    errors = [each for each in check_content(world.parts.content, (), world.parts.today()) if not each.is_warning]
    assert errors == []


def _mark_translations(world: EditorWorld, author: str) -> None:
    """Say of the translations that they were compared with the new Spanish text, as their form does."""
    from bot.content.loader import text_hash
    from bot.content.writing import body_of

    source = world.parts.drafts.find(ANSWERS[0])
    assert source is not None
    was = text_hash(body_of(source.base_text))
    now = text_hash(body_of(source.text))
    for path in ANSWERS[1:]:
        draft = world.parts.drafts.find(path)
        assert draft is not None
        text = draft.text.replace(was, now)
        world.parts.drafts.save(path, draft.locale, text, draft.base_text, fingerprint_of(draft.text), author)


def seen_of(browser: BrowserWithoutScripts, number: int) -> str:
    """Return what the draft's page says was seen."""
    return browser.get(f"/drafts/{number}").text.split('name="seen" value="')[1].split('"')[0]


def fingerprint_of(text: str) -> str:
    """Return the hash by which a text is known."""
    from bot.editor.folder import fingerprint

    return fingerprint(text)


def test_emergency_number_needs_a_second_person(world: EditorWorld) -> None:
    """The bot sends these by themselves: whoever wrote one cannot publish it."""
    reviewer = world.browser(world.person(Role.REVIEWER))
    path = "facts/emergency-numbers.yml"
    assert "por sí solo" in html.unescape(reviewer.get("/facts/EN-080").text)
    assert reviewer.post("/facts/EN-080", **form(world, "EN-080", path, note="Se llamó hoy.")).status_code == 303
    number = world.parts.drafts.find(path).id
    refused = reviewer.post(f"/drafts/{number}/publish", seen=seen_of(reviewer, number))
    assert refused.status_code == 422
    other = world.browser(world.person(Role.REVIEWER, "otra@example.org"))
    assert other.post(f"/drafts/{number}/publish", seen=seen_of(other, number)).status_code == 303
    assert read_facts(world.parts.folder.read(path))["EN-080"]["note"] == "Se llamó hoy."


def test_fact_is_added_with_the_next_code(world: EditorWorld) -> None:
    """It gets the next number of its file, and undo takes it away."""
    browser = world.browser(world.person(Role.EDITOR))
    assert browser.get("/facts/new?file=ecuador-return").status_code == 200
    expected = next_id(read_facts(world.parts.folder.read("facts/ecuador-return.yml")))
    fields = {
        "file": "ecuador-return",
        "base_text": "",
        "v_fact": "It is free.",
        "v_fact_es": "Es gratis.",
        "v_confidence": "high",
    }
    added = browser.post("/facts/new", **fields, v_source_url="https://www.gob.ec/x", v_checked_on="2026-11-20")
    assert added.headers["location"] == f"/facts/{expected}"
    page = browser.get(f"/facts/{expected}").text
    assert "Es gratis." in page
    assert 'value="2026-11-20"' in page
    assert "ER-001" in world.parts.drafts.find("facts/ecuador-return.yml").text
    assert browser.get("/facts/new?file=../x").status_code == 404


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fact": " ", "fact_es": ""}, "Escriba qué dice el hecho."),
        ({"confidence": "certain"}, "Elija la confianza"),
        ({"checked_on": "ayer"}, "Escriba la fecha de comprobación"),
    ],
)
def test_what_cannot_be_a_fact_is_refused_with_the_text_kept(world: EditorWorld, changes: dict[str, str], sentence: str) -> None:
    """Nothing is saved, and the form keeps what was typed."""
    browser = world.browser(world.person(Role.EDITOR))
    answer = browser.post(f"/facts/{FACT}", **form(world, FACT, note="palabras mías", **changes))
    assert answer.status_code == 422
    assert sentence in html.unescape(answer.text)
    assert "palabras mías" in answer.text
    assert world.parts.drafts.find(FILE) is None


def test_two_people_at_one_fact_overwrite_nothing(world: EditorWorld) -> None:
    """The second is told; two people at different facts of one file do not meet."""
    first = world.browser(world.person(Role.EDITOR))
    second = world.browser(world.person(Role.EDITOR, "otra@example.org"))
    old, other = form(world, FACT, note="la segunda"), form(world, "LP-001", note="otro dato")
    assert first.post(f"/facts/{FACT}", **form(world, FACT, note="la primera")).status_code == 303
    assert second.post(f"/facts/{FACT}", **old).status_code == 409
    assert second.post("/facts/LP-001", **other).status_code == 303
    rows = read_facts(world.parts.drafts.find(FILE).text)
    assert (rows[FACT]["note"], rows["LP-001"]["note"]) == ("la primera", "otro dato")


def test_malformed_source_blocks_publishing(world: EditorWorld) -> None:
    """It may be a draft, but it does not go live."""
    browser = world.browser(world.person(Role.REVIEWER))
    assert browser.post(f"/facts/{FACT}", **form(world, FACT, source_url="ftp://x")).status_code == 303
    number = world.parts.drafts.find(FILE).id
    assert browser.post(f"/drafts/{number}/publish", seen=seen_of(browser, number)).status_code == 422
