"""What every test shares: the network is closed but for loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database
from tests.support.builders import System
from tests.support.postgres import drop_all, find_binaries, run_postgres

_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def closed_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise PermissionError(f"a test tried to leave the machine: {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    parser.addoption("--require-postgresql", action="store_true", help="fail, rather than skip, where PostgreSQL is missing")


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve a real PostgreSQL, or skip with the reason; with --require-postgresql fail instead."""
    binaries = find_binaries()
    if binaries is None:
        if request.config.getoption("--require-postgresql"):
            pytest.fail("no PostgreSQL server is installed, and --require-postgresql is set")
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    with run_postgres(binaries) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Yield a database without tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/ruta.db")
    else:
        database = Database(request.getfixturevalue("postgres_url"))
        drop_all(database)
    yield database
    database.close()


@pytest.fixture
def system(empty_database: Database) -> System:
    """Return inbox, turns and outbox over an empty database with all migrations applied."""
    upgrade_database(empty_database)
    return System(empty_database)
