"""The page of the checks says in the reader's language what to do, for every code that the checks know."""

from __future__ import annotations

import ast
import html
from collections.abc import Iterator
from pathlib import Path

from bot.editor.faults import PROBLEM_KEYS
from bot.editor.roles import Role
from tests.support.editor import ROOT, EditorWorld

PLACES = {"Problem": 2, "problem": 1}
"""Where the code stands among the arguments of what makes a problem."""


def codes() -> Iterator[str]:
    """Yield every code that stands as such in the checks of the content."""
    for path in (ROOT / "bot" / "content").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            given = call.args[PLACES[name]] if name in PLACES and len(call.args) > PLACES[name] else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value


def test_every_code_has_a_sentence() -> None:
    """A new check must say in Spanish and English what to do."""
    found = set(codes())
    assert len(found) > 40
    assert found - set(PROBLEM_KEYS) == set()


def test_page_says_what_to_do_and_keeps_the_detail(world: EditorWorld) -> None:
    """The sentence comes first, the checks' own words as detail, and a way to where it is mended."""
    answer = Path(world.parts.content) / "routes" / "passport" / "es.md"
    answer.write_text(answer.read_text(encoding="utf-8").replace("90 dólares", "91 dólares"), encoding="utf-8")
    world.parts.checked.refresh()
    page = html.unescape(world.browser(world.person(Role.EDITOR)).get("/checks").text)
    assert world.parts.texts.text("es", PROBLEM_KEYS["unsupported_number"]) in page
    assert "'91' is in none of the facts" in page
    assert 'href="/topics/passport/answer/general/es"' in page
    assert "routes/passport/es.md:" in page
