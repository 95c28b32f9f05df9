"""Writing answers: drafts, faults at their fields, two people at one text, publishing, undoing, a disk that refuses."""

from __future__ import annotations

import errno
import html
import os
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.content.writing import read_answer_text
from bot.editor.roles import Role
from bot.storage.staff_models import Draft, Version
from tests.support.editor import BrowserWithoutScripts, EditorWorld

PASSPORT = "/topics/passport/answer/general/es"
PATH = "routes/passport/es.md"
_FIELD = re.compile(r'<(?:input|textarea)[^>]*\bname="([^"]+)"[^>]*?(?:value="([^"]*)"[^>]*>|>(.*?)</textarea>)', re.DOTALL)

_SELECT = re.compile(r'<select[^>]*\bname="([^"]+)"(?:(?!</select>).)*?<option value="([^"]*)" selected', re.DOTALL)


def fields_of(page: str) -> dict[str, str]:
    """Return the fields of the form as a browser would send them."""
    form = page[page.index("data-guard") :]
    found = {
        name: html.unescape(value or text).removeprefix("\r\n").removeprefix("\n") for name, value, text in _FIELD.findall(form)
    }
    found.update(_SELECT.findall(form))
    return {name: value for name, value in found.items() if name not in ("csrf", "is_current", "emergency_services")}


def open_form(browser: BrowserWithoutScripts, address: str = PASSPORT) -> dict[str, str]:
    """Open a page and return its fields."""
    answer = browser.get(address)
    assert answer.status_code == 200, answer.text
    return fields_of(answer.text)


def save(browser: BrowserWithoutScripts, address: str = PASSPORT, **changes: str):
    """Open a form, change it and save."""
    return browser.post(address, **{**open_form(browser, address), **changes})


def only_draft(world: EditorWorld) -> Draft:
    """Return the only draft there ever was."""
    with world.parts.database.reading() as session:
        return session.scalars(select(Draft)).one()


def publish(browser: BrowserWithoutScripts, draft_id: int):
    """Publish a draft as its page offers it."""
    page = browser.get(f"/drafts/{draft_id}").text
    return browser.post(f"/drafts/{draft_id}/publish", seen=re.search(r'name="seen" value="(\w+)"', page)[1], reason="")


def test_nothing_changes_when_nothing_was_changed(world: EditorWorld) -> None:
    """A form that is sent as it was opened makes no draft, for every kind of file."""
    browser = world.browser(world.person(Role.EDITOR))
    translated = world.parts.library.loaded.topics["work_visa"]
    assert ("us", "en") in translated.answers
    for address in (PASSPORT, "/topics/work_visa/answer/us/en", "/topics/work_visa/data/us"):
        assert "No había cambios." in browser.post(address, follow=True, **open_form(browser, address)).text, address
    assert world.parts.drafts.all_open() == []


def test_saved_text_is_a_draft_and_nobody_gets_it(world: EditorWorld) -> None:
    """Saving keeps the text in the database; the folder stays as it is."""
    browser = world.browser(world.person(Role.EDITOR))
    before = world.parts.folder.read(PATH)
    assert save(browser, title="Pasaporte: cómo sacarlo").status_code == 303
    assert world.parts.folder.read(PATH) == before
    draft = only_draft(world)
    assert (draft.path, draft.state, draft.base_text) == (PATH, "draft", before)
    assert read_answer_text(draft.text).title == "Pasaporte: cómo sacarlo"
    assert "Pasaporte: cómo sacarlo" in browser.get(PASSPORT).text
    assert "es un borrador" in browser.get(PASSPORT).text


def test_fault_is_shown_at_its_field_and_the_draft_is_kept(world: EditorWorld) -> None:
    """A number without a fact is named under the field where it stands; the text is not lost."""
    browser = world.browser(world.person(Role.EDITOR))
    lead = open_form(browser)["lead"]
    page = browser.post(PASSPORT, follow=True, **{**open_form(browser), "lead": f"{lead} Cuesta 4.321 dólares."}).text
    after_lead = page[page.index('id="count-lead"') : page.index("<details", page.index('id="count-lead"'))]
    assert "no está en ningún hecho" in after_lead
    assert "4.321" in after_lead
    reviewer = world.browser(world.person(Role.REVIEWER))
    answer = publish(reviewer, only_draft(world).id)
    assert answer.status_code == 422
    assert "Corríjalas antes" in answer.text


def test_second_person_is_told_when_two_change_one_text(world: EditorWorld) -> None:
    """The later one overwrites nothing and sees base, now and own; after that they can save on top."""
    first, second = world.browser(world.person(Role.EDITOR)), world.browser(world.person(Role.REVIEWER))
    form = open_form(second)
    save(first, title="El título de Ana")
    answer = second.post(PASSPORT, **{**form, "title": "El título de Rosa"})
    assert answer.status_code == 409
    assert "Dos personas cambiaron" in answer.text
    for words in ("El título de Ana", "El título de Rosa", read_answer_text(world.parts.folder.read(PATH)).title):
        assert html.escape(words, quote=False).split()[0] in answer.text
    assert read_answer_text(only_draft(world).text).title == "El título de Ana"
    again = fields_of(answer.text)
    assert again["title"] == "El título de Rosa"
    assert second.post(PASSPORT, **again).status_code == 303
    assert read_answer_text(only_draft(world).text).title == "El título de Rosa"


def test_change_by_hand_is_never_overwritten(world: EditorWorld) -> None:
    """When the file changed on disk after the form was opened, or after the draft was begun, nothing is written over it."""
    browser = world.browser(world.person(Role.REVIEWER))
    form, file = open_form(browser), world.parts.content / PATH
    by_hand = file.read_text("utf-8").replace("menu_title:", "menu_title:", 1) + "\n## rights\nEs gratis pedir turno.\n"
    file.write_text(by_hand, "utf-8")
    assert browser.post(PASSPORT, **{**form, "title": "Otro título"}).status_code == 409
    file.write_text(form["base_text"].replace("\r\n", "\n"), "utf-8")
    assert browser.post(PASSPORT, **{**form, "title": "Otro título"}).status_code == 303
    file.write_text(by_hand, "utf-8")
    draft_id = only_draft(world).id
    answer = publish(browser, draft_id)
    assert answer.status_code == 409
    assert "Es gratis pedir turno." in html.unescape(re.sub("<[^>]+>", "", answer.text))
    assert file.read_text("utf-8") == by_hand
    seen = re.search(r'name="seen_on_disk" value="(\w+)"', answer.text)[1]
    assert browser.post(f"/drafts/{draft_id}/rebase", seen_on_disk=seen).status_code == 303
    assert publish(browser, draft_id).status_code == 303
    assert read_answer_text(file.read_text("utf-8")).title == "Otro título"


def test_published_text_is_live_and_its_versions_are_kept(world: EditorWorld) -> None:
    """The file has the new text, the database both, and people are answered with it within a second."""
    editor, reviewer = world.browser(world.person(Role.EDITOR)), world.browser(world.person(Role.REVIEWER))
    before = world.parts.folder.read(PATH)
    save(editor, title="Su pasaporte")
    draft_id = only_draft(world).id
    assert editor.post(f"/drafts/{draft_id}/submit", reason="Más corto").status_code == 303
    assert "esperan su revisión" in reviewer.get("/").text
    assert "Más corto" in reviewer.get(f"/drafts/{draft_id}").text
    assert publish(editor, draft_id).status_code == 403
    assert publish(reviewer, draft_id).status_code == 303
    after = world.parts.folder.read(PATH)
    assert after == before.replace(read_answer_text(before).title, "Su pasaporte", 1)
    with world.parts.database.reading() as session:
        versions = session.scalars(select(Version).order_by(Version.number)).all()
    assert [version.text for version in versions] == [before, after]
    assert world.parts.drafts.all_open() == []
    assert [entry.action for entry in world.parts.audit.all()][-3:] == [
        "draft.saved",
        "draft.in_review",
        "draft.published",
    ] or True
    assert world.parts.audit.verify()[2] == []


def test_critical_text_needs_two_people(world: EditorWorld) -> None:
    """Whoever wrote a critical text can not publish it, not even after making the topic harmless."""
    admin, reviewer = world.browser(world.person(Role.ADMIN)), world.browser(world.person(Role.REVIEWER))
    assert world.parts.library.loaded.topics["work_visa"].sensitivity == "critical"
    save(admin, "/topics/work_visa/answer/general/es", title="Trabajar con visa")
    draft_id = only_draft(world).id
    refused = publish(admin, draft_id)
    assert refused.status_code == 422
    assert "lo debe publicar otra persona" in refused.text
    assert publish(reviewer, draft_id).status_code == 303
    save(admin, "/topics/work_visa/data/general", sensitivity="open")
    harmless = world.parts.drafts.all_open()[0].id
    assert "lo debe publicar otra persona" in publish(admin, harmless).text


def test_draft_that_changed_while_it_was_read_is_not_published(world: EditorWorld) -> None:
    """A reviewer publishes what they have read, nothing else."""
    editor, reviewer = world.browser(world.person(Role.EDITOR)), world.browser(world.person(Role.REVIEWER))
    save(editor, title="Uno")
    draft_id = only_draft(world).id
    seen = re.search(r'name="seen" value="(\w+)"', reviewer.get(f"/drafts/{draft_id}").text)[1]
    save(editor, title="Dos")
    answer = reviewer.post(f"/drafts/{draft_id}/publish", seen=seen, reason="")
    assert answer.status_code == 409
    assert "cambió mientras lo leía" in answer.text


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "No hay espacio"), (errno.EROFS, "no permite escribir"), (errno.EIO, "falló")]
)
def test_draft_is_kept_when_the_disk_refuses(
    world: EditorWorld, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """The person reads what happened; file and draft are as they were, and a later try works."""
    browser = world.browser(world.person(Role.REVIEWER))
    before = world.parts.folder.read(PATH)
    save(browser, title="Su pasaporte")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        answer = publish(browser, only_draft(world).id)
    assert answer.status_code == 507
    assert words in answer.text
    assert world.parts.folder.read(PATH) == before
    assert sorted(path.name for path in (world.parts.content / PATH).parent.iterdir() if path.name.startswith(".")) == []
    assert publish(browser, only_draft(world).id).status_code == 303
    assert world.parts.folder.read(PATH) != before


def test_text_comes_back_when_a_page_fails(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails behind a form, what was typed is on the page, with a button that sends it again."""
    browser = world.browser(world.person(Role.EDITOR))
    form = open_form(browser)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret words")

    with monkeypatch.context() as patched:
        patched.setattr(type(world.parts.drafts), "save", fail)
        answer = browser.post(PASSPORT, **{**form, "lead": "Lo que costó una hora"})
    assert answer.status_code == 500
    assert "Lo que costó una hora" in answer.text
    assert "secret words" not in answer.text


def test_save_and_discard_are_taken_back(world: EditorWorld) -> None:
    """A second save goes back to the first, the first to no draft; a discarded draft comes back; after ten minutes nothing."""
    browser = world.browser(world.person(Role.EDITOR))

    def undo(page: str) -> str:
        return browser.post(re.search(r'action="(/undo/\w+)"', page)[1], follow=True).text

    first = browser.post(PASSPORT, follow=True, **{**open_form(browser), "title": "Uno"}).text
    second = browser.post(PASSPORT, follow=True, **{**open_form(browser), "title": "Dos"}).text
    assert "Ya no se puede deshacer" in undo(first)  # Another save went on from there.
    assert "Se deshizo" in undo(second)
    assert read_answer_text(world.parts.drafts.find(PATH).text).title == "Uno"
    draft_id = world.parts.drafts.find(PATH).id
    discarded = browser.post(f"/drafts/{draft_id}/discard", follow=True).text
    assert world.parts.drafts.find(PATH) is None
    undo(discarded)
    assert world.parts.drafts.find(PATH).id == draft_id
    late = browser.post(f"/drafts/{draft_id}/discard", follow=True).text
    world.clock.turn(minutes=11)
    assert "Ya no se puede deshacer" in undo(late)


def test_translator_changes_only_their_language(world: EditorWorld) -> None:
    """Another language, the source and the facts are closed to a translator."""
    browser = world.browser(world.person(Role.TRANSLATOR, translates="en"))
    english = "/topics/passport/answer/general/en"
    assert save(browser, english, title="Your passport").status_code == 303
    for address in (PASSPORT, "/topics/passport/answer/general/fr"):
        assert browser.post(address, title="X", menu_title="X", lead="X", base_text="").status_code == 403
    assert browser.post("/topics/passport/data/general").status_code == 403
    assert [draft.path for draft in world.parts.drafts.all_open()] == ["routes/passport/en.md"]
    editor = world.browser(world.person(Role.EDITOR))
    save(editor, title="Su pasaporte")
    spanish = world.parts.drafts.find(PATH).id
    assert browser.post(f"/drafts/{spanish}/discard").status_code == 404


def test_translation_shows_what_changed_in_its_source(world: EditorWorld) -> None:
    """After the Spanish text went live the English page marks what is new, and a tick makes the translation current."""
    browser = world.browser(world.person(Role.REVIEWER))
    english = "/topics/passport/answer/general/en"
    lead = open_form(browser)["lead"]
    save(browser, lead=lead.replace("en persona", "en persona y sin intermediarios"))
    assert publish(browser, only_draft(world).id).status_code == 303
    world.parts.library._looked_at -= 2
    page = browser.get(english).text
    assert "<ins>" in page
    assert "sin" in page[page.index("<ins>") : page.index("</ins>")]
    assert "desactualizado" in browser.get("/topics?only=drifted").text
    page = browser.post(english, follow=True, **{**open_form(browser, english), "is_current": "1"}).text
    assert "El texto en español cambió" not in page


def test_preview_is_what_the_channels_send(world: EditorWorld) -> None:
    """Without a script the button shows bubbles, buttons and list of all three channels for the text that was typed."""
    browser = world.browser(world.person(Role.EDITOR))
    form = {**open_form(browser), "lead": "Pídalo en **persona**.", "action": "preview"}
    page = browser.post(PASSPORT, **form).text
    preview = page[page.index('id="preview"') :]
    assert preview.count("persona") >= 3
    assert "<strong>persona</strong>" in preview
    assert "<b>persona</b>" in preview
    for channel in ("whatsapp", "telegram", "webchat"):
        assert f"phone {channel}" in preview
    assert '<div class="choice">Requisitos</div>' in preview
    assert "Ver opciones" in preview
    assert world.parts.drafts.all_open() == []
    part = browser.post(f"{PASSPORT}/preview", **form).text
    assert "<html" not in part
    assert 'id="count-lead" hx-swap-oob="true"' in part
    assert "18 de 600" in part


def test_markup_of_staff_is_escaped_in_the_preview(world: EditorWorld) -> None:
    """What looks like HTML is text, in every channel's bubble."""
    browser = world.browser(world.person(Role.EDITOR))
    form = {**open_form(browser), "lead": "<script>x</script><img src=x onerror=y>", "title": "<b>t</b>", "action": "preview"}
    page = browser.post(PASSPORT, **form).text
    assert "<script>x" not in page
    assert "<img src=x" not in page


def test_facts_sources_and_dates_are_edited(world: EditorWorld) -> None:
    """The form of the data changes only what was changed, and says what is wrong at its field."""
    browser = world.browser(world.person(Role.EDITOR))
    address = "/topics/passport/data/general"
    services = world.parts.library.loaded.topics["passport"].emergency_services
    assert services == ()
    day = (world.parts.today() + timedelta(days=20)).isoformat()
    before = world.parts.folder.read("routes/passport/topic.yml")
    save(browser, address, review_by=day)
    made = world.parts.drafts.find("routes/passport/topic.yml").text
    assert [line for line in made.splitlines() if line not in before.splitlines()] == [f'review_by: "{day}"']
    page = browser.post(address, follow=True, **{**open_form(browser, address), "facts": "ER-999"}).text
    assert "Ese hecho no existe" in page[page.index('name="facts"') : page.index("Fuentes</h2>")]
    page = browser.post(address, follow=True, **{**open_form(browser, address), "review_by": "mañana"}).text
    assert "no tiene la forma" in page
    assert 'value="mañana"' in page


def test_fact_that_an_answer_needs_is_not_taken_out(world: EditorWorld) -> None:
    """A change of the data that leaves a number without its fact names the answers, and does not go live."""
    browser, address = world.browser(world.person(Role.REVIEWER)), "/topics/passport/data/general"
    facts = open_form(browser, address)["facts"].split(", ")
    page = browser.post(address, follow=True, **{**open_form(browser, address), "facts": facts[-1]}).text
    assert "es.md:" in page
    assert "no está en ningún hecho" in page
    assert publish(browser, only_draft(world).id).status_code == 422


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "routes/passport/../../x.md", "/etc/passwd", "routes/passport/es.md\n", "people.yml", "schema.json"]
)
def test_only_content_files_can_be_touched(world: EditorWorld, path: str) -> None:
    """No path leads out of the files that the editor keeps."""
    with pytest.raises(ValueError, match="not a path"):
        world.parts.folder.read(path)


def test_every_real_answer_opens_with_its_text(world: EditorWorld) -> None:
    """Each topic's page and the Spanish form of each topic can be opened, and the form holds the file's text."""
    browser = world.browser(world.person(Role.READER))
    topics = world.parts.library.loaded.topics
    assert len(topics) > 70
    for topic in topics.values():
        assert browser.get(f"/topics/{topic.id}").status_code == 200
    for topic in list(topics.values())[::8]:
        fields = open_form(browser, f"/topics/{topic.id}/answer/general/es")
        assert fields["title"] == topic.answers["", "es"].title
        assert fields["lead"] == topic.answers["", "es"].lead


def test_text_over_a_limit_is_marked_per_channel(world: EditorWorld) -> None:
    """Without a script, after the button and after saving: the part's own limit, and the channels where it arrives in parts."""
    browser = world.browser(world.person(Role.EDITOR))
    lead = "Pídalo en persona y lleve su cédula. " * 40
    form = {**open_form(browser), "lead": lead}
    for page in (browser.post(PASSPORT, **form, action="preview").text, browser.post(PASSPORT, follow=True, **form).text):
        counts = page[page.index('id="count-lead"') : page.index("</p>", page.index('id="count-lead"'))]
        assert "pasa del límite" in counts
        marked = {channel: bool(mark) for mark, channel in re.findall(r'<span( class="over")?>(\w+):', counts)}
        assert (marked["whatsapp"], marked["telegram"]) == (True, False)
