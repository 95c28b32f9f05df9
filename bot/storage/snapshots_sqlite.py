"""A copy of a SQLite file while others write to it, and its way back into the file's place."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from bot.storage.archive import BackupError, check_empty
from bot.storage.session import Database

_PAGES = 1024
_WAL_FILES = ("-wal", "-shm", "-journal")


def _path(database: Database) -> Path:
    path = database.engine.url.database
    if not path or path == ":memory:":
        raise BackupError("RUTA_DATABASE_URL names no file: a database in memory can be neither backed up nor restored")
    return Path(path)


@contextmanager
def sqlite_copy(database: Database, folder: Path) -> Iterator[BinaryIO]:
    """Yield the file's content as it is at one moment; a plain copy stands in the folder for a while."""
    path, copy = _path(database), folder / "snapshot"
    if not path.exists():
        raise BackupError(f"{path}: there is no database yet")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as source, closing(sqlite3.connect(copy)) as target:
            # Inside one reading transaction every step sees the same moment; otherwise each writer would start the copy anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            target.execute("PRAGMA synchronous=OFF")
            source.backup(target, pages=_PAGES, sleep=0)
            target.execute("PRAGMA journal_mode=DELETE")
            _check_sound(target, f"{path} is damaged")
    except sqlite3.Error as error:
        raise BackupError(f"{path}: {error}") from error
    with copy.open("rb") as stream:
        copy.unlink()  # Open, but no longer to be found by anybody.
        yield stream


def _check_sound(connection: sqlite3.Connection, what: str) -> None:
    (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise BackupError(f"{what}: {str(result).splitlines()[-1]}")


def check_sqlite(database: Database, *, replace: bool) -> None:
    """Refuse a file that a program uses, or that holds rows."""
    with _sole_user(_path(database), replace=replace):
        return


@contextmanager
def _sole_user(path: Path, *, replace: bool) -> Iterator[None]:
    """Hold the database file alone, with all that was written in it."""
    if not path.exists():
        yield
        return
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        try:
            # Leaving the WAL mode needs everybody else to have closed the file; it also brings the WAL's content home.
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise BackupError(f"{path} is in use: stop all programs of Ruta Segura first ({error})") from error
        except sqlite3.DatabaseError as error:  # What is damaged must be replaceable, that is what backups are for.
            if not replace:
                raise BackupError(f"{path} is damaged ({error}); --replace puts the backup in its place and keeps it") from error
        else:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            holding = [name for name in tables if connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()]
            check_empty(holding, replace=replace)
        yield


def load_sqlite(database: Database, stream: BinaryIO, aside: str, *, replace: bool) -> str:
    """Put a copy in the file's place and keep the file beside it under its name and `aside`.

    Returns:
        where it is kept, or an empty string.
    """
    path = _path(database)
    path.parent.mkdir(parents=True, exist_ok=True)
    made, kept = path.with_name(f"{path.name}.restoring"), path.with_name(f"{path.name}.{aside}")
    try:
        with _sole_user(path, replace=replace):
            made.unlink(missing_ok=True)
            with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                shutil.copyfileobj(stream, file)
                file.flush()
                os.fsync(file.fileno())
            with closing(sqlite3.connect(made)) as connection:
                _check_sound(connection, "the restored database is damaged")
            was_there = path.exists()
            if was_there:
                shutil.copymode(path, made)
                os.link(path, kept)
            for suffix in _WAL_FILES:  # One that was left by a file that is gone would be played into the new one.
                with_suffix = path.with_name(path.name + suffix)
                if with_suffix.exists():
                    with_suffix.rename(kept.with_name(kept.name + suffix))
            os.replace(made, path)
            _sync_folder(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{path}: {error}") from error
    finally:
        made.unlink(missing_ok=True)
    return str(kept) if was_there else ""


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
