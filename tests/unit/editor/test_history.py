"""The history of a text: versions from here and from the folder, comparing, going back, retiring, and who may do it."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import update

from bot.content.writing import read_answer_text
from bot.editor.app import build_editor
from bot.editor.roles import Role
from bot.storage.staff_models import Draft, Version
from tests.support.editor import BrowserWithoutScripts, EditorWorld
from tests.unit.editor.test_editing import PATH, open_form, publish, save

HISTORY = f"/history/{PATH}"
CRITICAL = "/topics/work_visa/answer/general/es"
CRITICAL_PATH = "pathways/work_visa/es.md"
ENGLISH = "routes/passport/en.md"


def open_draft(world: EditorWorld, path: str = PATH) -> Draft:
    """Return the open draft of a file."""
    found = world.parts.drafts.find(path)
    assert found is not None
    return found


def change(world: EditorWorld, browser: BrowserWithoutScripts, title: str) -> None:
    """Publish another title."""
    save(browser, title=title)
    answer = publish(browser, open_draft(world).id)
    assert answer.status_code == 303, answer.text


def words(page: str) -> str:
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", page)).split())


def undo(browser: BrowserWithoutScripts, page: str) -> str:
    """Press "undo" on a page."""
    step = re.search(r'action="(/undo/\w+)"', page)
    assert step, words(page)
    return browser.post(step[1], follow=True).text


def title_on_disk(world: EditorWorld, path: str = PATH) -> str:
    """Return the title that is live."""
    return read_answer_text(world.parts.folder.read(path)).title


def test_every_version_is_kept_and_compared(world: EditorWorld) -> None:
    """Who, when and why stand at each version, and the difference is said in words, on both sides."""
    browser = world.browser(world.person(Role.REVIEWER))
    before = title_on_disk(world)
    save(browser, title="Uno")
    page = browser.get(f"/drafts/{open_draft(world).id}").text
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]
    browser.post(f"/drafts/{open_draft(world).id}/publish", seen=seen, reason="Más corto")
    change(world, browser, "Dos")
    assert [version.number for version in world.parts.versions.of(PATH)] == [3, 2, 1]
    page = words(browser.get(HISTORY).text)
    for expected in ("Versión 3 publicada ahora", "lo que ya estaba en la carpeta", "Ana reviewer", "Más corto", "Cambió"):
        assert expected in page
    assert "Versión 2 Uno Versión 3 Dos" in page
    assert f"Versión 1 {before} Versión 3 Dos" in words(browser.get(f"{HISTORY}?v=3&with=1").text)
    assert "Sin cambios: Título corto" in page or "Sin cambios:" in page


def test_one_click_goes_back_and_one_takes_that_back(world: EditorWorld) -> None:
    """A restored version is a new one; undoing makes the other live again; after a later change there is nothing to undo."""
    browser = world.browser(world.person(Role.REVIEWER))
    before = world.parts.folder.read(PATH)
    change(world, browser, "Uno")
    page = browser.post(HISTORY, follow=True, number="1").text
    assert world.parts.folder.read(PATH) == before
    assert "esa versión es otra vez la publicada" in page
    assert [version.reason for version in world.parts.versions.of(PATH)][0] == "Se volvió a la versión 1."
    undo(browser, page)
    assert title_on_disk(world) == "Uno"
    page = browser.post(HISTORY, follow=True, number="1").text
    change(world, browser, "Otra cosa")
    assert "Ya no se puede deshacer" in undo(browser, page)
    assert title_on_disk(world) == "Otra cosa"


def test_going_back_waits_when_a_draft_is_open_or_another_person_is_needed(world: EditorWorld) -> None:
    """An open draft is not overwritten; a critical text and whoever may not publish get a draft in review."""
    browser, editor = world.browser(world.person(Role.REVIEWER)), world.browser(world.person(Role.EDITOR))
    change(world, browser, "Uno")
    assert editor.post(HISTORY, follow=True, number="1").status_code == 200
    assert (open_draft(world).state.value, title_on_disk(world)) == ("in_review", "Uno")
    refused = browser.post(HISTORY, number="1")
    assert refused.status_code == 422
    assert "Hay un borrador abierto" in refused.text
    save(browser, CRITICAL, title="Trabajar con visa")
    admin = world.browser(world.person(Role.ADMIN))
    assert publish(admin, open_draft(world, CRITICAL_PATH).id).status_code == 303
    page = admin.post(f"/history/{CRITICAL_PATH}", follow=True, number="1").text
    assert "la debe publicar otra persona" in page
    assert title_on_disk(world, CRITICAL_PATH) == "Trabajar con visa"


def test_nobody_who_wrote_a_part_publishes_a_critical_text(world: EditorWorld) -> None:
    """The first author stays an author when another one goes on; the release before kept only the last, who still counts."""
    first, second = world.browser(world.person(Role.ADMIN)), world.browser(world.person(Role.REVIEWER))
    save(first, CRITICAL, title="Trabajar con visa")
    save(second, CRITICAL, menu_title="Visa y trabajo")
    draft = open_draft(world, CRITICAL_PATH)
    assert len(draft.authors) == 2
    for browser in (first, second):
        assert "lo debe publicar otra persona" in publish(browser, draft.id).text
    with world.parts.database.transaction() as session:
        session.execute(update(Draft).values(authors="[]"))
    assert publish(second, draft.id).status_code == 422
    third = world.browser(world.person(Role.REVIEWER, "tercera@example.org"))
    assert publish(third, draft.id).status_code == 303
    page = words(third.get(f"/history/{CRITICAL_PATH}").text)
    assert "Ana reviewer" in page


def test_change_by_hand_becomes_a_version(world: EditorWorld) -> None:
    """The first look keeps every file; what is changed, added or deleted by hand is noticed once, and can be undone here."""
    watch, versions = world.parts.folder_watch, world.parts.versions
    files = len(list(world.parts.folder.paths()))
    assert files > 600
    assert watch.look() == files
    assert watch.look() == 0
    file = world.parts.content / PATH
    before = file.read_text("utf-8")
    file.write_text(before.replace("menu_title", "menu_title", 1) + "\n## rights\nEs gratis pedir turno.\n", "utf-8")
    (world.parts.content / ENGLISH).unlink()
    assert watch.look() == 2
    assert [(each.number, each.origin.value, bool(each.text)) for each in versions.of(ENGLISH)] == [
        (2, "folder", False),
        (1, "folder", True),
    ]
    browser = world.browser(world.person(Role.REVIEWER))
    assert "de la carpeta (a mano o con git)" in browser.get(HISTORY).text
    assert browser.post(HISTORY, number="1").status_code == 303
    assert file.read_text("utf-8") == before
    assert browser.post(f"/history/{ENGLISH}", number="1").status_code == 303
    assert (world.parts.content / ENGLISH).exists()
    assert watch.look() == 0
    assert [entry.action for entry in world.parts.audit.all()].count("folder.changed") == 2


def test_publication_that_was_cut_off_is_finished_by_publishing_again(
    world: EditorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes between file and database: the text is live, the draft is open, and nobody else is named as its author."""
    browser = world.browser(world.person(Role.REVIEWER))
    world.parts.folder_watch.look()
    save(browser, title="Uno")
    draft = open_draft(world)
    world.parts.folder.write(PATH, draft.text, draft.base_hash)
    leftover = (world.parts.content / PATH).with_name(".es.md.abc123.new")
    leftover.write_text("half", "utf-8")
    world.parts.folder.clear_leftovers()
    assert not leftover.exists()
    world.parts.folder_watch.look()
    assert [version.number for version in world.parts.versions.of(PATH)] == [1]
    assert publish(browser, draft.id).status_code == 303
    assert [(each.number, each.origin.value) for each in world.parts.versions.of(PATH)] == [(2, "editor"), (1, "folder")]


def test_retired_answer_gives_the_spanish_one_and_comes_back(world: EditorWorld) -> None:
    """A language is retired with a reason, by the same two steps as a text; its history brings it back."""
    browser = world.browser(world.person(Role.REVIEWER))
    address = "/topics/passport/retire"
    assert "Escriba por qué" in browser.post(address, follow=True, file="en.md", reason=" ").text
    assert "no se retira solo" in browser.post(address, follow=True, file="es.md", reason="viejo").text
    assert browser.post(address, file="../../../etc/passwd", reason="x").status_code == 404
    page = browser.post(address, follow=True, file="en.md", reason="Dice otra tarifa")
    assert "Retirar ahora" in page.text
    assert "Dice otra tarifa" in page.text
    before = world.parts.folder.read(ENGLISH)
    assert publish(browser, open_draft(world, ENGLISH).id).status_code == 303
    assert not (world.parts.content / ENGLISH).exists()
    world.parts.library._looked_at -= 2
    found = world.parts.library.find("passport", "", "en")
    assert found is not None
    assert (found.answer.locale, found.is_translated) == ("es", False)
    browser.post(f"/history/{ENGLISH}", number="1")
    assert world.parts.folder.read(ENGLISH) == before


def test_retired_topic_and_destination_stay_on_disk_and_come_back(world: EditorWorld) -> None:
    """People get the general answer, or learn that there is none; no menu and no related topic leads there; checks stay green."""
    browser = world.browser(world.person(Role.REVIEWER))
    other = world.browser(world.person(Role.ADMIN))
    replies_before = world.parts.library.loaded.topics["passport"].related
    assert "id_card" in replies_before
    for fields, path in (({"topic": "1"}, "routes/id_card/topic.yml"), ({"destination": "us"}, "pathways/work_visa/topic.yml")):
        topic_id = path.split("/")[1]
        page = browser.post(f"/topics/{topic_id}/retire", follow=True, reason="Cambió la ley", **fields)
        assert "Propuesta hecha" in page.text
        answer = publish(other, open_draft(world, path).id)
        assert answer.status_code == 303, answer.text
    world.parts.library._looked_at -= 2
    loaded = world.parts.library.loaded
    assert "id_card" in loaded.retired
    assert "id_card" not in loaded.topics
    found = world.parts.library.find("work_visa", "us", "es")
    assert found is not None
    assert found.is_general
    world.parts.checked.refresh()
    assert [problem.code for problem in world.parts.checked.state.errors] == []
    assert "retirado" in browser.get("/topics").text
    page = browser.get("/topics/id_card").text
    assert "Este tema está retirado" in page
    browser.post("/topics/id_card/bring-back", reason="Ya está confirmado")
    assert publish(other, open_draft(world, "routes/id_card/topic.yml").id).status_code == 303
    browser.post("/topics/work_visa/bring-back", destination="us", reason="Ya está confirmado")
    assert publish(other, open_draft(world, "pathways/work_visa/topic.yml").id).status_code == 303
    world.parts.library._looked_at -= 2
    assert "id_card" in world.parts.library.loaded.topics
    assert not world.parts.library.find("work_visa", "us", "es").is_general


def test_urgent_topic_is_never_retired(world: EditorWorld) -> None:
    """Not by its button, not by a draft of its data that says so."""
    browser = world.browser(world.person(Role.REVIEWER))
    page = browser.post("/topics/emergency_danger/retire", follow=True, topic="1", reason="x").text
    assert "Un tema urgente no se retira" in page
    assert world.parts.drafts.all_open() == []


def test_proposal_is_taken_back(world: EditorWorld) -> None:
    """Undo closes the proposal, and the text can be written again."""
    browser = world.browser(world.person(Role.EDITOR))
    page = browser.post("/topics/passport/retire", follow=True, file="en.md", reason="x").text
    english = "/topics/passport/answer/general/en"
    assert browser.post(english, **open_form(browser, english)).status_code == 409
    undo(browser, page)
    assert world.parts.drafts.all_open() == []


def test_history_of_anything_else_is_not_there(world: EditorWorld) -> None:
    """No path leads out of the folder; a translator restores only texts of their language."""
    translator = world.browser(world.person(Role.TRANSLATOR, translates="en"))
    for path in ("../.env", "routes/passport/xx.md", "people.yml"):
        assert translator.get(f"/history/{path}").status_code == 404, path
    assert translator.get("/history/topics.yml").status_code == 200
    assert translator.post(HISTORY, number="1").status_code == 404


def test_version_of_the_release_before_is_shown(world: EditorWorld) -> None:
    """Rows without authors, origin and fingerprint are read as they were meant."""
    browser = world.browser(world.person(Role.REVIEWER))
    change(world, browser, "Uno")
    with world.parts.database.transaction() as session:
        session.execute(update(Version).values(authors="[]", fingerprint=""))
    assert len(list(world.parts.folder.paths())) - world.parts.folder_watch.look() == 1
    assert "Ana reviewer" in browser.get(HISTORY).text


def test_pages_are_built_from_their_modules(world: EditorWorld) -> None:
    """The new pages are behind the gate."""
    paths = {gate.route.path for gate in build_editor(world.parts).state.gates}
    assert {"/history/{path:path}", "/new-topic", "/topics/{topic_id}/retire"} <= paths
