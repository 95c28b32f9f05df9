"""Tell which facts bear out what a text says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.content.checks.claims import Claim, ClaimKind, find_claims
from bot.content.checks.number_words import MONTH_PATTERN, MONTHS

_MONTH_NAME = re.compile(rf"\b{MONTH_PATTERN}\b", re.IGNORECASE)
_NOT_SAID = frozenset({"id", "confidence", "topic", "lat", "lon", "checked_on"})


@dataclass(frozen=True)
class FactClaims:
    """What one fact says that can be compared.

    Attributes:
        by_kind: the values of its claims; times on the hour and years of dates stand among the numbers too.
        months: the months it names, 1 to 12, wherever they stand.
        own_numbers: the telephone numbers that the fact is about, their digits; empty for facts about something else.
    """

    id: str
    is_low: bool
    by_kind: Mapping[ClaimKind, frozenset[str]]
    months: frozenset[int]
    own_numbers: frozenset[str]

    def supports(self, claim: Claim) -> bool:
        """Tell whether the fact says the same."""
        values = self.by_kind[claim.kind]
        if claim.value in values:
            return True
        if claim.kind is ClaimKind.ADDRESS:
            return any(value.startswith((claim.value + "/", claim.value + "?")) for value in values)
        if claim.kind is ClaimKind.PHONE:
            return any(value.endswith(claim.value) for value in values)  # A local number of an international one.
        if claim.kind is ClaimKind.DATE:
            return self._supports_date(claim.value)
        return False

    def _supports_date(self, value: str) -> bool:
        """A fact may say "from May to 3 July 2025": the year and the rest then stand apart."""
        year, month, day = value.split("-")
        has_year = year == "0000" or year in self.by_kind[ClaimKind.NUMBER]
        if day == "00":
            return has_year and int(month) in self.months
        return has_year and any(known.endswith(f"-{month}-{day}") for known in self.by_kind[ClaimKind.DATE])


class FactBase:
    """All facts, ready to be asked."""

    def __init__(self, facts: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = dict(facts)
        self._claims = {fact_id: _read_fact(fact_id, row) for fact_id, row in facts.items()}

    def changed(self, gone: Iterable[str], facts: Mapping[str, Mapping[str, Any]]) -> FactBase:
        """Return the facts with some taken out and others put in; only what differs is read anew."""
        made = FactBase({})
        made._rows = {**{fact_id: row for fact_id, row in self._rows.items() if fact_id not in set(gone)}, **facts}
        same = {fact_id for fact_id, row in made._rows.items() if self._rows.get(fact_id) == row}
        kept = {fact_id: self._claims[fact_id] for fact_id in same}
        made._claims = {**kept, **{i: _read_fact(i, row) for i, row in made._rows.items() if i not in same}}
        return made

    def __contains__(self, fact_id: str) -> bool:
        return fact_id in self._claims

    def is_low(self, fact_id: str) -> bool:
        """Tell whether a fact is of low confidence; an unknown one is not."""
        return fact_id in self and self._claims[fact_id].is_low

    def supporters(self, claim: Claim, fact_ids: Iterable[str]) -> list[FactClaims]:
        """Return those of the facts that say the same as the claim."""
        return [self._claims[i] for i in fact_ids if i in self and self._claims[i].supports(claim)]

    def hosts(self) -> set[str]:
        """Return every web host that occurs in some fact."""
        return {host_of(value) for claims in self._claims.values() for value in claims.by_kind[ClaimKind.ADDRESS]}


def host_of(address: str) -> str:
    """Return the host of an address in its common form, without scheme and `www.`."""
    return re.split(r"[/?#:]", address, maxsplit=1)[0]


def _read_fact(fact_id: str, row: Mapping[str, Any]) -> FactClaims:
    text = "\n".join(str(value) for key, value in row.items() if key not in _NOT_SAID and value is not None)
    by_kind: dict[ClaimKind, set[str]] = {kind: set() for kind in ClaimKind}
    months = {MONTHS[match[0].lower()] for match in _MONTH_NAME.finditer(text)}
    for claim in find_claims(text):
        by_kind[claim.kind].add(claim.value)
        if claim.kind is ClaimKind.DATE:
            year, month, _day = claim.value.split("-")
            by_kind[ClaimKind.NUMBER].add(year)
            months.add(int(month))
        if claim.kind is ClaimKind.TIME and claim.value.endswith(":00"):
            by_kind[ClaimKind.NUMBER].add(str(int(claim.value[:2])))
    own = find_claims(str(row.get("number") or row.get("phone") or ""))
    return FactClaims(
        id=fact_id,
        is_low=row.get("confidence") == "low",
        by_kind={kind: frozenset(values) for kind, values in by_kind.items()},
        months=frozenset(months),
        own_numbers=frozenset(claim.value for claim in own if claim.kind in (ClaimKind.PHONE, ClaimKind.NUMBER)),
    )
