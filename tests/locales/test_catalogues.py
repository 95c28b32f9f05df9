"""The sentences: complete, alike in their placeholders, short enough, and extracted."""

from __future__ import annotations

import re
import shutil
from functools import lru_cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bot.i18n import LOCALES, STAFF_LOCALES, STAFF_PREFIX, Catalogues
from bot.locale_checks import check_catalogues, extracted_keys

ROOT = Path(__file__).parents[2]


def test_catalogues_have_no_fault() -> None:
    """Every key has a reviewed sentence in every language, with the same placeholders, and fits where it is shown."""
    assert len(extracted_keys(ROOT)) > 80
    assert [problem.message for problem in check_catalogues(ROOT)] == []


def test_the_template_is_current() -> None:
    """`make locales` was run after the last new key."""
    with (ROOT / "locales" / "messages.pot").open("rb") as file:
        template = {str(message.id) for message in read_po(file) if message.id}
    assert template == set(extracted_keys(ROOT))


def test_editor_speaks_only_the_languages_of_staff() -> None:
    """Keys of the editor are needed in Spanish and English and in no other catalogue."""
    keys = {locale: set(Catalogues(ROOT / "locales").with_prefix(locale, STAFF_PREFIX)) for locale in STAFF_LOCALES}
    assert len(keys["es"]) > 200
    for locale in set(LOCALES) - set(STAFF_LOCALES):
        with (ROOT / "locales" / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
            assert not any(str(message.id).startswith(STAFF_PREFIX) for message in read_po(file))


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_empty_draft_or_left_over(locale: str) -> None:
    """The files themselves hold no draft, no empty text and no entry that was commented out."""
    with (ROOT / "locales" / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=locale)
    messages = [message for message in catalogue if message.id]
    assert len(messages) > 80
    assert [message.id for message in messages if message.fuzzy or not str(message.string).strip()] == []
    assert list(catalogue.obsolete) == []


def test_emergency_sentences_keep_their_number_in_every_language() -> None:
    """Where the Spanish sentence has a telephone number or a name of ours, every translation has it too."""
    texts = Catalogues(ROOT / "locales")
    keys = [key for key in extracted_keys(ROOT) if re.search(r"\d{3}|Ruta Segura", texts.text("es", key))]
    assert "reply.engine_failed" in keys
    for key in keys:
        for found in re.findall(r"\d{3,}|Ruta Segura", texts.text("es", key)):
            assert [locale for locale in LOCALES if found not in texts.text(locale, key)] == [], key


BREAKS = [
    pytest.param('msgid "choices.menu"\nmsgstr ".*"', "", "key_missing", id="missing"),
    pytest.param('msgid "choices.menu"\nmsgstr ".*"', 'msgid "choices.menu"\nmsgstr ""', "key_empty", id="empty"),
    pytest.param('msgid "choices.menu"', '#, fuzzy\nmsgid "choices.menu"', "key_fuzzy", id="draft"),
    pytest.param('msgid "choices.menu"', 'msgid "choices.old"\nmsgstr "x"\n\nmsgid "choices.menu"', "key_unused", id="left over"),
    pytest.param(r"\{language\}", "{langue}", "placeholders", id="placeholder renamed"),
    pytest.param('msgid "choices.menu"\nmsgstr ".*"', f'msgid "choices.menu"\nmsgstr "{"x" * 21}"', "too_long", id="too long"),
]


@pytest.mark.parametrize(("old", "new", "code"), BREAKS)
def test_a_fault_is_found_and_named(old: str, new: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault in one catalogue is one problem, with its file and its code."""
    shutil.copytree(ROOT / "locales", tmp_path / "locales")
    path = tmp_path / "locales" / "fr" / "LC_MESSAGES" / "messages.po"
    text = path.read_text(encoding="utf-8")
    broken = re.sub(old, new, text, count=1)
    assert broken != text
    path.write_text(broken, encoding="utf-8")
    used = _used()
    monkeypatch.setattr("bot.locale_checks.extracted_keys", lambda root: used)
    assert [(problem.path, problem.code) for problem in check_catalogues(tmp_path)] == [(path, code)]


@lru_cache(maxsize=1)
def _used() -> dict[str, str]:
    return extracted_keys(ROOT)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_key_that_does_not_exist_is_an_error(locale: str) -> None:
    """A slip in a key never shows the key to a contact."""
    with pytest.raises(KeyError):
        Catalogues(ROOT / "locales").text(locale, "reply.does_not_exist")
