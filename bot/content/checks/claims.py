"""Find what can be checked in a text: addresses of pages and mailboxes, dates, times, telephone numbers, codes, numbers.

The same reader goes over answers and over facts, so that both sides are brought into one form: "3.091", "3,091" and "3091";
"2 de diciembre de 2024", "December 2, 2024" and "2024-12-02"; "5 pm" and "17:00".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache

from bot.content.checks.number_words import MONTH_PATTERN, MONTHS, MULTIPLIER_PATTERN, MULTIPLIERS, find_number_words

PHONE_DIGITS = 7
"""From this many digits on, groups of digits are a telephone number; shorter ones (911, 1546) are numbers like others.
E.164 knows no least length; seven is the shortest subscriber number in the facts."""


class ClaimKind(str, Enum):
    """What sort of thing a claim is."""

    ADDRESS = "address"
    DATE = "date"
    TIME = "time"
    PHONE = "phone"
    NUMBER = "number"
    CODE = "code"
    OPTION = "option"


@dataclass(frozen=True)
class Claim:
    """Something checkable that a text says.

    Attributes:
        shown: as the text has it.
        value: in the common form, which depends on the kind: digits, "17:00", "2024-12-02" with zeros for what is not said.
        is_word: a number in words.
        has_unit: a number in words that a unit follows, as in "diez días"; without, it may be "one of the two".
    """

    kind: ClaimKind
    shown: str
    value: str
    is_word: bool = False
    has_unit: bool = False


_Reader = Callable[[re.Match[str]], Iterator[Claim]]

_ENDINGS = (
    "com|org|net|gov|edu|int|info|mil|app|io|tv|eu|ec|es|mx|co|cl|pe|ar|br|it|de|uk|ca|us|fr|gt|cr|pa|sv|hn|ni|bo|ve|va|do"
    "|py|uy|be|ch|at"
)
_ADDRESS = re.compile(
    rf"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://[^\s)\]>\"'”»]+|\b(?:[a-z0-9-]+\.)+(?:{_ENDINGS})\b(?:/[^\s)\]>\"'”»]*)?"
)
_DASH = r"\s*(?:-|–|—|to|and|al?|y|e|et|au|à)\s*"
_ORDINAL = r"(?:\.?º|°|er|st|nd|rd|th)?"
_OF = r"(?:\s+(?:de|del|of)\s+|\s+d[e'’]\s*|[\s,]+)"
_DAY_MONTH = re.compile(
    rf"\b(?P<day>\d{{1,2}}){_ORDINAL}(?:{_DASH}(?P<last>\d{{1,2}}){_ORDINAL})?{_OF}(?P<month>{MONTH_PATTERN})\b\.?"
    rf"(?:{_OF}(?P<year>(?:19|20)\d\d)\b)?",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    rf"\b(?P<month>{MONTH_PATTERN})\b\.?\s+(?P<day>\d{{1,2}})\b(?!:){_ORDINAL}(?:{_DASH}(?P<last>\d{{1,2}})\b)?"
    rf"(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?",
    re.IGNORECASE,
)
_MONTH_YEAR = re.compile(rf"\b(?P<month>{MONTH_PATTERN})\b\.?{_OF}(?P<year>(?:19|20)\d\d)\b", re.IGNORECASE)
_ISO_DATE = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>[0-3]\d))?\b(?!-)")
_SLASH_DATE = re.compile(r"\b(?P<day>\d{1,2})/(?P<month>0?[1-9]|1[0-2])/(?P<year>(?:19|20)\d\d)\b")
_HALF = r"[ap]\.?\s?m\b\.?"
_TIME = re.compile(
    rf"\b(?P<hour>[0-2]?\d)(?:(?::| ?h ?)(?P<minute>[0-5]\d)(?!\d)\s?(?P<half>{_HALF})?|\s?(?P<only>{_HALF}))",
    re.IGNORECASE,
)
_BLANKS = " \u00a0\u202f"
_MULTIPLIED = rf"(?:[ \u00a0](?P<multiplier>{MULTIPLIER_PATTERN})\b)?"
_GROUPED = re.compile(
    rf"(?<![\d.,])(?P<whole>[1-9]\d{{0,2}}(?:(?:\.\d{{3}})+|(?:,\d{{3}})+))(?:[.,](?P<part>\d{{1,2}}))?(?![\d]){_MULTIPLIED}"
)
_SPACED = re.compile(
    rf"(?<![\d+)])(?<![\d][{_BLANKS}-])(?P<whole>[1-9]\d{{0,2}}(?:[{_BLANKS}]\d{{3}})+)(?P<part>)(?![{_BLANKS}-]?\d)"
    rf"{_MULTIPLIED}"
)
_DECIMAL = re.compile(rf"(?<![\d.,])(?P<whole>\d+)[.,](?P<part>\d+)(?![\d]|[.,]\d){_MULTIPLIED}")
# Forms, visas and house numbers: "DS-160", "H-2A", "Oe3-37".
_CODE = re.compile(r"\b[A-Z][A-Za-z]{0,3}-?\d+[A-Z]?(?:-\d+)?\b")
# What to press after calling.
_OPTION = re.compile(
    r"\b(?:option|opci[oó]n|opç[aã]o|press|marque|pulse|tapez|tecle|digite|touche)(?: (?:el|la|the|le|o|a|sur))? (?P<key>\d)\b",
    re.IGNORECASE,
)
_GROUP = r"(?:\(\d{1,3}\)|\d+)"
_RUN = re.compile(rf"\+?{_GROUP}(?:[ \u00a0\-/]{_GROUP})*{_MULTIPLIED}")


@lru_cache(maxsize=8192)
def find_claims(text: str) -> tuple[Claim, ...]:
    """Return what the text says that can be checked, by kind; numbers in words come last."""
    claims: list[Claim] = []
    for pattern, reader in _READERS:
        text = _take(text, pattern, reader, claims)
    for start, end, value, has_unit in find_number_words(text):
        claims.append(Claim(ClaimKind.NUMBER, text[start:end], str(value), is_word=True, has_unit=has_unit))
    return tuple(claims)


def _take(text: str, pattern: re.Pattern[str], reader: _Reader, claims: list[Claim]) -> str:
    """Read every match of a pattern, and return the text with the matches blanked so that no later pattern reads them."""

    def blank(match: re.Match[str]) -> str:
        claims.extend(reader(match))
        return "\x00" * len(match[0])

    return pattern.sub(blank, text)


def _read_address(match: re.Match[str]) -> Iterator[Claim]:
    shown = match[0].rstrip(".,;:!?")
    yield Claim(ClaimKind.ADDRESS, shown, normal_address(shown))


def normal_address(address: str) -> str:
    """Return an address of a page or mailbox without scheme, `www.` and closing slash, in lower case."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", address.lower()).rstrip("/")


def _read_date(match: re.Match[str]) -> Iterator[Claim]:
    groups = match.groupdict()
    month = groups["month"].lower()
    number = MONTHS.get(month) or int(month)
    year = int(groups.get("year") or 0)
    for day in (groups.get("day"), groups.get("last")):
        if day:
            yield Claim(ClaimKind.DATE, match[0].strip(), f"{year:04}-{number:02}-{int(day):02}")
    if not groups.get("day"):
        yield Claim(ClaimKind.DATE, match[0].strip(), f"{year:04}-{number:02}-00")


def _read_time(match: re.Match[str]) -> Iterator[Claim]:
    hour = int(match["hour"])
    half = (match["half"] or match["only"] or "").lower()
    if half.startswith("p") and hour < 12:
        hour += 12
    if half.startswith("a") and hour == 12:
        hour = 0
    yield Claim(ClaimKind.TIME, match[0].strip(), f"{hour:02}:{match['minute'] or '00'}")


def _read_amount(match: re.Match[str]) -> Iterator[Claim]:
    whole = re.sub(r"\D", "", match["whole"])
    value = Decimal(f"{whole}.{match['part'] or 0}") * MULTIPLIERS.get((match["multiplier"] or "").lower(), 1)
    yield Claim(ClaimKind.NUMBER, match[0], format(value.normalize(), "f"))


def _read_code(match: re.Match[str]) -> Iterator[Claim]:
    yield Claim(ClaimKind.CODE, match[0], match[0].lower().replace("-", ""))


def _read_option(match: re.Match[str]) -> Iterator[Claim]:
    yield Claim(ClaimKind.OPTION, match[0], match["key"])


def _read_run(match: re.Match[str]) -> Iterator[Claim]:
    groups = re.findall(r"\d+", match[0])
    digits = "".join(groups)
    are_years = len(groups) > 1 and all(re.fullmatch(r"(?:19|20)\d\d", group) for group in groups)
    if len(digits) >= PHONE_DIGITS and not are_years:
        yield Claim(ClaimKind.PHONE, match[0], digits)
        return
    *first, last = groups
    for group in first:
        yield Claim(ClaimKind.NUMBER, group, group)
    factor = MULTIPLIERS.get((match["multiplier"] or "").lower(), 1)
    yield Claim(ClaimKind.NUMBER, match[0] if factor > 1 else last, str(int(last) * factor) if factor > 1 else last)


_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_ADDRESS, _read_address),
    (_ISO_DATE, _read_date),
    (_SLASH_DATE, _read_date),
    (_DAY_MONTH, _read_date),
    (_MONTH_DAY, _read_date),
    (_MONTH_YEAR, _read_date),
    (_TIME, _read_time),
    (_GROUPED, _read_amount),
    (_SPACED, _read_amount),
    (_DECIMAL, _read_amount),
    (_CODE, _read_code),
    (_OPTION, _read_option),
    (_RUN, _read_run),
)
