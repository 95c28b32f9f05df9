"""New answers: a language, a destination, a topic; what belongs together goes live together. And files broken by hand."""

from __future__ import annotations

import errno
import html
import os
import re

import pytest

from bot.content.library import ContentLibrary
from bot.content.writing import read_answer_text
from bot.editor.roles import Role
from tests.support.editor import EditorWorld
from tests.unit.editor.test_editing import PASSPORT, PATH, open_form, publish, save

DATA = "routes/passport/topic.yml"
NEW_TOPIC = {
    "family": "routes",
    "id": "lost_passport",
    "means": "I lost my passport on the way; what now?",
    "title": "Perdí el pasaporte",
    "menu_title": "Pasaporte perdido",
    "owner": "contenido",
    "sensitivity": "open",
}


def test_new_destination_goes_live_with_its_answer(world: EditorWorld) -> None:
    """The block of the data and the Spanish answer are one publication; neither goes live without the other."""
    browser = world.browser(world.person(Role.REVIEWER))
    topic = world.parts.library.loaded.topics["seasonal_work"]
    code = next(code for code in world.parts.content_destinations() if code not in topic.destinations)
    here = f"{topic.family}/{topic.id}"
    page = browser.get(f"/topics/{topic.id}").text
    assert f'<option value="{code}"' in page
    address = browser.post(f"/topics/{topic.id}/destinations", destination=code).headers["location"]
    assert address == f"/topics/{topic.id}/answer/{code}/es"
    data = world.parts.drafts.find(f"{here}/topic.yml")
    assert publish(browser, data.id).status_code == 422
    text = read_answer_text(world.parts.folder.read(f"{here}/es.md"))
    fields = {"title": "Trabajo por temporada allá", "menu_title": "Temporada allá", "lead": text.lead, "base_text": ""}
    assert browser.post(address, **fields).status_code == 303
    reviewer = world.browser(world.person(Role.ADMIN))
    page = reviewer.get(f"/drafts/{data.id}").text
    assert "Se publica junto con esto" in page
    assert f"{code}.es.md" in page
    answer = publish(reviewer, data.id)
    assert answer.status_code == 303, answer.text
    assert world.parts.drafts.all_open() == []
    world.parts.library._looked_at -= 2
    found = world.parts.library.find(topic.id, code, "es")
    assert (found.answer.title, found.is_general) == ("Trabajo por temporada allá", False)


def test_nothing_stays_when_the_second_file_of_a_publication_fails(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes the answer and refuses the data: the answer is taken back, the drafts are still there."""
    browser = world.browser(world.person(Role.REVIEWER))
    topic = world.parts.library.loaded.topics["seasonal_work"]
    code = next(code for code in world.parts.content_destinations() if code not in topic.destinations)
    path = f"{topic.family}/{topic.id}/{code}.es.md"
    address = browser.post(f"/topics/{topic.id}/destinations", destination=code).headers["location"]
    lead = read_answer_text(world.parts.folder.read(f"{topic.family}/{topic.id}/es.md")).lead
    browser.post(address, title="Allá", menu_title="Allá lejos", lead=lead, base_text="")
    real, calls = os.replace, []

    def refuse_second(*arguments: str) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "no space")
        real(*arguments)

    draft = world.parts.drafts.find(path)
    reviewer = world.browser(world.person(Role.ADMIN))
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse_second)
        answer = publish(reviewer, draft.id)
    assert answer.status_code == 507
    assert "No hay espacio" in answer.text
    assert world.parts.folder.read(path) == ""
    assert len(world.parts.drafts.all_open()) == 2
    assert publish(reviewer, draft.id).status_code == 303


def test_new_topic_is_begun_filled_in_and_published(world: EditorWorld) -> None:
    """Three drafts, each with its page, go live as one; the page says that examples and a training are needed."""
    browser = world.browser(world.person(Role.REVIEWER))
    passport = world.parts.library.loaded.topics["passport"]
    page = browser.post("/new-topic", follow=True, **NEW_TOPIC)
    assert "entrenar" in page.text
    assert len(world.parts.drafts.all_open()) == 3
    data = "/topics/lost_passport/data/general"
    fields = {
        "facts": ", ".join(passport.provenance.facts),
        "related": "passport",
        "verify_name": passport.provenance.verify_name,
        "verify_url": passport.provenance.verify_url,
        "sources-0-title": passport.provenance.sources[0].title,
        "sources-0-publisher": passport.provenance.sources[0].publisher,
        "sources-0-url": passport.provenance.sources[0].url,
    }
    saved = browser.post(data, **{**open_form(browser, data), **fields})
    assert saved.status_code == 303, saved.text
    answer = "/topics/lost_passport/answer/general/es"
    lead = "Saque otro en persona. Averigüe antes el costo."
    assert browser.post(answer, **{**open_form(browser, answer), "lead": lead}).status_code == 303
    draft = world.parts.drafts.find("routes/lost_passport/es.md")
    page = browser.get(f"/drafts/{draft.id}").text
    assert page.count("Se publica junto") == 1
    assert "means: &#34;I lost my passport on the way; what now?&#34;" in page
    result = publish(browser, draft.id)
    assert result.status_code == 303, html.unescape(re.sub("<[^>]+>", " ", result.text))
    assert "ruta train" in browser.get(result.headers["location"]).text
    library = ContentLibrary(world.parts.content)
    assert library.menu_title("lost_passport", "es") == "Pasaporte perdido"
    assert list(library.loaded.catalogue)[-1] != "lost_passport"
    world.parts.library._looked_at -= 2
    english = browser.get("/topics/lost_passport/answer/general/en")
    assert english.status_code == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "Lost Passport"}, "letras minúsculas"),
        ({"id": "passport"}, "Ya hay un tema"),
        ({"id": ""}, "Escriba algo"),
        ({"family": "../x"}, "Not a valid choice"),
    ],
    ids=["malformed", "taken", "empty", "family"],
)
def test_new_topic_is_refused_in_plain_words(world: EditorWorld, changes: dict[str, str], words: str) -> None:
    """What was typed stays in the form."""
    browser = world.browser(world.person(Role.REVIEWER))
    answer = browser.post("/new-topic", **{**NEW_TOPIC, **changes})
    assert answer.status_code == 422
    assert words in answer.text
    assert "Perdí el pasaporte" in answer.text
    assert world.parts.drafts.all_open() == []


def test_second_new_topic_waits(world: EditorWorld) -> None:
    """Two new topics at once would be one publication."""
    browser = world.browser(world.person(Role.REVIEWER))
    browser.post("/new-topic", **NEW_TOPIC)
    assert "Otro tema nuevo espera" in browser.post("/new-topic", **{**NEW_TOPIC, "id": "other_topic"}).text


def test_conflict_of_topic_data_shows_three_ways(world: EditorWorld) -> None:
    """What both began with, what stands there, and one's own; nothing is overwritten, and saving again puts one's own on top."""
    browser, address = world.browser(world.person(Role.EDITOR)), "/topics/passport/data/general"
    form, file = open_form(browser, address), world.parts.content / DATA
    by_hand = file.read_text("utf-8").replace("owner: contenido", "owner: registro")
    file.write_text(by_hand, "utf-8")
    answer = browser.post(address, **{**form, "review_by": "2027-01-15"})
    assert answer.status_code == 409
    page = html.unescape(re.sub("<[^>]+>", "", answer.text))
    assert "Dos personas cambiaron" in page
    assert '"2027-01-15"' in page
    assert "owner: contenidoregistro" in page
    assert file.read_text("utf-8") == by_hand
    assert world.parts.drafts.all_open() == []


def test_deleted_file_is_said_and_comes_back_only_on_purpose(world: EditorWorld) -> None:
    """Publishing onto a deleted file is refused; after comparing, the draft makes it again."""
    browser = world.browser(world.person(Role.REVIEWER))
    save(browser, title="Uno")
    draft = world.parts.drafts.find(PATH)
    (world.parts.content / PATH).unlink()
    answer = publish(browser, draft.id)
    assert answer.status_code == 409
    assert "Alguien borró el archivo" in answer.text
    assert not (world.parts.content / PATH).exists()
    seen = re.search(r'name="seen_on_disk" value="(\w+)"', answer.text)[1]
    browser.post(f"/drafts/{draft.id}/rebase", seen_on_disk=seen)
    assert publish(browser, draft.id).status_code == 303
    assert read_answer_text(world.parts.folder.read(PATH)).title == "Uno"


def test_broken_head_is_named_with_its_line_and_people_keep_the_last_good_answer(world: EditorWorld) -> None:
    """The form holds what can be read, saving mends it, and meanwhile the library answers with the text of before."""
    browser, file = world.browser(world.person(Role.REVIEWER)), world.parts.content / PATH
    library = ContentLibrary(world.parts.content)
    good = library.find("passport", "", "es").answer
    form = open_form(browser)
    file.write_text(file.read_text("utf-8").replace('menu_title: "', 'menu_title: ["', 1), "utf-8")
    library._looked_at -= 2
    assert library.find("passport", "", "es").answer == good
    page = browser.get(PASSPORT).text
    assert "El archivo publicado no se puede leer" in page
    assert "3: " in page or "4: " in page
    fields = open_form(browser)
    assert fields["lead"] == form["lead"]
    assert browser.post(PASSPORT, **{**fields, "menu_title": "Pasaporte"}).status_code == 303
    assert publish(browser, world.parts.drafts.find(PATH).id).status_code == 303
    assert ContentLibrary(world.parts.content).find("passport", "", "es").answer.menu_title == "Pasaporte"


def test_broken_data_is_shown_as_it_stands_and_mended(world: EditorWorld) -> None:
    """Also after the editor was started anew, when nothing is known of the topic but its broken file."""
    file = world.parts.content / DATA
    good = file.read_text("utf-8")
    file.write_text(good.replace("sensitivity: open", "sensitivity: [open"), "utf-8")
    browser, address = world.browser(world.person(Role.REVIEWER)), "/topics/passport/data/general"
    assert "passport" not in world.parts.library.loaded.topics
    page = browser.get(address).text
    assert "El archivo publicado no se puede leer" in page
    assert re.search(r"Línea \d", page)
    assert browser.post(address, raw=good, base_text=good).status_code == 409
    assert browser.post(address, raw=good, base_text=file.read_text("utf-8")).status_code == 303
    assert publish(browser, world.parts.drafts.find(DATA).id).status_code == 303
    assert file.read_text("utf-8") == good


def test_nothing_is_lost_when_the_folder_is_read_only(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retiring on a folder that may not be written is refused in words; proposal and file are still there."""
    browser = world.browser(world.person(Role.REVIEWER))
    browser.post("/topics/passport/retire", file="en.md", reason="viejo")
    draft = world.parts.drafts.find("routes/passport/en.md")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    with monkeypatch.context() as patched:
        patched.setattr("bot.editor.folder.remove_durably", refuse)
        answer = publish(browser, draft.id)
    assert answer.status_code == 507
    assert "no permite escribir" in answer.text
    assert world.parts.folder.read("routes/passport/en.md")
    assert publish(browser, draft.id).status_code == 303
