"""Check `content/people.yml`: the places that it names are there, and the hours of staff can be computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.content.checks.written import WrittenYaml
from bot.content.loader import LoadedContent
from bot.content.model import Problem
from bot.content.opening import DAYS, read_spans
from bot.i18n import LOCALES

_KEYS = ("help_points", "complaints", "staff")
_WAIT_LENGTH = 200


def check_people(folder: Path, loaded: LoadedContent) -> Iterator[Problem]:
    """Yield what is wrong with the file; a folder without one has nothing to say."""
    path = folder / "people.yml"
    if not path.exists():
        return
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        yield Problem(path, 0, "people_unreadable", f"cannot be read as YAML ({type(error).__name__})")
        return
    if not isinstance(data, dict) or set(data) - set(_KEYS):
        yield Problem(path, 0, "people_unknown", f"there may be only these blocks: {', '.join(_KEYS)}")
        return
    written = WrittenYaml(path)
    for name in ("help_points", "complaints"):
        for slug in data.get(name) or ():
            if slug not in loaded.help_points:
                yield written.problem((name,), "point_unknown", f"there is no help-points/{slug}.yml, or it is retired")
    if "staff" in data:
        yield from _check_staff(data["staff"], written)


def _check_staff(staff: Any, written: WrittenYaml) -> Iterator[Problem]:
    is_whole = isinstance(staff, dict) and set(staff) == {"opening", "wait"}
    if not is_whole or not all(isinstance(one, dict) for one in staff.values()):
        yield written.problem(
            ("staff",), "staff_unknown", "write `opening`, hours by day, and `wait`, a sentence for each language"
        )
        return
    for day, spans in staff["opening"].items():
        if day not in DAYS:
            yield written.problem(("staff", "opening"), "day_unknown", f"{day!r} is not one of {', '.join(DAYS)}")
        elif not isinstance(spans, list) or (spans and not _are_tidy(spans)):
            reason = f'write the hours of {day} in order, each as "08:30-17:00", or [] for a day without'
            yield written.problem(("staff", "opening"), "hours_unreadable", reason)
    if not any(staff["opening"].values()):
        yield written.problem(("staff", "opening"), "hours_missing", "no day has hours; write them or take out `staff`")
    if not staff["wait"].get("es"):
        yield written.problem(("staff", "wait"), "wait_missing", "say in Spanish how long it takes until somebody answers")
    for locale, said in staff["wait"].items():
        if locale not in (*LOCALES, "qu") or not isinstance(said, str) or len(said) > _WAIT_LENGTH:
            reason = f"{locale}: a sentence of at most {_WAIT_LENGTH} letters, in one of {', '.join(LOCALES)}"
            yield written.problem(("staff", "wait"), "wait_unreadable", reason)


def _are_tidy(spans: list[Any]) -> bool:
    try:
        return read_spans(" ".join(map(str, spans))) == spans
    except ValueError:
        return False
