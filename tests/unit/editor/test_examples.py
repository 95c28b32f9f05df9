"""The pages of examples: list, add, change, move, delete, take back; what collides is said before it is written."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from bot.content.example_files import add_example
from bot.editor.example_store import Doubt, sentence_key
from bot.editor.folder import ContentFolder
from bot.editor.roles import Role
from tests.support.editor import BrowserWithoutScripts, EditorWorld

PASSPORT = "/topics/passport/examples"


def spanish(world: EditorWorld, topic: str = "passport") -> list[str]:
    """Return a topic's Spanish sentences."""
    return world.parts.example_store.sentences(topic, "es")


def files(world: EditorWorld) -> dict[Path, str]:
    """Return all files of examples."""
    return {path: path.read_text(encoding="utf-8") for path in (world.folder / "intents" / "nlu").glob("*/*.yml")}


def press_undo(browser: BrowserWithoutScripts):
    """Press the button of the newest notice."""
    return browser.post(re.findall(r'action="(/undo/\w+)"', browser.get("/account").text)[-1])


@pytest.fixture
def browser(world: EditorWorld) -> BrowserWithoutScripts:
    """An editor's browser."""
    return world.browser(world.person(Role.EDITOR))


def test_list_is_paged_and_searched(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """Fifty on a page; the search knows no accents; each topic of the catalogue is in the overview, also those of the talk."""
    overview = browser.get("/examples").text
    assert f'href="{PASSPORT}?locale=es"' in overview
    assert 'href="/topics/out_of_scope/examples?locale=pt"' in overview
    pages = [html.unescape(browser.get(f"{PASSPORT}?locale=es&page={page}").text) for page in (1, 2)]
    shown = [re.findall(r'class="field">(.*?)</span>', page) for page in pages]
    assert shown[0] == spanish(world)[:50]
    assert shown[1] == spanish(world)[50:100]
    found = browser.get(f"{PASSPORT}?locale=es&q=CEDULA").text
    assert re.findall(r"Frases: (\d+)", found) == [str(sum("cedula" in t or "cédula" in t.lower() for t in spanish(world)))]
    assert browser.get(f"{PASSPORT}?locale=xx").status_code == 404


def test_sentences_are_added_and_taken_back(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """Doubled lines count once, known ones are left out, and undo gives the same bytes."""
    before, known = files(world), spanish(world)[0]
    answer = browser.post(PASSPORT, locale="es", texts=f"- libretita azul\n\nLIBRETITA  azul\n{known}\nmi librito de viaje\n")
    assert answer.status_code == 303
    assert [text for text in spanish(world) if "libr" in text.lower()][-2:] == ["LIBRETITA azul", "mi librito de viaje"]
    changed = {path for path, text in files(world).items() if before[path] != text}
    assert [path.name for path in changed] == ["routes.yml"]
    press_undo(browser)
    assert files(world) == before


def test_sentence_is_worded_anew_moved_and_taken_back(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """Within its topic it keeps its place; into another family it goes from one file to the other."""
    before, old = files(world), spanish(world)[5]
    address = f"{PASSPORT}/es/{sentence_key(old)}"
    assert html.escape(old, quote=True) in browser.get(address).text or old in html.unescape(browser.get(address).text)
    assert browser.post(address, old=old, text="  libretita   verde ", topic="passport").status_code == 303
    assert spanish(world)[5] == "libretita verde"
    address = f"{PASSPORT}/es/{sentence_key('libretita verde')}"
    assert browser.post(address, old="libretita verde", text="libretita verde", topic="return_overview").status_code == 303
    assert spanish(world, "return_overview")[-1] == "libretita verde"
    assert "libretita verde" not in spanish(world)
    press_undo(browser)
    assert spanish(world)[-1] == "libretita verde"
    world.parts.example_store.replace("es", "passport", "libretita verde", old)
    assert sorted(spanish(world)) == sorted(re.findall(r"    - (.*)", _block(before, "routes.yml", "passport")))


def test_deleted_sentence_comes_back_to_its_place(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """The file is as it was, to the byte."""
    before, text = files(world), spanish(world)[7]
    browser.post(f"{PASSPORT}/es/{sentence_key(text)}/delete")
    assert text not in spanish(world)
    press_undo(browser)
    assert files(world) == before


def test_change_is_refused_when_somebody_was_quicker(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """The sentence is not there any more: what was typed comes back, nothing is written."""
    old = spanish(world)[5]
    world.parts.example_store.remove("es", "passport", [old])
    before = files(world)
    answer = browser.post(f"{PASSPORT}/es/{sentence_key(old)}", old=old, text="libretita verde", topic="passport")
    assert answer.status_code == 409
    assert "Otra persona" in answer.text
    assert "libretita verde" in answer.text
    assert files(world) == before


def test_two_who_write_at_the_same_moment_both_keep_their_sentence(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program changes the file between reading and writing: the change is made once more on the new text."""
    path = world.parts.content.parent / "intents" / "nlu" / "es" / "routes.yml"
    write, meanwhile = ContentFolder.write, []

    def late(folder: ContentFolder, name: str, text: str, seen: str) -> None:
        if not meanwhile:
            meanwhile.append(path.write_text(add_example(path.read_text("utf-8"), "passport", "de otra persona"), "utf-8"))
        write(folder, name, text, seen)

    monkeypatch.setattr(ContentFolder, "write", late)
    world.parts.example_store.add("es", "passport", ["mía"])
    assert spanish(world)[-2:] == ["de otra persona", "mía"]


def test_file_with_a_fault_is_not_touched(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """What the engine could not read is left to somebody with a text editor."""
    path = world.parts.content.parent / "intents" / "nlu" / "es" / "routes.yml"
    path.write_text(path.read_text("utf-8").replace("  examples: |", "  examples: >", 1), "utf-8")
    before = files(world)
    answer = browser.post(PASSPORT, locale="es", texts="libretita azul")
    assert answer.status_code == 507
    assert "falla escrita a mano" in answer.text
    assert files(world) == before


def test_what_collides_is_found_across_all_topics(world: EditorWorld) -> None:
    """The same sentence elsewhere, in whatever spelling and language, near ones in this language, and its own former wording not."""
    store = world.parts.example_store
    taken, own = spanish(world, "id_card")[0], max(spanish(world), key=len)
    assert [found.doubt for found in store.examine("es", "passport", [f"¡{taken.upper()}!"])] == [Doubt.ELSEWHERE]
    assert [found.doubt for found in store.examine("en", "passport", [taken])] == [Doubt.ELSEWHERE]
    assert [found.doubt for found in store.examine("es", "passport", [own])] == [Doubt.ALREADY]
    assert store.examine("es", "passport", [f"{own} x"])[0].doubt is Doubt.NEAR
    assert store.examine("es", "passport", [f"{own} x"], leaving=own) == []
    near_other = f"{max(spanish(world, 'id_card'), key=len)} x"
    assert store.examine("es", "passport", [near_other])[0].neighbours[0][0] == "id_card"


def _block(texts: dict[Path, str], name: str, topic: str) -> str:
    raw = next(text for path, text in texts.items() if path.name == name and path.parent.name == "es")
    return raw.split(f"- intent: {topic}\n")[1].split("- intent: ")[0]
