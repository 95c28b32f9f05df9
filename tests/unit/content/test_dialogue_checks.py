"""One mistake in a dialogue's file is one problem, with its code."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from bot.content.checks import check_content
from channels.whatsapp.limits import LIMITS

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 11, 26)
BREAKS = [
    pytest.param("facts: [RR-096,", "facts: [RR-999,", "fact_unknown", id="fact"),
    pytest.param("topic: report_crime", "topic: report_crimes", "topic_unknown", id="topic"),
    pytest.param("topic: trafficking_victim", "topic: risk_debt", "topic_unknown", id="alarm that is not urgent"),
    pytest.param("help_points: [1800-delito]", "help_points: [1800-delitos]", "help_point_unknown", id="help point"),
    pytest.param("when: {kind: [job]}\n    ask", "when: {kind: [jobs]}\n    ask", "option_unknown", id="option"),
    pytest.param("when: {kind: [job]}\n    ask", "when: {place: [is_so]}\n    ask", "question_unknown", id="question that comes later"),
    pytest.param('es: "Agencia o empresa"', 'es: "Coyote o guía"', "title_twice", id="two titles alike"),
    pytest.param('title: {es: "Sí, puedo"', 'title: {es: "Sí, puedo irme siempre"', "title_too_long", id="button too long"),
    pytest.param('es: "Agencia o empresa", ', "", "schema", id="language missing"),
    pytest.param("signs: [smuggling]", "signs: [smugglers]", "sign_unknown", id="sign"),
    pytest.param("  - id: none\n", "  - id: none\n    least: 0\n", "level_missing", id="no level for all"),
    pytest.param('review_by: "2027-05-26"', 'review_by: "2026-01-01"', "past_review", id="past review"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code"), BREAKS)
def test_a_mistake_is_found(old: str, new: str, code: str, tmp_path: Path) -> None:
    """Named by file and code."""
    shutil.copytree(ROOT / "content", tmp_path / "content")
    path = tmp_path / "content" / "dialogues" / "check_offer.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    problems = check_content(tmp_path / "content", [("whatsapp", LIMITS)], TODAY)
    assert {problem.code for problem in problems if problem.path == path} == {code}


SURVEY_BREAKS = [
    pytest.param("  consent: consent", "  consent: origin", "survey_consent", id="permission is not first"),
    pytest.param(
        "  - id: reason\n", "  - id: reason\n    when: {destination: [us]}\n", "survey_tells", id="condition on an answer"
    ),
    pytest.param("report_crime", "report_crime\n    when: {risk: [scam]}", "survey_tells", id="offer that depends on an answer"),
    pytest.param("      - id: abroad\n", "      - id: elsewhere\n", "option_missing", id="no option for towns abroad"),
    pytest.param("        shown: false\n", "        shown: true\n", "options_shown", id="more than a list holds"),
    pytest.param('  version: "2026-11"\n', "", "schema", id="no version"),
]


@pytest.mark.parametrize(("old", "new", "code"), SURVEY_BREAKS)
def test_a_mistake_in_a_survey_is_found(old: str, new: str, code: str, tmp_path: Path) -> None:
    """Also what would let our replies, which are kept with the person, tell what was answered."""
    shutil.copytree(ROOT / "content", tmp_path / "content")
    path = tmp_path / "content" / "dialogues" / "share_story.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    problems = check_content(tmp_path / "content", [("whatsapp", LIMITS)], TODAY)
    assert {problem.code for problem in problems if problem.path == path} == {code}
