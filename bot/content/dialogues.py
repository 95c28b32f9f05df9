"""Read the guided dialogues: `content/dialogues/<topic>.yml` holds questions, options, weights and outcomes of one of them.

What can be wrong beyond the schema is told by `bot.content.checks.dialogues`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

Said = Mapping[str, str]
"""A text by locale; `said` falls back to Spanish."""
When = Mapping[str, frozenset[str]]
"""Option ids by question id: it holds when every question was answered with one of its options. Empty: always."""
UNSAID = "unsaid"
"""The option that every question has: not known, or not to be told."""
ABROAD = "abroad"
"""The option that a town outside Ecuador stands for, where towns are understood."""
YES, NO = "is_so", "is_not"
"""The ids of options that "yes" and "no", however they are said, stand for; not `yes`, which YAML takes for a truth value."""


@dataclass(frozen=True)
class Option:
    """An answer that is offered.

    Attributes:
        words: what else people type for it, by locale.
        weight: how much it adds to the score; negative takes away.
        reason: the sentence that names it in the outcome; empty: it is not named.
        signs: which signs it belongs to.
        is_shown: it is offered; else it is only understood when somebody types it.
        under_days: it stands for a time of less than so many days ago; 0: for none.
    """

    id: str
    title: Said
    words: Mapping[str, tuple[str, ...]]
    weight: int
    reason: Said
    signs: tuple[str, ...]
    is_shown: bool = True
    under_days: int = 0


@dataclass(frozen=True)
class Question:
    """One question; `again` asks it in other words.

    Attributes:
        takes_towns: its options are provinces; a town that is typed stands for its province, one abroad for `ABROAD`.
    """

    id: str
    ask: Said
    again: Said
    when: When
    options: tuple[Option, ...]
    takes_towns: bool = False

    @property
    def takes_dates(self) -> bool:
        """Whether it asks how long ago something was; the option without `under_days` stands for all that is longer ago."""
        return any(option.under_days for option in self.options)

    @property
    def shown(self) -> tuple[Option, ...]:
        """The options that are offered."""
        return tuple(option for option in self.options if option.is_shown)

    def option(self, option_id: str) -> Option | None:
        """Return one of its options."""
        return next((option for option in self.options if option.id == option_id), None)


@dataclass(frozen=True)
class Level:
    """An outcome of a check: the first whose conditions hold.

    Attributes:
        least: the least score; None: any.
        unsaid_least: the least number of questions that were not answered; 0: any.
        advice: what to do now.
    """

    id: str
    least: int | None
    unsaid_least: int
    title: Said
    advice: Said


@dataclass(frozen=True)
class Alarm:
    """Answers that mean danger now: the dialogue ends with the card of an urgent topic."""

    when: When
    topic: str


@dataclass(frozen=True)
class Sign:
    """What several answers point to, and the facts that this rests on."""

    id: str
    name: Said
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """An item of a plan.

    Attributes:
        topic: the answer topic that explains it; its sources and date are the item's.
        title: empty: the topic's own.
        help_points: kept in `content/help-points`; those in the person's city go first.
    """

    topic: str
    when: When
    title: Said
    why: Said
    bring: Said
    help_points: tuple[str, ...]


@dataclass(frozen=True)
class Leading:
    """A topic that is offered at the end."""

    topic: str
    when: When


@dataclass(frozen=True)
class Survey:
    """What makes a dialogue one whose answers are stored, apart from the person.

    Attributes:
        consent: the first question; only "yes" goes on, and anything else keeps nothing.
        version: of the wording of that question and what it promises; stored with the answers.
        thanks: said when the answers have been stored.
        refused: said when the permission was not given, or nothing was answered.
    """

    consent: str
    version: str
    thanks: Said
    refused: Said


@dataclass(frozen=True)
class Dialogue:
    """A guided dialogue; a check has levels, a plan has steps, a survey is stored."""

    id: str
    path: Path
    reviewed_on: date
    review_by: date
    intro: Said
    questions: tuple[Question, ...]
    levels: tuple[Level, ...]
    alarms: tuple[Alarm, ...]
    signs: Mapping[str, Sign]
    steps: tuple[Step, ...]
    help_points: tuple[str, ...]
    leads_to: tuple[Leading, ...]
    city: str = field(default="")
    """The question whose options are cities; empty: none is asked."""
    survey: Survey | None = None

    def question(self, question_id: str) -> Question | None:
        """Return one of its questions."""
        return next((question for question in self.questions if question.id == question_id), None)

    @property
    def is_plan(self) -> bool:
        """Whether it ends with a list of steps."""
        return bool(self.steps)


def said(text: Said, locale: str) -> str:
    """Return a text in a locale, in Spanish where there is none."""
    return text.get(locale) or text.get("es", "")


def holds(when: When, answers: Mapping[str, str]) -> bool:
    """Tell whether a condition holds with these answers."""
    return all(answers.get(question) in options for question, options in when.items())


def parse_dialogue(path: Path, data: Mapping[str, Any]) -> Dialogue:
    """Turn a file that fits the schema into a value."""
    return Dialogue(
        id=data["id"],
        path=path,
        reviewed_on=date.fromisoformat(data["reviewed_on"]),
        review_by=date.fromisoformat(data["review_by"]),
        intro=data["intro"],
        questions=tuple(_question(row) for row in data["questions"]),
        levels=tuple(_level(row) for row in data.get("levels", ())),
        alarms=tuple(Alarm(_when(row["when"]), row["topic"]) for row in data.get("alarms", ())),
        signs={name: Sign(name, row["name"], tuple(row["facts"])) for name, row in data.get("signs", {}).items()},
        steps=tuple(_step(row) for row in data.get("steps", ())),
        help_points=tuple(data.get("help_points", ())),
        leads_to=tuple(Leading(row["topic"], _when(row.get("when"))) for row in data.get("leads_to", ())),
        city=data.get("city", ""),
        survey=Survey(**data["survey"]) if "survey" in data else None,
    )


def _question(row: Mapping[str, Any]) -> Question:
    options = tuple(_option(option) for option in row["options"])
    return Question(row["id"], row["ask"], row["again"], _when(row.get("when")), options, row.get("takes_towns", False))


def _option(row: Mapping[str, Any]) -> Option:
    words = {locale: tuple(str(word) for word in said) for locale, said in row.get("words", {}).items()}
    return Option(
        id=row["id"],
        title=row["title"],
        words=words,
        weight=row.get("weight", 0),
        reason=row.get("reason", {}),
        signs=tuple(row.get("signs", ())),
        is_shown=row.get("shown", True),
        under_days=row.get("under_days", 0),
    )


def _level(row: Mapping[str, Any]) -> Level:
    return Level(row["id"], row.get("least"), row.get("unsaid_least", 0), row["title"], row["advice"])


def _step(row: Mapping[str, Any]) -> Step:
    return Step(
        topic=row["topic"],
        when=_when(row.get("when")),
        title=row.get("title", {}),
        why=row["why"],
        bring=row.get("bring", {}),
        help_points=tuple(row.get("help_points", ())),
    )


def _when(row: Mapping[str, Any] | None) -> When:
    return {question: frozenset(options) for question, options in (row or {}).items()}
