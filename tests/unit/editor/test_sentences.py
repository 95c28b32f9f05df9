"""The system's sentences at the editor: guarded placeholders and numbers, drafts, small differences, live at once."""

from __future__ import annotations

import difflib
import re
import shutil
from pathlib import Path

import pytest

from bot.editor.roles import Role
from bot.editor.sentences import SentenceFiles, format_catalogue, read_catalogue
from bot.i18n import LOCALES, RELOAD_SECONDS, Catalogues, catalogue_path
from tests.support.editor import BrowserWithoutScripts, EditorWorld

FRENCH = "/sentences/fr/reply.did_you_mean"
WITH_NAME = "reply.about_country"


def save(browser: BrowserWithoutScripts, address: str, text: str, seen: str, **fields: str):
    """Send the form of a sentence."""
    return browser.post(address, text=text, seen=seen, **fields)


def present(world: EditorWorld, locale: str, key: str) -> str:
    """Return a sentence as it stands in the file."""
    sentence = world.parts.sentences.find(locale, key)
    assert sentence
    return sentence.text


@pytest.mark.parametrize("locale", LOCALES)
def test_catalogues_are_canonical(locale: str) -> None:
    """Reading and writing again gives the same bytes, so that one changed sentence is one changed entry."""
    path = catalogue_path(Path("locales"), locale)
    assert format_catalogue(read_catalogue(path)) == path.read_text("utf-8")


def test_translator_changes_a_sentence_and_it_is_live(world: EditorWorld) -> None:
    """The file changes in that entry alone; programs that run have it within a second; one step takes it back."""
    now = [100.0]
    running = Catalogues(world.parts.locales, clock=lambda: now[0])
    path = catalogue_path(world.parts.locales, "fr")
    before, old = path.read_text("utf-8"), present(world, "fr", "reply.did_you_mean")
    browser = world.browser(world.person(Role.TRANSLATOR, translates="fr"))
    assert save(browser, FRENCH, "Choisissez un thème.", old).status_code == 303
    changed = [line for line in difflib.ndiff(before.splitlines(), path.read_text("utf-8").splitlines()) if line[0] in "+-"]
    assert [line[:8] for line in changed] == ["- msgstr", "+ msgstr"]
    assert running.text("fr", "reply.did_you_mean") == old
    now[0] += RELOAD_SECONDS
    assert running.text("fr", "reply.did_you_mean") == "Choisissez un thème."
    entry = next(entry for entry in world.parts.audit.all() if entry.action == "sentence.saved")
    assert (entry.target, entry.detail) == ("fr/reply.did_you_mean", "live")
    browser.post(re.search(r"/undo/\w+", browser.get(FRENCH).text)[0])
    assert path.read_text("utf-8") == before


def test_translator_changes_only_their_language(world: EditorWorld) -> None:
    """Another language is refused, and so is Spanish; the text comes back."""
    browser = world.browser(world.person(Role.TRANSLATOR, translates="en"))
    answer = save(browser, FRENCH, "Mon texte à moi", present(world, "fr", "reply.did_you_mean"))
    assert answer.status_code == 403
    assert "Mon texte à moi" in answer.text
    assert save(browser, "/sentences/es/reply.did_you_mean", "x", present(world, "es", "reply.did_you_mean")).status_code == 403
    assert present(world, "fr", "reply.did_you_mean") != "Mon texte à moi"


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (WITH_NAME, "Sans rien", "llaves debe ser igual"),
        (WITH_NAME, "{pays}", "llaves debe ser igual"),
        (WITH_NAME, "{country} {", "Sobra una llave"),
        ("choices.menu", "x" * 21, "demasiado larga"),
        ("reply.did_you_mean", " ", "Escriba la frase"),
        ("reply.too_many_messages", "Appelez le 912.", "números no son"),
        ("reply.did_you_mean", "Appelez le 555", "números no son"),
    ],
    ids=["gone", "renamed", "brace", "long", "empty", "other number", "new number"],
)
def test_what_would_break_a_reply_is_refused(world: EditorWorld, key: str, text: str, said: str) -> None:
    """Placeholders, lengths and telephone numbers are guarded, and the text comes back to be mended."""
    browser = world.browser(world.person(Role.TRANSLATOR, translates="fr"))
    before = present(world, "fr", key)
    answer = save(browser, f"/sentences/fr/{key}", text, before)
    assert answer.status_code == 422
    assert said in answer.text
    assert text in answer.text
    assert present(world, "fr", key) == before


def kichwa(world: EditorWorld) -> Path:
    """Begin a catalogue in which one sentence is a draft and the others are missing."""
    path = catalogue_path(world.parts.locales, "qu")
    path.parent.mkdir(parents=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: qu\\n"\n\n'
    path.write_text(head + '#, fuzzy\nmsgid "reply.did_you_mean"\nmsgstr "Imata munanki?"\n', "utf-8")
    return path


def test_draft_stays_one_until_a_reviewer_clears_it(world: EditorWorld) -> None:
    """A translator's change of a draft, and a first translation, are drafts; only a reviewer's tick ends that."""
    path = kichwa(world)
    translator = world.browser(world.person(Role.EDITOR))
    address = "/sentences/qu/reply.did_you_mean"
    assert save(translator, address, "Imatatak munanki?", "Imata munanki?", reviewed="1").status_code == 303
    assert save(translator, "/sentences/qu/choices.menu", "Akllay", "").status_code == 303
    assert path.read_text("utf-8").count("#, fuzzy") == 2
    reviewer = world.browser(world.person(Role.REVIEWER))
    assert "frases en borrador" in reviewer.get("/").text
    listed = reviewer.get("/sentences?only=fuzzy").text
    assert listed.count("/sentences/qu/") == 2
    assert "Es un borrador" in reviewer.get(address).text
    assert save(reviewer, address, "Imatatak munanki?", "Imatatak munanki?", reviewed="1").status_code == 303
    assert path.read_text("utf-8").count("#, fuzzy") == 1
    sentence = world.parts.sentences.find("qu", "reply.did_you_mean")
    assert sentence is not None
    assert not sentence.is_fuzzy


def test_second_person_is_told(world: EditorWorld) -> None:
    """A sentence that changed since the form was opened is not overwritten."""
    browser = world.browser(world.person(Role.EDITOR))
    old = present(world, "fr", "reply.did_you_mean")
    save(browser, FRENCH, "Premier", old)
    answer = save(browser, FRENCH, "Deuxième", old)
    assert answer.status_code == 409
    assert "Deuxième" in answer.text
    assert "Premier" in answer.text
    assert present(world, "fr", "reply.did_you_mean") == "Premier"


def test_search_finds_text_source_and_name(world: EditorWorld) -> None:
    """Accents do not matter; the editor's own sentences are there only in the languages of staff."""
    browser = world.browser(world.person(Role.READER))
    assert "reply.did_you_mean" in browser.get("/sentences?language=fr&q=reply.did_you_mean").text
    assert browser.get("/sentences?language=fr&q=editor.menu").text.count("/sentences/fr/") == 0
    assert browser.get("/sentences?language=es&q=editor.menu").text.count("/sentences/es/") > 3
    assert browser.get("/sentences?language=zz").status_code == 404


def test_running_programs_keep_the_last_good_sentences(tmp_path: Path) -> None:
    """A source that lost its second half, a file that is gone or no text at all is not taken over; a whole one is."""
    shutil.copytree(Path("locales"), tmp_path / "locales")
    now = [0.0]
    texts = Catalogues(tmp_path / "locales", clock=lambda: now[0])
    path = catalogue_path(tmp_path / "locales", "es")
    whole, old = path.read_text("utf-8"), texts.text("es", "webchat.you")
    for broken in (whole[: len(whole) // 2], "", 'msgid "x', "\0"):
        path.write_text(broken, "utf-8")
        now[0] += RELOAD_SECONDS
        assert texts.text("es", "webchat.you") == old
    path.unlink()
    now[0] += RELOAD_SECONDS
    assert texts.text("es", "webchat.you") == old
    path.write_text(whole.replace(f'msgstr "{old}"', 'msgstr "Vos"'), "utf-8")
    now[0] += RELOAD_SECONDS
    assert texts.text("es", "webchat.you") == "Vos"


def test_full_disk_changes_nothing(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays, the log says nothing was done, the text comes back."""

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    browser = world.browser(world.person(Role.EDITOR))
    old = present(world, "fr", "reply.did_you_mean")
    monkeypatch.setattr("bot.editor.sentences.write_atomically", full)
    answer = save(browser, FRENCH, "Nouveau", old)
    assert answer.status_code == 507
    assert "Nouveau" in answer.text
    assert SentenceFiles(world.parts.locales).find("fr", "reply.did_you_mean").text == old
    assert "sentence.saved" not in [entry.action for entry in world.parts.audit.all()]
