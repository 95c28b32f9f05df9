"""Take the pictures of docs/editor.md: `python -m tests.support.screenshots`. Real content and real programs, invented people.

Pictures are 1000 px wide and below 120 KB: the top of each page, in few colours. It takes about a minute and needs a trained
model and Debian's Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bot.editor.roles import Role
from tests.support.invented import fill
from tests.support.office import Office, run_office
from tests.support.programs import ROOT

FOLDER = ROOT / "docs" / "images"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WIDTH, HEIGHT = 1000, 700
MOST_BYTES = 120 * 1024
COLOURS = 64
PAGES = {
    "editor-home": "/",
    "editor-topic": "/topics/passport",
    "editor-answer": "/topics/passport/answer/general/es",
    "editor-draft": "/drafts/{draft}",
    "editor-facts": "/facts?q=pasaporte",
}
"""Which picture shows which page."""
QUESTION = "¿cómo saco el pasaporte?"
LOAD_MILLISECONDS = 90_000


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ruta-pictures-") as folder, run_office(Path(folder)) as office:
        writer, reviewer = office.person(Role.EDITOR, "Rosa"), office.person(Role.REVIEWER, "Julia")
        draft = fill(office.parts, writer.id)[0]
        office.programs.start("editor")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="es-EC").new_page()
            office.sign_in(page, reviewer)
            _wait_for_checks(page, office)
            for name, address in PAGES.items():
                page.goto(office.url + address.format(draft=draft))
                if name == "editor-draft":
                    _try_it(page)
                _take(page, name)
            browser.close()


def _wait_for_checks(page: Page, office: Office) -> None:
    """The first page counts what the checks find, which takes seconds after the start."""
    page.goto(f"{office.url}/")
    page.locator("[hx-trigger='load delay:2s']").wait_for(state="detached", timeout=LOAD_MILLISECONDS)


def _try_it(page: Page) -> None:
    """Ask the bot, and look at its answer."""
    page.get_by_label("Su pregunta").fill(QUESTION)
    page.get_by_role("button", name="Preguntar").click()
    page.locator("#try-result .bubble").first.wait_for(timeout=LOAD_MILLISECONDS)
    page.locator("#try-head").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('try-head').scrollIntoView()")


def _take(page: Page, name: str) -> None:
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as taken:
        taken.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size // 1024} KB", file=sys.stderr)
    assert size <= MOST_BYTES, f"{path.name} is larger than it may be"


if __name__ == "__main__":
    main()
