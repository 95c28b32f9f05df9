"""Help points as files: their one canonical form, what is retired, and when one must be checked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from bot.content.opening import ALL_DAY
from bot.content.writing import format_mapping

FOLDER = "help-points"
HELP_POINT_ORDER = (
    *("fact", "name", "names", "kind", "country", "province", "city", "lat", "lon", "address", "phone", "url"),
    *("hours", "opening", "what_to_bring", "note", "confidence", "checked_on", "page_date", "source_url", "retired_on"),
)
"""The order of the keys of a help point's file."""
KINDS = (
    *("consular", "customs", "documents", "education", "employment", "health", "hotline", "legal", "missing-family"),
    *("protection", "reintegration", "shelter", "social-security"),
)
CONFIDENCE = ("low", "medium", "high")
REACH_KEYS = ("address", "phone", "url")
"""A help point needs at least one of them: a place that nobody can reach helps nobody."""
CHECK_DAYS = 180
"""After so many days without a check a help point is overdue: offices move and lines are cut off within the year."""


def format_help_point(data: Mapping[str, Any]) -> str:
    """Return a help point's file: the keys in their order, without those that say nothing; only a page's date may be null."""
    known = [key for key in HELP_POINT_ORDER if key in data]
    keys = [*known, *(key for key in data if key not in HELP_POINT_ORDER)]
    return format_mapping({key: data[key] for key in keys if data[key] not in ("", None, {}, []) or key == "page_date"})


def read_help_point(raw: str) -> dict[str, Any]:
    """Read a help point's file; what is no mapping is empty.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        data = yaml.load(raw, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError("the file cannot be read as YAML") from error
    return {str(key): value for key, value in data.items()} if isinstance(data, dict) else {}


def is_reachable(data: Mapping[str, Any]) -> bool:
    """Tell whether there is any way to reach it."""
    return any(str(data.get(key) or "").strip() for key in REACH_KEYS)


def is_overdue(data: Mapping[str, Any], today: date) -> bool:
    """Tell whether it must be checked again; one without a readable date must."""
    try:
        return today - date.fromisoformat(str(data.get("checked_on"))) > timedelta(days=CHECK_DAYS)
    except ValueError:
        return True


def help_point_slugs(content: Path) -> Iterator[str]:
    """Yield the names of all help points, retired ones too."""
    return (path.stem for path in sorted((content / FOLDER).glob("*.yml")))


def opening_claims(opening: Mapping[str, Any]) -> str:
    """Return the hours of a help point as one text to be held against its fact; "all day" is left out."""
    spans = [span for value in opening.values() if isinstance(value, list) for span in value if span != ALL_DAY]
    return ", ".join(dict.fromkeys(spans))
