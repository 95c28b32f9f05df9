"""Check the guided dialogues: every reference leads somewhere, every outcome can be reached, every option can be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from bot.content.checks.support import FactBase
from bot.content.checks.written import WrittenYaml
from bot.content.dialogues import ABROAD, NO, UNSAID, YES, Dialogue, When, said
from bot.content.loader import LoadedContent
from bot.content.model import Kind, Problem
from bot.i18n import LOCALES
from bot.messages import ChannelLimits

Keys = tuple[str | int, ...]
MOST_SHOWN = 9
"""With the way to say nothing they make the ten rows of a list on WhatsApp."""
_BUTTONS = 3
"""So many choices are buttons on WhatsApp, with shorter titles than a list's rows."""


def check_dialogue(
    dialogue: Dialogue,
    loaded: LoadedContent,
    limits: Sequence[tuple[str, ChannelLimits]],
    base: FactBase,
    today: date,
) -> Iterator[Problem]:
    """Yield what is wrong in one dialogue.

    Args:
        limits: the channels' names and limits that its choices must fit.
    """
    written = WrittenYaml(dialogue.path)
    topic = loaded.catalogue.get(dialogue.id)
    if topic is None or topic.kind is not Kind.FLOW:
        yield written.problem(("id",), "dialogue_unknown", f"{dialogue.id} is no flow of topics.yml; add it there, and train")
    if today > dialogue.review_by:
        reason = f"should have been reviewed by {dialogue.review_by.isoformat()}; contacts are told so until it is"
        yield written.problem(("review_by",), "past_review", reason, is_warning=True)
    yield from _check_questions(dialogue, written, limits)
    yield from _check_references(dialogue, loaded, base, written)
    yield from _check_conditions(dialogue, written)
    yield from _check_survey(dialogue, written)
    if dialogue.levels and (dialogue.levels[-1].least is not None or dialogue.levels[-1].unsaid_least):
        reason = "the last level must have no condition, so that there is always an outcome"
        yield written.problem(("levels", len(dialogue.levels) - 1), "level_missing", reason)


def _check_questions(dialogue: Dialogue, written: WrittenYaml, limits: Sequence[tuple[str, ChannelLimits]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, question in enumerate(dialogue.questions):
        if question.id in seen:
            yield written.problem(("questions", number, "id"), "question_twice", f"{question.id} stands twice; rename one")
        seen.add(question.id)
        ids = [option.id for option in question.options]
        if len(set(ids)) < len(ids):
            yield written.problem(("questions", number, "options"), "option_twice", f"{question.id}: an option id stands twice")
        if not 2 <= len(question.shown) <= MOST_SHOWN:
            reason = f"{question.id}: show 2 to {MOST_SHOWN} options; the others with `shown: false` are understood when typed"
            yield written.problem(("questions", number, "options"), "options_shown", reason)
        if question.takes_towns and not question.option(ABROAD):
            reason = f"{question.id} takes towns, so it needs an option {ABROAD}"
            yield written.problem(("questions", number, "options"), "option_missing", reason)
        for locale in LOCALES:
            titles = [said(option.title, locale) for option in question.options]
            for name, channel in limits:
                most = _title_limit(channel, len(question.shown) + 1)
                long = [title for title in titles if len(title) > most]
                if long:
                    reason = f"{locale}: {long[0]!r} is longer than the {most} characters that {name} shows; shorten it"
                    yield written.problem(("questions", number, "options"), "title_too_long", reason)
            if len({title.casefold() for title in titles}) < len(titles):
                yield written.problem(
                    ("questions", number, "options"), "title_twice", f"{locale}: two options have the same title"
                )


def _check_survey(dialogue: Dialogue, written: WrittenYaml) -> Iterator[Problem]:
    """Yield what would link answers to a person: replies are kept with the contact, so none may depend on an answer."""
    if dialogue.survey is None:
        return
    first = dialogue.questions[0]
    if dialogue.survey.consent != first.id or {option.id for option in first.options} != {YES, NO}:
        reason = f"the first question must be {dialogue.survey.consent}, with the options {YES} and {NO}: consent comes first"
        yield written.problem(("survey", "consent"), "survey_consent", reason)
    tells: list[Keys] = [("questions", number, "when") for number, one in enumerate(dialogue.questions) if one.when]
    tells += [("leads_to", number, "when") for number, one in enumerate(dialogue.leads_to) if one.when]
    tells += [("alarms",)] if dialogue.alarms else []
    for keys in tells:
        reason = "in a survey every question and offer comes to everybody, or our own replies would tell what was answered"
        yield written.problem(keys, "survey_tells", reason)


def _title_limit(channel: ChannelLimits, choices: int) -> int:
    return channel.list_title if channel.list_rows and choices > _BUTTONS else channel.button_title


def _check_references(dialogue: Dialogue, loaded: LoadedContent, base: FactBase, written: WrittenYaml) -> Iterator[Problem]:
    for name, sign in dialogue.signs.items():
        for fact in sign.facts:
            if fact not in base:
                yield written.problem(("signs", name, "facts"), "fact_unknown", f"there is no fact {fact} in content/facts")
    for number, question in enumerate(dialogue.questions):
        for option in question.options:
            for name in option.signs:
                if name not in dialogue.signs:
                    yield written.problem(
                        ("questions", number), "sign_unknown", f"{option.id}: there is no sign {name} below `signs`"
                    )
    for number, alarm in enumerate(dialogue.alarms):
        if alarm.topic not in loaded.topics or not loaded.topics[alarm.topic].is_urgent:
            reason = f"{alarm.topic} is no urgent topic with an answer"
            yield written.problem(("alarms", number, "topic"), "topic_unknown", reason)
    topics: list[tuple[Keys, str]] = [(("leads_to", n, "topic"), one.topic) for n, one in enumerate(dialogue.leads_to)]
    topics += [(("steps", n, "topic"), one.topic) for n, one in enumerate(dialogue.steps)]
    for keys, topic in topics:
        if topic not in loaded.topics and topic not in loaded.retired:  # The bot leaves out what leads to a retired one.
            yield written.problem(keys, "topic_unknown", f"{topic} has no answer in content/")
    points: list[tuple[Keys, str]] = [(("help_points", n), slug) for n, slug in enumerate(dialogue.help_points)]
    points += [(("steps", n, "help_points"), slug) for n, step in enumerate(dialogue.steps) for slug in step.help_points]
    for keys, slug in points:
        if slug not in loaded.help_points:
            yield written.problem(keys, "help_point_unknown", f"there is no content/help-points/{slug}.yml")


def _check_conditions(dialogue: Dialogue, written: WrittenYaml) -> Iterator[Problem]:
    everything = {question.id: {option.id for option in question.options} | {UNSAID} for question in dialogue.questions}
    before: dict[str, set[str]] = {}
    for number, question in enumerate(dialogue.questions):
        yield from _check_when(question.when, before, ("questions", number, "when"), written)
        before[question.id] = everything[question.id]
    rows: list[tuple[Keys, When]] = [(("alarms", n, "when"), one.when) for n, one in enumerate(dialogue.alarms)]
    rows += [(("leads_to", n, "when"), one.when) for n, one in enumerate(dialogue.leads_to)]
    rows += [(("steps", n, "when"), one.when) for n, one in enumerate(dialogue.steps)]
    for keys, when in rows:
        yield from _check_when(when, everything, keys, written)


def _check_when(when: When, known: Mapping[str, Any], keys: Keys, written: WrittenYaml) -> Iterator[Problem]:
    for question, options in when.items():
        if question not in known:
            yield written.problem(keys, "question_unknown", f"{question} is no question that stands before this")
            continue
        for option in sorted(options - set(known[question])):
            yield written.problem(keys, "option_unknown", f"{option} is no option of the question {question}")
