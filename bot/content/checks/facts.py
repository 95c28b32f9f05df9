"""Check a file of facts that is not on disk yet: what it lacks itself, and which texts would no longer rest on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from bot.content.checks.answers import NamedLimits, check_support
from bot.content.checks.claims import normal_address
from bot.content.checks.dialogues import check_dialogue
from bot.content.checks.help_points import check_help_points
from bot.content.checks.provenance import check_provenance
from bot.content.checks.support import FactBase, host_of
from bot.content.facts import NUMBER_PREFIX
from bot.content.loader import LoadedContent, emergency_numbers_of, line_at
from bot.content.model import Problem, Topic

_CONFIDENCE = ("low", "medium", "high")


def with_facts(loaded: LoadedContent, gone: Mapping[str, object], rows: Mapping[str, Mapping[str, Any]]) -> LoadedContent:
    """Return the content with other facts.

    Args:
        gone: the facts of the file as it stands, by id.
        rows: those that stand there instead.
    """
    kept = {fact_id: row for fact_id, row in loaded.facts.items() if fact_id not in gone}
    facts = {**kept, **rows}
    return replace(loaded, facts=facts, emergency_numbers=emergency_numbers_of(facts))


def check_fact_rows(path: Path, raw: str, rows: Mapping[str, Mapping[str, Any]], changed: set[str]) -> Iterator[Problem]:
    """Yield what is malformed in the facts that changed."""
    for place, (fact_id, row) in enumerate(rows.items()):
        if fact_id not in changed:
            continue
        address = str(row.get("source_url") or "")
        if address and not address.startswith(("https://", "http://")):
            reason = f"{fact_id}: source_url must begin with https://"
            yield Problem(path, 1 + line_at(raw, [place, "source_url"]), "fact_malformed", reason)
        if row.get("confidence") not in _CONFIDENCE or (row.get("confidence") != "low" and not address):
            reason = f"{fact_id}: confidence is low, medium or high, and low when there is no source_url"
            yield Problem(path, 1 + line_at(raw, [place, "confidence"]), "fact_malformed", reason)
        wanted = ("name", "number", "service") if fact_id.startswith(NUMBER_PREFIX) else ("name",) if "name" in row else ("fact",)
        for key in wanted:
            if not str(row.get(key) or "").strip():
                yield Problem(path, 1 + line_at(raw, [place]), "fact_malformed", f"{fact_id}: {key} is empty; write it")


@dataclass(frozen=True)
class FactChange:
    """Facts as they stand and as they would be.

    Attributes:
        before: the content with the facts as they stand.
        after: with the new ones, and with the help points that go live together with them.
        changed: the ids of the facts that differ.
    """

    before: LoadedContent
    after: LoadedContent
    old_base: FactBase
    new_base: FactBase
    changed: set[str]

    def topics(self) -> list[Topic]:
        """Return the topics that list a changed fact, or whose official address rests on a host that only it named."""
        lost = self.old_base.hosts() - self.new_base.hosts()
        return [topic for topic in self.before.topics.values() if self.changed & facts_of(topic) or lost & _hosts_of(topic)]


def facts_of(topic: Topic) -> set[str]:
    """Return all facts that a topic lists."""
    blocks = (topic.provenance, *topic.destinations.values())
    return {fact_id for block in blocks for fact_id in block.facts}


def broken_by(change: FactChange, topics: Sequence[Topic], folder: Path, limits: NamedLimits, today: date) -> Iterator[Problem]:
    """Yield the errors that the new facts make in topics, help points and dialogues, each with the path of that file.

    Args:
        topics: those of `change.topics()`, with the texts that go live together with the facts.
        folder: where the help points' files are.
        limits: the channels' names and limits.
        today: the day against which review dates are held.
    """
    before, after, old_base, new_base = change.before, change.after, change.old_base, change.new_base
    for topic in topics:
        found = list(_of_topic(topic, after, new_base, today))
        yield from _new_errors(found, _of_topic(topic, before, old_base, today) if found else ())
    numbers = any(fact_id.startswith(NUMBER_PREFIX) for fact_id in change.changed)  # A note may name any of its country.
    points = {slug: point for slug, point in after.help_points.items() if numbers or point["fact"] in change.changed}
    if points:
        found = list(check_help_points(folder, replace(after, help_points=points), new_base))
        yield from _new_errors(found, check_help_points(folder, replace(before, help_points=points), old_base) if found else ())
    for dialogue in before.dialogues.values():
        if change.changed & {fact_id for sign in dialogue.signs.values() for fact_id in sign.facts}:
            found = list(check_dialogue(dialogue, after, limits, new_base, today))
            yield from _new_errors(found, check_dialogue(dialogue, before, limits, old_base, today) if found else ())


def _of_topic(topic: Topic, loaded: LoadedContent, base: FactBase, today: date) -> Iterator[Problem]:
    yield from check_provenance(topic, loaded, base, today)
    general = topic.provenance.facts
    for (code, _), answer in topic.answers.items():
        block = topic.destinations.get(code)
        own = block.facts if block else general
        yield from check_support(answer, own, (*own, *general) if block else general, base)


def _new_errors(found: Sequence[Problem], known: Iterator[Problem] | Sequence[Problem]) -> Iterator[Problem]:
    before = {(each.path, each.line, each.code, each.message) for each in known}
    fresh = [each for each in found if (each.path, each.line, each.code, each.message) not in before]
    return (each for each in fresh if not each.is_warning)


def _hosts_of(topic: Topic) -> set[str]:
    blocks = (topic.provenance, *topic.destinations.values())
    return {host_of(normal_address(block.verify_url)) for block in blocks}
