"""Mark what changed between two texts, word by word, for people to read."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from markupsafe import Markup, escape

_PIECE = re.compile(r"\s+|[^\s]+")


def marked_changes(before: str, after: str) -> Markup:
    """Return the later text as HTML with what was added in `<ins>` and what was taken out in `<del>`."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    html = Markup("")
    for kind, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = "".join(old[old_start:old_end]), "".join(new[new_start:new_end])
        if kind == "equal":
            html += escape(come)
            continue
        html += Markup("<del>{}</del>").format(gone) if gone else ""
        html += Markup("<ins>{}</ins>").format(come) if come else ""
    return html
