"""Check one topic with all its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from bot.content.checks.answers import NamedLimits, check_answer, check_channel_limits
from bot.content.checks.links import check_links, check_translations
from bot.content.checks.provenance import check_provenance
from bot.content.checks.support import FactBase
from bot.content.loader import LoadedContent
from bot.content.model import Problem, Topic


def check_topic(
    topic: Topic, loaded: LoadedContent, destinations: Sequence[str], limits: NamedLimits, base: FactBase, today: date
) -> Iterator[Problem]:
    """Yield what is wrong in a topic's files.

    Args:
        loaded: the content that the topic belongs to.
        destinations: those of the catalogue, two letters each.
        limits: the channels' names and limits that answers must fit.
        today: the day against which review dates are held.
    """
    yield from check_provenance(topic, loaded, base, today)
    yield from check_links(topic, loaded, destinations)
    yield from check_translations(topic)
    general = topic.provenance.facts
    for (code, _locale), answer in topic.answers.items():
        block = topic.destinations.get(code)
        own = block.facts if block else general
        yield from check_answer(answer, own, (*own, *general) if block else general, base)
        yield from check_channel_limits(answer, limits)
