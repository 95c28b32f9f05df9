"""The fake Bot API for the tests of the Telegram channel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake_telegram import FakeTelegram
from tests.support.server import serve


@pytest.fixture
def telegram() -> FakeTelegram:
    """A fresh Bot API."""
    return FakeTelegram()


@pytest.fixture
def api_url(telegram: FakeTelegram) -> Iterator[str]:
    """The address at which it listens."""
    with serve(telegram.app) as url:
        yield url
