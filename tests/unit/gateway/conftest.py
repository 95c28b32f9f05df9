"""A database of its own for each test."""

from __future__ import annotations

import pytest

from bot.storage.session import Database
from tests.support.gateway import Parts, make_parts
from tests.unit.gateway.fakes import FakeChannel, FakeClock


@pytest.fixture
def parts(empty_database: Database) -> Parts:
    """Storage on the real clock."""
    return make_parts(empty_database)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def clocked(empty_database: Database, clock: FakeClock) -> Parts:
    """Storage on the clock that stands still."""
    return make_parts(empty_database, clock)


@pytest.fixture
def channel() -> FakeChannel:
    """A channel without a provider."""
    return FakeChannel()
