"""Memory stays flat: the short form of `python -m benchmarks.memory`, long enough to show a leak of four kilobytes a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.memory import measure_gateway, measure_worker, slope

pytestmark = pytest.mark.slow

MOST_BYTES_EACH = 4096
"""What a message may leave behind here. The allocator still settles in such a short run; the long one is in `docs/performance.md`."""


def test_gateway_memory_is_flat(tmp_path: Path) -> None:
    """Two thousand messages of as many contacts."""
    samples = measure_gateway(tmp_path, 2000, 125)
    assert slope(samples) < MOST_BYTES_EACH, samples


@pytest.mark.engine
def test_worker_memory_is_flat(tmp_path: Path) -> None:
    """A thousand messages of as many contacts, who use few words: those that it remembers are bounded, but soon there are more."""
    samples = measure_worker(tmp_path, 1000, 50, most_texts=100)
    assert slope(samples) < MOST_BYTES_EACH, samples
