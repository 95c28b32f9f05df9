"""An encrypted file that is written and read as a stream: frames that the vault's keys seal, in a fixed order, with an end.

A frame holds the archive's own id, its number, and whether it is the last. So a frame that was changed, left out, put in
another place or taken from another archive is noticed, and so is a file that was cut off.
"""

from __future__ import annotations

import base64
import io
import os
import struct
from typing import Any, BinaryIO

from bot.errors import RutaError, SettingsError
from bot.storage.vault import Vault

FRAME_BYTES = 256 * 1024
"""How much one frame holds; memory and the loss of compression are small."""
_LONGEST_TOKEN = 2 * FRAME_BYTES
_MAGIC = b"ruta-backup 1 "
_HEAD = struct.Struct(">16sQ?")
_LENGTH = struct.Struct(">I")


class BackupError(RutaError):
    """A backup could not be made, read or restored; what was there before is as it was."""

    code = "backup_failed"


class SealedWriter(io.RawIOBase):
    """Writes into a file what only the vault's keys open; `close` ends it, and an archive without its end is none."""

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        self._file, self._vault = file, vault
        self._id, self._number = os.urandom(16), 0
        self._waiting = bytearray()
        file.write(_MAGIC + vault.fingerprints[0].encode() + b"\n")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += memoryview(data)
        while len(self._waiting) > FRAME_BYTES:
            self._frame(bytes(self._waiting[:FRAME_BYTES]), is_last=False)
            del self._waiting[:FRAME_BYTES]
        return memoryview(data).nbytes

    def finish(self) -> None:
        """Write the last frame."""
        self._frame(bytes(self._waiting), is_last=True)

    def _frame(self, data: bytes, *, is_last: bool) -> None:
        head = _HEAD.pack(self._id, self._number, is_last)
        token = base64.urlsafe_b64decode(self._vault.seal(head + data))
        self._file.write(_LENGTH.pack(len(token)) + token)
        self._number += 1


class SealedReader(io.RawIOBase):
    """Reads what a `SealedWriter` wrote.

    Raises:
        BackupError: it is no archive, no key opens it, or it is damaged; found when that part is read.
    """

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        self._file, self._vault = file, vault
        self._id, self._number = b"", 0
        self._waiting, self._is_over = memoryview(b""), False
        first = file.readline(len(_MAGIC) + 20)
        if not first.startswith(_MAGIC) or not first.endswith(b"\n"):
            raise BackupError("this is no backup of Ruta Segura, or its beginning is damaged")
        fingerprint = first[len(_MAGIC) : -1].decode("ascii", "replace")
        if fingerprint not in vault.fingerprints:
            raise BackupError(
                f"the backup was made with the key {fingerprint}, which is not in RUTA_ENCRYPTION_KEYS; add that key at the end"
            )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer).cast("B")
        while not self._waiting and not self._is_over:
            self._waiting = memoryview(self._frame())
        taken = min(len(wanted), len(self._waiting))
        wanted[:taken] = self._waiting[:taken]
        self._waiting = self._waiting[taken:]
        return taken

    def _frame(self) -> bytes:
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > _LONGEST_TOKEN:
            raise self._damaged()
        try:
            frame = self._vault.unseal(base64.urlsafe_b64encode(self._exactly(length)))
        except SettingsError:
            raise self._damaged() from None
        archive_id, number, is_last = _HEAD.unpack_from(frame)
        if number != self._number or archive_id != (self._id or archive_id):
            raise self._damaged()
        self._id, self._number, self._is_over = archive_id, number + 1, is_last
        if is_last and self._file.read(1):
            raise self._damaged()
        return frame[_HEAD.size :]

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            raise BackupError("the backup is cut off: its end is missing; take another one")
        return data

    def _damaged(self) -> BackupError:
        return BackupError(f"the backup is damaged at byte {self._file.tell()}; take another one")


def check_empty(holding: list[str], *, replace: bool) -> None:
    """Refuse a target whose tables hold rows, unless it shall be replaced.

    Raises:
        BackupError: names some of the tables.
    """
    rows = sorted(set(holding) - {"alembic_version", "serving_release", "sqlite_sequence"})
    if rows and not replace:
        raise BackupError(
            f"the database is not empty ({', '.join(rows[:3])}); --replace puts the backup in its place and keeps it"
        )
