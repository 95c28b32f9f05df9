"""An editor for each test, on a copy of the real content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.editor import EditorWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EditorWorld]:
    """An editor over a copy of the real content."""
    made = EditorWorld(tmp_path)
    yield made
    made.parts.database.close()
