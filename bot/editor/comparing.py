"""A content file in the parts that its form shows, so that two versions are compared in the words of the people who keep them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.content.model import SECTIONS
from bot.content.writing import read_answer_text, read_broken_answer, top_level_blocks
from bot.editor.differences import LineChange, line_changes
from bot.i18n import N_

LABEL_KEYS = {
    "title": N_("editor.field.title"),
    "menu_title": N_("editor.field.menu_title"),
    "lead": N_("editor.field.lead"),
    "source_hash": N_("editor.history.source_hash"),
    "owner": N_("editor.field.owner"),
    "sensitivity": N_("editor.field.sensitivity"),
    "reviewed_on": N_("editor.field.reviewed_on"),
    "review_by": N_("editor.field.review_by"),
    "retired_on": N_("editor.field.retired_on"),
    "facts": N_("editor.field.facts"),
    "sources": N_("editor.data.sources"),
    "verify_at": N_("editor.data.verify"),
    "related": N_("editor.field.related"),
    "help_points": N_("editor.field.help_points"),
    "emergency_services": N_("editor.field.emergency_services"),
    "destinations": N_("editor.topic.destinations"),
    **{name: f"section.{name}" for name in SECTIONS},
}
"""The sentence for each part; another one is shown by its own name."""


@dataclass(frozen=True)
class PartChange:
    """A part that differs between two versions; `name` may be one of `LABEL_KEYS`."""

    name: str
    lines: list[LineChange]


def changed_parts(path: str, before: str, after: str) -> tuple[list[PartChange], list[str]]:
    """Return the parts that differ, with their lines, and the names of those that are the same."""
    old, new = parts_of(path, before), parts_of(path, after)
    names = list(dict.fromkeys([*new, *old]))
    changed = [name for name in names if old.get(name, "") != new.get(name, "")]
    shown = [PartChange(name, line_changes(old.get(name, ""), new.get(name, ""))) for name in changed]
    return shown, [name for name in names if name not in changed]


def parts_of(path: str, text: str) -> dict[str, str]:
    """Return the parts of a file that hold something, by name."""
    if not path.endswith(".md"):
        return {name: block.rstrip("\n") for name, block in top_level_blocks(text).items() if block.strip()}
    try:
        answer = read_answer_text(text)
    except ValueError:
        answer = read_broken_answer(text)
    head = {"title": answer.title, "menu_title": answer.menu_title, "lead": answer.lead}
    found = {**head, **answer.sections, "source_hash": answer.source_hash}
    return {name: value for name, value in found.items() if value}
