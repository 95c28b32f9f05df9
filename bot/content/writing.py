"""Write content files in one canonical form, so that a change is a small difference and no change is none.

Reading a file and writing it again gives the same bytes for every file that has this form, as all of `content/` has; a test
compares them. In a YAML file only the keys whose value changed are written anew: comments and layout of the others stay.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import frontmatter
import yaml

from bot.content.model import SECTIONS

TOPIC_ORDER = (
    *("id", "owner", "sensitivity", "retired_on", "reviewed_on", "review_by", "facts", "sources", "verify_at"),
    *("emergency_services", "related", "help_points", "destinations"),
)
"""The order of the keys of a `topic.yml`."""
_PLAIN = frozenset({"id", "fact", "owner", "sensitivity", "kind", "country", "confidence"})
"""Keys whose values stand without quotes."""
_SECTION_HEAD = re.compile(r"^## +(.+?) *$", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^([A-Za-z_][\w-]*):")
_HEAD_LINE = re.compile(r"^(title|menu_title|translation_of|source_hash):(.*)$")
_SAFE_PLAIN = re.compile(r"[^\W_][\w./@+ -]*")


@dataclass(frozen=True)
class AnswerText:
    """An answer file as a form shows it; `sections` by name, only those that have a text."""

    title: str = ""
    menu_title: str = ""
    lead: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)
    translation_of: str = ""
    source_hash: str = ""


def read_answer_text(raw: str) -> AnswerText:
    """Read an answer file; what its head lacks is empty.

    Raises:
        ValueError: its head cannot be read.
    """
    try:
        head, body = frontmatter.parse(raw)
    except yaml.YAMLError as error:
        raise ValueError("the head of the file cannot be read as YAML") from error
    parts = _SECTION_HEAD.split(body.strip())
    sections = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    known = ("title", "menu_title", "translation_of", "source_hash")
    return AnswerText(lead=parts[0].strip(), sections=sections, **{key: str(head[key]) for key in known if key in head})


def read_broken_answer(raw: str) -> AnswerText:
    """Read what can be read of an answer file whose head is broken, so that a form shows each part in its place."""
    lines = raw.splitlines()
    end = lines.index("---", 1) if "---" in lines[1:] else 0
    head = {found[1]: found[2].strip().strip("\"'") for line in lines[:end] if (found := _HEAD_LINE.match(line))}
    parts = _SECTION_HEAD.split("\n".join(lines[end + 1 if end else 0 :]).strip())
    sections = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    return AnswerText(lead=parts[0].strip(), sections=sections, **head)


def body_of(raw: str) -> str:
    """Return the text of an answer file without its head, as `loader.text_hash` takes it."""
    return str(frontmatter.loads(raw).content)


def format_answer(answer: AnswerText) -> str:
    """Return the file's text: the head, the lead, then the sections in their fixed order."""
    lines = ["---", f"title: {_quoted(answer.title)}", f"menu_title: {_quoted(answer.menu_title)}"]
    if answer.translation_of:
        lines += [f"translation_of: {answer.translation_of}", f"source_hash: {_quoted(answer.source_hash)}"]
    names = [name for name in SECTIONS if name in answer.sections]
    names += [name for name in answer.sections if name not in SECTIONS]
    text = "\n".join([*lines, "---", tidy(answer.lead)]) + "\n"
    return text + "".join(f"\n## {name}\n{tidy(answer.sections[name])}\n" for name in names)


def tidy(text: str) -> str:
    """Return a text from a form as it stands in a file: no spaces at the ends of lines, no empty lines around it."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def format_mapping(data: Mapping[str, Any]) -> str:
    """Return a YAML file in our form: quoted texts, short lists on one line, lists of mappings in blocks."""
    return "".join(f"{line}\n" for key, value in data.items() for line in _entry(str(key), value))


def replace_values(raw: str, data: Mapping[str, Any], order: Sequence[str]) -> str:
    """Return a YAML file with these values, written anew only where they changed.

    Args:
        raw: the file as it stands; empty: there is none yet.
        data: all keys that the file shall have.
        order: where new keys are put.

    Raises:
        ValueError: the present file cannot be read.
    """
    try:
        before = yaml.load(raw, Loader=yaml.CSafeLoader) or {}
    except yaml.YAMLError as error:
        raise ValueError("the file cannot be read as YAML") from error
    blocks = top_level_blocks(raw)
    kept = {key: block for key, block in blocks.items() if not key or key in data}
    for key, value in data.items():
        if key not in before or before[key] != value:
            tail = _comments_below(blocks.get(key, ""))
            kept[key] = "".join(f"{line}\n" for line in _entry(key, value)) + tail
    places = {key: place for place, key in enumerate(["", *order])}
    known = list(blocks)
    return "".join(kept[key] for key in sorted(kept, key=lambda key: _place(key, known, places)))


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step that outlives a power cut: its readers see the old text or the new one, never half of one.

    Raises:
        OSError: it could not be written; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _keep_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Take a file out, so that it stays out when the power goes.

    Raises:
        OSError: it could not be taken out; it is still there.
    """
    path.unlink()
    _keep_folder(path.parent)


def _keep_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _entry(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield f"{key}:"
        for name, inner in value.items():
            yield from _indented(_entry(str(name), inner))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        yield f"{key}:"
        for item in value:
            lines = [line for name, inner in item.items() for line in _entry(str(name), inner)]
            yield from (("  - " if number == 0 else "    ") + line for number, line in enumerate(lines))
    else:
        yield f"{key}: {_scalar(key, value)}"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _scalar(key: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_plain(str(item)) for item in value)}]"
    if value is None:
        return "null"
    return _plain(value) if key in _PLAIN and isinstance(value, str) else _quoted(value)


def _plain(text: str) -> str:
    """Return a text without quotes where YAML reads the same text again; "no" it would read as false."""
    is_safe = _SAFE_PLAIN.fullmatch(text) and yaml.safe_load(text) == text
    return text if is_safe else _quoted(text)


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(" ".join(value.split()), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def top_level_blocks(raw: str) -> dict[str, str]:
    """Return the file in pieces, by top-level key; what stands above the first has the empty key."""
    blocks: dict[str, str] = {}
    key = ""
    for line in raw.splitlines(keepends=True):
        found = _TOP_LEVEL.match(line)
        key = found[1] if found else key
        blocks[key] = blocks.get(key, "") + line
    return blocks


def _comments_below(block: str) -> str:
    """Return the comments and empty lines at a block's end, which belong to what follows."""
    lines = block.splitlines(keepends=True)
    end = len(lines)
    while end > 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return "".join(lines[end:])


def _place(key: str, known: list[str], places: Mapping[str, int]) -> tuple[float, int]:
    """Return where a key stands: where it stood; a new one after the last known one that comes before it in the order."""
    if key in known:
        return known.index(key), 0
    own = places.get(key, len(places))
    before = [known.index(other) for other in known if places.get(other, len(places)) < own]
    return max(before, default=-1), own + 1
