"""Passwords: long rather than odd, not among the commonest, kept as argon2 hashes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.i18n import N_

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 256
"""Longer ones only cost time to hash."""
_COMMON = Path(__file__).with_name("common_passwords.txt")


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        return self._hasher.hash(_normal(password))

    def matches(self, stored: str, password: str) -> bool:
        """Tell whether a password is the one; an empty stored hash takes as long as any other and never matches."""
        try:
            is_right = self._hasher.verify(stored or self._nobody, _normal(password)[:MAXIMUM_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
        return is_right and bool(stored)

    def needs_new_hash(self, stored: str) -> bool:
        """Tell whether the hash was made with weaker parameters than are usual now."""
        return self._hasher.check_needs_rehash(stored)


def password_fault(password: str) -> str:
    """Return the key of the sentence that says what is wrong with a new password; empty: nothing."""
    if len(password) < MINIMUM_LENGTH:
        return N_("editor.password.too_short")
    if len(password) > MAXIMUM_LENGTH:
        return N_("editor.password.too_long")
    if _is_common(password):
        return N_("editor.password.common")
    return ""


def _is_common(password: str) -> bool:
    """Tell whether only little is left of a password when the commonest words, figures and repetitions are taken out."""
    rest = _normal(password).casefold()
    if len(set(rest)) < 5:
        return True
    for word in _common_parts():
        rest = rest.replace(word, "")
    return sum(letter.isalpha() for letter in rest) < 4


@lru_cache(maxsize=1)
def _common_parts() -> tuple[str, ...]:
    """Return the commonest words, the longest first."""
    return tuple(sorted(_COMMON.read_text(encoding="utf-8").split(), key=len, reverse=True))


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
