"""Two hundred invented personal items, each of a kind that a person might write or a provider might send along. No two are alike."""

from __future__ import annotations

import random
from dataclasses import dataclass

from stdnum import iban, luhn
from stdnum.ec import ci


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        kind: what it is, for the report of a failed test.
        written: as it stands in the message.
        needles: what must not be found anywhere afterwards, in any of these spellings.
    """

    kind: str
    written: str
    needles: tuple[str, ...]


def make_items(seed: int = 20261126) -> list[Item]:
    """Return the items that people write in words, the same in every run."""
    rng = random.Random(seed)
    items = [_number("cedula", _spelled(rng, _cedula(rng), ((10,), (9, "-", 1)))) for _ in range(35)]
    phones = (
        ("+593 ", 2, " ", 3, " ", 4),
        ("0", 9),
        ("0", 2, "-", 3, "-", 4),
        ("+593", 9),
        ("(0", 2, ") ", 3, " ", 4),
        ("00593", 9),
    )
    items += [_number("phone", _formatted(f"9{rng.randrange(10**7, 10**8)}", phones[n % 6])) for n in range(35)]
    items += [_word("passport", f"{rng.choice('ABCFG')}{rng.randrange(10**6, 10**8)}") for _ in range(20)]
    items += [_number("card", _spelled(rng, _card(rng), ((16,), (4, " ", 4, " ", 4, " ", 4)))) for _ in range(20)]
    items += [_number("account", str(rng.randrange(10**9, 10**12))) for _ in range(15)]
    items += [_word("iban", _iban(rng)) for _ in range(10)]
    items += [_word("email", f"persona{rng.randrange(10**6)}.apellido@correo{n}.example") for n in range(20)]
    items += [_position(rng) for _ in range(15)]
    items += [_token_url(rng) for _ in range(10)]
    return items


def make_profile_items(seed: int = 20261127) -> list[Item]:
    """Return what a provider sends along and we never asked for: names, user names, file ids."""
    rng = random.Random(seed)
    kinds = ("profile_name", "username", "file_id", "file_name")
    return [_word(kind, f"{kind.title().replace('_', '')}Inventado{rng.randrange(10**8)}") for kind in kinds for _ in range(5)]


def _number(kind: str, written: str) -> Item:
    digits = "".join(sign for sign in written if sign.isdigit())
    return Item(kind, written, tuple(dict.fromkeys((written, digits, digits.removeprefix("00").removeprefix("593").lstrip("0")))))


def _word(kind: str, written: str) -> Item:
    return Item(kind, written, (written,))


def _position(rng: random.Random) -> Item:
    latitude, longitude = f"-{rng.uniform(0, 4):.6f}", f"-{rng.uniform(75, 81):.6f}"
    return Item("position", f"{latitude}, {longitude}", (latitude, longitude))


def _token_url(rng: random.Random) -> Item:
    token = f"tok{rng.randrange(10**12)}"
    return Item("url_token", f"https://portal.example/cita?token={token}", (token,))


def _cedula(rng: random.Random) -> str:
    body = f"{rng.randint(1, 24):02d}{rng.randint(0, 5)}{rng.randrange(10**6):06d}"
    return next(body + last for last in "0123456789" if ci.is_valid(body + last))


def _card(rng: random.Random) -> str:
    body = f"4{rng.randrange(10**14):014d}"
    return body + luhn.calc_check_digit(body)


def _iban(rng: random.Random) -> str:
    body = f"{rng.randrange(10**20):020d}"
    return next(f"ES{check:02d}{body}" for check in range(100) if iban.is_valid(f"ES{check:02d}{body}", check_country=False))


def _spelled(rng: random.Random, digits: str, shapes: tuple[tuple[str | int, ...], ...]) -> str:
    return _formatted(digits, rng.choice(shapes))


def _formatted(digits: str, groups: tuple[str | int, ...]) -> str:
    """Return the digits in groups: a number takes so many of them, the last one the rest; a text stands as it is."""
    written, rest = "", digits
    for group in groups:
        if isinstance(group, str):
            written += group
        else:
            written, rest = written + rest[:group], rest[group:]
    return written
