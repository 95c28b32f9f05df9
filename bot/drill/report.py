"""What the safety drill found, as a table that an operator signs, or as JSON."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.drill.safety import STATES, Case
from bot.i18n import LOCALES

_WIDTH = 130


@dataclass(frozen=True)
class Stamp:
    """What was played: the same values mean the same system.

    Attributes:
        content: hash of all files in `content/`.
        words: hash of all files in `intents/` but the examples, which the model stands for.
    """

    at: datetime
    release: str
    model: str
    content: str
    words: str


def read_stamp(root: Path, model: str, at: datetime) -> Stamp:
    """Return what stands in a project's folder now."""
    words = (root / "intents" / "urgent", root / "intents" / "vocabulary", root / "intents" / "drill")
    return Stamp(at, metadata.version("ruta-segura"), model, folder_hash(root / "content"), folder_hash(*words))


def folder_hash(*folders: Path) -> str:
    """Return the short hash of all files in folders, their names included."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            found.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def report_data(stamp: Stamp, cases: Sequence[Case]) -> dict[str, object]:
    """Return all that was found, for programs."""
    rows = [{**asdict(case.scenario), "state": case.state, "passed": not case.fault, "fault": case.fault} for case in cases]
    failed = sum(bool(case.fault) for case in cases)
    return {**asdict(stamp), "at": stamp.at.isoformat(), "played": len(cases), "failed": failed, "cases": rows}


def print_json(stamp: Stamp, cases: Sequence[Case]) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(report_data(stamp, cases), ensure_ascii=False, indent=2) + "\n")


def print_table(stamp: Stamp, cases: Sequence[Case]) -> None:
    """Print one line for each topic and language with a column for each state, every failure, and room for a name."""
    screen = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    screen.print("Safety drill")
    screen.print(f"date         {stamp.at:%Y-%m-%d %H:%M} UTC\nrelease      {stamp.release}\nmodel        {stamp.model}")
    screen.print(f"content      {stamp.content}\nwords        {stamp.words}\n")
    states = [state for state in STATES if any(case.state == state for case in cases)]
    table = Table("topic", "language", *states, box=None, pad_edge=False)
    for topic in dict.fromkeys(case.scenario.topic for case in cases):
        for locale in LOCALES:
            of_row = [case for case in cases if (case.scenario.topic, case.scenario.locale) == (topic, locale)]
            if of_row:
                table.add_row(topic, locale, *(_cell([case for case in of_row if case.state == state]) for state in states))
    screen.print(table)
    failed = [case for case in cases if case.fault]
    for case in failed:
        said = case.scenario
        screen.print(f"FAIL  {said.topic} {said.locale} {case.state}: {case.fault}  {said.text!r}", markup=False)
    screen.print(f"\n{len(cases)} played, {len(failed)} failed: {'FAIL' if failed else 'PASS'}")
    screen.print("\nOperator ______________________________   Date ______________   Signature ______________________________")


def _cell(cases: Sequence[Case]) -> str:
    failed = sum(bool(case.fault) for case in cases)
    return f"FAIL {failed}/{len(cases)}" if failed else f"pass {len(cases)}"
