"""What a look at the system found: how bad it is, a stable code, the cause in plain words and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        code: stable across releases; what an operator can search for.
        cause: what is so, in plain words; never a text, number, address or token of a person.
        remedy: what to do; empty when nothing needs doing.
    """

    level: Level
    code: str
    cause: str
    remedy: str = ""


def fine(code: str, cause: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(Level.OK, code, cause)


def warning(code: str, cause: str, remedy: str) -> Finding:
    """Return a finding that can wait until tomorrow."""
    return Finding(Level.WARNING, code, cause, remedy)


def fault(code: str, cause: str, remedy: str) -> Finding:
    """Return a finding by which people get no answer, a wrong one, or less protection than promised."""
    return Finding(Level.ERROR, code, cause, remedy)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0 when all is well, 1 with warnings, 2 with errors."""
    levels = {finding.level for finding in findings}
    return 2 if Level.ERROR in levels else 1 if Level.WARNING in levels else 0
