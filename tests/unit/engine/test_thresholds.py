"""The thresholds: read with care, written as a whole, and searched so that the dear mistakes are rare."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bot.engine.scoring import Example, Outcome, score
from bot.engine.thresholds import MOST_FALSE_ALARMS, Thresholds, cost_of, read_thresholds, search_thresholds, write_thresholds
from bot.errors import RutaError

ROOT = Path(__file__).resolve().parents[3]
URGENT = frozenset({"danger"})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """The file is for people too: it says what the values are and who wrote it."""
    path, values = tmp_path / "thresholds.yml", {"all": Thresholds(0.6, 0.3, 0.5), "es": Thresholds(0.55, 0.25, 0.4)}
    write_thresholds(path, values)
    assert read_thresholds(path) == values
    assert "ruta thresholds" in path.read_text(encoding="utf-8")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thresholds.yml"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all: {answer_above: 0.5}",
        "es: {answer_above: 0.5, choices_above: 0.3, urgent_above: 0.4}",
        "all: {answer_above: 1.5, choices_above: 0.3, urgent_above: 0.4}",
        "all: {answer_above: x, choices_above: 0.3, urgent_above: 0.4}",
        "[",
    ],
)
def test_a_broken_file_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    """Nobody answers with thresholds that are missing or make no sense."""
    path = tmp_path / "thresholds.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RutaError, match="thresholds.yml"):
        read_thresholds(path)


def test_the_file_of_the_project_can_be_read() -> None:
    """The one that the workers read."""
    assert "all" in read_thresholds(ROOT / "intents" / "thresholds.yml")


def _messages() -> list[tuple[str, dict[str, float]]]:
    """Return 100 messages whose first topic is right from a probability of 0.6, and 20 urgent ones."""
    calm = [("visa" if n >= 60 else "passport", {"visa": n / 100, "passport": (99 - n) / 200, "id": 0.01}) for n in range(100)]
    return calm + [("danger", {"danger": 0.5 + n / 100, "visa": 0.2}) for n in range(20)]


def _decide(thresholds: Thresholds) -> list[Outcome]:
    outcomes = []
    for intent, chances in _messages():
        ranked = tuple(sorted(chances, key=lambda name: -chances[name]))
        if chances.get("danger", 0) >= thresholds.urgent_above:
            kind, topics = "urgent", ("danger",)
        elif chances[ranked[0]] >= thresholds.answer_above:
            kind, topics = "answer", ranked[:1]
        else:
            kind, topics = ("choices", ranked) if sum(chances.values()) >= thresholds.choices_above else ("menu", ())
        outcomes.append(Outcome(Example("x", intent, "es"), ranked, kind, topics))
    return outcomes


def test_the_search_finds_the_cheapest_and_keeps_false_alarms_rare() -> None:
    """Most mistakes below 0.6 become choices, and every urgent message gets its card."""
    found = search_thresholds(_decide, partial(score, urgent=URGENT))
    scores = score(_decide(found), URGENT)
    assert 0.5 < found.answer_above < 0.7
    assert scores.urgent == 1.0
    assert scores.false_alarms <= MOST_FALSE_ALARMS
    for answer_above in (0.3, 0.94):
        other = score(_decide(Thresholds(answer_above, found.choices_above, found.urgent_above)), URGENT)
        assert cost_of(scores) < cost_of(other)
