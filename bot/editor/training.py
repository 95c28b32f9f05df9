"""Start a training from a page and tell how it stands. It is a program of its own, `ruta train`, which outlives the page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock

from bot.editor.audit import AuditLog
from bot.errors import RutaError
from bot.i18n import N_
from bot.storage.session import Database
from bot.training_report import (
    FAILED,
    REFUSED,
    RUNNING,
    Difference,
    LearnedNow,
    TrainingFiles,
    TrainingReport,
    TrainingRuns,
    difference,
)

LOG_LINES = 40
"""How much of what the program said is shown."""
LONGEST_REASON = 200
TRAINING_COMMAND = (sys.executable, "-m", "bot.cli", "train")


class NotAcceptable(RutaError):
    """There is no refused model that could be used all the same; `key` is the sentence for the person at the page."""

    code = "not_acceptable"

    def __init__(self, key: str) -> None:
        super().__init__("there is no refused model to use all the same")
        self.key = key


@dataclass(frozen=True)
class TrainingState:
    """How things stand.

    Attributes:
        report: of the training that runs or ran last; None: there was none.
        changes: since the model in use was trained; None: what it learned was not noted.
        total: how many examples there are now.
        is_acceptable: the last model was refused, and nothing has changed since.
    """

    report: TrainingReport | None
    changes: Difference | None
    total: int
    is_acceptable: bool

    @property
    def is_running(self) -> bool:
        """Whether a training runs now."""
        return self.report is not None and self.report.state == RUNNING


class TrainingDesk:
    """Starts trainings.

    Args:
        root: the project's folder, in which the program runs.
        clock: returns the present time, aware UTC.
        command: the program.
    """

    def __init__(
        self,
        root: Path,
        database: Database,
        audit: AuditLog,
        clock: Callable[[], datetime],
        command: tuple[str, ...],
    ) -> None:
        self._root = root
        self._database = database
        self._audit = audit
        self._clock = clock
        self._command = command
        self._files = TrainingFiles(root / "models")
        self._learned = LearnedNow(root)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def state(self) -> TrainingState:
        """Return how things stand; fast enough for a page that asks every other second."""
        is_running, report = self._is_running(), self._files.read()
        if report is not None and not is_running and report.state == RUNNING:
            report = replace(report, state=FAILED, step="stopped")  # It ended without a word: killed, or the machine went off.
        now, before = self._learned(), self._files.read_learned()
        changes = difference(before, now) if before else None
        is_acceptable = not is_running and report is not None and report.state == REFUSED and report.data == now.data
        return TrainingState(report, changes, now.count, is_acceptable)

    def start(self, by: str) -> None:
        """Train; the new model is used if it is no worse.

        Raises:
            TrainingRuns: a training runs already.
        """
        self._start(by, "training.started", "", ())

    def accept(self, by: str, reason: str) -> None:
        """Train again on the same data and use the model, whatever the gate says.

        Args:
            reason: why; it goes into the audit log.

        Raises:
            NotAcceptable: none was refused, or what it would learn from has changed since: nobody has seen such figures.
            TrainingRuns: a training runs already.
        """
        if not self.state().is_acceptable:
            raise NotAcceptable(N_("editor.training.not_acceptable"))
        self._start(by, "training.accepted", f"reason={reason[:LONGEST_REASON]}", ("--accept",))

    def log(self) -> str:
        """Return the end of what the program said."""
        try:
            lines = self._files.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-LOG_LINES:])

    def wait(self, seconds: float) -> int | None:
        """Wait for the training that was started here and return its exit code; for tests."""
        return self._process.wait(seconds) if self._process else None

    def _start(self, by: str, action: str, detail: str, options: tuple[str, ...]) -> None:
        with self._lock:
            if self._is_running():
                raise TrainingRuns("a training runs already; wait until it has ended")
            with self._database.transaction() as session:
                self._audit.write(session, by, action, "models", detail)
            # What it says itself comes seconds later, when it has loaded its libraries.
            self._files.write(TrainingReport(RUNNING, self._clock().isoformat(timespec="seconds"), step="engine"))
            with self._files.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [*self._command, *options],
                    cwd=self._root,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # So that it goes on when the editor is stopped.
                )

    def _is_running(self) -> bool:
        """Tell it of one of ours also before it has the lock; asking takes note of its end."""
        return (self._process is not None and self._process.poll() is None) or self._files.is_running
