"""Looks at what the bot knows: the model and the content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from bot.content.freshness import stale_answers
from bot.content.loader import load_content
from bot.findings import Finding, fault, fine, warning

SOON = timedelta(days=14)
"""How long before its review date an answer is named."""
_MOST_NAMED = 8


def look_at_model(model: Path | None, *, is_current: bool) -> Iterator[Finding]:
    """Find a model that is missing or older than its data."""
    if model is None:
        yield fault("model_missing", "there is no model, so no worker can start", "ruta train")
    elif not is_current:
        yield warning("model_old", f"{model.name} is older than the examples or rules it is made from", "ruta train")
    else:
        yield fine("model_current", f"{model.name} is newer than all it was made from")


def look_at_content(folder: Path, today: date) -> Iterator[Finding]:
    """Find files that cannot be read, and answers that are, or soon will be, past their review date."""
    loaded = load_content(folder)
    if loaded.problems:
        files = sorted({problem.path.name for problem in loaded.problems})
        yield fault("content_unreadable", f"{len(files)} files cannot be read: {_some(files)}", "`ruta check` names the lines.")
    stale = stale_answers(loaded.topics.values(), today)
    withheld = [_name(one.topic_id, one.destination) for one in stale if one.is_withheld]
    past = [_name(one.topic_id, one.destination) for one in stale if not one.is_withheld]
    review = "Check them against their sources, then set reviewed_on and review_by (docs/content.md)."
    if withheld:
        yield fault("content_withheld", f"{len(withheld)} critical answers are withheld: {_some(withheld)}", review)
    if past:
        yield warning("content_past_review", f"{len(past)} answers say that they are old: {_some(past)}", review)
    named = {*withheld, *past}
    soon = [_name(one.topic_id, one.destination) for one in stale_answers(loaded.topics.values(), today + SOON)]
    due = [name for name in soon if name not in named]
    if due:
        yield warning("content_due_soon", f"{len(due)} answers reach their review date within 14 days: {_some(due)}", review)
    if not (loaded.problems or soon):
        yield fine("content_fresh", f"{len(loaded.topics)} topics can be read, none is past its review date")


def _name(topic: str, destination: str) -> str:
    return f"{topic} ({destination})" if destination else topic


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
