"""Read what the safety drill says from `intents/drill/safety.yml`, which belongs to staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.errors import RutaError
from bot.i18n import LOCALES


@dataclass(frozen=True)
class Scenario:
    """One sentence of somebody in danger, and the topic whose card must answer it."""

    topic: str
    locale: str
    text: str


@dataclass(frozen=True)
class Script:
    """All that the drill says.

    Attributes:
        answered: by locale, a question that has an answer.
        missed: by locale, words that are not for us.
    """

    scenarios: tuple[Scenario, ...]
    answered: Mapping[str, str]
    missed: Mapping[str, str]


def read_script(path: Path) -> Script:
    """Read the file.

    Raises:
        RutaError: it cannot be read, or a language is missing; the text names what is wrong.
    """
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        scenarios = [
            Scenario(str(topic), locale, str(text))
            for topic, by_locale in data["topics"].items()
            for locale in LOCALES
            for text in by_locale[locale]
        ]
        before = {name: {locale: str(data["before"][name][locale]) for locale in LOCALES} for name in ("answered", "missed")}
    except KeyError as error:
        raise RutaError(f"{path}: {error.args[0]!r} is missing; each topic needs sentences in {', '.join(LOCALES)}") from error
    except (OSError, TypeError, AttributeError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RutaError(f"{path}: cannot be read as sentences by topic and language ({type(error).__name__})") from error
    return Script(tuple(scenarios), before["answered"], before["missed"])
