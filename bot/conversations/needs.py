"""What people may need near them, and the words for it, from `intents/vocabulary/needs.yml`, which belongs to staff. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.conversations.concepts import Concepts
from bot.conversations.words import read_common_words
from bot.errors import RutaError
from bot.i18n import LOCALES


@dataclass(frozen=True)
class Need:
    """One need.

    Attributes:
        kinds: kinds of help points that answer it.
        services: which emergency numbers help as well.
    """

    name: str
    kinds: tuple[str, ...]
    services: tuple[str, ...]


class Needs:
    """The needs in their order, and who says which."""

    def __init__(self, needs: Mapping[str, Need], words: Concepts) -> None:
        self.by_name = dict(needs)
        self._words = words

    def find(self, text: str) -> Need | None:
        """Return the need that a message names first, or None."""
        found = self._words.find(text)
        return self.by_name[found[0]] if found else None


def read_needs(path: Path) -> Needs:
    """Read the file.

    Raises:
        RutaError: it cannot be read, or a word stands in two needs; the text names it.
    """
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))["needs"]
        needs = {name: Need(name, tuple(row["kinds"]), tuple(row["services"])) for name, row in data.items()}
        common = read_common_words(path.parent / "common-words.txt")
        return Needs(needs, Concepts(_rows(data), common))
    except ValueError as error:
        raise RutaError(f"{path}: {error}") from error
    except (OSError, KeyError, TypeError, AttributeError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RutaError(f"{path}: cannot be read as needs with kinds, services and words ({type(error).__name__})") from error


def _rows(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, row in data.items():
        for locale in LOCALES:
            yield from ((str(word), name) for word in row[locale])
