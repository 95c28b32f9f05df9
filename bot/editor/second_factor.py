"""The second factor: codes of an authenticator application (TOTP, RFC 6238), and recovery codes for when the phone is lost."""

from __future__ import annotations

import hmac
import io
import json
import secrets
from collections.abc import Callable
from datetime import datetime

import pyotp
import segno

from bot.editor.audit import AuditLog
from bot.storage.session import Database
from bot.storage.staff_models import StaffAccount
from bot.storage.vault import Vault

ISSUER = "Ruta Segura"
RECOVERY_CODES = 10
_STEP_SECONDS = 30
_STEPS_AROUND = 1
"""Telephones' clocks are wrong by some seconds: the codes just before and after are taken too."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_PURPOSE = "editor-recovery"


class SecondFactor:
    """Sets up and checks second factors.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock

    def new_secret(self) -> str:
        """Return a fresh secret, not yet anybody's."""
        return pyotp.random_base32()

    def confirm(self, staff_id: str, secret: str, code: str) -> list[str]:
        """Make a secret the person's second factor when the code shows that their telephone has it.

        Returns:
            The recovery codes, to be shown once; none when the code is wrong.
        """
        step = self._matching_step(secret, code, after=0)
        if not step:
            return []
        codes = ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3)) for _ in range(RECOVERY_CODES)]
        with self._database.transaction() as session:
            account = session.get_one(StaffAccount, staff_id, with_for_update=True)
            account.totp_secret_encrypted = self._vault.encrypt(secret)
            account.totp_last_step = step
            account.recovery_hashes = json.dumps([self._hash(recovery) for recovery in codes])
            self._audit.write(session, staff_id, "account.second_factor_set", staff_id)
        return codes

    def take(self, staff_id: str, code: str) -> bool:
        """Check a code of the application or a recovery code; each is good once."""
        with self._database.transaction() as session:
            account = session.get_one(StaffAccount, staff_id, with_for_update=True)
            if account.totp_secret_encrypted is None:
                return False
            secret = self._vault.decrypt(account.totp_secret_encrypted)
            step = self._matching_step(secret, code, after=account.totp_last_step)
            if step:
                account.totp_last_step = step
                return True
            kept: list[str] = json.loads(account.recovery_hashes)
            given = self._hash(code)
            left = [one for one in kept if not hmac.compare_digest(one, given)]
            if len(left) == len(kept):
                return False
            account.recovery_hashes = json.dumps(left)
            self._audit.write(session, staff_id, "account.recovery_code_used", staff_id, f"left={len(left)}")
            return True

    def remove(self, staff_id: str, by: str) -> None:
        """Take a person's second factor away, so that they set up a new one; `by` is who does it."""
        with self._database.transaction() as session:
            account = session.get_one(StaffAccount, staff_id, with_for_update=True)
            account.totp_secret_encrypted, account.recovery_hashes = None, "[]"
            self._audit.write(session, by, "account.second_factor_removed", staff_id)

    def _matching_step(self, secret: str, code: str, after: int) -> int:
        """Return the time step whose code this is, if it is newer than `after`; 0: none."""
        digits = "".join(letter for letter in code if letter.isdigit())
        totp, now = pyotp.TOTP(secret), int(self._clock().timestamp()) // _STEP_SECONDS
        steps = range(now - _STEPS_AROUND, now + _STEPS_AROUND + 1)
        matching = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), digits) and step > after]
        return matching[-1] if matching else 0

    def _hash(self, code: str) -> str:
        return self._vault.keyed_hash(_PURPOSE, "".join(letter for letter in code.lower() if letter.isalnum()))


def qr_picture(secret: str, label: str) -> bytes:
    """Return an SVG picture with the secret, for an authenticator application to read."""
    address = pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER)
    picture = io.BytesIO()
    segno.make(address, error="m").save(picture, kind="svg", scale=5, light="#fff", border=4)
    return picture.getvalue()
