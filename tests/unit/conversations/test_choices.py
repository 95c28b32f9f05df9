"""Typed answers to offered choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.conversations.choices import fold, resolve_choice
from bot.conversations.turns import OfferedChoice

ORDINALS = Path("intents/vocabulary/ordinals.yml")
CHOICES = (OfferedChoice(1, "El Darién", "/risk_darien"), OfferedChoice(2, "Menú", "/menu"), OfferedChoice(3, "Menú", "/x"))


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("2", "/menu"),
        ("2.", "/menu"),
        (" (2) ", "/menu"),
        ("la dos", "/menu"),
        ("La Segunda", "/menu"),
        ("number two", "/menu"),
        ("le premier", "/risk_darien"),
        ("opção 1", "/risk_darien"),
        ("el darien", "/risk_darien"),
        ("EL DARIÉN!", "/risk_darien"),
        ("4", None),
        ("22", None),
        ("menu", None),
        ("quiero 2 visas", None),
        ("", None),
    ],
)
def test_resolve_choice_when_a_choice_is_typed(text: str, payload: str | None) -> None:
    """Numbers, number words and titles name a choice; what is ambiguous or a sentence does not."""
    found = resolve_choice(text, CHOICES, ORDINALS)
    assert (found.payload if found else None) == payload


def test_resolve_choice_when_nothing_was_offered() -> None:
    """Without offered choices a number means nothing."""
    assert resolve_choice("1", (), ORDINALS) is None


def test_fold_removes_accents_case_and_marks() -> None:
    """Folding makes what people type on a phone comparable."""
    assert fold("  ¿Cuánto   CUESTA?! ") == "cuanto cuesta"
