"""Check the help points: a real place, its contact data exactly as its fact has them, and never surer than the fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.content.checks.claims import find_claims
from bot.content.checks.support import FactBase
from bot.content.checks.written import WrittenYaml
from bot.content.help_points import opening_claims
from bot.content.loader import LoadedContent
from bot.content.model import Problem
from bot.geography.gazetteer import kilometres, read_gazetteer

_CONTACT_KEYS = ("address", "phone", "url", "hours", "what_to_bring", "note")
_TOWN_KILOMETRES = 60.0
"""Farther than this from every town of its country a position is a slip: swapped, or without its sign."""
_CONFIDENCE = ("low", "medium", "high")


def check_help_points(folder: Path, loaded: LoadedContent, base: FactBase) -> Iterator[Problem]:
    """Yield what the fact of a help point does not say."""
    for slug, point in loaded.help_points.items():
        # A note may say "in danger, call 911".
        lines = [n.id for n in loaded.emergency_numbers if n.country == point["country"] and n.confidence != "low"]
        written = WrittenYaml(folder / "help-points" / f"{slug}.yml")
        yield from _check_place(point, written)
        fact = loaded.facts.get(point["fact"])
        if fact is None:
            yield written.problem(("fact",), "fact_unknown", f"there is no fact {point['fact']} in content/facts; correct the id")
            continue
        if _CONFIDENCE.index(point["confidence"]) > _CONFIDENCE.index(fact["confidence"]):
            reason = f"{point['fact']} is of {fact['confidence']} confidence; write that"
            yield written.problem(("confidence",), "surer_than_fact", reason)
        for key in _CONTACT_KEYS:
            texts = point.get(key, "")
            for text in texts.values() if isinstance(texts, dict) else [texts]:
                allowed = [point["fact"], *lines] if key in ("hours", "what_to_bring", "note") else [point["fact"]]
                unsupported = [c for c in find_claims(text) if not c.is_word and not base.supporters(c, allowed)]
                for claim in unsupported:
                    reason = f"{claim.shown!r} is not in {point['fact']}; correct it or take it out"
                    yield written.problem((key,), "unsupported_number", reason)
        for claim in find_claims(opening_claims(point.get("opening", {}))):
            if not base.supporters(claim, [point["fact"]]):
                reason = f"{claim.shown!r} is not in {point['fact']}; correct it or take it out"
                yield written.problem(("opening",), "unsupported_number", reason)


def _check_place(point: Mapping[str, Any], written: WrittenYaml) -> Iterator[Problem]:
    """Yield what cannot be: a position outside the country."""
    if "lat" in point:
        town = read_gazetteer().nearest(point["lat"], point["lon"])
        is_far = town is None or kilometres(point["lat"], point["lon"], town.latitude, town.longitude) > _TOWN_KILOMETRES
        if town is None or is_far or town.country != point["country"]:
            reason = f"lat and lon are not in {point['country']}; copy them from a map, south and west with a minus"
            yield written.problem(("lat",), "position_elsewhere", reason)
