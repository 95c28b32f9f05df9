"""Personal numbers never reach the database or the engine in clear."""

from __future__ import annotations

import pytest

from bot.conversations.masking import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mi cedula es 1710034065", "mi cedula es [cédula]"),
        ("llame al 0991234567 por favor", "llame al [teléfono] por favor"),
        ("al +593 99 123 4567", "al [teléfono]"),
        ("tarjeta 4111 1111 1111 1111", "tarjeta [tarjeta]"),
        ("correo ana.perez@example.org ya", "correo [correo] ya"),
        ("pasaporte A1234567", "pasaporte [pasaporte]"),
        ("estoy en -0.1806, -78.4678", "estoy en [ubicación]"),
        ("https://banco.example/entrar?token=abc", "https://banco.example/entrar"),
        ("me cobran 15000 dolares", "me cobran 15000 dolares"),
        ("me cobran 15.000.000 de pesos", "me cobran 15.000.000 de pesos"),
        ("en 2024 y 2025", "en 2024 y 2025"),
        ("llamo al 911", "llamo al 911"),
        ("", ""),
    ],
)
def test_mask_when_a_text_holds_numbers(text: str, masked: str) -> None:
    """Personal numbers are named and hidden; amounts, years and short numbers stay."""
    assert mask(text) == masked
