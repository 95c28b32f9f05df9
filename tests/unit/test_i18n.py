"""Catalogues, the fallback order, and how dates, countries and languages are written."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.i18n import LOCALES, Catalogues, country_name, format_day, language_name, match_locale

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


def _write(folder: Path, locale: str, entries: str) -> None:
    path = folder / locale / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + entries, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small catalogues: Spanish is whole, English lacks a key, French has a draft and an empty entry."""
    _write(
        tmp_path,
        "es",
        'msgid "reply.hello"\nmsgstr "Hola, {name}"\n\nmsgid "reply.bye"\nmsgstr "Adiós"\n\nmsgid "choices.menu"\nmsgstr "Menú"\n',
    )
    _write(tmp_path, "en", 'msgid "reply.hello"\nmsgstr "Hello, {name}"\n\nmsgid "choices.menu"\nmsgstr "Menu"\n')
    _write(tmp_path, "fr", '#, fuzzy\nmsgid "reply.hello"\nmsgstr "Salut {name}"\n\nmsgid "reply.bye"\nmsgstr ""\n')
    _write(tmp_path, "pt", 'msgid "reply.bye"\nmsgstr "Tchau"\n')
    return tmp_path


@pytest.mark.parametrize(
    ("locale", "key", "expected"),
    [
        pytest.param("en", "reply.hello", "Hello, Ana", id="own language"),
        pytest.param("en", "reply.bye", "Adiós", id="missing reads Spanish"),
        pytest.param("fr", "reply.hello", "Hola, Ana", id="a draft is not shown"),
        pytest.param("fr", "reply.bye", "Adiós", id="an empty entry is not shown"),
        pytest.param("qu", "reply.bye", "Adiós", id="an unknown locale reads Spanish"),
    ],
)
def test_text_falls_back_to_spanish(folder: Path, locale: str, key: str, expected: str) -> None:
    """A reader always gets a reviewed sentence, in Spanish when there is none in their language."""
    assert Catalogues(folder).text(locale, key, name="Ana") == expected


def test_text_names_the_key_when_no_catalogue_has_it(folder: Path) -> None:
    """A key is never shown to a contact."""
    with pytest.raises(KeyError, match="reply.nothing"):
        Catalogues(folder).text("es", "reply.nothing")


def test_text_refuses_a_missing_value(folder: Path) -> None:
    """A placeholder without its value is an error here, not a brace on a telephone."""
    with pytest.raises(KeyError):
        Catalogues(folder).text("es", "reply.hello", other="x")


def test_with_prefix_is_whole_in_every_language(folder: Path) -> None:
    """A page gets all its sentences, the missing ones in Spanish."""
    texts = Catalogues(folder)
    assert texts.with_prefix("pt", "reply.") == {"reply.hello": "Hola, {name}", "reply.bye": "Tchau"}


def test_has_tells_which_keys_exist(folder: Path) -> None:
    """The source catalogue decides."""
    assert Catalogues(folder).has("reply.bye")
    assert not Catalogues(folder).has("reply.nothing")


def test_a_missing_catalogue_stops_the_start(folder: Path) -> None:
    """A supported locale without a catalogue is not passed over in silence."""
    (folder / "pt" / "LC_MESSAGES" / "messages.po").unlink()
    with pytest.raises(FileNotFoundError):
        Catalogues(folder)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("es", "es"), ("pt-BR", "pt"), ("EN_us", "en"), ("fr-CA", "fr"), ("qu", ""), ("", ""), ("español", ""), ("-", "")],
)
def test_match_locale_takes_what_providers_send(tag: str, expected: str) -> None:
    """Language tags in every spelling find their locale, other languages none."""
    assert match_locale(tag) == expected


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("es", "3 de enero de 2026"), ("en", "January 3, 2026"), ("fr", "3 janvier 2026"), ("pt", "3 de janeiro de 2026")],
)
def test_format_day_writes_the_month_as_a_word(locale: str, expected: str) -> None:
    """Nobody has to guess whether 1/3 is March or January."""
    assert format_day(date(2026, 1, 3), locale) == expected


@pytest.mark.parametrize(
    ("code", "locale", "expected"),
    [
        ("us", "es", "Estados Unidos"),
        ("US", "en", "United States"),
        ("de", "fr", "Allemagne"),
        ("mx", "pt", "México"),
        ("zz9", "es", "zz9"),
        ("us", "no such locale", "us"),
    ],
)
def test_country_name_is_in_the_readers_language(code: str, locale: str, expected: str) -> None:
    """An unknown code stays as it is rather than stopping an answer."""
    assert country_name(code, locale) == expected


def test_language_name_is_the_languages_own() -> None:
    """Who looks for their language finds it under the name they know."""
    assert [language_name(locale) for locale in LOCALES] == ["español", "English", "français", "português"]
