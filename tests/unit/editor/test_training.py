"""Training from the page: one at a time, it outlives the page, and says what it found; the last word has an admin with a reason."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import pytest

from bot.editor.roles import Role
from bot.training_report import REFUSED, RUNNING, TAKEN, Reporter, TrainingFiles, TrainingReport, TrainingRuns, learn_from
from tests.support.builders import Clock
from tests.support.editor import EditorWorld
from tests.support.waiting import became

STAND_IN = Path(__file__).with_name("training_stand_in.py")


@pytest.fixture
def world(tmp_path: Path):
    """An editor whose training is a program that does as it is told by a file, with the real lock and report."""
    made = EditorWorld(tmp_path, training_command=(sys.executable, str(STAND_IN)))
    made.parts.training.state()
    yield made
    made.parts.database.close()


def tell(world: EditorWorld, what: str) -> None:
    """Say what the next training does: take, refuse, die, or wait until the file is gone."""
    (world.folder / "models" / "what").write_text(what, encoding="utf-8")


def _step(world: EditorWorld) -> str:
    """Return what the training is at; "data" when it has read what it was told."""
    report = world.parts.training.state().report
    return report.step if report else ""


def page_of(browser) -> str:
    """Return the page of the training."""
    return html.unescape(browser.get("/training").text)


def test_reviewer_trains_and_sees_what_came_of_it(world: EditorWorld) -> None:
    """Started with one click; changes since the last training are listed before, figures by language and family after."""
    browser = world.browser(world.person(Role.REVIEWER))
    assert "No consta" in page_of(browser)
    tell(world, "take")
    assert browser.post("/training").headers["location"] == "/training"
    assert world.parts.training.wait(60) == 0
    page = page_of(browser)
    assert "El modelo nuevo está en uso." in page
    assert "Frases nuevas: 0; frases quitadas: 0" in page
    assert "90.0 % → " not in page
    assert "90.0 → 95.0 %" in page
    assert "stand-in: trained" in page
    world.parts.example_store.add("es", "passport", ["libretita azul", "libretita verde"])
    world.parts.example_store.remove("es", "id_card", [world.parts.example_store.sentences("id_card", "es")[0]])
    page = page_of(browser)
    assert "Frases nuevas: 2; frases quitadas: 1" in page
    assert "Cómo sacar o renovar el pasaporte (español): +2" in page
    assert re.search(r'class="count">3</strong> <span>frases cambiadas', browser.get("/").text)
    assert [entry.action for entry in world.parts.audit.newest(2)] == ["session.opened", "training.started"][::-1]


def test_only_one_training_runs_at_a_time(world: EditorWorld) -> None:
    """A second click changes nothing; the page shows the step and asks again by itself, or by its link without scripts."""
    browser = world.browser(world.person(Role.REVIEWER))
    tell(world, "wait")
    browser.post("/training")
    assert became(lambda: _step(world) == "data")
    page = page_of(browser)
    assert "Entrenando…" in page
    assert 'hx-trigger="every 2s"' in page
    assert '<a href="/training">Actualizar</a>' in page
    assert "Entrenar ahora" not in page
    with pytest.raises(TrainingRuns):
        world.parts.training.start("somebody")
    browser.post("/training")
    assert "Ya hay un entrenamiento en marcha" in page_of(browser)
    (world.folder / "models" / "what").unlink()
    assert world.parts.training.wait(60) == 0
    assert sum(entry.action == "training.started" for entry in world.parts.audit.newest(10)) == 1


def test_training_that_somebody_started_on_the_server_counts_too(world: EditorWorld) -> None:
    """The lock is the system's: it is seen from outside, and gone with the process."""
    files = TrainingFiles(world.folder / "models")
    with files.lock():
        assert files.is_running
        with pytest.raises(TrainingRuns), files.lock():
            pass
        with pytest.raises(TrainingRuns):
            world.parts.training.start("somebody")
    assert not files.is_running


def test_training_that_dies_is_said_to_have_failed(world: EditorWorld) -> None:
    """A killed one leaves a report that says running; the page knows better and shows the end of its log."""
    browser = world.browser(world.person(Role.REVIEWER))
    tell(world, "die")
    browser.post("/training")
    assert world.parts.training.wait(60) != 0
    page = page_of(browser)
    assert "El entrenamiento falló" in page
    assert "stand-in: out of memory" in page
    assert "Entrenar ahora" in page


def test_refused_model_is_used_only_by_an_admin_with_a_reason_and_on_the_same_data(world: EditorWorld) -> None:
    """What fell is named; when the sentences have changed since, nobody has seen the figures, so it is refused."""
    reviewer, admin = world.browser(world.person(Role.REVIEWER)), world.browser(world.person(Role.ADMIN))
    tell(world, "refuse")
    reviewer.post("/training")
    assert world.parts.training.wait(60) == 2
    page = page_of(reviewer)
    assert "se rechazó" in page
    assert "español: respuesta equivocada 5.0 → 9.0 %" in page
    assert "Usarlo de todos modos" not in page
    assert reviewer.post("/training/accept", reason="x").status_code == 403
    assert "Usarlo de todos modos" in page_of(admin)
    assert admin.post("/training/accept", reason="  ").status_code == 400
    world.parts.example_store.add("es", "passport", ["libretita azul"])
    assert admin.post("/training/accept", reason="sé lo que hago").status_code == 409
    assert "Usarlo de todos modos" not in page_of(admin)
    world.parts.example_store.remove("es", "passport", ["libretita azul"])
    assert admin.post("/training/accept", reason="el tema nuevo lo vale").status_code == 303
    assert world.parts.training.wait(60) == 0
    assert "usado de todos modos" in page_of(admin)
    newest = world.parts.audit.newest(1)[0]
    assert (newest.action, newest.detail) == ("training.accepted", "reason=el tema nuevo lo vale")


def test_report_is_kept_whole_and_an_older_one_is_no_stumbling_block(tmp_path: Path) -> None:
    """What is written is read again; a report of another release, or half of one, counts as none."""
    files, clock = TrainingFiles(tmp_path), Clock()
    root = Path(__file__).resolve().parents[3]
    reporter = Reporter(files, learn_from(root), clock(), 2, accepted=False)
    reporter.step("one")
    assert files.read() == reporter.report
    assert (reporter.report.state, reporter.report.done) == (RUNNING, 1)
    reporter.compared(falls=(("es", "wrong", 0.1, 0.2),), unreadable="")
    reporter.end(REFUSED, clock())
    assert files.read() == reporter.report
    assert files.read_learned() is None
    reporter.end(TAKEN, clock(), model="ruta-1.tar.gz")
    assert files.read_learned() == learn_from(root)
    (tmp_path / "last-training.json").write_text('{"state": "taken", "falls": [], "other": 1}', encoding="utf-8")
    assert files.read() is None
    (tmp_path / "last-training.json").write_text('{"state": "ta', encoding="utf-8")
    assert files.read() is None
    assert TrainingReport(RUNNING, "").falls == ()
