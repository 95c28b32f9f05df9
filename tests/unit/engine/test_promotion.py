"""The gate of training: a worse model is kept out of use, a better one is put in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from rich.console import Console

from bot import model_tools
from bot.engine import promotion, training
from bot.engine.evaluation import Judged
from bot.engine.promotion import ModelRefused
from bot.engine.scoring import Example, Outcome
from bot.engine.training import newest_model, put_in_place
from bot.errors import EngineError
from bot.training_report import TrainingFiles, TrainingRuns, learn_from
from bot.wiring import Paths

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
EXAMPLES = [Example(f"mensaje {n}", "passport", "es") for n in range(40)]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one model in use; training makes a file, and a model's name says how many messages it gets wrong."""

    def judge(model: Path, examples: list[Example], phrases: object, on_message: Callable[[], None]) -> list[Judged]:
        wrong = int(model.read_text(encoding="utf-8"))
        judged = []
        for number, example in enumerate(examples):
            topic = "id_card" if number < wrong else "passport"
            outcome = Outcome(example, (topic,), "answer", (topic,))
            judged.append(Judged(example, {topic: 1.0}, 0.0, False, "es", outcome))
        return judged

    monkeypatch.setattr(promotion, "judge_model", judge)
    monkeypatch.setattr(promotion, "read_test_examples", lambda root: EXAMPLES)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "ruta-1.tar.gz").write_text("4", encoding="utf-8")
    return folder


def _train(models: Path, wrong: int, monkeypatch: pytest.MonkeyPatch, *, accept: bool = False) -> str:
    def train(root: Path, folder: Path, now: datetime, on_step: Callable[[str], None]) -> Path:
        made = folder / "new" / "ruta-2.tar.gz"
        made.parent.mkdir(exist_ok=True)
        made.write_text(str(wrong), encoding="utf-8")
        return made

    monkeypatch.setattr(training, "train_model", train)

    screen = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    model_tools.train_model_in_use(_paths(models), screen, NOW, accept=accept)
    return screen.export_text()


def _paths(models: Path) -> Paths:
    class _Paths(Paths):
        @property
        def models(self) -> Path:
            return models

    return _Paths(ROOT)


def test_a_model_that_is_no_worse_is_used(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is printed, old and new side by side."""
    said = _train(models, 2, monkeypatch)
    assert newest_model(models) == models / "ruta-2.tar.gz"
    assert "0.900 -> 0.950" in said


def test_a_worse_model_is_kept_out_of_use(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names each fallen figure and what to do; the refused model can be looked at."""
    with pytest.raises(ModelRefused, match=r"all top_1 0\.900 -> 0\.750.*--accept"):
        _train(models, 10, monkeypatch)
    assert newest_model(models) == models / "ruta-1.tar.gz"
    assert (models / "refused" / "ruta-2.tar.gz").exists()


def test_a_worse_model_can_be_accepted(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People decide: new topics may cost a little elsewhere."""
    _train(models, 10, monkeypatch, accept=True)
    assert newest_model(models) == models / "ruta-2.tar.gz"


def test_a_first_model_needs_no_comparison(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is in use yet, so nothing can fall."""
    (models / "ruta-1.tar.gz").unlink()
    assert "ruta-2" in _train(models, 10, monkeypatch)
    assert newest_model(models) == models / "ruta-2.tar.gz"


def test_a_model_of_an_older_release_does_not_block_the_new_one(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the one in use can no longer be read there is nothing to compare with."""
    (models / "ruta-1.tar.gz").write_text("no number", encoding="utf-8")
    assert "not compared" in _train(models, 10, monkeypatch)
    assert newest_model(models) == models / "ruta-2.tar.gz"


def test_only_the_last_models_are_kept(tmp_path: Path) -> None:
    """Old ones are removed, the newest stay."""
    for number in range(5):
        made = tmp_path / "new" / f"ruta-{number}.tar.gz"
        made.parent.mkdir(exist_ok=True)
        made.write_text("x", encoding="utf-8")
        put_in_place(made, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.tar.gz")) == [f"ruta-{n}.tar.gz" for n in (2, 3, 4)]


def test_report_says_what_became_of_it(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the editor and for scripts: figures of both models by group, what fell, and what the model in use has learned."""
    files = TrainingFiles(models)
    with pytest.raises(ModelRefused):
        _train(models, 10, monkeypatch)
    report = files.read()
    assert report is not None
    assert (report.state, report.model) == ("refused", "")
    assert (report.before["es"]["top_1"], report.after["es"]["top_1"]) == (0.9, 0.75)
    assert "urgent" not in report.after["es"]
    assert ("all", "top_1", 0.9, 0.75) in report.falls
    assert files.read_learned() is None
    _train(models, 10, monkeypatch, accept=True)
    report = files.read()
    assert report is not None
    assert (report.state, report.model, report.accepted) == ("taken", "ruta-2.tar.gz", True)
    assert files.read_learned() == learn_from(ROOT)


def test_report_says_that_the_engine_refused_the_data(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause's code stands there; nothing is left locked."""

    def fail(*_: object) -> Path:
        raise EngineError("no")

    monkeypatch.setattr(training, "train_model", fail)
    files = TrainingFiles(models)
    with pytest.raises(EngineError):
        model_tools.train_model_in_use(_paths(models), Console(quiet=True), NOW)
    report = files.read()
    assert report is not None
    assert (report.state, report.step) == ("failed", EngineError.code)
    assert not files.is_running


def test_second_training_is_refused(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once would put each other's models in place."""
    with TrainingFiles(models).lock(), pytest.raises(TrainingRuns):
        _train(models, 2, monkeypatch)
    assert newest_model(models) == models / "ruta-1.tar.gz"
