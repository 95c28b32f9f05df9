"""Mask personal numbers before a text is stored or given to the engine.

Masked: e-mail addresses, addresses of web pages that carry a token, bank cards, Ecuadorian cédulas, telephone numbers, positions,
passports and any other long run of digits. Amounts, years and short numbers stay: they carry the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from stdnum import luhn
from stdnum.ec import ci

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL_WITH_QUERY = re.compile(r"(https?://[^\s?#]+)[?#]\S+")
_POSITION = re.compile(r"-?\d{1,2}\.\d{3,}\s*[,; ]\s*-?\d{1,3}\.\d{3,}")
_DIGIT_RUN = re.compile(r"\+?\d(?:[\s.\-()]{0,2}\d){6,20}")
_PASSPORT = re.compile(r"\b[A-Z]{1,2}\d{6,8}\b", re.IGNORECASE)
_AMOUNT_TAIL = re.compile(r"^\d{1,3}(?:[.,]\d{3})+$")

_MASKS = {"card": "[tarjeta]", "id": "[cédula]", "phone": "[teléfono]", "number": "[número]"}
_REGION = "EC"


def mask(text: str) -> str:
    """Return the text with personal numbers replaced by what they are, for example "[cédula]"."""
    text = _EMAIL.sub("[correo]", text)
    text = _URL_WITH_QUERY.sub(r"\1", text)
    text = _POSITION.sub("[ubicación]", text)
    text = _PASSPORT.sub("[pasaporte]", text)
    for start, end, label in sorted(_number_spans(text), reverse=True):
        text = text[:start] + _MASKS[label] + text[end:]
    return text


def _number_spans(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _DIGIT_RUN.finditer(text):
        raw = match.group()
        digits = re.sub(r"\D", "", raw)
        if _AMOUNT_TAIL.match(raw):
            continue
        yield match.start(), match.end(), _label(raw, digits)


def _label(raw: str, digits: str) -> str:
    if len(digits) == 10 and ci.is_valid(digits):
        return "id"
    if 13 <= len(digits) <= 19 and luhn.is_valid(digits):
        return "card"
    try:
        number = phonenumbers.parse(raw, _REGION)
    except phonenumbers.NumberParseException:
        return "number"
    return "phone" if phonenumbers.is_possible_number(number) else "number"
