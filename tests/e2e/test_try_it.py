"""Try it in a real browser with the real engine: a draft answers in the page while people still get what is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.editor.folder import fingerprint
from bot.editor.roles import Role
from bot.editor.try_it import TRY_IT_COMMAND
from tests.e2e.test_editor import context, faults, sign_in, watch  # noqa: F401
from tests.support.editor import ROOT, EditorWorld
from tests.support.server import serve

PATH = "routes/passport/es.md"
QUESTION = "¿cómo saco el pasaporte?"
SLOW = 60_000
"""Milliseconds in which a busy machine has loaded the model."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.engine]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[EditorWorld, str, int]]:
    """An editor over a whole project with the real engine, and a draft of the passport's answer."""
    made = EditorWorld(tmp_path, try_it_command=TRY_IT_COMMAND)
    assert made.parts.content.exists()
    for name in ("models", "config.yml", "domain.yml", "endpoints.yml"):
        (tmp_path / name).symlink_to(ROOT / name)
    on_disk = made.parts.folder.read(PATH)
    changed = re.sub(r"Lo saca en el Registro Civil", "BORRADOR: vaya al Registro Civil", on_disk)
    assert changed != on_disk
    writer = made.person(Role.EDITOR)
    draft = made.parts.drafts.save(PATH, "es", changed, on_disk, fingerprint(on_disk), writer.id)
    with serve(made.app) as url:
        yield made, url, draft.id
    made.parts.try_it.stop()
    made.parts.database.close()


def ask(page: Page, text: str) -> None:
    """Write a question and send it."""
    page.get_by_label("Su pregunta").fill(text)
    page.get_by_role("button", name="Preguntar").click()


def test_draft_answers_and_says_why(office: tuple[EditorWorld, str, int], context: BrowserContext) -> None:  # noqa: F811
    """The page says that it loads, then shows the draft's reply in three channels; odd questions, commands and topics too."""
    editor, url, number = office
    page = context.new_page()
    errors = watch(page)
    sign_in(page, editor, url, editor.person(Role.REVIEWER))
    page.goto(f"{url}/drafts/{number}")
    ask(page, QUESTION)
    expect(page.locator("#try-result")).to_contain_text("Cargando el modelo")
    for channel in ("whatsapp", "telegram", "webchat"):
        bubble = page.locator(f"#try-result .{channel} .bubble").first
        expect(bubble).to_contain_text("BORRADOR: vaya al Registro Civil", timeout=SLOW)
    expect(page.locator("#try-result")).to_contain_text("Contestó con el tema «Cómo sacar o renovar el pasaporte»")
    expect(page.locator("#try-result")).to_contain_text(re.compile(r"Cómo sacar o renovar el pasaporte: \d+ %"))
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ask(page, '/id_card{"destination": "us"}')
    expect(page.locator("#try-result .whatsapp .bubble").first).not_to_contain_text("BORRADOR")
    ask(page, "a b " * 1250)
    expect(page.locator("#try-result .whatsapp .bubble").first).to_contain_text("Su mensaje es muy largo")
    page.goto(f"{url}/topics/id_card")
    ask(page, QUESTION)
    expect(page.locator("#try-result")).to_contain_text("Atención: esta respuesta no es del tema")
    expect(page.locator("#try-result .whatsapp .bubble").first).not_to_contain_text("BORRADOR")
    assert errors == []
    assert "BORRADOR" not in editor.parts.folder.read(PATH)


def test_works_without_a_script(office: tuple[EditorWorld, str, int], browser: Browser) -> None:  # noqa: F811
    """The page waits for the model and comes with the answer; the question stays in its field."""
    editor, url, number = office
    with browser.new_context(java_script_enabled=False, locale="es-EC") as plain:
        page = plain.new_page()
        page.set_default_timeout(SLOW)
        sign_in(page, editor, url, editor.person(Role.REVIEWER))
        page.goto(f"{url}/drafts/{number}")
        ask(page, QUESTION)
        expect(page.locator(".telegram .bubble").first).to_contain_text("BORRADOR: vaya al Registro Civil")
        expect(page.get_by_label("Su pregunta")).to_have_value(QUESTION)
        assert page.url == f"{url}/try-it"
