"""The words by which people stop us and ask for their data: whole messages only, small slips forgiven, never an emergency."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from bot.conversations.privacy_words import PrivacyMatch, PrivacyRequest, PrivacyWords, faults
from bot.conversations.urgent import UrgentPhrases
from bot.errors import RutaError
from bot.vocabulary_checks import check_privacy_words

INTENTS = Path(__file__).resolve().parents[3] / "intents"
FILE = INTENTS / "vocabulary" / "privacy.yml"


@lru_cache(maxsize=1)
def _words() -> PrivacyWords:
    return PrivacyWords(FILE)


@pytest.mark.parametrize(
    ("text", "request_", "locale"),
    [
        ("STOP", PrivacyRequest.STOP, ""),
        ("  stop!! 🙏", PrivacyRequest.STOP, ""),
        ("STOOOP", PrivacyRequest.STOP, ""),
        ("Baja.", PrivacyRequest.STOP, "es"),
        ("ALTO por favor", PrivacyRequest.STOP, "es"),
        ("unsubscrbe", PrivacyRequest.STOP, "en"),
        ("ARRÊT", PrivacyRequest.STOP, "fr"),
        ("arret", PrivacyRequest.STOP, "fr"),
        ("parar", PrivacyRequest.STOP, "pt"),
        ("cancelar suscripsion", PrivacyRequest.STOP, "es"),
        ("ya no me escriban", PrivacyRequest.STOP, "es"),
        ("don't text me", PrivacyRequest.STOP, "en"),
        ("ALTA", PrivacyRequest.START, "es"),
        ("start", PrivacyRequest.START, ""),
        ("misdatos", PrivacyRequest.MY_DATA, "es"),
        ("quiero ver mis datos", PrivacyRequest.MY_DATA, "es"),
        ("¿Qué saben de mí?", PrivacyRequest.MY_DATA, "es"),
        ("mes donnees svp", PrivacyRequest.MY_DATA, "fr"),
        ("borar mis datos", PrivacyRequest.ERASE, "es"),
        ("Hola, quiero borrar mis datos por favor", PrivacyRequest.ERASE, "es"),
        ("forget me", PrivacyRequest.ERASE, "en"),
        ("apagar os meus dados", PrivacyRequest.ERASE, "pt"),
    ],
)
def test_a_request_is_heard_in_four_languages(text: str, request_: PrivacyRequest, locale: str) -> None:
    """Accents, capitals, politeness and a slip do not matter."""
    assert _words().find(text) == PrivacyMatch(request_, locale)


@pytest.mark.parametrize(
    "text",
    [
        "pagar", "bajar", "alto riesgo", "no", "sí", "cancelar", "salir", "datos", "arrêté", "je suis arrêté",
        "me quieren dar de baja del seguro", "quiero dar de alta a mi hijo en la escuela", "stop and frisk in new york",
        "borraron mis datos del registro civil", "cómo borro mis datos de facebook", "mis datos están mal en la cédula", "", "🙏",
        "dónde hago parar a un coyote", "start a business in spain",
    ],
)  # fmt: skip
def test_other_messages_are_left_alone(text: str) -> None:
    """A message that says anything else is a question for the engine."""
    assert _words().find(text) is None


def test_every_phrase_of_the_file_is_heard_as_what_it_is() -> None:
    """No phrase is hidden by another one, nor by the fillers."""
    phrases = list(_words().phrases())
    assert len(phrases) > 150
    for request, phrase in phrases:
        answers = request in (PrivacyRequest.AGREE, PrivacyRequest.REFUSE)
        match = _words().find_answer(phrase) if answers else _words().find(phrase)
        assert match is not None, phrase
        assert match.request is request, phrase


def test_the_file_has_no_fault() -> None:
    """No phrase means two things, and none is an emergency."""
    assert check_privacy_words(INTENTS) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("es: [stop, baja,", "es: [stop, me quieren matar,", "urgent"),
        ("es: [alta, start,", "es: [alta, baja,", "'baja' stands under stop and under start"),
    ],
    ids=["an emergency", "two meanings"],
)
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    """`ruta check` tells staff which phrase is wrong and why."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "privacy.yml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = faults(path, UrgentPhrases(INTENTS / "urgent"))
    assert any(message in fault for fault in found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stop:", "stopp:", "exactly these blocks"),
        ("\nstart:\n  es:", "\nstart:\n  xx:", "one list for each"),
        ("es: [alta,", "es: ['...',", "a phrase without words"),
        ("stop:", "stop: [", "cannot be read as YAML"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A worker does not start without its stop words."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "privacy.yml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RutaError, match=message):
        PrivacyWords(path)
