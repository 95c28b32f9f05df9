"""Backups: the database and, if wanted, the folders that staff keep, in one encrypted file that is whole or not there.

The file is a tar archive, compressed, then sealed frame by frame (`archive.py`). Its last member is the manifest with the
checksums of all others.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sqlalchemy.exc import DBAPIError

from bot.storage.archive import BackupError, SealedReader, SealedWriter
from bot.storage.revision import stored_revision
from bot.storage.session import Database
from bot.storage.snapshots import OnBytes, check_target, kind_of, load, snapshot
from bot.storage.upgrade import lineage
from bot.storage.vault import Vault

PART_BYTES = 8 * 1024 * 1024
"""The database goes in as parts of this size, since its length is only known at the end."""
_COMPRESSION = 5
_DATABASE, _FOLDERS, _MANIFEST = "database", "folders", "manifest.json"


@dataclass
class Manifest:
    """What a backup holds.

    Attributes:
        made_at: ISO 8601, UTC.
        kind: `sqlite` or `postgresql`; a backup of the one cannot be restored into the other.
        revision: the form of its tables.
        hash_key_check: tells whether RUTA_HASH_KEY is still the one by which its contacts are found.
        sums: the SHA-256 of the database and of each file of the folders.
    """

    made_at: str
    kind: str
    revision: str
    hash_key_check: str
    database_bytes: int = 0
    sums: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files of the folders it holds."""
        return len(self.sums) - 1


def make_backup(
    database: Database, vault: Vault, target: Path, folders: Mapping[str, Path], now: datetime, on_bytes: OnBytes
) -> Manifest:
    """Write a backup, read it again whole, and only then give it its name; mode 0600.

    Args:
        folders: what else goes in, by its name in the backup.

    Raises:
        BackupError: it could not be made; nothing of it is left.
    """
    target = target.absolute()
    if target.exists():
        raise BackupError(f"{target} exists already and is not overwritten; write another name")
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise BackupError(f"{target.parent}: {error.strerror}") from error
    try:
        made = work / "backup"
        manifest = Manifest(now.isoformat(timespec="seconds"), kind_of(database), stored_revision(database), _check_of(vault))
        with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            _write(file, database, vault, folders, manifest, work, on_bytes)
            file.flush()
            os.fsync(file.fileno())
        if read_backup(made, vault, lambda _: None) != manifest:
            raise BackupError("the backup does not read as it was written: the disk or the memory is at fault")
        os.rename(made, target)
    except OSError as error:
        raise BackupError(f"{target}: {error.strerror}; nothing was written") from error
    except DBAPIError as error:
        raise BackupError(f"{kind_of(database)}: {str(error.orig).splitlines()[0]}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def read_backup(path: Path, vault: Vault, on_bytes: OnBytes) -> Manifest:
    """Read a backup whole, check every part of it, and return what it holds.

    Raises:
        BackupError: it is damaged, cut off, no backup, or sealed with another key.
    """
    with _Parts(path, vault) as parts:
        for _ in parts.database(on_bytes):
            pass
        return parts.rest(None)


def restore_backup(
    database: Database, vault: Vault, path: Path, now: datetime, on_bytes: OnBytes, *, replace: bool, folders: Path | None = None
) -> tuple[Manifest, str]:
    """Put a backup in the place of the database; what was there is kept beside it.

    Args:
        replace: do so although the present database holds something.
        folders: a new folder for the folders in the backup; None leaves them in it.

    Returns:
        what the backup holds, and the file or schema with what was there before (empty: there was nothing).

    Raises:
        BackupError: nothing was changed, and why.
    """
    if folders is not None and folders.exists():
        raise BackupError(f"{folders} exists already; name a new folder, compare, and take over what you want")
    manifest = read_backup(path, vault, on_bytes)
    _check_fits(manifest, database, vault)
    check_target(database, replace=replace)
    with _Parts(path, vault) as parts:
        kept = load(database, io.BufferedReader(_Stream(parts.database(on_bytes)), PART_BYTES), now, replace=replace)
        parts.rest(folders)
    return manifest, kept


def _check_fits(manifest: Manifest, database: Database, vault: Vault) -> None:
    if manifest.kind != kind_of(database):
        raise BackupError(f"the backup is of {manifest.kind}, RUTA_DATABASE_URL names {kind_of(database)}; they must be the same")
    if manifest.hash_key_check != _check_of(vault):
        raise BackupError("RUTA_HASH_KEY is not the one of the backup: nobody who wrote before would be recognised")
    if manifest.revision not in lineage():
        raise BackupError(
            f"the backup's tables have form {manifest.revision or '-'}, which this release does not know; use a newer one"
        )


def _check_of(vault: Vault) -> str:
    return vault.address_hash("backup", "check")[:16]


def _write(
    file: BinaryIO,
    database: Database,
    vault: Vault,
    folders: Mapping[str, Path],
    manifest: Manifest,
    work: Path,
    on_bytes: OnBytes,
) -> None:
    sealed = SealedWriter(file, vault)
    with (
        gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=_COMPRESSION, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        with snapshot(database, work) as stream:
            digest = hashlib.sha256()
            for number, part in enumerate(iter(lambda: stream.read(PART_BYTES), b"")):
                digest.update(part)
                manifest.database_bytes += len(part)
                _add(tar, f"{_DATABASE}/{number:08d}", part)
                on_bytes(len(part))
            manifest.sums[_DATABASE] = digest.hexdigest()
        for name, found in _files(folders):
            content = found.read_bytes()
            manifest.sums[name] = hashlib.sha256(content).hexdigest()
            _add(tar, f"{_FOLDERS}/{name}", content)
        _add(tar, _MANIFEST, json.dumps(asdict(manifest)).encode())
    sealed.finish()


def _files(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{name}/{path.relative_to(folder).as_posix()}", path


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(content))


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{path}: the backup is damaged ({type(error).__name__}); take another one") from error
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror or error}") from error


class _Parts:
    """A backup that is read once, in order: the database, then the rest."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path, self._vault = path, vault
        self._sums: dict[str, str] = {}
        self._bytes = 0
        self._next: tarfile.TarInfo | None = None

    def __enter__(self) -> _Parts:
        with _damage_told(self._path):
            self._file = self._path.open("rb")
            try:
                self._sealed = io.BufferedReader(SealedReader(self._file, self._vault))
                self._packed = gzip.GzipFile(fileobj=self._sealed, mode="rb")
                self._tar = tarfile.open(fileobj=self._packed, mode="r|")
            except BaseException:
                self._file.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def database(self, on_bytes: OnBytes) -> Iterator[bytes]:
        """Yield the database's bytes."""
        digest = hashlib.sha256()
        with _damage_told(self._path):
            self._next = self._tar.next()
        while self._next is not None and self._next.name == f"{_DATABASE}/{self._number:08d}":
            with _damage_told(self._path):
                part = self._content(self._next)
                self._next = self._tar.next()
            digest.update(part)
            self._bytes += len(part)
            on_bytes(len(part))
            yield part
        self._sums[_DATABASE] = digest.hexdigest()

    @property
    def _number(self) -> int:
        return -(-self._bytes // PART_BYTES)

    def rest(self, folders: Path | None) -> Manifest:
        """Read the folders, into a folder if one is given, and the end; return the manifest once all agrees with it."""
        with _damage_told(self._path):
            manifest: Manifest | None = None
            while self._next is not None:
                content = self._content(self._next)
                if self._next.name == _MANIFEST:
                    manifest = Manifest(**json.loads(content))
                else:
                    self._take_file(self._next.name, content, folders)
                self._next = self._tar.next()
            while self._packed.read(PART_BYTES):
                pass
            while self._sealed.read(PART_BYTES):
                pass
        if manifest is None or manifest.sums != self._sums or manifest.database_bytes != self._bytes:
            raise BackupError(f"{self._path}: the backup does not agree with its own list; take another one")
        return manifest

    def _take_file(self, member: str, content: bytes, folders: Path | None) -> None:
        name = PurePosixPath(member).relative_to(_FOLDERS)
        if name.is_absolute() or ".." in name.parts:
            raise ValueError("a name that leaves the folder")
        self._sums[str(name)] = hashlib.sha256(content).hexdigest()
        if folders is not None:
            place = folders / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def _content(self, member: tarfile.TarInfo) -> bytes:
        opened = self._tar.extractfile(member)
        return opened.read() if opened else b""


class _Stream(io.RawIOBase):
    """Parts as a file to read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._waiting = parts, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._waiting = memoryview(part)
        wanted = memoryview(buffer).cast("B")
        taken = min(len(wanted), len(self._waiting))
        wanted[:taken] = self._waiting[:taken]
        self._waiting = self._waiting[taken:]
        return taken
