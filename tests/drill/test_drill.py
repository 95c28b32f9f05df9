"""The short form of the drill, as a test of every change; `make drill` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.drill.plan import EVERYTHING, long_plan, short_plan
from tests.support.postgres import find_binaries

ROOT = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.slow
def test_nothing_is_lost_whatever_is_killed() -> None:
    """Every claim of the table holds; only how soon the system goes on is not judged on a machine that others use too."""
    if find_binaries() is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    options = ["--short", "--seed", "11", "--messages", "120", "--conversations", "40", "--within", "90"]
    done = subprocess.run([sys.executable, "-m", "tests.drill", *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "FAILS" not in done.stdout
    assert done.stdout.count("holds") > 15


def test_a_drill_is_the_same_again_with_its_seed() -> None:
    """What is written and broken, and when, follows from the seed alone."""
    first, again, other = (long_plan(seed, 100, 20) for seed in (1, 1, 2))
    assert (first.letters, first.schedule) == (again.letters, again.schedule)
    assert first.schedule != other.schedule
    assert sum(map(len, first.letters)) == 100
    assert EVERYTHING in first.kinds
    assert short_plan(1, 100, 20).kinds < first.kinds
