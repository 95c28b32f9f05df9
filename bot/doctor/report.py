"""Show what the doctor found, to a person or to a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.findings import Finding, Level

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_WIDTH = 120
"""Columns where there is no terminal to ask."""


def print_json(findings: Sequence[Finding]) -> None:
    """Print a list of objects: level, code, cause, remedy."""
    told = [{"level": one.level.value, "code": one.code, "cause": one.cause, "remedy": one.remedy} for one in findings]
    sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")


def print_table(findings: Sequence[Finding]) -> None:
    """Print a table, the worst first."""
    screen = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    table = Table(box=None, pad_edge=False)
    for title in ("", "code", "cause", "what to do"):
        table.add_column(title, overflow="fold")
    order = list(reversed(Level))
    for one in sorted(findings, key=lambda finding: order.index(finding.level)):
        table.add_row(Text(one.level.value, _STYLES[one.level]), Text(one.code), Text(one.cause), Text(one.remedy))
    screen.print(table)
    counts = [sum(one.level is level for one in findings) for level in (Level.ERROR, Level.WARNING)]
    screen.print(f"{counts[0]} errors, {counts[1]} warnings")
