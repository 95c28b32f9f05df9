"""What the page on security promises is shown by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_named_test_exists() -> None:
    """A test that was renamed or removed is renamed or removed on the page too."""
    assert len(NAMED) > 30
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file, _ in NAMED if (ROOT / file).exists()}
    missing = [f"{file}::{name}" for file, name in NAMED if not re.search(rf"def {name}\(", sources.get(file, ""))]
    assert missing == []


def test_every_security_test_file_is_on_the_page() -> None:
    """An attack that is tested is described."""
    files = {f"tests/security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert files == {file for file, _ in NAMED if file.startswith("tests/security/")}


def test_all_chapters_of_the_standard_are_there() -> None:
    """OWASP ASVS 5.0.0 has seventeen."""
    assert [int(number) for number in re.findall(r"^## V(\d+) ", PAGE, re.MULTILINE)] == list(range(1, 18))
