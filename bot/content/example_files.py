"""The files of examples, `intents/nlu/<locale>/<family>.yml`: read them, and change one line so that the others keep their bytes.

They are written by hand and by the editor, so nothing is ever formatted anew: a change adds, replaces or removes one line.
What is said here of a file is about its text; `bot.editor.example_store` reads and writes the disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

HEAD = 'version: "3.1"\n\nnlu:\n'
"""How a new file begins."""
LONGEST_EXAMPLE = 400
"""Characters; the longest in use has 300, and more than one question in a sentence teaches little."""
_INTENT = re.compile(r"^- intent: ([a-z][a-z0-9_]*)\s*(?:#.*)?$")
_EXAMPLE = re.compile(r"^(\s+)- (.*\S)\s*$")
_MARKUP = re.compile(r"[\[\]{}]")
"""What the engine reads as a marked entity, and what masking leaves of personal numbers."""


@dataclass(frozen=True)
class Line:
    """One sentence of a file.

    Attributes:
        number: counted from 0.
    """

    number: int
    topic: str
    text: str


class NotThere(LookupError):
    """The sentence is not in the file any more."""


def read_lines(raw: str) -> Iterator[Line]:
    """Yield the sentences of a file in its order."""
    topic = ""
    for number, line in enumerate(raw.split("\n")):
        head = _INTENT.match(line)
        found = _EXAMPLE.match(line)
        if head:
            topic = head[1]
        elif found and topic:
            yield Line(number, topic, found[2])


def is_as_written(raw: str) -> bool:
    """Tell whether YAML, and so the engine, reads the same sentences in a file as `read_lines`; only then it may be changed."""
    try:
        blocks = yaml.load(raw, Loader=yaml.CSafeLoader)["nlu"] or []
        by_yaml = [(b["intent"], line.strip()) for b in blocks for line in b["examples"].splitlines() if line.startswith("- ")]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return False
    return by_yaml == [(line.topic, f"- {line.text}") for line in read_lines(raw)]


def example_path(family: str, locale: str) -> str:
    """Return where the examples of a family stand, below `intents/`."""
    return f"nlu/{locale}/{family}.yml"


def read_examples(intents: Path, locales: tuple[str, ...]) -> Iterator[tuple[str, Line]]:
    """Yield (locale, sentence) for all files, in a fixed order."""
    for locale in locales:
        for path in sorted((intents / "nlu" / locale).glob("*.yml")):
            yield from ((locale, line) for line in read_lines(path.read_text(encoding="utf-8")))


def tidy_example(text: str) -> str:
    """Return a sentence as it stands in a file: on one line, without spaces around or doubled, without a dash before it."""
    return " ".join(text.split()).removeprefix("- ").strip()


def fault_of(text: str) -> str:
    """Return why a tidy sentence cannot be an example: `empty`, `too_long`, `markup`; empty when it can."""
    if not text:
        return "empty"
    if len(text) > LONGEST_EXAMPLE:
        return "too_long"
    has_control = any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)
    return "markup" if has_control or _MARKUP.search(text) else ""


def add_example(raw: str, topic: str, text: str, place: int | None = None) -> str:
    """Return the file with one more sentence of a topic.

    Args:
        raw: the file as it stands; empty: there is none yet.
        place: before which of the topic's sentences, counted from 0; left out, after the last one.
    """
    lines = (raw or HEAD).split("\n")
    own = [line for line in read_lines(raw) if line.topic == topic]
    if not own:
        return _add_topic(raw or HEAD, topic, text)
    is_inside = place is not None and place < len(own)
    neighbour = own[place] if is_inside and place is not None else own[-1]
    found = _EXAMPLE.match(lines[neighbour.number])
    made = f"{found[1] if found else '    '}- {text}"
    lines.insert(neighbour.number + (not is_inside), made)
    return "\n".join(lines)


def replace_example(raw: str, topic: str, old: str, new: str) -> str:
    """Return the file with a sentence in place of another one.

    Raises:
        NotThere: the old one is not in the file.
    """
    lines = raw.split("\n")
    line = _find(raw, topic, old)
    found = _EXAMPLE.match(lines[line.number])
    lines[line.number] = f"{found[1] if found else '    '}- {new}"
    return "\n".join(lines)


def remove_example(raw: str, topic: str, text: str) -> tuple[str, int]:
    """Return the file without a sentence, and which of the topic's sentences it was, counted from 0.

    A topic's last sentence takes its heading along, since the engine refuses an empty block.

    Raises:
        NotThere: it is not in the file.
    """
    lines = raw.split("\n")
    own = [line for line in read_lines(raw) if line.topic == topic]
    line = _find(raw, topic, text)
    place = own.index(line)
    if len(own) > 1:
        del lines[line.number]
        return "\n".join(lines), place
    start = max(number for number in range(line.number) if _INTENT.match(lines[number]))
    end = line.number + 1
    while end < len(lines) - 1 and not lines[end].strip():
        end += 1
    if end == len(lines) - 1:  # It was the last block: the empty line before it goes, not the end of the file.
        while start and not lines[start - 1].strip():
            start -= 1
    del lines[start:end]
    return "\n".join(lines), place


def _add_topic(raw: str, topic: str, text: str) -> str:
    gap = "" if raw.rstrip("\n").endswith("nlu:") else "\n"
    return f"{raw.rstrip()}\n{gap}- intent: {topic}\n  examples: |\n    - {text}\n"


def _find(raw: str, topic: str, text: str) -> Line:
    found = next((line for line in read_lines(raw) if (line.topic, line.text) == (topic, text)), None)
    if found is None:
        raise NotThere(topic)
    return found
