"""Check the content folder before a contact reads it. Each problem names the file, the line and what to do.

Each module checks one side: `answers` the texts, `provenance` their facts, sources and dates, `links` what hangs
together, `help_points` the real places, `people` who answers as a person, `dialogues` the guided dialogues.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bot.content.checks.dialogues import check_dialogue
from bot.content.checks.help_points import check_help_points
from bot.content.checks.links import check_completeness, check_menu_titles
from bot.content.checks.people import check_people
from bot.content.checks.support import FactBase
from bot.content.checks.topics import check_topic
from bot.content.loader import load_catalogue_destinations, load_content
from bot.content.model import Problem
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
    problems += check_people(folder, loaded)
    for dialogue in loaded.dialogues.values():
        problems += check_dialogue(dialogue, loaded, limits, base, today)
    for topic in loaded.topics.values():
        problems += check_topic(topic, loaded, destinations, limits, base, today)
    return sorted(problems, key=lambda problem: (str(problem.path), problem.line, problem.code))
