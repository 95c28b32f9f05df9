"""Sentences in the reader's language: gettext catalogues, the fallback order, and dates and numbers formatted by Babel.

Message ids are symbolic (`reply.engine_failed`); the Spanish catalogue is the source. Content never goes through here.
"""

from __future__ import annotations

import gettext
import io
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta, get_timezone
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = ("es", "en", "fr", "pt")
"""The supported locales, the source first. A locale is added here once its catalogue is complete."""
SOURCE_LOCALE = LOCALES[0]
STAFF_LOCALES = ("es", "en")
"""The languages of the editor, whose keys begin with `STAFF_PREFIX`; no other catalogue needs them."""
STAFF_PREFIX = "editor."

RELOAD_SECONDS = 1.0
"""How often the catalogues are looked at, at most."""


def match_locale(tag: str) -> str:
    """Return the supported locale for a language tag such as `pt-BR`, or the empty string."""
    language = tag.replace("_", "-").split("-")[0].lower()
    return language if language in LOCALES else ""


class Catalogues:
    """The catalogues below a folder, read from their `.po` files so that an edit needs no build step.

    A changed file is read again within `RELOAD_SECONDS`; one that cannot be read, or a source that has lost sentences (half
    a save), is not taken over.

    Args:
        folder: the folder that holds `<locale>/LC_MESSAGES/messages.po`.
        clock: returns seconds that never run backwards.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._paths = {locale: catalogue_path(folder, locale) for locale in LOCALES}
        self._clock = clock
        self._looked_at = clock()
        self._stamps = {locale: _stamp(path) for locale, path in self._paths.items()}
        read = {locale: _read(path, locale) for locale, path in self._paths.items()}
        self._translations = {locale: translations for locale, (translations, _) in read.items()}
        self._keys = read[SOURCE_LOCALE][1]

    def text(self, locale: str, key: str, **values: object) -> str:
        """Return a sentence with its placeholders filled; an unknown locale reads Spanish.

        Raises:
            KeyError: the key is in no catalogue, which `ruta check` reports beforehand.
        """
        self._reload_if_changed()
        for candidate in (locale, SOURCE_LOCALE):
            translations = self._translations.get(candidate)
            found = translations.gettext(key) if translations else key
            if found != key:
                return found.format(**values) if values else found
        raise KeyError(f"locales: no sentence for the key {key!r}")

    def with_prefix(self, locale: str, prefix: str) -> dict[str, str]:
        """Return all sentences whose key begins with a prefix, by key; missing ones in Spanish."""
        keys = [key for key in self._keys if key.startswith(prefix)]
        return {key: self.text(locale, key) for key in keys}

    def has(self, key: str) -> bool:
        """Tell whether the source catalogue has this key."""
        return self._translations[SOURCE_LOCALE].gettext(key) != key

    def _reload_if_changed(self) -> None:
        now = self._clock()
        if now - self._looked_at < RELOAD_SECONDS:
            return
        self._looked_at = now
        for locale, path in self._paths.items():
            try:
                stamp = _stamp(path)
                if stamp == self._stamps[locale]:
                    continue
                translations, keys = _read(path, locale)
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                continue
            if locale == SOURCE_LOCALE:
                if set(self._keys) - set(keys):
                    continue
                self._keys = keys
            # A new mapping, so that another thread sees the old state or the new one.
            self._translations = {**self._translations, locale: translations}
            self._stamps[locale] = stamp


def catalogue_path(folder: Path, locale: str) -> Path:
    """Return where a locale's sentences are."""
    return folder / locale / "LC_MESSAGES" / "messages.po"


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _read(path: Path, locale: str) -> tuple[gettext.NullTranslations, list[str]]:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)  # Fuzzy entries are left out: nobody has reviewed them.
    compiled.seek(0)
    return gettext.GNUTranslations(compiled), [str(message.id) for message in catalogue if message.id]


def format_day(day: date, locale: str) -> str:
    """Return a date as a person writes it, for example "23 de noviembre de 2026"."""
    return format_date(day, format="long", locale=locale)


def format_age(age: timedelta, locale: str) -> str:
    """Return how long ago something was, for example "hace 3 días"."""
    return format_timedelta(-age, granularity="minute", add_direction=True, locale=locale)


def format_moment(moment: datetime, locale: str) -> str:
    """Return a time in Ecuador as a person writes it, for example "23 nov 2026, 14:05"."""
    return format_datetime(moment, format="medium", tzinfo=get_timezone("America/Guayaquil"), locale=locale)


@lru_cache(maxsize=512)
def country_name(code: str, locale: str) -> str:
    """Return a country's name in the reader's language, or the code itself when it is unknown."""
    try:
        territories = Locale.parse(locale).territories
    except (UnknownLocaleError, ValueError):
        return code
    return str(territories.get(code.upper(), code))


@lru_cache(maxsize=8)
def country_names(locale: str) -> tuple[tuple[str, str], ...]:
    """Return the countries' codes, two small letters each, with their names in a language, by name."""
    territories = Locale.parse(locale).territories
    named = [(code.lower(), str(name)) for code, name in territories.items() if len(code) == 2 and code not in ("ZZ", "XA", "XB")]
    return tuple(sorted(named, key=lambda pair: pair[1]))


def day_name(number: int, locale: str) -> str:
    """Return the name of a day of the week, 0 for Monday."""
    return str(Locale.parse(locale).days["stand-alone"]["wide"][number])


def language_name(locale: str) -> str:
    """Return a language's own name, for example "español"."""
    return str(Locale.parse(locale).get_display_name(locale))


def N_(key: str) -> str:
    """Mark a key that is looked up later, so that it is extracted."""
    return key
