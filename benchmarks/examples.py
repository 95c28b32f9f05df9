"""Messages whose meaning people have noted: the training examples, and the test set that no model has seen."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process

from benchmarks.scoring import Example
from bot.conversations.choices import fold
from bot.i18n import LOCALES

NEAR_SCORE = 90
"""How alike two texts may be, 0 to 100, before one is a copy of the other."""
NEAR_WORDS = 4
"""Shorter texts are too alike by nature to be called copies."""


def read_config(root: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of each component of config.yml by its class name, with the catalogue's urgent topics."""
    from bot.engine.importer import ContentImporter

    pipeline = ContentImporter(str(root / "config.yml")).get_config()["pipeline"]
    return {
        component["name"].rsplit(".", 1)[-1]: {name: value for name, value in component.items() if name != "name"}
        for component in pipeline
    }


def read_training_examples(root: Path) -> list[Example]:
    """Return the examples of `intents/nlu/` as the engine reads them, in a fixed order."""
    return [
        example
        for locale in LOCALES
        for path in sorted((root / "intents" / "nlu" / locale).glob("*.yml"))
        for example in _read(path, locale)
    ]


def read_test_examples(root: Path) -> list[Example]:
    """Return the messages of `tests/nlu/test_*.yml`; empty when there are no such files.

    The locale is the last part of a file's name, for example `test_emergency_es.yml`.
    """
    return [
        example
        for path in sorted((root / "tests" / "nlu").rglob("test_*.yml"))
        for example in _read(path, next((locale for locale in LOCALES if locale in path.stem.split("_")[1:]), path.parent.name))
    ]


def without_near_copies(unseen: Sequence[Example], known: Sequence[Example]) -> list[Example]:
    """Return the messages that neither equal an example nor, from four words on, are nearly one: the latter flatter a model.

    The rule is that of `tests/nlu/check_set.py`, but short exact copies, such as a greeting, are left out here too.
    """
    exact = {fold(example.text) for example in known}
    longer = [text for text in exact if _is_long(text)]
    return [example for example in unseen if not _is_near(fold(example.text), exact, longer)]


def _is_near(text: str, exact: Collection[str], longer: Sequence[str]) -> bool:
    if text in exact:
        return True
    scorers = (fuzz.ratio, fuzz.token_set_ratio)
    return _is_long(text) and any(
        process.extractOne(text, longer, scorer=scorer, score_cutoff=NEAR_SCORE) is not None for scorer in scorers
    )


def _is_long(text: str) -> bool:
    return len(text.split()) >= NEAR_WORDS


def _read(path: Path, locale: str) -> list[Example]:
    from rasa.shared.importers.utils import training_data_from_paths

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of single files the engine says that most intents are missing.
        data = training_data_from_paths([str(path)], locale)
    return [Example(str(row.get("text")), str(row.get("intent")), locale) for row in data.intent_examples]
