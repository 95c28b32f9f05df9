"""An answer file as it stands on disk, line by line, so that each problem can name its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.content.loader import line_at
from bot.content.model import Problem
from bot.markup import plain_text

_COUNTER = re.compile(r"^\s*\d{1,2}[.)]\s+")


@dataclass(frozen=True)
class Line:
    """One line of an answer's text; `number` is counted from 1 in the file."""

    number: int
    text: str

    @property
    def plain(self) -> str:
        """The line as it is read, with its links' addresses, without marks and without the counter of a list."""
        without_counter = _COUNTER.sub("", self.text)
        links = " ".join(re.findall(r"\]\((\S+?)\)", without_counter))
        return f"{plain_text(without_counter)} {links}".strip()


class WrittenAnswer:
    """The lines of one answer file.

    Args:
        path: a file that the loader could read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = path.read_text(encoding="utf-8").splitlines()
        self._body_starts = self._lines.index("---", 1) + 1 if "---" in self._lines[1:] else 0

    def body(self) -> Iterator[Line]:
        """Yield the lines of the text, section heads included."""
        for index in range(self._body_starts, len(self._lines)):
            yield Line(index + 1, self._lines[index])

    def head_line(self, key: str) -> int:
        """Return the line of a key of the front matter."""
        return next((n for n, line in enumerate(self._lines, 1) if line.startswith(f"{key}:")), 1)

    def head_texts(self) -> list[tuple[str, str]]:
        """Return the keys of the front matter that a reader sees, with their texts."""
        head = "\n".join(self._lines[: self._body_starts])
        return [(match[1], match[2]) for match in re.finditer(r"^(title|menu_title):\s*(.*)$", head, re.MULTILINE)]

    def section_line(self, section: str) -> int:
        """Return the line of a section's head, or the first line of the lead for an empty name."""
        if section:
            return next((line.number for line in self.body() if re.match(rf"## +{section} *$", line.text)), 1)
        return next((line.number for line in self.body() if line.text.strip()), self._body_starts)

    def problem(self, line: int, code: str, message: str, is_warning: bool = False) -> Problem:
        """Make a problem of this file."""
        return Problem(self.path, line, code, message, is_warning)


class WrittenYaml:
    """A YAML file, to find the lines of its values in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = path.read_text(encoding="utf-8")

    def problem(self, where: tuple[str | int, ...], code: str, message: str, is_warning: bool = False) -> Problem:
        """Make a problem of the value that `where` leads to by keys and list positions."""
        return Problem(self.path, 1 + line_at(self._raw, where), code, message, is_warning)
