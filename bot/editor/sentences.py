"""The system's sentences as files: the catalogues, written canonically so that one changed sentence is a small difference."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from bot.content.writing import write_atomically
from bot.editor.folder import ChangedMeanwhile, explained
from bot.i18n import LOCALES, SOURCE_LOCALE, STAFF_LOCALES, STAFF_PREFIX, catalogue_path

_WIDTH = 120
_NOTHING = ("", False)


@dataclass(frozen=True)
class Sentence:
    """One sentence in one language.

    Attributes:
        source: the Spanish sentence.
        is_fuzzy: nobody has reviewed it, so contacts read Spanish.
    """

    key: str
    locale: str
    text: str
    source: str
    is_fuzzy: bool


class SentenceFiles:
    """Reads and writes the catalogues below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def locales(self) -> list[str]:
        """Return the languages that have a catalogue, the supported ones first."""
        found = {path.parents[1].name for path in self._folder.glob("*/LC_MESSAGES/messages.po")}
        return [*(locale for locale in LOCALES if locale in found), *sorted(found - set(LOCALES))]

    def all(self, locale: str) -> list[Sentence]:
        """Return the sentences that a language needs, by key; empty texts are not written yet."""
        source, own = self._entries(SOURCE_LOCALE), self._entries(locale)
        keys = [key for key in source if locale in STAFF_LOCALES or not key.startswith(STAFF_PREFIX)]
        return [
            Sentence(key, locale, own.get(key, _NOTHING)[0], source[key][0], own.get(key, _NOTHING)[1]) for key in sorted(keys)
        ]

    def find(self, locale: str, key: str) -> Sentence | None:
        """Return one sentence; None when the language has no catalogue or does not need the key."""
        if locale not in self.locales():
            return None
        return next((sentence for sentence in self.all(locale) if sentence.key == key), None)

    def _entries(self, locale: str) -> Mapping[str, tuple[str, bool]]:
        path = catalogue_path(self._folder, locale)
        status = path.stat()
        return _kept_entries(path, status.st_mtime_ns, status.st_size)

    def save(self, sentence: Sentence, seen: str) -> None:
        """Write one sentence.

        Args:
            seen: the text that the writer began with.

        Raises:
            ChangedMeanwhile: somebody else has changed it since.
            NotWritten: the disk; the file is as it was.
        """
        path = catalogue_path(self._folder, sentence.locale)
        with self._lock:
            catalogue = read_catalogue(path)
            message = _texts(catalogue).get(sentence.key)
            current = str(message.string or "") if message else ""
            if current not in (seen, sentence.text):
                raise ChangedMeanwhile(current)
            if message is None:
                message = catalogue.add(sentence.key, "")
            message.string = sentence.text
            message.flags = (message.flags - {"fuzzy"}) | ({"fuzzy"} if sentence.is_fuzzy else set())
            try:
                write_atomically(path, format_catalogue(catalogue))
            except OSError as error:
                raise explained(error) from error


def reviewed(sentence: Sentence, text: str, *, is_reviewed: bool) -> Sentence:
    """Return the sentence with a new text; a draft, or one that was not there, stays a draft until it is reviewed."""
    return replace(sentence, text=text, is_fuzzy=not is_reviewed and (sentence.is_fuzzy or not sentence.text))


def read_catalogue(path: Path) -> Catalog:
    """Read a catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parents[1].name)


def format_catalogue(catalogue: Catalog) -> str:
    """Return a catalogue in its one canonical form."""
    made = io.BytesIO()
    write_po(made, catalogue, width=_WIDTH, sort_output=True)
    return made.getvalue().decode("utf-8").rstrip("\n") + "\n"


def _texts(catalogue: Catalog) -> dict[str, Message]:
    return {str(message.id): message for message in catalogue if message.id}


@lru_cache(maxsize=32)
def _kept_entries(path: Path, changed_at: int, size: int) -> Mapping[str, tuple[str, bool]]:
    """Return text and draft state of each entry; reading a catalogue takes a tenth of a second."""
    return {key: (str(message.string or ""), bool(message.fuzzy)) for key, message in _texts(read_catalogue(path)).items()}
