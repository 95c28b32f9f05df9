"""Train the model from the project's folders. A new model waits beside those in use until it is put in place as a whole."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from bot.errors import EngineError

TRAINED_PARTS = 7
"""Steps that `on_step` counts: import, reading the data, the trainable components of config.yml, packing."""
MODELS_KEPT = 3
_DATA = (
    "config.yml",
    "content/topics.yml",
    *(f"intents/{name}" for name in ("nlu", "domain", "rules", "stories", "vocabulary/concepts.yml")),
    "bot/conversations/concepts.py",  # These two make features.
    "bot/conversations/words.py",
    "bot/engine/components",
    "bot/engine/importer.py",
)


def newest_model(folder: Path) -> Path | None:
    """Return the model in use: the newest one."""
    models = sorted(folder.glob("ruta-*.tar.gz"))
    return models[-1] if models else None


def is_model_current(root: Path, folder: Path) -> bool:
    """Tell whether a model exists that is newer than all data it was made from."""
    model = newest_model(folder)
    return model is not None and model.stat().st_mtime >= max(_change_times(root))


def train_model(root: Path, folder: Path, now: datetime, on_step: Callable[[str], None]) -> Path:
    """Train and return the new model's file, which is not in use yet; see `put_in_place`.

    Args:
        on_step: called with a short name before each step, at most `TRAINED_PARTS` times.

    Raises:
        EngineError: the engine refused the data; the text says why.
    """
    on_step("engine")
    with _silence() as said:
        import rasa  # The import takes seconds; whoever does not train must not wait for it.
        from rasa.model_training import train

        watch = _StepHandler(on_step)
        logger = logging.getLogger("rasa.engine.training.hooks")
        logger.setLevel(logging.INFO)
        logger.addHandler(watch)
        logger.propagate = False
        on_step("data")
        with _inside(root), _as_engine_error():
            result = train(
                domain="intents/domain",
                config="config.yml",
                training_files=["intents"],
                output=str(folder / "new"),
                # The engine's cache knows neither our vocabulary nor the code outside a component's class.
                force_training=True,
                fixed_model_name=f"ruta-{now:%Y%m%d-%H%M%S}",
            )
        logger.removeHandler(watch)
    if result.code != 0 or not result.model:
        raise EngineError(f"rasa {rasa.__version__} did not train (code {result.code}): {said.getvalue()[-500:]}")
    on_step("model")
    return Path(result.model)


class _StepHandler(logging.Handler):
    def __init__(self, on_step: Callable[[str], None]) -> None:
        super().__init__()
        self._on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith("Starting to train component"):
            self._on_step(message.split("'")[1])


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _as_engine_error() -> Iterator[None]:
    from rasa.engine.exceptions import GraphComponentException

    try:
        yield
    except GraphComponentException as error:
        raise EngineError(f"{error} {type(error.__cause__).__name__}: {error.__cause__}") from error


@contextlib.contextmanager
def _silence() -> Iterator[io.StringIO]:
    """Keep the engine's own bars and banners off the screen; what it said is in the value."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def put_in_place(made: Path, folder: Path) -> Path:
    """Make a trained model the one in use, and remove the oldest ones."""
    target = folder / made.name
    made.replace(target)
    for old in sorted(folder.glob("ruta-*.tar.gz"))[:-MODELS_KEPT]:
        old.unlink()
    return target


def _change_times(root: Path) -> list[float]:
    times = []
    for name in _DATA:
        path = root / name
        files = [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.suffix in (".yml", ".py")]
        times += [file.stat().st_mtime for file in files]
    return times
