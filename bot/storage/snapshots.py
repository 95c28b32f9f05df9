"""One consistent picture of the whole database as a stream of bytes, and back, with each database's own tools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import psycopg

from bot.storage.archive import BackupError
from bot.storage.session import Database
from bot.storage.snapshots_postgresql import check_postgresql, load_postgresql, postgresql_dump
from bot.storage.snapshots_sqlite import check_sqlite, load_sqlite, sqlite_copy

OnBytes = Callable[[int], None]
"""Called with the number of bytes that were handled since the last call."""


def kind_of(database: Database) -> str:
    """Return `sqlite` or `postgresql`."""
    return database.engine.dialect.name


def size_of(database: Database) -> int | None:
    """Return how many bytes a snapshot will have, for a progress bar; None where nobody knows before."""
    path = database.engine.url.database
    return os.path.getsize(path) if kind_of(database) == "sqlite" and path and os.path.exists(path) else None


@contextmanager
def snapshot(database: Database, folder: Path) -> Iterator[BinaryIO]:
    """Yield the database's bytes as they are at one moment.

    Args:
        folder: may hold a plain copy for a while (SQLite); nobody else may read it.

    Raises:
        BackupError: the database is damaged, or its tool failed; raised at the end when that shows only then.
    """
    with _told(), sqlite_copy(database, folder) if kind_of(database) == "sqlite" else postgresql_dump(database) as stream:
        yield stream


def load(database: Database, stream: BinaryIO, stamp: datetime, *, replace: bool) -> str:
    """Put a snapshot in the place of the present database, all or nothing, and return where the present one is kept.

    Returns:
        the file or schema that now holds what was there before; empty if there was nothing.

    Raises:
        BackupError: a program uses the database, or it holds rows and `replace` is not set.
    """
    database.close()
    into = load_sqlite if kind_of(database) == "sqlite" else load_postgresql
    with _told():
        return into(database, stream, f"before_restore_{stamp:%Y%m%d_%H%M%S}", replace=replace)


def check_target(database: Database, *, replace: bool) -> None:
    """Refuse a target before anything is read.

    Raises:
        BackupError: as `load` does.
    """
    database.close()
    with _told():
        (check_sqlite if kind_of(database) == "sqlite" else check_postgresql)(database, replace=replace)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise BackupError(f"PostgreSQL: {str(error).splitlines()[0]}") from error
