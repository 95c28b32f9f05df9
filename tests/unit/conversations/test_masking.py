"""Personal numbers never reach the database or the engine in clear; what carries the question stays."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite
from stdnum import iban, luhn
from stdnum.ec import ci

from bot.conversations.masking import mask

KNOWN = [
    ("mi cedula es 1710034065", "mi cedula es [cédula]"),
    ("cédula 171003406-5", "cédula [cédula]"),
    ("cedula 1710034066", "cedula [cédula]"),  # Mistyped, but it is one.
    ("ruc 1790016919001", "ruc [RUC]"),
    ("ruc 1710034065001", "ruc [RUC]"),
    ("llame al 0991234567 por favor", "llame al [teléfono] por favor"),
    ("al +593 99 123 4567", "al [teléfono]"),
    ("al 00593 99 123 4567", "al [teléfono]"),
    ("al (02) 299-3200", "al [teléfono]"),
    ("al 09.91.23.45.67", "al [teléfono]"),
    ("al +1 (347) 555-0199", "al [teléfono]"),
    ("al 0\u200b99 123\xa04567", "al [teléfono]"),
    ("cero nueve nueve uno dos tres cuatro cinco seis siete", "[teléfono]"),
    ("tarjeta 4111 1111 1111 1111", "tarjeta [tarjeta]"),
    ("tarjeta 4111-1111-1111-1111", "tarjeta [tarjeta]"),
    ("correo ana.perez@example.org ya", "correo [correo] ya"),
    ("ana arroba gmail punto com", "[correo]"),
    ("pasaporte A1234567", "pasaporte [pasaporte]"),
    ("pasaporte 123456789", "pasaporte [pasaporte]"),
    ("mi passport es AB 1234567", "mi passport es [pasaporte]"),
    ("cuenta de ahorros 2203456789", "cuenta de ahorros [cuenta]"),
    ("IBAN ES91 2100 0418 4502 0005 1332", "IBAN [cuenta]"),
    ("estoy en -0.1806, -78.4678", "estoy en [ubicación]"),
    ("estoy en 0.1806 S 78.4678 O", "estoy en [ubicación]"),
    ("estoy en 0°10'50\"S 78°28'04\"W", "estoy en [ubicación]"),
    ("aquí https://maps.app.goo.gl/AbCdEf123", "aquí [ubicación]"),
    ("https://www.google.com/maps/@-0.18,-78.46,15z", "[ubicación]"),
    ("https://banco.example/entrar?token=abc", "https://banco.example/entrar"),
    ("https://banco.example/a#secreto", "https://banco.example/a"),
    ("https://ana:clave@banco.example/a", "https://banco.example/a"),
    ("https://x.example/reset/9f8a7b6c5d4e3f2a1b0c", "https://x.example/reset/[enlace]"),
    ("banco.example/x?token=1.", "banco.example/x."),
    ("wa.me/593991234567", "[teléfono]"),
    ("t.me/joinchat/AAAAAEHbCqVVq1Jh", "[enlace]"),
]
KEPT = [
    "me cobran 15000 dolares",
    "me cobran 15.000.000 de pesos",
    "me piden $1500000",
    "cuesta 1 500 000 pesos o 1,234.50 usd",
    "entre 3000-4000",
    "en 2024 y 2025",
    "de 2019-2024",
    "el 12/05/2024, o sea 2024-05-12",
    "el 24.12.2025 a las 10:30",
    "llamo al 911, al 171 opción 2 o al 101",
    "la línea 1800 335486",
    "la línea 1-800-335-486 o 1800 DELITO (33 54 86)",
    "call 1-800-898-7180",
    "la visa H-2A, el formulario I-589 y el EX-10",
    "https://www.cancilleria.gob.ec/servicios/visas-requisitos-extranjeros-2024",
    "gob.ec/tramites/pasaporte",
    "precios 12.500, 15.000",
    "tengo 3 hijos de 5, 8 y 12 años",
    "",
]


@pytest.mark.parametrize(("text", "masked"), KNOWN)
def test_mask_when_a_text_holds_numbers(text: str, masked: str) -> None:
    """Personal numbers are named and hidden."""
    assert mask(text) == masked


@pytest.mark.parametrize("text", KEPT)
def test_what_carries_the_question_stays(text: str) -> None:
    """Amounts, years, dates, ranges, emergency numbers and free lines, forms and public pages are not touched."""
    assert mask(text) == text


# --- properties ---

WORDS = st.lists(
    st.sampled_from(
        [
            "hola",
            "mi",
            "esposo",
            "vive",
            "en",
            "quito",
            "y",
            "quiere",
            "saber",
            "si",
            "puede",
            "viajar",
            "con",
            "ella",
            "a",
            "casa",
            "¿no?",
        ]
    ),
    max_size=5,
)
GAPS = st.sampled_from(["", " ", ".", "-", " - ", "\xa0"])


@composite
def cedulas(draw: DrawFn) -> str:
    """A valid cédula."""
    province, rest = draw(st.integers(1, 24)), draw(st.integers(0, 5_999_999))
    body = f"{province:02d}{rest:07d}"
    return body + next(str(digit) for digit in range(10) if ci.is_valid(f"{body}{digit}"))


@composite
def cards(draw: DrawFn) -> str:
    """A number that passes as a card's."""
    body = draw(st.sampled_from(["4", "51", "37"])) + "".join(
        map(str, draw(st.lists(st.integers(0, 9), min_size=13, max_size=13)))
    )
    return body + luhn.calc_check_digit(body)


@composite
def ibans(draw: DrawFn) -> str:
    """A valid Spanish or German account."""
    country, length = draw(st.sampled_from([("DE", 18), ("ES", 20)]))
    body = "".join(map(str, draw(st.lists(st.integers(0, 9), min_size=length, max_size=length))))
    check = iban.calc_check_digits(f"{country}00{body}")
    return f"{country}{check}{body}"


@composite
def mobiles(draw: DrawFn) -> str:
    """An Ecuadorian mobile number as people write it."""
    rest = f"{draw(st.integers(0, 99_999_999)):08d}"
    head = draw(st.sampled_from(["09", "+5939", "+593 9", "005939", "5939", "(09)", "+593 (0)9"]))
    return head + rest


@composite
def cut(draw: DrawFn, numbers: SearchStrategy[str], size: int) -> str:
    """A number in groups of one size, with one kind of gap."""
    number, gap = draw(numbers), draw(GAPS)
    if "(" in number:  # It is written in groups already.
        return number
    return gap.join(number[start : start + size] for start in range(0, len(number), size))


@composite
def positions(draw: DrawFn) -> str:
    """A position as telephones show and share it."""
    lat, lon = draw(st.floats(-89, 89)), draw(st.floats(-179, 179))
    form = draw(
        st.sampled_from(["{lat:.6f}, {lon:.6f}", "{lat:.5f},{lon:.5f}", "geo:{lat:.4f},{lon:.4f}", "lat {lat:.5f} lon {lon:.5f}"])
    )
    return form.format(lat=lat, lon=lon)


@composite
def degrees(draw: DrawFn) -> str:
    """A position in degrees, minutes and seconds."""
    parts = []
    for limit, sides in ((89, "NS"), (179, "EWO")):
        minutes, seconds = draw(st.integers(0, 59)), draw(st.integers(0, 599)) / 10
        parts.append(f"{draw(st.integers(0, limit))}°{minutes}'{seconds}\"{draw(st.sampled_from(sides))}")
    return draw(st.sampled_from([" ", ", "])).join(parts)


@composite
def mails(draw: DrawFn) -> str:
    """An e-mail address."""
    name = draw(st.text(string.ascii_lowercase + string.digits, min_size=3, max_size=12))
    return f"{name}{draw(st.sampled_from(['@', ' @ ', ' arroba ']))}correo.{draw(st.sampled_from(['com', 'ec', 'org.ec']))}"


@composite
def secret_links(draw: DrawFn) -> tuple[str, str]:
    """A link with a secret in one of its parts, and the secret."""
    letters = string.ascii_letters + string.digits
    secret = draw(
        st.text(letters, min_size=22, max_size=40).filter(lambda text: re.search(r"\d", text) and re.search("[a-z]", text))
    )
    form = draw(
        st.sampled_from(
            [
                "https://x.example/a?k={0}",
                "x.example/a#{0}",
                "https://{0}:x@x.example/",
                "http://x.example/r/{0}",
                "www.x.example/{0}/b",
                "myapp://login/{0}",
            ]
        )
    )
    return form.format(secret), secret


def _within(words: list[str], number: str, where: int) -> str:
    at = where % (len(words) + 1)
    return " ".join([*words[:at], number, *words[at:]])


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


PERSONAL = st.one_of(
    cut(cedulas(), 10), cut(cedulas(), 2), cut(cedulas(), 3), cut(cedulas().map(lambda number: f"{number}001"), 13),
    cut(cards(), 16), cut(cards(), 4), mobiles(), cut(mobiles(), 3), cut(ibans(), 40), cut(ibans(), 4),
    positions(), degrees(), mails(),
    st.from_regex(r"\A[A-Z]{1,2}[0-9]{7}\Z"),
    st.from_regex(r"\Acuenta 22[0-9]{8}\Z"),
)  # fmt: skip


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(WORDS, PERSONAL, st.integers(0, 9))
def test_a_personal_number_is_masked_wherever_it_stands(words: list[str], number: str, where: int) -> None:
    """Whatever its spelling and place, no digit of it is left, and no address."""
    masked = mask(_within(words, number, where))
    assert _digits(masked) == "", masked
    assert "correo." not in masked
    assert re.search(r"\[(correo|ubicación|cuenta|tarjeta|cédula|RUC|pasaporte|teléfono|número)\]", masked)
    for word in words:
        assert word in masked


@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much], deadline=None)
@given(WORDS, secret_links(), st.integers(0, 9))
def test_a_link_keeps_no_secret(words: list[str], link: tuple[str, str], where: int) -> None:
    """Neither user, query, fragment nor a long random part of the path is kept."""
    masked = mask(_within(words, link[0], where))
    assert link[1] not in masked
    for start in range(len(link[1]) - 7):
        assert link[1][start : start + 8] not in masked


AMOUNTS = st.one_of(
    st.integers(1, 99_999_999).map(lambda n: f"{n} dólares"),
    st.integers(1, 99_999_999).map(lambda n: f"${n}"),
    st.integers(1, 99_999_999).map(lambda n: f"{n:,} pesos"),
    st.integers(1, 99_999_999).map(lambda n: f"{n:,}".replace(",", ".")),
    st.integers(0, 999_999).map(str),
    st.integers(1950, 2049).map(str),
    st.dates().filter(lambda d: 1900 <= d.year < 2100).map(lambda d: f"{d:%d/%m/%Y}"),
    st.dates().filter(lambda d: 1900 <= d.year < 2100).map(lambda d: f"{d:%Y-%m-%d}"),
    st.sampled_from(["911", "171", "101", "1800 335486", "1-800-335-486"]),
)


@settings(max_examples=400, deadline=None)
@given(WORDS, AMOUNTS, st.integers(0, 9))
def test_an_amount_year_date_or_short_number_stays(words: list[str], amount: str, where: int) -> None:
    """What carries the question is never masked, wherever it stands."""
    text = _within(words, amount, where)
    assert mask(text) == text


@settings(max_examples=500, deadline=None)
@given(st.text(string.printable + "áéñ°’\u200b\ue000\uf8ff", max_size=80))
def test_masking_never_fails_and_masks_once(text: str) -> None:
    """Whatever is written, masking ends, and nothing that it leaves is masked when it is done again."""
    masked = mask(text)
    assert mask(masked) == masked


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789 .-()+/", max_size=60))
def test_no_valid_cedula_survives_in_a_soup_of_digits(text: str) -> None:
    """Ten digits in a row that are a valid cédula never stay."""
    for found in re.findall(r"(?<!\d)\d{10}(?!\d)", mask(text)):
        assert not ci.is_valid(found)


@pytest.mark.parametrize("text", ["1 " * 2000, "a.b." * 1000, "0" * 4096, "@a." * 1300, "9a" + "a-" * 2000, "ES91 2100 " * 400])
def test_a_hostile_text_is_read_in_one_pass(text: str) -> None:
    """A long text of fragments leaves no digit run and comes back (a pattern that starts again at each letter would take minutes)."""
    assert not re.search(r"\d{7}", mask(text * 20))
