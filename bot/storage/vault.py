"""Encryption of the columns that hold personal data, and the keyed hash by which an address is found again."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.errors import SettingsError


class Vault:
    """Encrypts, decrypts and hashes.

    Args:
        encryption_keys: Fernet keys, the newest first; older ones still decrypt.
        hash_key: the key of the address hash; it can not be changed without losing who is who.

    Raises:
        SettingsError: a key is malformed.
    """

    def __init__(self, encryption_keys: list[str], hash_key: str) -> None:
        if not encryption_keys or not hash_key:
            raise SettingsError("RUTA_ENCRYPTION_KEYS and RUTA_HASH_KEY must both be set; `ruta keys` prints new ones")
        try:
            self._keys = [Fernet(key) for key in encryption_keys]
            self._fernet = MultiFernet(self._keys)
        except ValueError as error:
            raise SettingsError("RUTA_ENCRYPTION_KEYS: each key must be 44 characters as `ruta keys` prints them") from error
        self._hash_key = hash_key.encode()
        self.fingerprints = [hashlib.sha256(key.encode()).hexdigest()[:8] for key in encryption_keys]
        """A short name for each encryption key, the newest first, which may be shown."""

    def encrypt(self, text: str) -> bytes:
        """Return the text encrypted with the newest key."""
        return self.seal(text.encode())

    def seal(self, data: bytes) -> bytes:
        """Return the bytes encrypted with the newest key."""
        return self._fernet.encrypt(data)

    def decrypt(self, token: bytes) -> str:
        """Return the text.

        Raises:
            SettingsError: none of the keys fits.
        """
        return self.unseal(token).decode()

    def unseal(self, token: bytes) -> bytes:
        """Return the bytes.

        Raises:
            SettingsError: none of the keys fits.
        """
        try:
            return self._fernet.decrypt(token)
        except InvalidToken as error:
            raise SettingsError("RUTA_ENCRYPTION_KEYS: none of the keys opens the stored data; add the old key") from error

    def key_of(self, token: bytes) -> int | None:
        """Return which key opens it, 0 for the newest; None when none does."""
        for position, key in enumerate(self._keys):
            try:
                key.decrypt(token)
                return position
            except InvalidToken:
                continue
        return None

    def address_hash(self, channel: str, address: str) -> str:
        """Return the hex hash by which a contact is found."""
        return self.keyed_hash(channel, address)

    def keyed_hash(self, purpose: str, value: str) -> str:
        """Return the hex hash of a value, which nobody can repeat without our key; each purpose has hashes of its own."""
        return hmac.new(self._hash_key, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()
