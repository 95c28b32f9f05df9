"""Writing content files: no change gives the same bytes, a change a small difference, a fault nothing at all."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.content.model import SECTIONS
from bot.content.writing import (
    TOPIC_ORDER,
    AnswerText,
    format_answer,
    format_mapping,
    read_answer_text,
    replace_values,
    tidy,
    write_atomically,
)
from tests.support.content_builder import REAL_CONTENT

ANSWERS = sorted(REAL_CONTENT.glob("*/*/*.md"))
TOPICS = sorted(REAL_CONTENT.glob("*/*/topic.yml"))
HELP_POINTS = sorted(REAL_CONTENT.glob("help-points/*.yml"))


def test_every_real_answer_is_written_as_it_was_read() -> None:
    """The whole folder is in canonical form."""
    assert len(ANSWERS) > 400
    assert [path for path in ANSWERS if format_answer(read_answer_text(path.read_text("utf-8"))) != path.read_text("utf-8")] == []


def test_every_real_topic_and_help_point_is_written_as_it_was_read() -> None:
    """Topics also when all is written anew; help points keep the layout that people gave them."""
    assert len(TOPICS) > 70
    assert len(HELP_POINTS) > 50
    for path in (*TOPICS, *HELP_POINTS):
        raw = path.read_text("utf-8")
        data = yaml.safe_load(raw)
        assert path in HELP_POINTS or format_mapping(data) == raw, path
        assert replace_values(raw, data, TOPIC_ORDER) == raw, path


def test_change_of_one_value_changes_only_its_lines() -> None:
    """A moved review date is a difference of one line."""
    raw = TOPICS[0].read_text("utf-8")
    made = replace_values(raw, {**yaml.safe_load(raw), "review_by": "2027-01-01"}, TOPIC_ORDER)
    changed = list(difflib.unified_diff(raw.splitlines(), made.splitlines(), lineterm="", n=0))[2:]
    assert [line[0] for line in changed] == ["@", "-", "+"]
    assert changed[2] == '+review_by: "2027-01-01"'


def test_comments_stay_and_keys_come_and_go() -> None:
    """What a person noted by hand is not lost; a new key stands in its place, a removed one is gone."""
    raw = "# mine\nid: a\nowner: x  # who\n# about the facts\nfacts: [A-1]\nrelated: [b]\n"
    made = replace_values(raw, {"id": "a", "owner": "y", "sensitivity": "open", "facts": ["A-1", "A-2"]}, TOPIC_ORDER)
    assert made == "# mine\nid: a\nowner: y\n# about the facts\nsensitivity: open\nfacts: [A-1, A-2]\n"


@pytest.mark.parametrize("word", ["no", "null", "1.5", "true", "a: b", "- x", "", "#x", "2026-01-01", "x #y", 'say "hi"', "c\\d"])
def test_text_that_yaml_would_misread_is_quoted(word: str) -> None:
    """What goes in comes out, whatever it looks like."""
    assert yaml.safe_load(format_mapping({"country": word, "facts": [word], "name": word})) == {
        "country": word,
        "facts": [word],
        "name": word,
    }


@given(
    st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"))),
    st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"))).filter(lambda text: "#" not in text),
)
def test_any_answer_is_read_as_it_was_written(title: str, text: str) -> None:
    """Whatever staff type stands in the file and is read again as it is."""
    answer = AnswerText(" ".join(title.split()), "Menú", tidy(text).strip(), {"cost": f"x {text}".strip()})
    assert read_answer_text(format_answer(answer)) == answer


def test_sections_stand_in_their_order() -> None:
    """The order of the form does not matter."""
    answer = AnswerText("T", "M", "L", dict.fromkeys(reversed(SECTIONS), "x"))
    heads = [line[3:] for line in format_answer(answer).splitlines() if line.startswith("## ")]
    assert heads == list(SECTIONS)


def test_text_of_a_browser_has_our_line_ends() -> None:
    """Forms send CRLF; files have LF and no trailing spaces."""
    made = format_answer(AnswerText("T", "M", "\r\nuno  \r\ndos\r\n\r\n", {"cost": "- a\r\n- b"}))
    assert made.endswith("---\nuno\ndos\n\n## cost\n- a\n- b\n")
    assert read_answer_text(made) == replace(read_answer_text(made), lead="uno\ndos")


def test_file_is_replaced_with_its_rights_and_nothing_is_left(tmp_path: Path) -> None:
    """The rights stay, no temporary file stays."""
    path = tmp_path / "es.md"
    path.write_text("old")
    path.chmod(0o664)
    write_atomically(path, "nuevo ñ")
    assert path.read_text("utf-8") == "nuevo ñ"
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert os.listdir(tmp_path) == ["es.md"]


def test_old_file_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses nothing."""
    path = tmp_path / "es.md"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["es.md"]
