"""The editor in a real browser: sign in with a second factor, edit an answer, see the preview; and what axe says of the pages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.editor.folder import fingerprint
from bot.editor.roles import Role
from tests.support.builders import Clock
from tests.support.editor import PASSWORD, EditorWorld, Person
from tests.support.programs import ROOT, run_programs
from tests.support.server import serve

ANSWER = "/topics/passport/answer/general/es"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[EditorWorld, str]]:
    """An editor over a copy of the real content, on a port of its own."""
    made = EditorWorld(tmp_path, clock=Clock(datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)))
    with serve(made.app) as url:
        yield made, url
    made.parts.database.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A small screen, in Spanish."""
    made = browser.new_context(viewport={"width": 360, "height": 740}, locale="es-EC")
    made.set_default_timeout(20_000)
    yield made
    made.close()


def watch(page: Page) -> list[str]:
    """Collect what the page's scripts and its policy complain about."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    return errors


def sign_in(page: Page, world: EditorWorld, url: str, person: Person) -> None:
    """Sign in by the forms, as a person does."""
    page.goto(f"{url}/login")
    page.get_by_label("Correo electrónico").fill(person.email)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_label("Código").fill(world.code(person))
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_role("heading", name="Lo que me necesita")).to_be_visible()
    world.clock.turn(seconds=30)


def faults(page: Page) -> list[str]:
    """Return what axe finds that keeps people out."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {one['id']} {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def test_answer_is_edited_and_previewed(world: tuple[EditorWorld, str], context: BrowserContext) -> None:
    """With a second factor in, the preview and the counts follow the typing, the draft is saved and can be taken back."""
    editor, url = world
    person = editor.person(Role.REVIEWER)
    page = context.new_page()
    errors = watch(page)
    sign_in(page, editor, url, person)
    page.goto(f"{url}/topics")
    page.get_by_label("Buscar en los textos").press_sequentially("darien selva")
    expect(page.locator("#list tbody tr")).not_to_have_count(77)
    expect(page.locator("#list")).to_contain_text("La selva del Darién")
    page.goto(url + ANSWER)
    lead = page.get_by_label("Respuesta corta", exact=True)
    lead.fill("Pídalo en persona.")
    expect(page.locator("#preview .whatsapp .bubble").first).to_contain_text("Pídalo en persona.")
    expect(page.locator("#count-lead")).to_contain_text("18 de 600")
    lead.press("Control+a")
    page.locator("[data-mark=bold][data-for=lead]").click()
    expect(lead).to_have_value("**Pídalo en persona.**")
    expect(page.locator("#preview .telegram .bubble b").nth(1)).to_have_text("Pídalo en persona.")
    expect(page.locator("#preview .webchat .choice").first).to_have_text("Requisitos")
    page.get_by_role("button", name="Guardar borrador").click()
    expect(page.locator("#notices")).to_contain_text("Borrador guardado")
    assert editor.parts.drafts.find("routes/passport/es.md") is not None
    page.get_by_role("button", name="Deshacer").click()
    expect(page.locator("#notices")).to_contain_text("Se deshizo")
    assert editor.parts.drafts.find("routes/passport/es.md") is None
    assert errors == []


def test_pages_keep_nobody_out(world: tuple[EditorWorld, str], context: BrowserContext) -> None:
    """Axe finds nothing serious, nothing overflows a screen of 360 px, and the skip link is the first stop."""
    editor, url = world
    admin = editor.person(Role.ADMIN)
    page = context.new_page()
    page.goto(f"{url}/login")
    found = faults(page)
    sign_in(page, editor, url, admin)
    draft = editor.parts.drafts.save(
        "routes/passport/es.md",
        "es",
        '---\ntitle: "T"\nmenu_title: "M"\n---\nx\n',
        editor.parts.folder.read("routes/passport/es.md"),
        _seen(editor, "routes/passport/es.md"),
        admin.id,
    )
    addresses = ["/", "/topics", "/topics/passport", "/topics/work_visa?for=us", ANSWER, ANSWER.replace("/es", "/en")]
    addresses += ["/topics/passport/data/general", f"/drafts/{draft.id}", "/drafts", "/people", "/account", "/audit", "/checks"]
    addresses += ["/help-points", "/help-points/registro-civil-quitumbe", "/help-points/new", "/sheets", "/links"]
    addresses += ["/sentences?language=fr", "/sentences/fr/reply.about_country"]
    editor.parts.versions.notice("routes/passport/es.md")
    addresses += ["/history/routes/passport/es.md", "/history/routes/passport/topic.yml", "/new-topic"]
    for address in addresses:
        page.goto(url + address)
        found += faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", address
    assert found == []


def test_everything_works_without_a_script(world: tuple[EditorWorld, str], browser: Browser) -> None:
    """With scripts switched off: sign in, search, edit, preview, save."""
    editor, url = world
    person = editor.person(Role.EDITOR, factor=True)
    with browser.new_context(java_script_enabled=False, locale="es-EC") as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        sign_in(page, editor, url, person)
        page.get_by_role("link", name="Temas").click()
        page.get_by_label("Buscar en los textos").fill("pasaporte registro")
        page.get_by_role("button", name="Buscar").click()
        page.get_by_role("link", name="Cómo sacar o renovar el pasaporte").click()
        page.locator("article[lang=es]").get_by_role("link", name="Editar").click()
        page.locator("#lead").fill("Sin programa también.")
        page.get_by_role("button", name="Ver cómo queda").click()
        expect(page.locator("#preview .telegram .bubble").first).to_contain_text("Sin programa también.")
        page.get_by_role("button", name="Guardar borrador").click()
        expect(page.locator("#notices")).to_contain_text("Borrador guardado")
    assert "Sin programa también." in editor.parts.drafts.find("routes/passport/es.md").text


def _seen(editor: EditorWorld, path: str) -> str:
    return fingerprint(editor.parts.folder.read(path))


def test_real_program_serves_the_sign_in(tmp_path: Path) -> None:
    """`ruta editor` starts, says so, and serves the form; `ruta editor create-admin` prints a link that opens."""
    with run_programs(tmp_path, {}, "editor") as programs:
        url = f"http://127.0.0.1:{programs.environment['RUTA_EDITOR_PORT']}"
        assert httpx.get(f"{url}/healthz").text == "ok"
        assert "Entrar al editor" in httpx.get(f"{url}/login").text
        command = [sys.executable, "-m", "bot.cli", "editor", "create-admin", "jefa@example.org"]
        ended = subprocess.run(
            command, cwd=ROOT, env=programs.environment, capture_output=True, text=True, timeout=120, check=True
        )
        link = ended.stdout.strip()
        assert link.startswith(f"{url}/invitation/")
        assert "jefa@example.org" in httpx.get(link).text
        audit = [*command[:-2], "audit", "--verify"]
        checked = subprocess.run(
            audit, cwd=ROOT, env=programs.environment, capture_output=True, text=True, timeout=120, check=True
        )
        assert "1 entries" in checked.stderr
        assert "jefa" not in programs.log.read_text() + ended.stderr
