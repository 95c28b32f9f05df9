"""Facts as files: one fact found, written anew and added without a change to the others, and what rests on each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.content.loader import LoadedContent

FOLDER = "facts"
NUMBER_PREFIX = "EN-"
"""Begins the ids of emergency numbers, which the bot sends by themselves."""
CHECKED_ON = "checked_on"
_BLOCK = re.compile(r"^(?=- )", re.MULTILINE)
_ID = re.compile(r"([A-Z]{2,4}-)(\d{3,5})")
_LINE_LENGTH = 110


@dataclass(frozen=True)
class Resting:
    """Something that says what a fact says.

    Attributes:
        kind: `topic`, `help_point` or `dialogue`.
        destination: of a topic, two letters; empty for its general answer.
    """

    kind: str
    id: str
    destination: str = ""


@lru_cache(maxsize=16)
def read_facts(raw: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the facts of a file by id; not to be changed, the next caller gets the same.

    Raises:
        ValueError: it is no list of mappings with ids.
    """
    try:
        rows = yaml.load(raw, Loader=yaml.CSafeLoader) or []
        return {str(row["id"]): dict(row) for row in rows}
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ValueError("the file cannot be read as a list of facts") from error


def format_fact(row: Mapping[str, Any]) -> str:
    """Return one fact as it stands in a file."""
    text: str = yaml.safe_dump([dict(row)], width=_LINE_LENGTH, allow_unicode=True, sort_keys=False)
    return text


def with_fact(raw: str, row: Mapping[str, Any]) -> str:
    """Return the file with this fact in the place of the one of its id, or at the end; all else keeps its bytes.

    Raises:
        ValueError: the file cannot be read, or not in the form that all of them have.
    """
    facts = read_facts(raw)
    head, *blocks = _BLOCK.split(raw)
    if len(blocks) != len(facts):
        raise ValueError("the file is not in the form of the others")
    for place, fact_id in enumerate(facts):
        if fact_id == row["id"]:
            blocks[place] = format_fact(row) + _comments_below(blocks[place])
            return head + "".join(blocks)
    end = "" if not raw or raw.endswith("\n") else "\n"
    return raw + end + format_fact(row)


def fact_text(raw: str, fact_id: str) -> str:
    """Return one fact in its common form, by which a change is noticed; empty: there is none of this id, or no list."""
    try:
        row = read_facts(raw).get(fact_id)
    except ValueError:
        return ""
    return format_fact(row) if row else ""


def changed_facts(before: str, after: str) -> set[str]:
    """Return the ids of the facts that differ between two states of a file; what cannot be read counts as empty."""
    old, new = _readable(before), _readable(after)
    return {fact_id for fact_id in {*old, *new} if old.get(fact_id) != new.get(fact_id)}


def facts_named(raw: str) -> set[str]:
    """Return the facts that a `topic.yml` or a help point lists; none when it cannot be read."""
    try:
        data = yaml.load(raw, Loader=yaml.CSafeLoader)
        blocks = [data, *(data.get("destinations") or {}).values()]
        return {str(name) for block in blocks for name in block.get("facts") or ()} | {str(data.get("fact", ""))} - {""}
    except (yaml.YAMLError, AttributeError, TypeError):
        return set()


def next_id(facts: Mapping[str, object]) -> str:
    """Return the id of one more fact of a file: its prefix and the next number.

    Raises:
        ValueError: none of its ids has the usual form.
    """
    known = [(found[1], int(found[2])) for fact_id in facts if (found := _ID.fullmatch(fact_id))]
    if not known:
        raise ValueError("the file has no fact whose id could be gone on from")
    prefix = known[-1][0]
    return f"{prefix}{max(number for name, number in known if name == prefix) + 1:03}"


def fact_files(content: Path) -> list[str]:
    """Return the paths of the files of facts, below the content folder."""
    return [f"{FOLDER}/{path.name}" for path in sorted((content / FOLDER).glob("*.yml"))]


def resting_on(loaded: LoadedContent) -> dict[str, list[Resting]]:
    """Return by fact what rests on it: topics, help points and signs of guided dialogues."""
    found: dict[str, list[Resting]] = defaultdict(list)
    for topic in loaded.topics.values():
        for code, block in {"": topic.provenance, **topic.destinations}.items():
            for fact_id in block.facts:
                found[fact_id].append(Resting("topic", topic.id, code))
    for slug, point in loaded.help_points.items():
        found[str(point["fact"])].append(Resting("help_point", slug))
    for dialogue in loaded.dialogues.values():
        for fact_id in dict.fromkeys(name for sign in dialogue.signs.values() for name in sign.facts):
            found[fact_id].append(Resting("dialogue", dialogue.id))
    return dict(found)


def _readable(raw: str) -> Mapping[str, Mapping[str, Any]]:
    try:
        return read_facts(raw)
    except ValueError:
        return {}


def _comments_below(block: str) -> str:
    lines = block.splitlines(keepends=True)
    end = len(lines)
    while end > 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return "".join(lines[end:])
