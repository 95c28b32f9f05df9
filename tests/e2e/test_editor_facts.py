"""Facts, ratings and checks in a real browser: a fact is corrected, what people found unhelpful leads to its text."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from bot.editor.roles import Role
from tests.e2e.test_editor import context, faults, sign_in, watch, world  # noqa: F401
from tests.support.editor import EditorWorld
from tests.support.invented import fill

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_fact_is_found_and_corrected(world: tuple[EditorWorld, str], context: BrowserContext) -> None:  # noqa: F811
    """Search while typing, correct, read which answers say something else, take it back; axe and 360 px on all pages."""
    editor, url = world
    page = context.new_page()
    errors = watch(page)
    sign_in(page, editor, url, editor.person(Role.REVIEWER))
    page.goto(f"{url}/facts")
    found = faults(page)
    page.get_by_label("Buscar en los hechos").press_sequentially("tasa visa turismo 185")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="LP-002").click()
    found += faults(page)
    for label in ("El hecho en inglés", "El hecho en español"):
        field = page.get_by_label(label)
        field.fill(field.input_value().replace("185", "205"))
    page.get_by_role("button", name="Guardar borrador").click()
    expect(page.locator("#notices")).to_contain_text("Borrador guardado")
    expect(page.get_by_role("heading", name="Textos que dicen otra cosa")).to_be_visible()
    found += faults(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{url}/facts/new?file=ecuador-return")
    found += faults(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{url}/facts/LP-002")
    assert errors == []
    assert found == []


def test_first_page_leads_to_what_helped_nobody(world: tuple[EditorWorld, str], context: BrowserContext) -> None:  # noqa: F811
    """The counter stands beside the others; the list names the answers that helped least first; the checks speak Spanish."""
    editor, url = world
    writer = editor.person(Role.EDITOR)
    fill(editor.parts, writer.id)
    page = context.new_page()
    sign_in(page, editor, url, editor.person(Role.REVIEWER))
    counter = page.get_by_role("link", name="respuestas que a muchos no les sirvieron")
    expect(counter).to_contain_text("2")
    counter.click()
    expect(page).to_have_url(f"{url}/ratings")
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("Poco útil")
    found = faults(page)
    answer = editor.parts.content / "routes" / "passport" / "es.md"
    answer.write_text(answer.read_text(encoding="utf-8").replace("90 dólares", "91 dólares"), encoding="utf-8")
    editor.parts.checked.refresh()
    page.goto(f"{url}/checks")
    said = editor.parts.texts.text("es", "editor.problem.unsupported_number")
    expect(page.locator(".faults .error", has_text="routes/passport/es.md").first).to_contain_text(said)
    found += faults(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name="routes/passport/es.md").first.click()
    expect(page).to_have_url(f"{url}/topics/passport/answer/general/es")
    assert found == []
