"""Draw a guided dialogue from its file, as Mermaid text: its questions with their options, its alarms and its outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bot.content.dialogues import UNSAID, YES, Dialogue, Question, When, said

_BLOCK = "<!-- picture: {id} -->\n```mermaid\n{text}```\n<!-- end: {id} -->"


def draw_dialogue(dialogue: Dialogue, locale: str) -> str:
    """Return the picture; titles are those of a locale, ids those of the file."""
    lines = ["flowchart TD", '  start(["' + dialogue.id + '"]) --> ' + dialogue.questions[0].id]
    for question, after in zip(dialogue.questions, [*dialogue.questions[1:], None], strict=True):
        lines.append(f'  {question.id}["{_box(question, locale)}"]')
        lines.append(f"  {question.id} --> {after.id if after else 'outcome'}")
    for number, alarm in enumerate(dialogue.alarms):
        name = f"alarm_{number}"
        last = next(question.id for question in reversed(dialogue.questions) if question.id in alarm.when)
        lines += [f'  {last} == "{_when(alarm.when)}" ==> {name}', f'  {name}[["{alarm.topic}"]]']
    lines.append('  outcome{"' + _outcome(dialogue) + '"}')
    if dialogue.survey:
        lines.append(f'  {dialogue.survey.consent} == "anything but {YES}" ==> nothing(["nothing is stored"])')
    for level in dialogue.levels:
        rule = [f"at least {level.least}"] if level.least is not None else []
        rule += [f"{level.unsaid_least} or more {UNSAID}"] if level.unsaid_least else []
        lines.append(
            f'  outcome -- "{" and ".join(rule) or "else"}" --> level_{level.id}(["{_clean(said(level.title, locale))}"])'
        )
    for step in dialogue.steps:
        lines.append(f'  outcome -- "{_when(step.when) or "always"}" --> step_{step.topic}(["{step.topic}"])')
    return "\n".join(lines) + "\n"


def write_pictures(path: Path, dialogues: Iterable[Dialogue], locale: str) -> str:
    """Return a page's text with the picture of each dialogue between its two marks, as it is now."""
    text = path.read_text(encoding="utf-8")
    for dialogue in dialogues:
        block = _BLOCK.format(id=dialogue.id, text=draw_dialogue(dialogue, locale))
        pattern = rf"<!-- picture: {dialogue.id} -->.*?<!-- end: {dialogue.id} -->"
        text, found = re.subn(pattern, lambda _, block=block: str(block), text, flags=re.DOTALL)  # type: ignore[misc]
        text = text if found else f"{text.rstrip()}\n\n{block}\n"
    return text


def _outcome(dialogue: Dialogue) -> str:
    if dialogue.survey:
        return "one row without person, day or order"
    return "steps that apply, in order" if dialogue.is_plan else "sum of the weights"


def _box(question: Question, locale: str) -> str:
    options = [f"{_clean(said(option.title, locale))} {option.weight:+d}".replace(" +0", "") for option in question.shown]
    hidden = len(question.options) - len(question.shown)
    options += [f"typed: {hidden} more"] if hidden else []
    condition = [f"only if {_when(question.when)}"] if question.when else []
    return "<br/>".join([_clean(said(question.ask, locale)), *condition, *(f"- {option}" for option in options)])


def _when(when: When) -> str:
    return ", ".join(f"{question}: {' or '.join(sorted(options))}" for question, options in when.items())


def _clean(text: str) -> str:
    return text.replace('"', "'")
