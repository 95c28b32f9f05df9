"""Help points at the editor: the list, the form with hours, checked today, retired; nobody unreachable."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import yaml

from bot.content.help_points import CHECK_DAYS, CONFIDENCE, KINDS, format_help_point, read_help_point
from bot.content.library import ContentLibrary
from bot.editor.roles import Role
from bot.editor.views.help_point import new_slug
from bot.editor.views.help_points import CONFIDENCE_KEYS, KIND_KEYS
from tests.support.editor import EditorWorld
from tests.unit.editor.test_editing import fields_of, only_draft

ADDRESS = "/help-points/registro-civil-aeropuerto-guayaquil"
PATH = "help-points/registro-civil-aeropuerto-guayaquil.yml"
_SELECTED = re.compile(r'<select[^>]*\bname="([^"]+)"(?:(?!</select>).)*?<option value="([^"]*)" selected', re.DOTALL)
_BOX = re.compile(r'type="checkbox" name="(\w+)" value="1" checked')


def form_of(page: str) -> dict[str, str]:
    """Return the fields as a browser would send them."""
    form = page[page.index("data-guard") :]
    return {**fields_of(page), **dict(_SELECTED.findall(form)), **dict.fromkeys(_BOX.findall(form), "1")} | _unticked(form)


def _unticked(form: str) -> dict[str, str]:
    ticked = set(_BOX.findall(form))
    return {name: "" for name in re.findall(r'type="checkbox" name="(\w+)"', form) if name not in ticked}


def test_every_file_is_canonical(world: EditorWorld) -> None:
    """What is read and written again has the same bytes, and the lists of names are complete."""
    files = sorted((world.parts.content / "help-points").glob("*.yml"))
    assert len(files) > 50
    for file in files:
        assert format_help_point(read_help_point(file.read_text("utf-8"))) == file.read_text("utf-8"), file.name
    assert set(KIND_KEYS) == set(KINDS)
    assert set(CONFIDENCE_KEYS) == set(CONFIDENCE)


def test_form_sent_as_it_was_opened_changes_nothing(world: EditorWorld) -> None:
    """For every help point, whatever it has."""
    browser = world.browser(world.person(Role.EDITOR))
    for slug in sorted(world.parts.library.loaded.help_points):
        fields = form_of(browser.get(f"/help-points/{slug}").text)
        assert "No había cambios." in browser.post(f"/help-points/{slug}", follow=True, **fields).text, slug
    assert world.parts.drafts.all_open() == []


def test_list_is_searched_and_overdue_ones_stand_first(world: EditorWorld) -> None:
    """Words, place, kind and confidence narrow it down; what was not checked for long is on top and counted."""
    browser = world.browser(world.person(Role.READER))
    file = world.parts.content / PATH
    file.write_text(re.sub(r'checked_on: ".*"', 'checked_on: "2026-01-01"', file.read_text("utf-8")), "utf-8")
    first = re.search(r"<tbody>\s*<tr><th scope=\"row\"><a href=\"([^\"]+)\"", browser.get("/help-points").text)
    assert first[1] == ADDRESS
    assert "puntos de ayuda por comprobar" in browser.get("/").text
    found = browser.get("/help-points?q=registro&city=Guayaquil&kind=documents").text
    assert ADDRESS in found
    assert "hias-quito" not in found
    assert "hias-quito" in browser.get("/help-points?confidence=low&country=ec").text


def test_hours_are_kept_in_a_form_that_can_be_computed(world: EditorWorld) -> None:
    """Several spans, a closed day, an appointment and holidays go into the draft and come back into the form."""
    browser = world.browser(world.person(Role.EDITOR))
    fields = form_of(browser.get(ADDRESS).text)
    given = {
        "mo_0_from": "08:00",
        "mo_0_to": "12:00",
        "mo_1_from": "13:00",
        "mo_1_to": "00:00",
        "like_monday": "1",
        "su_closed": "1",
    }
    answer = browser.post(ADDRESS, **{**fields, **given, "by_appointment": "1", "holidays_es": "Cerrado"})
    assert answer.status_code == 303
    opening = yaml.safe_load(only_draft(world).text)["opening"]
    week = dict.fromkeys(("mo", "tu", "we", "th", "fr"), ["08:00-12:00", "13:00-24:00"])
    assert opening == {**week, "su": [], "by_appointment": True, "holidays": {"es": "Cerrado"}}
    shown = form_of(browser.get(ADDRESS).text)
    assert (shown["fr_1_from"], shown["fr_1_to"], shown["su_closed"], shown["mo_closed"]) == ("13:00", "00:00", "1", "")
    assert "No había cambios." in browser.post(ADDRESS, follow=True, **shown).text
    assert "13:00" in browser.get(ADDRESS).text.split("faults")[1]  # No fact says that; it blocks publishing only.


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": "", "phone": "", "url": ""}, "Falta cómo llegar"),
        ({"name": " "}, "Falta el nombre"),
        ({"mo_0_from": "08:00"}, "Revise las horas"),
        ({"mo_0_from": "08:00", "mo_0_to": "12:00", "mo_1_from": "11:00", "mo_1_to": "13:00"}, "se cruzan"),
        ({"mo_0_from": "08:00", "mo_0_to": "12:00", "mo_closed": "1"}, "Revise las horas"),
    ],
    ids=["unreachable", "nameless", "half a span", "overlap", "closed and open"],
)
def test_what_would_mislead_is_refused_and_nothing_is_lost(world: EditorWorld, changes: dict[str, str], said: str) -> None:
    """The page says what is missing and still has what was typed."""
    browser = world.browser(world.person(Role.EDITOR))
    answer = browser.post(ADDRESS, **{**form_of(browser.get(ADDRESS).text), "note_es": "Lo que escribí", **changes})
    assert answer.status_code == 422
    assert said in answer.text
    assert "Lo que escribí" in answer.text
    assert world.parts.drafts.all_open() == []


def test_reviewer_notes_a_check_at_once_and_takes_it_back(world: EditorWorld) -> None:
    """The day is live, audited, and one step puts the former file back byte for byte."""
    world.clock.turn(seconds=timedelta(days=200).total_seconds())
    browser = world.browser(world.person(Role.REVIEWER))
    before = world.parts.folder.read(PATH)
    assert "por comprobar" in browser.get(ADDRESS).text
    assert browser.post(f"{ADDRESS}/checked").status_code == 303
    today = world.parts.today().isoformat()
    assert read_help_point(world.parts.folder.read(PATH))["checked_on"] == today
    assert "help_point.checked" in [entry.action for entry in world.parts.audit.all()]
    step = re.search(r"/undo/\w+", browser.get(ADDRESS).text)[0]
    assert browser.post(step).status_code == 303
    assert world.parts.folder.read(PATH) == before
    assert world.parts.drafts.all_open() == []
    assert CHECK_DAYS < 200


def test_editor_notes_a_check_as_a_draft(world: EditorWorld) -> None:
    """Who may not publish makes a draft, and takes it back in one step."""
    world.clock.turn(seconds=86_400)
    browser = world.browser(world.person(Role.EDITOR))
    before = world.parts.folder.read(PATH)
    browser.post(f"{ADDRESS}/checked")
    assert world.parts.folder.read(PATH) == before
    assert world.parts.today().isoformat() in only_draft(world).text
    browser.post(re.search(r"/undo/\w+", browser.get(ADDRESS).text)[0])
    assert world.parts.drafts.all_open() == []


def test_retired_point_is_named_no_more(world: EditorWorld) -> None:
    """After publishing, the bot's library does not have it; the list shows it among the retired; it can come back."""
    browser = world.browser(world.person(Role.REVIEWER))
    browser.post(f"{ADDRESS}/retire")
    draft = only_draft(world)
    page = browser.get(f"/drafts/{draft.id}").text
    assert ADDRESS in page
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]
    history = browser.post(f"/drafts/{draft.id}/publish", seen=seen, reason="").headers["location"]
    assert history == "/history/help-points/registro-civil-aeropuerto-guayaquil.yml"
    assert browser.get(history).status_code == 200
    assert "registro-civil-aeropuerto-guayaquil" not in ContentLibrary(world.parts.content).loaded.help_points
    assert ADDRESS not in browser.get("/help-points").text
    assert ADDRESS in browser.get("/help-points?only=retired").text
    browser.post(f"{ADDRESS}/retire")
    (again,) = world.parts.drafts.all_open()
    assert "retired_on" not in again.text


def test_new_point_gets_a_name_of_its_own(world: EditorWorld) -> None:
    """A new file is named after the place; a draft that was only begun can be taken back."""
    browser = world.browser(world.person(Role.EDITOR))
    fields = form_of(browser.get("/help-points/new").text)
    given = {"name": "Cruz Roja Ñandú", "kind": "health", "country": "ec", "city": "Loja", "phone": "171", "fact": "SP-023"}
    answer = browser.post("/help-points/new", **{**fields, **given, "source_url": "https://x.example"})
    assert answer.headers["location"] == "/help-points/cruz-roja-nandu"
    step = re.search(r"/undo/\w+", browser.get("/help-points/cruz-roja-nandu").text)[0]
    assert "Cruz Roja Ñandú" in browser.get("/help-points").text
    browser.post(step)
    assert browser.get("/help-points/cruz-roja-nandu").status_code == 404
    assert new_slug("Á b", "Quito", {"a-b"}) == "a-b-quito"
    assert new_slug("new", "", set()) == "new-2"


def test_second_person_is_told(world: EditorWorld) -> None:
    """Two people at one help point: nothing is overwritten."""
    first, second = world.browser(world.person(Role.EDITOR)), world.browser(world.person(Role.REVIEWER))
    fields = form_of(second.get(ADDRESS).text)
    first.post(ADDRESS, **{**form_of(first.get(ADDRESS).text), "note_es": "De Ana"})
    answer = second.post(ADDRESS, **{**fields, "note_es": "De Rosa"})
    assert answer.status_code == 409
    assert "De Rosa" in answer.text
    assert "De Ana" in only_draft(world).text
