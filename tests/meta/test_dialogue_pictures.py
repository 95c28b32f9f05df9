"""The pictures of the guided dialogues are those of their files."""

from __future__ import annotations

from pathlib import Path

from bot.content.dialogue_picture import draw_dialogue, write_pictures
from bot.content.loader import load_content

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dialogues.md"


def test_the_page_shows_every_dialogue_as_it_is() -> None:
    """Run `ruta content dialogue-picture --write` after a change."""
    dialogues = load_content(ROOT / "content").dialogues
    assert set(dialogues) == {"check_offer", "plan_return", "share_story"}
    assert write_pictures(PAGE, dialogues.values(), "es") == PAGE.read_text(encoding="utf-8")


def test_a_picture_names_every_question_weight_and_outcome() -> None:
    """So that staff can see a whole dialogue at once."""
    dialogue = load_content(ROOT / "content").dialogues["check_offer"]
    picture = draw_dialogue(dialogue, "es")
    for question in dialogue.questions:
        assert question.ask["es"] in picture
    assert "Coyote o guía +3" in picture
    assert "free: is_not" in picture
    assert all(level.title["es"] in picture for level in dialogue.levels)
