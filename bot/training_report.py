"""What a training leaves for others to read: how it stands, in `models/last-training.json`, and what the model in use learned.

`ruta train` writes these; the editor, which may not load the engine, reads them. The lock file says for certain whether a
training runs: it is the system's own lock, so it goes with the process however that ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from bot.content.example_files import read_examples
from bot.content.library import folder_stamp
from bot.content.writing import write_atomically
from bot.errors import RutaError
from bot.i18n import LOCALES

FIGURES = ("top_1", "top_3", "right", "wrong", "lost", "refused", "urgent", "false_alarms")
"""The figures of each group, as in `bot.engine.scoring.Scores`."""
_REPORT = "last-training.json"
_LEARNED = "learned.json"
_LOCK = "training.lock"
_LOCK_TRIES = 10
_LOCK_PAUSE = 0.05
_DIGITS = 12


RUNNING, TAKEN, REFUSED, FAILED = "running", "taken", "refused", "failed"


class TrainingRuns(RutaError):
    """A training runs already; a second one would overwrite what the first one makes."""

    code = "training_runs"


@dataclass(frozen=True)
class TrainingReport:
    """How a training stands, or ended.

    Attributes:
        state: running, taken (the new model is in use), refused (a guarded figure fell) or failed.
        step: what it is doing, or the code of what failed.
        done: how many steps are done of `steps`.
        data: stands for the examples and the catalogue that it was made from.
        before: the figures of the model that was in use, by group, then by name; empty when none could be compared.
        falls: group, figure, before and after of what became worse by more than chance.
        accepted: it was to be used in any case.
    """

    state: str
    started_at: str
    step: str = ""
    done: int = 0
    steps: int = 1
    ended_at: str = ""
    model: str = ""
    data: str = ""
    before: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    after: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    falls: tuple[tuple[str, str, float, float], ...] = ()
    unreadable: str = ""
    accepted: bool = False


@dataclass(frozen=True)
class Learned:
    """What the model in use was made from: a short hash of each sentence, by locale and topic.

    Attributes:
        data: see `TrainingReport`.
    """

    data: str
    catalogue: str
    examples: Mapping[str, frozenset[str]]

    @property
    def count(self) -> int:
        """How many sentences there are."""
        return sum(len(each) for each in self.examples.values())


@dataclass(frozen=True)
class Difference:
    """What has changed since the model in use was trained, by `locale topic`: sentences that are new, and that are gone."""

    new: Mapping[str, int]
    gone: Mapping[str, int]
    has_new_catalogue: bool

    @property
    def count(self) -> int:
        """How many sentences differ."""
        return sum(self.new.values()) + sum(self.gone.values())


def learn_from(root: Path) -> Learned:
    """Return what a training would learn from now; some 100 ms."""
    found: dict[str, set[str]] = {}
    for locale, line in read_examples(root / "intents", LOCALES):
        found.setdefault(f"{locale} {line.topic}", set()).add(_digest(line.text))
    examples = {key: frozenset(texts) for key, texts in sorted(found.items())}
    catalogue = _digest((root / "content" / "topics.yml").read_text(encoding="utf-8"))
    rows = "\n".join(f"{key} {' '.join(sorted(texts))}" for key, texts in examples.items())
    return Learned(_digest(f"{catalogue}\n{rows}"), catalogue, examples)


def difference(before: Learned, now: Learned) -> Difference:
    """Return what one has that the other has not."""
    keys = sorted({*before.examples, *now.examples})
    pairs = {key: (before.examples.get(key, frozenset()), now.examples.get(key, frozenset())) for key in keys}
    return Difference(
        new={key: len(after - old) for key, (old, after) in pairs.items() if after - old},
        gone={key: len(old - after) for key, (old, after) in pairs.items() if old - after},
        has_new_catalogue=before.catalogue != now.catalogue,
    )


class TrainingFiles:
    """The files beside the models.

    Args:
        models: the folder of the models.
    """

    def __init__(self, models: Path) -> None:
        self._models = models

    @property
    def log(self) -> Path:
        """What the program said, when the editor started it."""
        return self._models / "last-training.log"

    def read(self) -> TrainingReport | None:
        """Return the last report; None: there is none, or it is of another release."""
        data = _read_json(self._models / _REPORT)
        try:
            return TrainingReport(**{**data, "falls": tuple(tuple(fall) for fall in data["falls"])}) if data else None
        except (TypeError, KeyError):
            return None

    def write(self, report: TrainingReport) -> None:
        """Replace the report."""
        write_atomically(self._models / _REPORT, json.dumps(asdict(report), ensure_ascii=False, indent=1) + "\n")

    def read_learned(self) -> Learned | None:
        """Return what the model in use was made from; None: it was trained before this was noted."""
        data = _read_json(self._models / _LEARNED)
        if not data:
            return None
        return Learned(data["data"], data["catalogue"], {key: frozenset(each) for key, each in data["examples"].items()})

    def write_learned(self, learned: Learned) -> None:
        """Note what the model in use was made from."""
        examples = {key: sorted(texts) for key, texts in learned.examples.items()}
        data = {"data": learned.data, "catalogue": learned.catalogue, "examples": examples}
        write_atomically(self._models / _LEARNED, json.dumps(data) + "\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other training out.

        Raises:
            TrainingRuns: one runs.
        """
        with self._open_lock() as file:
            for _ in range(_LOCK_TRIES):  # Whoever only looks holds it for a moment.
                if _takes(file):
                    break
                time.sleep(_LOCK_PAUSE)
            else:
                raise TrainingRuns("a training runs already; wait until it has ended")
            yield

    @property
    def is_running(self) -> bool:
        """Whether a training runs, whoever started it."""
        with self._open_lock() as file:
            return not _takes(file)

    def _open_lock(self) -> IO[str]:
        self._models.mkdir(parents=True, exist_ok=True)
        return (self._models / _LOCK).open("a")


class Reporter:
    """Writes the report of one training step by step.

    Args:
        learned: what it learns from, taken before it reads anything.
        steps: how many steps it has.
    """

    def __init__(self, files: TrainingFiles, learned: Learned, now: datetime, steps: int, *, accepted: bool) -> None:
        self._files = files
        self._learned = learned
        self.report = TrainingReport(RUNNING, _moment(now), steps=steps, data=learned.data, accepted=accepted)
        files.write(self.report)

    def step(self, name: str) -> None:
        """Note that a step begins."""
        self._put(step=name, done=min(self.report.done + 1, self.report.steps))

    def compared(self, **found: Any) -> None:
        """Note the figures of both models."""
        self._put(**found)

    def end(self, state: str, now: datetime, *, model: str = "", step: str = "") -> None:
        """Note how it ended; what a model that is taken has learned is noted with it."""
        if state == TAKEN:
            self._files.write_learned(self._learned)
        self._put(state=state, ended_at=_moment(now), model=model, step=step)

    def _put(self, **changes: Any) -> None:
        self.report = replace(self.report, **changes)
        self._files.write(self.report)


class LearnedNow:
    """What a training would learn from now, kept until a file changes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: tuple[object, Learned] | None = None

    def __call__(self) -> Learned:
        """Return it."""
        catalogue = (self._root / "content" / "topics.yml").stat()
        stamp = (folder_stamp(self._root / "intents" / "nlu"), catalogue.st_mtime_ns, catalogue.st_size)
        if self._kept is None or self._kept[0] != stamp:
            self._kept = (stamp, learn_from(self._root))
        return self._kept[1]


def _takes(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
