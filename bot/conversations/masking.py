"""Mask personal numbers before a text is stored or given to the engine.

Masked: e-mail addresses, links with anything personal in them, positions, bank accounts and cards, Ecuadorian cédulas and RUCs,
passports, telephone numbers in figures or words, and any other run of seven digits or more. Amounts, years, dates, ranges, short
numbers and free lines (911, 1-800 ...) stay: they carry the question. In doubt a number is masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import phonenumbers
from stdnum import iban, luhn
from stdnum.ec import ci, ruc

_MASKS = {
    "mail": "[correo]",
    "place": "[ubicación]",
    "link": "[enlace]",
    "account": "[cuenta]",
    "card": "[tarjeta]",
    "id": "[cédula]",
    "ruc": "[RUC]",
    "passport": "[pasaporte]",
    "phone": "[teléfono]",
    "number": "[número]",
}
_REGION = "EC"
_KEPT = 0xE000
"""First of the private characters that stand for what must stay, while the digits around it are masked."""
_MOST_KEPT = 6000

_SUSPECT = re.compile(r"[\d@/]|www\.|arroba|\(at\)|\[at\]", re.IGNORECASE)
"""What at least one pattern needs, but for numbers in words; most messages have none of it."""
# Each pattern begins where nothing of its kind stands before: a long text must not be read again from every letter.
_LINK = re.compile(r"(?:\b[a-z][a-z0-9+]*://|\bwww\.|(?<![\w.-])(?:[a-z0-9-]+\.)+[a-z]{2,}/)[^\s<>\"«»]*", re.IGNORECASE)
_CHAT_HOSTS = ("wa.me", "whatsapp.com", "t.me", "telegram.me", "m.me", "signal.me")
_SHORTENERS = ("bit.ly", "goo.gl", "tinyurl.com", "t.co", "cutt.ly")
_PLACE_LINK = re.compile(r"maps|waze\.|openstreetmap|plus\.codes|what3words|/@-?\d", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]+\s?(?:@|\(at\)|\[at\]|\barroba\b)\s?[\w-]+"
    r"(?:(?:\.|\s?\b(?:punto|dot|ponto|point)\b\s?)\w[\w-]*)+",
    re.IGNORECASE,
)
_NUMBER = r"[+-]?\d{1,3}(?:[.,]\d+)?"
_POSITION = re.compile(
    rf"(?:geo:\s*)?(?:\blat(?:itude?)?\W{{0,3}})?(?P<lat>{_NUMBER})\s?[°º]?\s?(?P<north>[NS])?(?![a-z])"
    rf"(?:\s*[,;/]\s*|\s+)(?:long?(?:itude?)?\W{{0,3}}?)?(?P<lon>{_NUMBER})(?![.,]?\d)\s?[°º]?\s?(?P<east>[EWO])?(?![a-z])",
    re.IGNORECASE,
)
_DEGREES = r"\d{1,3}\s?[°º]\s?\d{1,2}(?:[.,]\d+)?\s?['’′](?:\s?\d{1,2}(?:[.,]\d+)?\s?(?:\"|”|″|''|’’))?\s?[NSEWO]?(?![a-z])"
_DEGREES_PAIR = re.compile(rf"{_DEGREES}(?:[\s,;]*{_DEGREES})*", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[ -]?[A-Z0-9]{4}(?:[ -]?(?=[A-Z]*\d)[A-Z0-9]{1,4}){1,7}\b", re.IGNORECASE)

_SEPARATOR = r"[\s.\-()/_·\u200b-\u200f\u2060\ufeff\u2010-\u2015]{0,4}"
_DIGITS = rf"\d(?:{_SEPARATOR}\d)"
_DIGIT_RUN = re.compile(rf"[(+]{{0,2}}{_DIGITS}{{6,}}")
_NEAR = r"\W{0,3}(?:\w+\.?\W{1,3}){0,3}?"
_ACCOUNT = re.compile(
    rf"\b(?:cuenta|cta|ahorros?|corriente|account|acct|compte|conta|clabe|iban)\b{_NEAR}(?P<number>{_DIGITS}{{7,}})",
    re.IGNORECASE,
)
_PASSPORT_NAMED = re.compile(
    rf"\bpas(?:s?aporte|sport|seport)\b{_NEAR}(?P<number>[a-z]{{0,3}}[ -]?{_DIGITS}{{5,9}}(?!\d))", re.IGNORECASE
)
_ID_NAMED = re.compile(
    rf"\b(?:c[eé]dula|ced|ci|dni|identidad|identification|identit[eé]|cpf|curp)\b\.?{_NEAR}(?P<number>{_DIGITS}{{7,11}}(?!\d))",
    re.IGNORECASE,
)
_PASSPORT = re.compile(r"(?<![\w-])(?:[A-Za-z]{1,3}\d{6,9}|[A-Z]{1,2}[ -]\d{7})(?!\w)")

_DATE = re.compile(
    r"(?<!\d)(?<!\d[/.-])(?:(?:0?[1-9]|[12]\d|3[01])(?P<a>[/.-])(?:0?[1-9]|1[0-2])(?P=a)(?:(?:19|20)\d\d|\d\d)"
    r"|(?:0?[1-9]|1[0-2])(?P<c>[/.-])(?:0?[1-9]|[12]\d|3[01])(?P=c)(?:19|20)\d\d"
    r"|(?:19|20)\d\d(?P<b>[/.-])(?:0?[1-9]|1[0-2])(?P=b)(?:0?[1-9]|[12]\d|3[01]))(?![\d/-]|\.\d)"
)
_YEARS = re.compile(r"(?<![\d+.\-/(])(?:19|20)\d\d(?:\s?[-–/,]\s?|\s)(?:19|20)\d\d(?![\d\-/(]|\.\d|\s\d)")
_RANGE = re.compile(r"(?<![\d+.\-(])(?P<low>[1-9]\d{0,3}00)\s?[-–]\s?(?P<high>[1-9]\d{0,3}00)(?![\d\-]|\.\d|\s\d)")
_UNIT = (
    r"(?:millones\s+|mil\s+)?(?:de\s+)?(?:pesos|d[oó]lares|dollars?|usd|euros?|eur|soles|reales|reais|bol[ií]vares|lempiras|quetzales"
    r"|personas|people|personnes|pessoas|km|kil[oó]metros)\b|[€$]"
)
_AMOUNT = re.compile(
    rf"(?:(?<=[$€£])|(?<=[$€£]\s)|(?<=\busd\s))(?P<marked>[1-9]\d{{0,8}}(?:[., ]\d{{3}})*(?:[.,]\d{{1,2}})?)(?![\d\-]|[ .]\d)"
    rf"|(?<![\d+.\-(])(?P<named>[1-9]\d{{0,8}}|[1-9]\d{{0,2}}(?:[., ]\d{{3}})+)(?:[.,]\d{{1,2}})?(?=\s?(?:{_UNIT}))"
    r"|(?<![\d+.\-(])(?P<grouped>[1-9]\d{0,2}(?:[.,]\d{3})+)(?![\d\-]|[.,(]\d|\s\d)",
    re.IGNORECASE,
)
_FREE_LINE = re.compile(
    r"(?<![\d+])1[ -]?(?:800|700)(?:[ -]\d{2,4}){2,3}(?![\d-])|(?<![\d+])1[87]00[ -]\d{6}(?!\d)|(?<!\d)1[87]00\d{6}(?!\d)"
)
_US_FREE_LINE = re.compile(r"(?<![\d+])(?:\+?1[ -.])?\(?8(?:00|88|77|66|55|44|33)\)?[ -.]\d{3}[ -.]\d{4}(?!\d)")
_SPELLED = re.compile(
    r"\b(?:(?:cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|zero|one|two|three|four|five|six|seven|eight|nine|oh"
    r"|un|deux|trois|quatre|cinq|sept|huit|neuf|um|dois|quatro|sete|oito|nove)\b[\s,.\-]{0,3}){7,}",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Return the text with personal numbers replaced by what they are, for example "[cédula]"."""
    if not _SUSPECT.search(text):
        return _SPELLED.sub(_masked_spelling, text)
    kept: list[str] = []

    def keep(found: str) -> str:
        """Put a private character in place of what must stay."""
        if len(kept) >= _MOST_KEPT:
            return found
        kept.append(found)
        return chr(_KEPT + len(kept) - 1)

    text = re.sub("[\ue000-\uf8ff]", "\ufffd", text)  # What a contact typed must not be taken for one of ours.
    text = _LINK.sub(lambda match: _masked_link(match[0], keep), text)
    text = _MAIL.sub(_MASKS["mail"], text)
    text = _DEGREES_PAIR.sub(_MASKS["place"], text)
    text = _POSITION.sub(_masked_position, text)
    text = _IBAN.sub(_masked_iban, text)
    for pattern in (_DATE, _YEARS, _RANGE, _FREE_LINE, _US_FREE_LINE, _AMOUNT):
        text = pattern.sub(lambda match: _kept_number(match, keep), text)
    text = _PASSPORT_NAMED.sub(lambda match: _renamed(match, "passport"), text)
    text = _ID_NAMED.sub(lambda match: _renamed(match, "id"), text)
    text = _ACCOUNT.sub(_masked_account, text)
    text = _PASSPORT.sub(_MASKS["passport"], text)
    text = _DIGIT_RUN.sub(lambda match: _MASKS[_label(match[0])], text)
    text = _SPELLED.sub(_masked_spelling, text)
    return re.sub("[\ue000-\uf8ff]", lambda match: kept[ord(match[0]) - _KEPT], text) if kept else text


def _masked_link(link: str, keep: Callable[[str], str]) -> str:
    """Return a link with its page only: no user, query or fragment, and no part of the path that looks like a token."""
    tail = re.search(r"[.,;:!?)\]]*$", link)
    end = tail[0] if tail else ""
    bare = link[: len(link) - len(end)]
    if _PLACE_LINK.search(bare):
        return _MASKS["place"] + end
    try:
        parts = urlsplit(bare if "://" in bare else f"//{bare}")
        host = parts.hostname or ""
    except ValueError:
        return _MASKS["link"] + end
    if parts.scheme not in ("", "http", "https"):
        return _MASKS["link"] + end
    if not host or re.fullmatch(r"[\d.:]+", host) or any(_is_token(label) for label in host.split(".")):
        return _MASKS["link"] + end
    if any(host == known or host.endswith(f".{known}") for known in _CHAT_HOSTS):
        digits = re.sub(r"\D", "", parts.path + parts.query)
        return _MASKS["phone" if len(digits) >= 7 else "link"] + end
    if host in _SHORTENERS:
        return _MASKS["link"] + end
    path = "/".join(_MASKS["link"] if _is_token(segment) else segment for segment in parts.path.split("/"))
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return keep(f"{scheme}{host}{path}") + end


def _is_token(segment: str) -> bool:
    """Tell whether a part of an address is made for one reader: long and random, a long number, or an e-mail address."""
    if _UUID.fullmatch(segment) or "@" in segment or "=" in segment or "%" in segment:
        return True
    if len(re.sub(r"\D", "", segment)) >= 7 and not re.fullmatch(r"(?:19|20)\d{6}", segment):
        return True
    return any(_is_random(part) for part in re.split(r"[-_.~]", segment))


def _is_random(word: str) -> bool:
    if len(word) < 10:
        return False
    has_digit, has_letter = bool(re.search(r"\d", word)), bool(re.search(r"[a-z]", word, re.IGNORECASE))
    is_mixed = bool(re.search(r"[a-z][A-Z]|[A-Z]{2}[a-z]", word))
    return (has_digit and has_letter) or is_mixed or len(word) >= 28


def _masked_position(match: re.Match[str]) -> str:
    """Mask a pair that can only be a position; "12.500, 15.000" and "10 20" are amounts."""
    lat, lon = match["lat"].replace(",", "."), match["lon"].replace(",", ".")
    try:
        is_possible = abs(float(lat)) <= 90 and abs(float(lon)) <= 180
    except ValueError:
        return match[0]
    decimals = [len(value.partition(".")[2]) for value in (lat, lon)]
    is_marked = (
        lat[0] in "+-" or lon[0] in "+-" or bool(match["north"] and match["east"]) or match[0].lower().startswith(("geo", "lat"))
    )
    is_precise = min(decimals) >= 4 or (min(decimals) >= 3 and re.match(r"-?0\.", lat) is not None)
    return _MASKS["place"] if is_possible and ((is_marked and min(decimals) >= 1) or is_precise) else match[0]


def _masked_iban(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return _MASKS["account"] if iban.is_valid(match[0]) or len(digits) >= 12 else match[0]


def _kept_number(match: re.Match[str], keep: Callable[[str], str]) -> str:
    """Keep what carries the question, unless it is a valid personal number all the same."""
    digits = re.sub(r"\D", "", match[0])
    if match.re is _RANGE and int(match["low"]) >= int(match["high"]):
        return match[0]
    if match[0].isdigit() and len(digits) == 10 and ci.is_valid(digits):
        return match[0]
    if match.re is _AMOUNT and len(digits) > 11:
        return match[0]
    return keep(match[0])


def _renamed(match: re.Match[str], label: str) -> str:
    start = match.start("number") - match.start()
    number = match["number"]
    digits = re.sub(r"\D", "", number)
    # Beside the word "pasaporte" a telephone or a cédula is still what it is.
    known = _label(number) if len(digits) >= 7 and digits == re.sub(r"[^\da-z]", "", number.lower()) else ""
    own = known in ("id", "card", "ruc") or (known == "phone" and number.lstrip("(+").startswith(("09", "593")))
    return match[0][:start] + _MASKS[known if own else label]


def _masked_account(match: re.Match[str]) -> str:
    number = match["number"]
    label = _label(number)
    return match[0][: match.start("number") - match.start()] + _MASKS[label if label in ("id", "card", "ruc") else "account"]


def _masked_spelling(match: re.Match[str]) -> str:
    end = re.search(r"[\s,.\-]*$", match[0])
    return _MASKS["phone"] + (end[0] if end else "")


def _label(raw: str) -> str:
    digits = re.sub(r"\D", "", raw)
    if len(digits) == 10 and ci.is_valid(digits):
        return "id"
    if len(digits) == 13 and (ruc.is_valid(digits) or (digits.endswith("001") and int(digits[:2]) in (*range(1, 25), 30))):
        return "ruc"
    if 13 <= len(digits) <= 19 and luhn.is_valid(digits):
        return "card"
    try:
        number = phonenumbers.parse(raw, _REGION)
    except phonenumbers.NumberParseException:
        return "number"
    return "phone" if phonenumbers.is_possible_number(number) else "number"
