from __future__ import annotations

import pytest

from bot.content.checks.claims import ClaimKind, find_claims


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("3.091, 3,091 y 3091", [("number", "3091")] * 3, id="thousands"),
        pytest.param("33 000 dollars", [("number", "33000")], id="thousands with a space"),
        pytest.param("17,6 % and 17.6 %", [("number", "17.6")] * 2, id="decimals"),
        pytest.param(
            "1.000 millones, 2.5 million, 15 mil", [("number", str(n)) for n in (10**9, 2_500_000, 15_000)], id="million"
        ),
        pytest.param("2 de diciembre de 2024", [("date", "2024-12-02")], id="spanish date"),
        pytest.param("December 2, 2024", [("date", "2024-12-02")], id="american date"),
        pytest.param("1er décembre 2024", [("date", "2024-12-01")], id="french date"),
        pytest.param("del 3 al 5 de mayo", [("date", "0000-05-03"), ("date", "0000-05-05")], id="days of a month"),
        pytest.param("em março de 2025", [("date", "2025-03-00")], id="portuguese month"),
        pytest.param("You may 2 times", [("number", "2")], id="may is a verb"),
        pytest.param("+593 2 299 3200, ext. 14001", [("phone", "59322993200"), ("number", "14001")], id="telephone"),
        pytest.param("1-800-203-7001 or (1800 335486)", [("phone", "18002037001"), ("phone", "1800335486")], id="free calls"),
        pytest.param("2021-2022", [("number", "2021"), ("number", "2022")], id="years are no telephone"),
        pytest.param("08:30 a 17:00, 5 pm, 8 h 30", [("time", t) for t in ("08:30", "17:00", "17:00", "08:30")], id="times"),
        pytest.param("Ages 6 to 12: 45 euros", [("number", n) for n in ("6", "12", "45")], id="a colon is no time"),
        pytest.param("171, opción 6", [("option", "6"), ("number", "171")], id="option"),
        pytest.param("Loja Oe3-37, DS-160, H-2A", [("code", c) for c in ("oe337", "ds160", "h2a")], id="codes"),
        pytest.param(
            "vea www.gob.ec/x. Escriba a a.b@gob.ec.", [("address", "gob.ec/x"), ("address", "a.b@gob.ec")], id="addresses"
        ),
        pytest.param("en EE. UU. es así, p. ej. hoy.", [], id="abbreviations are no addresses"),
    ],
)
def test_find_claims_brings_spellings_into_one_form_when_they_mean_the_same(text: str, expected: list[tuple[str, str]]) -> None:
    """Each number, date, telephone and address comes out once, in its common form."""
    assert [(claim.kind.value, claim.value) for claim in find_claims(text)] == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("diez días", "10", id="spanish"),
        pytest.param("treinta y cinco años", "35", id="composed"),
        pytest.param("twenty-one days", "21", id="english"),
        pytest.param("quinze jours", "15", id="french"),
        pytest.param("quince mil dólares", "15000", id="thousands"),
        pytest.param("seis meses", "6", id="portuguese and spanish"),
    ],
)
def test_find_claims_reads_numbers_in_words_when_a_unit_follows(text: str, value: str) -> None:
    """An amount in words is checkable as one in figures."""
    assert [(c.kind, c.value, c.has_unit) for c in find_claims(text) if c.is_word] == [(ClaimKind.NUMBER, value, True)]


def test_find_claims_marks_words_without_unit_when_they_only_count_people_or_ways() -> None:
    """ "The two of them" is no amount."""
    assert [(c.value, c.has_unit) for c in find_claims("uno de los dos")] == [("2", False)]
