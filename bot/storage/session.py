"""Open the database: SQLite in WAL mode on one machine, PostgreSQL for more."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session, sessionmaker

BUSY_SECONDS = 10.0
"""How long a SQLite writer waits for another one."""
IDLE_IN_TRANSACTION_SECONDS = 5.0
"""After this long PostgreSQL ends a session that has stopped in the middle of a transaction, and frees what it had locked: a
frozen worker must not hold the gateway up. Our transactions take milliseconds."""
STATEMENT_SECONDS = 30.0
"""After this long PostgreSQL gives a statement up, also one that waits for a lock."""
NETWORK_SECONDS = 10.0
"""After this long without a sign of life PostgreSQL's machine counts as gone."""
LOCK_LOOK_SECONDS = 0.001
"""How often a SQLite writer looks whether the lock is free."""


class Database:
    """Hands out transactions.

    Args:
        url: an SQLAlchemy address, for example `sqlite:///var/ruta.db` or `postgresql+psycopg://user@host/ruta`.
    """

    def __init__(self, url: str) -> None:
        self.engine = _create_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(self.engine.execution_options(is_reading=True))

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session that commits at the end, or rolls back when an error passes through."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that only reads; on SQLite it takes no lock, so it never waits for a writer nor holds one up."""
        with self._readers() as session:
            yield session

    def check(self) -> None:
        """Touch the database; an error of the driver passes through when it does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _create_engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10, connect_args=_postgresql_arguments(url))
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _postgresql_arguments(url: str) -> dict[str, Any]:
    """Return the limits of a connection; what the address itself says, for example `?connect_timeout=3`, wins.

    See https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS .
    """
    limits = {
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS,
        "statement_timeout": STATEMENT_SECONDS,
    }
    arguments: dict[str, Any] = {
        "options": " ".join(f"-c {name}={1000 * seconds:.0f}" for name, seconds in limits.items()),
        "connect_timeout": int(NETWORK_SECONDS),
        "tcp_user_timeout": int(1000 * NETWORK_SECONDS),
        "keepalives_idle": int(NETWORK_SECONDS),
        "keepalives_interval": 3,
        "keepalives_count": 3,
    }
    return {name: value for name, value in arguments.items() if name not in make_url(url).query}


def _set_up_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # The driver must not open transactions by itself; see _begin_immediate.
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL, not NORMAL: an acknowledged message must also outlive a power cut.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # What is deleted is overwritten in the file, not only marked as free.
    connection.execute("PRAGMA secure_delete=ON")


def _begin_immediate(connection: Connection) -> None:
    if connection.get_execution_options().get("is_reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    # A transaction that starts as a reader and then writes can fail as busy at once; taking the lock first waits instead.
    # We wait ourselves: SQLite's own waiters sleep up to 100 ms at a time and are overtaken by whoever comes at a better moment.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout=0")
    deadline = time.monotonic() + BUSY_SECONDS
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    break
                time.sleep(LOCK_LOOK_SECONDS * (0.5 + random.random()))
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Through SQLAlchemy, so that the error is the one callers know.
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
