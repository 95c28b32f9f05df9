"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import Parts, make_parts
from tests.unit.gateway.fakes import FakeChannel, FakeClock


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """Storage on the real clock."""
    made = make_parts(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def clocked(tmp_path: Path, clock: FakeClock) -> Iterator[Parts]:
    """Storage on the clock that stands still."""
    made = make_parts(tmp_path, clock)
    yield made
    made.database.close()


@pytest.fixture
def channel() -> FakeChannel:
    """A channel without a provider."""
    return FakeChannel()
