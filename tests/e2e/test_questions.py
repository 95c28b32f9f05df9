"""From a question that the bot does not know to its answer, in a real browser: examples, a real training, the real engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.editor.roles import Role
from bot.editor.training import TRAINING_COMMAND
from tests.e2e.test_editor import context, faults, sign_in, watch  # noqa: F401
from tests.support.editor import ROOT, EditorWorld
from tests.support.questions import ask
from tests.support.server import serve

QUESTION = "el librito bordó con el escudo ya no me vale"
ASKED = [QUESTION, "mi librito bordó del escudo ya no vale", "el librito bordo con escudo ya no sirve", "librito bordó vencido"]
EXAMPLES_KEPT = 12
"""Of each topic, in Spanish alone, so that a training takes seconds."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.engine]


@pytest.fixture
def small_project(tmp_path: Path) -> Iterator[tuple[EditorWorld, str]]:
    """An editor over a whole project with few examples, whose training is the real program."""
    made = EditorWorld(tmp_path, training_command=TRAINING_COMMAND)
    assert made.parts.content.exists()
    for name in ("config.yml", "domain.yml", "endpoints.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "locales", tmp_path / "locales", dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "tests")
    for path in (tmp_path / "intents" / "nlu").glob("*/*.yml"):
        _shorten(path, 0 if path.parent.name != "es" else EXAMPLES_KEPT)
    with serve(made.app) as url:
        yield made, url
    made.parts.database.close()


def _shorten(path: Path, kept: int) -> None:
    if not kept:
        path.unlink()
        return
    lines, count = [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        count = 0 if line.startswith("- intent") else count + line.startswith("    - ")
        if count <= kept or not line.startswith("    - "):
            lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def explain(project: Path, text: str) -> dict[str, object]:
    """Ask the real engine with the project's model, as `ruta explain` does."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot.cli", "explain"],
        cwd=project,
        input=text,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return json.loads(ended.stdout)


def test_group_becomes_examples_and_the_bot_answers(
    small_project: tuple[EditorWorld, str],
    context: BrowserContext,  # noqa: F811
) -> None:
    """The bot does not know the question; a reviewer adds its group to a topic and trains; then the bot answers it."""
    editor, url = small_project
    subprocess.run(TRAINING_COMMAND, cwd=editor.folder, check=True, capture_output=True, timeout=300)
    before = explain(editor.folder, QUESTION)
    assert before["topic"] != "passport", before
    for number, text in enumerate(ASKED):
        ask(editor, text, f"person-{number}", passport=0.1)
    ask(editor, "mi gato duerme en el tejado", "person-0")
    page = context.new_page()
    errors = watch(page)
    sign_in(page, editor, url, editor.person(Role.REVIEWER))
    page.get_by_role("link", name="personas con una pregunta").click()
    group = page.locator("article", has=page.locator(f'input[value="{QUESTION}"]')).first
    expect(group).to_contain_text("Personas: 4")  # The page brings the groups by itself when they are made.
    wording = group.get_by_label(f"Frase que se añade: {QUESTION}")
    wording.fill("la libretita bordó con el escudo ya no vale")
    group.get_by_role("button", name="Cómo sacar o renovar el pasaporte").click()
    _accept_if_asked(page)
    expect(page.locator("#notices")).to_contain_text("Preguntas atendidas: 4")
    page.goto(f"{url}/training")
    expect(page.locator("#training")).to_contain_text("Cómo sacar o renovar el pasaporte (español): +4")
    page.get_by_role("button", name="Entrenar ahora").click()
    expect(page.locator("#training progress")).to_be_visible()
    page.goto(f"{url}/topics")  # The training does not need its page.
    page.goto(f"{url}/training")
    expect(page.locator("#training")).to_contain_text("El modelo nuevo está en uso.", timeout=300_000)
    expect(page.locator("#training")).to_contain_text("Frases nuevas: 0")
    after = explain(editor.folder, QUESTION)
    assert (after["decision"], after["topic"]) == ("answer", "passport"), after
    assert errors == []


def _accept_if_asked(page: Page) -> None:
    """Send once more when the sentences are nearly the same as each other's neighbours."""
    if page.get_by_text("Si está bien así, guarde otra vez").is_visible():
        page.get_by_role("button", name="Cómo sacar o renovar el pasaporte").click()


def test_pages_of_questions_keep_nobody_out(browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    """Axe finds nothing serious on any of the pages, and nothing overflows a screen of 360 px."""
    editor = EditorWorld(tmp_path)
    with serve(editor.app) as url, browser.new_context(viewport={"width": 360, "height": 740}, locale="es-EC") as context:  # noqa: F811
        for number, text in enumerate(ASKED):
            ask(editor, text, f"person-{number}", passport=0.3, id_card=0.2, out_of_scope=0.1)
        page = context.new_page()
        page.set_default_timeout(20_000)
        sign_in(page, editor, url, editor.person(Role.ADMIN))
        found: list[str] = []
        addresses = ["/questions", "/questions?state=ignored", "/examples", "/topics/passport/examples", "/training"]
        for address in addresses:
            page.goto(url + address)
            found += faults(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
        page.goto(f"{url}/topics/passport/examples")
        page.get_by_role("link", name=re.compile("^Cambiar: ")).first.click()
        known = editor.parts.example_store.sentences("id_card", "es")[0]
        page.get_by_label("Frase", exact=True).fill(known)
        page.get_by_role("button", name="Guardar").click()
        expect(page.get_by_role("alert").first).to_contain_text("Ya está en otro tema")
        found += faults(page)
        page.goto(f"{url}/questions")
        page.get_by_role("button", name="Ignorar").first.click()
        expect(page.locator("#notices")).to_contain_text("Preguntas ignoradas")
        page.goto(f"{url}/questions?state=ignored")
        found += faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert found == []
    editor.parts.question_groups.wait()
    editor.parts.database.close()


def test_questions_are_handled_without_a_script(browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    """With scripts switched off: the groups come with a reload, examples are added and taken back."""
    editor = EditorWorld(tmp_path)
    with serve(editor.app) as url, browser.new_context(java_script_enabled=False, locale="es-EC") as context:  # noqa: F811
        for number, text in enumerate(ASKED):
            ask(editor, text, f"person-{number}", passport=0.3)
        page = context.new_page()
        page.set_default_timeout(20_000)
        sign_in(page, editor, url, editor.person(Role.REVIEWER))
        page.get_by_role("link", name="Preguntas", exact=True).click()
        editor.parts.question_groups.wait()
        page.get_by_role("link", name="Actualizar").click()
        expect(page.locator("article")).to_have_count(1)
        for text in ASKED[2:]:
            page.get_by_label(f"Elegir: {text}").uncheck()
        page.get_by_label(f"Frase que se añade: {ASKED[0]}").fill("mi libretita con escudo se venció")
        page.get_by_label("Otro tema").select_option("passport")
        page.get_by_role("button", name="Añadir").click()
        if page.get_by_text("guarde otra vez").is_visible():
            page.get_by_role("button", name="Añadir").click()
        expect(page.locator("#notices")).to_contain_text("Preguntas atendidas: 2")
        assert "mi libretita con escudo se venció" in editor.parts.example_store.sentences("passport", "es")
        page.get_by_role("button", name="Deshacer").click()
        expect(page.locator("#notices")).to_contain_text("Se deshizo")
        assert "mi libretita con escudo se venció" not in editor.parts.example_store.sentences("passport", "es")
    editor.parts.question_groups.wait()
    editor.parts.database.close()
