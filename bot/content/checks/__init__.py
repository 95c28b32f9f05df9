"""Check the content folder before a contact reads it. Each problem names the file, the line and what to do.

Each module checks one side: `answers` the texts, `provenance` their facts, sources and dates, `links` what hangs
together, `help_points` the real places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from bot.content.checks.answers import check_answer, check_channel_limits
from bot.content.checks.help_points import check_help_points
from bot.content.checks.links import check_completeness, check_links, check_menu_titles, check_translations
from bot.content.checks.provenance import check_provenance
from bot.content.checks.support import FactBase
from bot.content.loader import load_catalogue_destinations, load_content
from bot.content.model import Problem, Topic
from bot.errors import ContentError
from bot.messages import ChannelLimits

__all__ = ["check_content"]


def check_content(folder: Path, limits: Sequence[tuple[str, ChannelLimits]], today: date) -> list[Problem]:
    """Return all that is wrong in the content folder, by file and line; warnings among it are marked.

    Args:
        limits: the channels' names and limits that answers must fit.
        today: the day against which review dates are held.
    """
    try:
        loaded = load_content(folder)
        destinations = load_catalogue_destinations(folder)
    except ContentError as error:
        return [Problem(folder, 0, "content_unreadable", str(error))]
    base = FactBase(loaded.facts)
    problems = [*loaded.problems, *check_completeness(folder, loaded), *check_menu_titles(loaded)]
    problems += check_help_points(folder, loaded, base)
    for topic in loaded.topics.values():
        problems += check_provenance(topic, loaded, base, today)
        problems += check_links(topic, loaded, destinations)
        problems += check_translations(topic)
        problems += _check_answers(topic, limits, base)
    return sorted(problems, key=lambda problem: (str(problem.path), problem.line, problem.code))


def _check_answers(topic: Topic, limits: Sequence[tuple[str, ChannelLimits]], base: FactBase) -> Iterator[Problem]:
    general = topic.provenance.facts
    for (code, _locale), answer in topic.answers.items():
        block = topic.destinations.get(code)
        own = block.facts if block else general
        yield from check_answer(answer, own, (*own, *general) if block else general, base)
        yield from check_channel_limits(answer, limits)
