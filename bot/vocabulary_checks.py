"""Check the vocabulary that is read before everything else: what a word there means must be beyond doubt."""

from __future__ import annotations

from pathlib import Path

from bot.content.model import Problem
from bot.conversations import whole_phrases
from bot.conversations.needs import read_needs
from bot.conversations.place_finder import PlaceFinder
from bot.conversations.privacy_words import PrivacyWords, faults
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.whole_phrases import WholePhrases
from bot.errors import RutaError
from bot.i18n import Catalogues


def check_privacy_words(intents: Path) -> list[Problem]:
    """Return what is wrong with `intents/vocabulary/privacy.yml`."""
    path = intents / "vocabulary" / "privacy.yml"
    try:
        found = faults(path, UrgentPhrases(intents / "urgent"))
    except RutaError as error:
        return [Problem(path, 0, "privacy_words", str(error))]
    return [Problem(path, 0, "privacy_words", fault) for fault in found]


def check_other_words(intents: Path, texts: Catalogues) -> list[Problem]:
    """Return what is wrong with the words of the quick exit, of the way back to the bot, and of the search for help nearby."""
    folder = intents / "vocabulary"
    problems = [*_check_whole_phrases(intents, "exit", "exit_words"), *_check_whole_phrases(intents, "handoff", "handoff_words")]
    try:
        needs, finder = read_needs(folder / "needs.yml"), PlaceFinder.open(intents)
    except RutaError as error:
        return [*problems, Problem(folder / "needs.yml", 0, "nearby_words", str(error))]
    for name in (*needs.by_name, "any"):
        if not texts.has(f"need.{name}"):
            problems.append(Problem(folder / "needs.yml", 0, "need_without_title", f"add the sentence need.{name} to locales/"))
    lost = [name for name in finder.listed() if finder.of_list(name) is None]
    reason = "is in no town of the gazetteer; say in towns.yml, under stands_for, which town it is"
    return problems + [Problem(folder / "places.yml", 0, "place_unknown", f"{name!r} {reason}") for name in lost]


def _check_whole_phrases(intents: Path, block: str, code: str) -> list[Problem]:
    path = intents / "vocabulary" / f"{block}.yml"
    try:
        privacy, urgent = PrivacyWords(path.parent / "privacy.yml"), UrgentPhrases(intents / "urgent")
        found = whole_phrases.faults(WholePhrases(path, block), urgent, privacy)
    except RutaError as error:
        found = [str(error)]
    return [Problem(path, 0, code, fault) for fault in found]
