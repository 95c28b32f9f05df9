"""Numbers and months in words, in the four languages, so that "diez días" and "10 days" can be compared.

One word list serves all languages: no word of these stands for two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SMALL = {
    2: "dos two deux dois duas",
    3: "tres three trois três",
    4: "cuatro four quatre quatro",
    5: "cinco five cinq",
    6: "seis six",
    7: "siete seven sept sete",
    8: "ocho eight huit oito",
    9: "nueve nine neuf nove",
    10: "diez ten dix dez",
    11: "once eleven onze",
    12: "doce twelve douze doze",
    13: "trece thirteen treize treze",
    14: "catorce fourteen quatorze",
    15: "quince fifteen quinze",
    16: "dieciséis sixteen seize dezesseis",
    17: "diecisiete seventeen dezessete",
    18: "dieciocho eighteen dezoito",
    19: "diecinueve nineteen dezenove",
    21: "veintiún veintiuno veintiuna",
    22: "veintidós",
    23: "veintitrés",
    24: "veinticuatro",
    25: "veinticinco",
    26: "veintiséis",
    27: "veintisiete",
    28: "veintiocho",
    29: "veintinueve",
    100: "cien ciento hundred cent cem cento",
    200: "doscientos doscientas duzentos duzentas",
    300: "trescientos trescientas trezentos trezentas",
    400: "cuatrocientos cuatrocientas quatrocentos",
    500: "quinientos quinientas quinhentos quinhentas",
}
_TENS = {
    20: "veinte twenty vingt vinte",
    30: "treinta thirty trente trinta",
    40: "cuarenta forty quarante quarenta",
    50: "cincuenta fifty cinquante cinquenta",
    60: "sesenta sixty soixante sessenta",
    70: "setenta seventy",
    80: "ochenta eighty oitenta",
    90: "noventa ninety noventa",
}
_ONE = "uno una un one une um uma"
_MULTIPLIERS = {
    1_000: "mil miles thousand mille milhares",
    1_000_000: "millón millones million millions milhão milhões",
}
_UNITS = (
    "día días semana semanas mes meses año años hora horas minuto minutos dólares euros pesos soles quetzales reales "
    "libras kilos kilómetros metros personas dollars day days week weeks month months year years hour hours minute minutes "
    "pounds kilograms kilometres miles metres people jours semaines mois ans années heures personnes kilomètres mètres "
    "dias anos minutos reais quilômetros pessoas"
)
_MONTHS = (
    "enero january janvier janeiro ene jan",
    "febrero february février fevereiro feb",
    "marzo march mars março mar",
    "abril april avril abr apr",
    "mayo May mai maio",
    "junio june juin junho jun",
    "julio july juillet julho jul",
    "agosto august août ago aug",
    "septiembre setiembre september septembre setembro sept sep",
    "octubre october octobre outubro oct",
    "noviembre november novembre novembro nov",
    "diciembre december décembre dezembro dic dec",
)

MONTHS = {word.lower(): number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
"""The number of a month by its name or short form, in lower case."""
MULTIPLIERS = {word: value for value, words in _MULTIPLIERS.items() for word in words.split()}
"""Words that multiply the number before them."""


def _alternatives(words: list[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


# "may" is a verb in English: as a month it has its capital, there and nowhere else.
MONTH_PATTERN = rf"(?:(?-i:May)|(?!(?-i:may)\b)(?:{_alternatives(sorted(MONTHS))}))"
"""Matches a month's name; use it with `re.IGNORECASE`."""
MULTIPLIER_PATTERN = _alternatives(sorted(MULTIPLIERS))

_SMALL_VALUES = {word: value for value, words in _SMALL.items() for word in words.split()}
_TENS_VALUES = {word: value for value, words in _TENS.items() for word in words.split()}
_SMALL_PATTERN = _alternatives(sorted(_SMALL_VALUES))
_TENS_PATTERN = _alternatives(sorted(_TENS_VALUES))
_ONES_PATTERN = _alternatives([*_ONE.split(), *(word for word, value in _SMALL_VALUES.items() if value < 10)])
_NUMBER_WORDS = re.compile(
    rf"\b(?:(?P<tens>{_TENS_PATTERN})(?:(?:-| y | e | et )(?P<ones>{_ONES_PATTERN}))?|(?P<small>{_SMALL_PATTERN}))\b"
    rf"(?: (?P<multiplier>{MULTIPLIER_PATTERN})\b)?|\b(?P<alone>mil|mille)\b",
    re.IGNORECASE,
)
_UNIT = re.compile(rf"[ -](?:de |of |working |US |calendar )?(?:{_alternatives(_UNITS.split())})\b", re.IGNORECASE)


def find_number_words(text: str) -> Iterator[tuple[int, int, int, bool]]:
    """Yield start, end, value and whether a unit follows, for each number in words; "one" alone is an article and left out."""
    for match in _NUMBER_WORDS.finditer(text):
        yield match.start(), match.end(), _value(match), _UNIT.match(text, match.end()) is not None


def _value(match: re.Match[str]) -> int:
    if match["alone"]:
        return 1_000
    value = _SMALL_VALUES.get((match["small"] or "").lower(), 0) + _TENS_VALUES.get((match["tens"] or "").lower(), 0)
    if match["ones"]:
        value += _SMALL_VALUES.get(match["ones"].lower(), 1)
    return value * MULTIPLIERS.get((match["multiplier"] or "").lower(), 1)
