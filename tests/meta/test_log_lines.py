"""Every log line of ours is an event and its fields, so that a program can read it and no text slips in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
PERSONAL = {"text", "address", "body", "token", "phone", "number", "name", "title", "payload", "conversation", "contact"}
"""What no field may be called."""


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "channels").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS
            if is_call and isinstance(node.func.value, ast.Name) and node.func.value.id in ("logger", "log", "logging"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


CALLS = dict(_calls())


def test_there_are_lines_to_look_at() -> None:
    """The walk finds the programs' lines."""
    assert len(CALLS) > 25


@pytest.mark.parametrize("place", CALLS)
def test_a_line_is_an_event_and_its_fields(place: str) -> None:
    """`"event_happened id=%s code=%s"`: the template is written out, has a value for each field, and no field for a person."""
    template, *values = CALLS[place].args
    assert isinstance(template, ast.Constant) and isinstance(template.value, str), place
    event, *fields = template.value.split(" ")
    assert re.fullmatch(r"[a-z][a-z_]+", event), template.value
    assert all(re.fullmatch(r"[a-z_]+=(%[sd]|[a-z_]+)", field) for field in fields), template.value
    assert sum("%" in field for field in fields) == len(values), template.value
    assert not {field.split("=")[0] for field in fields} & PERSONAL
