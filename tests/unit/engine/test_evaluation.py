"""The figures of a model by group, and which of them count as fallen."""

from __future__ import annotations

from bot.engine.evaluation import Judged, decide_again, falls, groups_of, score_groups
from bot.engine.scoring import Example, Outcome, score

FAMILIES = {"visa": "pathways", "danger": "emergency", "out_of_scope": "conversation"}
URGENT = frozenset({"danger"})


def _outcome(intent: str, answered: str, locale: str = "es", kind: str = "answer") -> Outcome:
    return Outcome(Example("x", intent, locale), (answered, "other"), kind, (answered,))


def test_scores_count_what_people_got() -> None:
    """Right, wrong, offered and lost are shares of what is within scope; a refusal is right outside it."""
    outcomes = [
        _outcome("visa", "visa"),
        _outcome("visa", "danger", kind="urgent"),
        Outcome(Example("x", "visa", "es"), ("a", "visa"), "choices", ("a", "visa")),
        Outcome(Example("x", "visa", "es"), ("a", "b"), "menu", ()),
        _outcome("out_of_scope", "out_of_scope"),
        _outcome("out_of_scope", "visa"),
        _outcome("danger", "danger", kind="urgent"),
    ]
    scores = score(outcomes, URGENT)
    assert (scores.count, scores.outside) == (7, 2)
    assert (scores.right, scores.wrong, scores.offered, scores.lost) == (0.4, 0.2, 0.2, 0.2)
    assert (scores.refused, scores.urgent, scores.urgent_exact) == (0.5, 1.0, 1.0)
    assert scores.false_alarms == 1 / 6


def test_groups_are_all_locales_and_families() -> None:
    """Each message counts in three groups; empty groups are left out."""
    groups = groups_of([_outcome("visa", "visa"), _outcome("danger", "danger", "en")], FAMILIES)
    assert {name: len(members) for name, members in groups.items()} == {
        "all": 2,
        "es": 1,
        "en": 1,
        "pathways": 1,
        "emergency": 1,
    }


def test_a_figure_falls_when_more_than_two_messages_became_worse() -> None:
    """Chance is forgiven, in each group by its own size; what became better is no fall."""
    good = [_outcome("visa", "visa") for _ in range(50)] + [_outcome("danger", "danger") for _ in range(10)]
    two_worse = [_outcome("visa", "danger") for _ in range(2)] + good[2:]
    three_worse = [_outcome("visa", "danger") for _ in range(3)] + good[3:]
    before = score_groups(groups_of(good, FAMILIES), URGENT)
    for outcomes, expected in ((two_worse, set()), (three_worse, {("pathways", "wrong"), ("pathways", "top_1")}), (good, set())):
        groups = groups_of(outcomes, FAMILIES)
        found = falls(before, score_groups(groups, URGENT))
        assert {(fall.group, fall.figure) for fall in found} >= expected
        assert bool(found) is bool(expected)
    assert falls(score_groups(groups_of(three_worse, FAMILIES), URGENT), before) == []


def test_a_share_is_held_against_its_own_messages() -> None:
    """Two wrong answers are two, however many messages out of scope stand beside them; a timid or a shrill model falls too."""
    outside = [_outcome("out_of_scope", "out_of_scope") for _ in range(50)]
    good = [_outcome("visa", "visa") for _ in range(50)] + outside
    two_worse = [_outcome("visa", "danger", kind="urgent") for _ in range(2)] + good[2:]
    timid = [Outcome(one.example, one.ranking, "menu", ()) for one in good]
    shrill = good[:50] + [_outcome("out_of_scope", "danger", kind="urgent") for _ in range(50)]
    before = score_groups(groups_of(good, FAMILIES), URGENT)

    def fallen(outcomes: list[Outcome]) -> set[str]:
        return {fall.figure for fall in falls(before, score_groups(groups_of(outcomes, FAMILIES), URGENT))}

    assert fallen(two_worse) == set()
    assert fallen(timid) == {"right"}
    assert fallen(shrill) >= {"refused", "false_alarms"}


def test_another_decision_leaves_phrases_and_follow_ups_alone() -> None:
    """What no threshold decided stays as it was."""
    outcome = _outcome("danger", "danger", kind="urgent")
    fixed = Judged(outcome.example, {"visa": 1.0}, 0.0, True, "es", outcome)
    free = Judged(outcome.example, {"visa": 1.0}, 0.0, False, "es", outcome)
    again = decide_again([fixed, free], lambda judged: ("answer", ["visa"]))
    assert [one.topics for one in again] == [("danger",), ("visa",)]
