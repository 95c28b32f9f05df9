"""Wait for what another task or program does. A deadline only ends a test that fails: none of them measures time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.01


async def becomes(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until something is so, in a task; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


def became(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until something is so, in a thread; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
