"""What the checks found, in the words of the person at the page and at the field where it is mended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.content.model import SECTIONS, Problem
from bot.i18n import N_

_HEAD_KEY = re.compile(r"^(title|menu_title|translation_of|source_hash):")
_SECTION = re.compile(r"^## +(.+?) *$")
_YAML_KEY = re.compile(r"^(\w+):")
_TRANSLATION_KEYS = ("translation_of", "source_hash")

PROBLEM_KEYS = {
    "answer_missing": N_("editor.problem.answer_missing"),
    "block_without_file": N_("editor.problem.block_without_file"),
    "caution_missing": N_("editor.problem.caution_missing"),
    "content_unreadable": N_("editor.problem.content_unreadable"),
    "date_future": N_("editor.problem.date_future"),
    "date_order": N_("editor.problem.date_order"),
    "day_unknown": N_("editor.problem.day_unknown"),
    "destination_unknown": N_("editor.problem.destination_unknown"),
    "dialogue_unknown": N_("editor.problem.dialogue_unknown"),
    "fact_incomplete": N_("editor.problem.fact_incomplete"),
    "fact_malformed": N_("editor.problem.fact_malformed"),
    "fact_twice": N_("editor.problem.fact_twice"),
    "fact_unknown": N_("editor.problem.fact_unknown"),
    "file_name": N_("editor.problem.file_name"),
    "file_without_block": N_("editor.problem.file_without_block"),
    "hard_to_read": N_("editor.problem.hard_to_read"),
    "help_point_unknown": N_("editor.problem.help_point_unknown"),
    "hours_missing": N_("editor.problem.hours_missing"),
    "hours_unreadable": N_("editor.problem.hours_unreadable"),
    "id_mismatch": N_("editor.problem.id_mismatch"),
    "lead_missing": N_("editor.problem.lead_missing"),
    "lead_too_long": N_("editor.problem.lead_too_long"),
    "level_missing": N_("editor.problem.level_missing"),
    "markup": N_("editor.problem.markup"),
    "menu_title_marks": N_("editor.problem.menu_title_marks"),
    "menu_title_too_long": N_("editor.problem.menu_title_too_long"),
    "menu_title_twice": N_("editor.problem.menu_title_twice"),
    "need_without_title": N_("editor.problem.need_without_title"),
    "option_missing": N_("editor.problem.option_missing"),
    "option_twice": N_("editor.problem.option_twice"),
    "option_unknown": N_("editor.problem.option_unknown"),
    "options_shown": N_("editor.problem.options_shown"),
    "past_review": N_("editor.problem.past_review"),
    "people_unknown": N_("editor.problem.people_unknown"),
    "people_unreadable": N_("editor.problem.people_unreadable"),
    "place_unknown": N_("editor.problem.place_unknown"),
    "point_unknown": N_("editor.problem.point_unknown"),
    "position_elsewhere": N_("editor.problem.position_elsewhere"),
    "question_twice": N_("editor.problem.question_twice"),
    "question_unknown": N_("editor.problem.question_unknown"),
    "related_unknown": N_("editor.problem.related_unknown"),
    "review_too_far": N_("editor.problem.review_too_far"),
    "schema": N_("editor.problem.schema"),
    "section_empty": N_("editor.problem.section_empty"),
    "section_name": N_("editor.problem.section_name"),
    "section_order": N_("editor.problem.section_order"),
    "section_too_long": N_("editor.problem.section_too_long"),
    "section_twice": N_("editor.problem.section_twice"),
    "sign_unknown": N_("editor.problem.sign_unknown"),
    "source_unknown": N_("editor.problem.source_unknown"),
    "staff_unknown": N_("editor.problem.staff_unknown"),
    "surer_than_fact": N_("editor.problem.surer_than_fact"),
    "survey_consent": N_("editor.problem.survey_consent"),
    "survey_tells": N_("editor.problem.survey_tells"),
    "title_too_long": N_("editor.problem.title_too_long"),
    "title_twice": N_("editor.problem.title_twice"),
    "too_long_for_channel": N_("editor.problem.too_long_for_channel"),
    "topic_gone": N_("editor.problem.topic_gone"),
    "topic_missing": N_("editor.problem.topic_missing"),
    "topic_unknown": N_("editor.problem.topic_unknown"),
    "translation_drift": N_("editor.problem.translation_drift"),
    "translation_source_missing": N_("editor.problem.translation_source_missing"),
    "translation_unmarked": N_("editor.problem.translation_unmarked"),
    "unreadable": N_("editor.problem.unreadable"),
    "unsafe_phone": N_("editor.problem.unsafe_phone"),
    "unsupported_number": N_("editor.problem.unsupported_number"),
    "verify_unknown": N_("editor.problem.verify_unknown"),
    "wait_missing": N_("editor.problem.wait_missing"),
    "wait_unreadable": N_("editor.problem.wait_unreadable"),
    "yaml": N_("editor.problem.yaml"),
}
"""A sentence for each code of the checks that a page can meet; another code shows only its own words."""


@dataclass(frozen=True)
class Fault:
    """One thing to mend.

    Attributes:
        said: what is wrong and what to do, in the person's language; may be empty.
        detail: the checks' own words, in English, with what exactly was found.
    """

    said: str
    detail: str
    is_warning: bool


def faults_by_field(problems: Iterable[Problem], text: str, say: Callable[[str], str]) -> dict[str, list[Fault]]:
    """Return the faults by the field of an answer: `title`, `menu_title`, `is_current`, `lead`, a section; empty: none of them.

    Args:
        text: the file that was checked.
    """
    faults: dict[str, list[Fault]] = {}
    for problem in problems:
        faults.setdefault(field_of_answer(text, problem.line), []).append(to_fault(problem, say))
    return faults


def faults_by_key(problems: Iterable[Problem], text: str, say: Callable[[str], str]) -> dict[str, list[Fault]]:
    """Return the faults by the top-level key of a YAML file under which they stand."""
    lines, faults = text.splitlines(), dict[str, list[Fault]]()
    for problem in problems:
        above = [found[1] for line in lines[: max(problem.line, 1)] if (found := _YAML_KEY.match(line))]
        faults.setdefault(above[-1] if above else "", []).append(to_fault(problem, say))
    return faults


def to_fault(problem: Problem, say: Callable[[str], str]) -> Fault:
    """Put a problem into words."""
    key = PROBLEM_KEYS.get(problem.code, "")
    return Fault(say(key) if key else "", problem.message, problem.is_warning)


def field_of_answer(text: str, line: int) -> str:
    """Return the field in which a line of an answer file is written."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return ""
    body_starts = lines.index("---", 1) + 1 if "---" in lines[1:] else 0
    if line <= body_starts:
        found = _HEAD_KEY.match(lines[line - 1])
        return "" if not found else "is_current" if found[1] in _TRANSLATION_KEYS else found[1]
    heads = [match[1] for each in lines[body_starts:line] if (match := _SECTION.match(each)) and match[1] in SECTIONS]
    return heads[-1] if heads else "lead"
