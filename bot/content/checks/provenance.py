"""Check where an answer comes from: its facts, its sources, the official address, and the dates of its review."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from bot.content.checks.claims import normal_address
from bot.content.checks.support import FactBase, host_of
from bot.content.checks.written import WrittenYaml
from bot.content.loader import LoadedContent
from bot.content.model import Problem, Provenance, Topic

REVIEW_DAYS = 180
"""Days from one review to the next, at most."""
CRITICAL_REVIEW_DAYS = 62
"""The same for critical topics, whose law changes by the month: two months."""

_Where = tuple[str | int, ...]


def check_provenance(topic: Topic, loaded: LoadedContent, base: FactBase, today: date) -> Iterator[Problem]:
    """Yield what is wrong in the general block of a `topic.yml` and in those of its destinations."""
    written = WrittenYaml(topic.path)
    hosts = base.hosts() | _help_point_hosts(loaded)
    blocks: list[tuple[_Where, Provenance]] = [((), topic.provenance)]
    blocks += [(("destinations", code), block) for code, block in topic.destinations.items()]
    for where, block in blocks:
        yield from _check_facts(written, where, block, base)
        yield from _check_sources(written, where, block, loaded)
        if host_of(normal_address(block.verify_url)) not in hosts:
            reason = "this host is in no fact and no help point; give an official address that a fact names"
            yield written.problem((*where, "verify_at", "url"), "verify_unknown", reason)
        yield from _check_dates(written, where, block, topic.sensitivity == "critical", today)


def _help_point_hosts(loaded: LoadedContent) -> set[str]:
    addresses = [str(point[key]) for point in loaded.help_points.values() for key in ("url", "source_url") if key in point]
    return {host_of(normal_address(address)) for address in addresses}


def _check_facts(written: WrittenYaml, where: _Where, block: Provenance, base: FactBase) -> Iterator[Problem]:
    for index, fact_id in enumerate(block.facts):
        if fact_id not in base:
            reason = f"there is no fact {fact_id} in content/facts; correct the id or take it out"
            yield written.problem((*where, "facts", index), "fact_unknown", reason)


def _check_sources(written: WrittenYaml, where: _Where, block: Provenance, loaded: LoadedContent) -> Iterator[Problem]:
    known = {str(loaded.facts[fact_id]["source_url"]) for fact_id in block.facts if fact_id in loaded.facts}
    for index, source in enumerate(block.sources):
        if source.url not in known:
            reason = "this is the source_url of none of the facts listed in this block; list the fact or take the source out"
            yield written.problem((*where, "sources", index, "url"), "source_unknown", reason)


def _check_dates(written: WrittenYaml, where: _Where, block: Provenance, is_critical: bool, today: date) -> Iterator[Problem]:
    longest = CRITICAL_REVIEW_DAYS if is_critical else REVIEW_DAYS
    if block.reviewed_on > today:
        yield written.problem(
            (*where, "reviewed_on"), "date_future", "reviewed_on lies in the future; write the day of the review"
        )
    if block.review_by <= block.reviewed_on:
        yield written.problem((*where, "review_by"), "date_order", "review_by must be after reviewed_on")
        return
    if block.review_by - block.reviewed_on > timedelta(days=longest):
        kind = "a critical topic" if is_critical else "a topic"
        reason = f"{kind} is reviewed again within {longest} days; write {block.reviewed_on + timedelta(days=longest)} or earlier"
        yield written.problem((*where, "review_by"), "review_too_far", reason)
    if block.review_by < today:
        effect = "it is withheld" if is_critical else "its readers are told so"
        reason = f"past its review date, {effect}; check the facts at the source and move reviewed_on and review_by"
        yield written.problem((*where, "review_by"), "past_review", reason, is_warning=not is_critical)
