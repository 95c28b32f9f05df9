"""Show what changed between two texts, word by word and line by line, for people to read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from itertools import zip_longest

from markupsafe import Markup, escape

_MANY_PIECES = 4_000
"""Beyond this the comparison leaves frequent pieces out: it would take minutes."""
_PIECE = re.compile(r"\s+|[^\s]+")
_COME = re.compile(r"<ins>.*?</ins>", re.DOTALL)
_GONE = re.compile(r"<del>.*?</del>", re.DOTALL)


def marked_changes(before: str, after: str) -> Markup:
    """Return the later text as HTML with what was added in `<ins>` and what was taken out in `<del>`."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    first, last = _same_ends(old, new)
    html = escape("".join(new[:first]))
    end = escape("".join(new[len(new) - last :]))
    old, new = old[first : len(old) - last], new[first : len(new) - last]
    matcher = SequenceMatcher(None, old, new, autojunk=len(new) > _MANY_PIECES)
    for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        gone, come = "".join(old[old_start:old_end]), "".join(new[new_start:new_end])
        if kind == "equal":
            html += escape(come)
            continue
        html += Markup("<del>{}</del>").format(gone) if gone else ""
        html += Markup("<ins>{}</ins>").format(come) if come else ""
    return html + end


def _same_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    """Return how many pieces are the same at the beginning and, of the rest, at the end: a long file changes in one place."""
    most = min(len(old), len(new))
    first = next((place for place in range(most) if old[place] != new[place]), most)
    rest = most - first
    last = next((place for place in range(rest) if old[-1 - place] != new[-1 - place]), rest)
    return first, last


def three_ways(base: str, current: str, own: str) -> dict[str, Markup]:
    """Return what both began with, what stands there now and one's own text, each marked against the beginning."""
    return {"base": marked_changes(base, base), "current": marked_changes(base, current), "own": marked_changes(base, own)}


class LineKind(str, Enum):
    """What became of a line."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    GONE = "gone"


@dataclass(frozen=True)
class LineChange:
    """One row of a comparison; what changed within a line is marked on both sides.

    Attributes:
        count: for `SAME` how many lines in a row are the same; their words are left out.
    """

    kind: LineKind
    before: Markup
    after: Markup
    count: int = 1


def line_changes(before: str, after: str) -> list[LineChange]:
    """Compare two texts line by line, for two columns."""
    old, new = before.splitlines(), after.splitlines()
    rows: list[LineChange] = []
    for kind, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            rows.append(LineChange(LineKind.SAME, Markup(""), Markup(""), old_end - old_start))
            continue
        rows += [_row(*pair) for pair in zip_longest(old[old_start:old_end], new[new_start:new_end])]
    return rows


def _row(before: str | None, after: str | None) -> LineChange:
    if before is None:
        return LineChange(LineKind.ADDED, Markup(""), escape(after))
    if after is None:
        return LineChange(LineKind.GONE, escape(before), Markup(""))
    marked = marked_changes(before, after)
    return LineChange(LineKind.CHANGED, Markup(_COME.sub("", marked)), Markup(_GONE.sub("", marked)))
