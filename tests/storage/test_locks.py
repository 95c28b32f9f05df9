"""Writers of SQLite take turns: one waits for the other, and gives up with an error that callers know."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.storage import session as session_module
from bot.storage.session import Database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database file with one empty table."""
    path = tmp_path / "locks.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE note (word TEXT)")
    return path


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    """Our way to it."""
    opened = Database(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def holder(file: Path, database: Database) -> Iterator[sqlite3.Connection]:
    """Another program that holds the write lock."""
    database.check()
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def _write(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("INSERT INTO note VALUES ('ours')"))


def test_a_writer_goes_on_when_the_other_one_has_committed(database: Database, holder: sqlite3.Connection) -> None:
    """What it writes is not lost, and comes after what the other one wrote."""
    holder.execute("INSERT INTO note VALUES ('theirs')")
    ours = threading.Thread(target=_write, args=(database,))
    ours.start()
    ours.join(0.05)
    assert ours.is_alive()
    holder.execute("COMMIT")
    ours.join(session_module.BUSY_SECONDS)
    assert [row[0] for row in holder.execute("SELECT word FROM note")] == ["theirs", "ours"]


def test_a_writer_gives_up_when_the_lock_is_not_freed(
    database: Database, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is SQLAlchemy's, which the worker and the webhooks answer; the next try writes."""
    monkeypatch.setattr(session_module, "BUSY_SECONDS", 0.05)
    with pytest.raises(OperationalError, match="locked"):
        _write(database)
    holder.execute("ROLLBACK")
    _write(database)
    assert holder.execute("SELECT count(*) FROM note").fetchone() == (1,)


@pytest.mark.usefixtures("holder")
def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    """Reading takes no lock."""
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM note")).scalar() == 0
