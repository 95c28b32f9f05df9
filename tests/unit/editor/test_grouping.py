"""Questions that ask the same come together, typed as people type; groups stand in the order of how many people ask."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import pytest
import yaml

from bot.content.example_files import read_examples
from bot.content.likeness import HeldOut
from bot.editor import grouping, question_groups
from bot.editor.question_groups import QuestionGroups
from bot.editor.questions import AskedQuestion, make_group, rank_groups

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
_ids = count(1)


def asked(text: str, person: str = "a", locale: str = "es", minutes: int = 0, **guesses: float) -> AskedQuestion:
    """Return an invented question."""
    at = NOW + timedelta(minutes=minutes)
    raw = json.dumps([{"topic": topic, "probability": chance} for topic, chance in guesses.items()])
    return AskedQuestion(next(_ids), text, locale, person, at, raw)


@pytest.fixture(scope="module")
def background() -> list[str]:
    """The Spanish sentences that the bot knows."""
    return [line.text for _, line in read_examples(ROOT / "intents", ("es",))]


@pytest.mark.parametrize("name", ["first", "second"])
def test_spanish_with_typing_errors_is_grouped(name: str, background: list[str]) -> None:
    """B-cubed precision and recall stay near what was measured when the way was chosen (decision 12)."""
    data = yaml.safe_load((ROOT / "tests" / "unit" / "editor" / "questions" / f"{name}_es.yml").read_text(encoding="utf-8"))
    groups = [*data["groups"], *([one] for one in data["single"])]
    texts = [text for group in groups for text in group]
    truth = [number for number, group in enumerate(groups) for _ in group]
    found = grouping.group_questions(texts, background)
    precision = recall = 0.0
    for one in range(len(texts)):
        beside = {other for other in range(len(texts)) if found[other] == found[one]}
        same = {other for other in range(len(texts)) if truth[other] == truth[one]}
        precision += len(beside & same) / len(beside) / len(texts)
        recall += len(beside & same) / len(same) / len(texts)
    assert len(texts) > 50
    assert precision > 0.8
    assert recall > 0.8


def test_same_words_are_one_group_and_older_ones_join_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capitals, accents and signs do not part questions; beyond the most that are compared, each joins its nearest group."""
    monkeypatch.setattr(grouping, "MOST_COMPARED", 3)
    texts = [
        "¿Puedo VOTAR desde Italia?",
        "puedo votar desde italia",
        "llevar mi perro",
        "cuy asado",
        "yo puedo votar desde italia",
    ]
    labels = grouping.group_questions([*texts, "una nave espacial azul"])
    assert labels[0] == labels[1] == labels[4]
    assert len(set(labels)) == 4
    assert grouping.group_questions(["sola"]) == [0]
    assert grouping.group_questions([]) == []


def test_groups_are_ranked_by_people_not_by_messages() -> None:
    """One person who asks ten times counts once; the guesses are the mean over the group."""
    insistent = make_group([asked("x", "a", minutes=n, passport=0.4) for n in range(10)])
    shared = make_group([asked("y", "a", passport=0.5, id_card=0.1), asked("y", "b", minutes=1, id_card=0.7)])
    assert rank_groups([insistent, shared]) == [shared, insistent]
    assert (insistent.people, shared.people) == (1, 2)
    assert shared.guesses[0] == ("id_card", pytest.approx(0.4))
    assert (shared.newest - shared.oldest) == timedelta(minutes=1)


def test_child_groups_each_language_by_itself() -> None:
    """The real child process: the page is served while it works, and what belongs together stands together afterwards."""
    groups = QuestionGroups(lambda locale: [])
    questions = [asked("visa", "a"), asked("visa", "b"), asked("visa", "c", "en"), asked("llevar mi perro en el avion", "d")]
    first, is_sorting = groups.groups(questions)
    assert is_sorting
    assert len(first) == 4
    groups.wait()
    found, is_sorting = groups.groups(questions)
    assert not is_sorting
    assert [(group.people, group.locale) for group in found] == [(2, "es"), (1, "es"), (1, "en")]
    # A question that was dealt with goes without a new grouping; a new one starts it.
    assert groups.groups(questions[1:])[1] is False
    assert groups.groups([*questions, asked("nueva")])[1] is True
    groups.wait()


def test_page_goes_on_when_grouping_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question then stands alone, and it is not tried again and again."""

    def fail(*_: object) -> dict[int, int]:
        raise MemoryError

    monkeypatch.setattr(question_groups, "_group_in_child", fail)
    groups = QuestionGroups(lambda locale: [])
    questions = [asked("visa"), asked("visa")]
    groups.groups(questions)
    groups.wait()
    found, is_sorting = groups.groups(questions)
    assert (len(found), is_sorting) == (2, False)


def test_copies_of_held_out_messages_are_known() -> None:
    """As `tests/nlu/check_set.py` counts them: whole for short ones, nearly the same for longer ones, never a greeting."""
    held = HeldOut([("cuánto cuesta sacar la visa", False), ("hola", True), ("visa", False)])
    assert held.has_copy_of("CUANTO CUESTA SACAR LA VISA")
    assert held.has_copy_of("cuanto cuesta sacarr la visa")
    assert held.has_copy_of("Visa")
    assert not held.has_copy_of("hola")
    assert not held.has_copy_of("visas")
    assert not held.has_copy_of("mi hijo quiere estudiar en otro país")
