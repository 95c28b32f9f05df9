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
            self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])
        except ValueError as error:
            raise SettingsError("RUTA_ENCRYPTION_KEYS: each key must be 44 characters as `ruta keys` prints them") from error
        self._hash_key = hash_key.encode()

    def encrypt(self, text: str) -> bytes:
        """Return the text encrypted with the newest key."""
        return self._fernet.encrypt(text.encode())

    def decrypt(self, token: bytes) -> str:
        """Return the text.

        Raises:
            SettingsError: none of the keys fits.
        """
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken as error:
            raise SettingsError("RUTA_ENCRYPTION_KEYS: none of the keys opens the stored data; add the old key") from error

    def address_hash(self, channel: str, address: str) -> str:
        """Return the hex hash by which a contact is found."""
        return self.keyed_hash(channel, address)

    def keyed_hash(self, purpose: str, text: str) -> str:
        """Return a hex hash that nobody can make without our key; the same text has another hash for another purpose."""
        return hmac.new(self._hash_key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()
