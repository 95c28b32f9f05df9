from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.content_builder import ContentBuilder


@pytest.fixture
def content(tmp_path: Path) -> ContentBuilder:
    """A tiny content folder without a fault."""
    return ContentBuilder(tmp_path / "content")
