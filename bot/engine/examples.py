"""Messages whose meaning people have noted: what the model learns from, and what it is measured and set on."""

from __future__ import annotations

import warnings
from pathlib import Path

from bot.engine.scoring import Example
from bot.i18n import LOCALES


def read_training_examples(root: Path) -> list[Example]:
    """Return the examples of `intents/nlu/` as the engine reads them, in a fixed order."""
    folders = [(locale, root / "intents" / "nlu" / locale) for locale in LOCALES]
    return [row for locale, folder in folders for path in sorted(folder.glob("*.yml")) for row in _read(path, locale)]


def read_test_examples(root: Path) -> list[Example]:
    """Return the messages of `tests/nlu/test_<locale>.yml`, on which models are measured."""
    return _read_set(root, "test")


def read_calibration_examples(root: Path) -> list[Example]:
    """Return the messages of `tests/nlu/calibration_<locale>.yml`, on which thresholds are set."""
    return _read_set(root, "calibration")


def _read_set(root: Path, name: str) -> list[Example]:
    paths = [(locale, root / "tests" / "nlu" / f"{name}_{locale}.yml") for locale in LOCALES]
    return [row for locale, path in paths if path.exists() for row in _read(path, locale)]


def _read(path: Path, locale: str) -> list[Example]:
    from rasa.shared.importers.utils import training_data_from_paths

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of single files the engine says that most intents are missing.
        data = training_data_from_paths([str(path)], locale)
    return [Example(str(row.get("text")), str(row.get("intent")), locale) for row in data.intent_examples]
