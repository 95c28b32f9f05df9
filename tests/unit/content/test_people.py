"""Who answers as a person, and when: what `ruta check` says of the file, and what is read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.content.checks.people import check_people
from bot.content.loader import LoadedContent, load_content
from bot.content.people import read_staff_times

ROOT = Path(__file__).resolve().parents[3]
GOOD = """
help_points: [ecu-911]
staff:
  opening: {mo: ["08:30-13:00", "14:00-17:00"], sa: []}
  wait: {es: "Una hora.", en: "An hour."}
"""


@pytest.fixture(scope="module")
def loaded() -> LoadedContent:
    """The real content."""
    return load_content(ROOT / "content")


def _codes(folder: Path, loaded: LoadedContent, text: str) -> list[str]:
    (folder / "people.yml").write_text(text, encoding="utf-8")
    return [problem.code for problem in check_people(folder, loaded)]


def test_real_file_and_a_good_one_have_no_fault(tmp_path: Path, loaded: LoadedContent) -> None:
    """The present file, with its block on staff commented out, with it, and a good one."""
    text = (ROOT / "content" / "people.yml").read_text(encoding="utf-8")
    block = [line[2:] for line in text.splitlines() if line.startswith(("# staff:", "#   "))]
    assert len(block) == 3
    assert _codes(tmp_path, loaded, text) == []
    assert _codes(tmp_path, loaded, "\n".join([text, *block])) == []
    assert read_staff_times(tmp_path / "people.yml") is not None
    assert _codes(tmp_path, loaded, GOOD) == []
    times = read_staff_times(tmp_path / "people.yml")
    assert times is not None
    assert [times.wait_in(locale) for locale in ("en", "fr")] == ["An hour.", "Una hora."]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("staff: [", "people_unreadable"),
        ("- ecu-911", "people_unknown"),
        ("stafff: {}", "people_unknown"),
        ("help_points: [nowhere]", "point_unknown"),
        ("staff: {opening: {}}", "staff_unknown"),
        ("staff: {opening: [], wait: {}}", "staff_unknown"),
        (GOOD.replace("mo:", "monday:"), "day_unknown"),
        (GOOD.replace("08:30-13:00", "8.30 to 13"), "hours_unreadable"),
        (GOOD.replace("08:30-13:00", "15:00-18:00"), "hours_unreadable"),
        (GOOD.replace('["08:30-13:00", "14:00-17:00"]', "[]"), "hours_missing"),
        (GOOD.replace("es:", "fr:"), "wait_missing"),
        (GOOD.replace("en:", "de:"), "wait_unreadable"),
        (GOOD.replace("An hour.", "long " * 60), "wait_unreadable"),
    ],
)
def test_fault_is_named(tmp_path: Path, loaded: LoadedContent, text: str, code: str) -> None:
    """Each mistake by its own code; nobody is promised a person where the hours cannot be read."""
    assert code in _codes(tmp_path, loaded, text)
    if code not in ("day_unknown", "wait_unreadable"):
        assert read_staff_times(tmp_path / "people.yml") is None
