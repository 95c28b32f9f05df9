"""The benchmarks are never run as tests, but each must start and teach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["editor", "engines", "memory", "observing", "spine", "turn", "understanding", "workers"])
def test_each_benchmark_teaches(name: str) -> None:
    """`--help` imports what the benchmark needs when it starts."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert "Usage" in done.stdout
