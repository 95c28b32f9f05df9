"""Ask the bot a question against texts that are not live. The engine runs in a child process, one for the whole editor.

The child (`bot.try_it`) is started at the first question and ends by itself when nobody asks for a while: it needs as much
memory as a worker. A question goes through its pipe and is kept nowhere.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bot.errors import RutaError
from bot.i18n import N_
from bot.try_it import DRAFT_UNREADABLE, NO_MODEL, TryItAnswer

TRY_IT_COMMAND = (sys.executable, "-m", "bot.cli", "try-it")
LOAD_SECONDS = 120.0
"""After this long without a word the child is given up; it takes 10 s on two cores."""
ANSWER_SECONDS = 20.0
"""How long one answer may take, and how long a question waits for others to be answered first."""
STOP_SECONDS = 2.0
_REFUSALS = {
    DRAFT_UNREADABLE: N_("editor.try.draft_unreadable"),
    NO_MODEL: N_("editor.try.no_model"),
    "busy": N_("editor.try.busy"),
    "stopped": N_("editor.try.stopped"),
    "not_started": N_("editor.try.not_started"),
}

logger = logging.getLogger(__name__)


class TryItRefused(RutaError):
    """The question gets no answer; `key` is the sentence for the person at the page."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the question could not be tried: {code}")
        self.code = code
        self.key = _REFUSALS.get(code, N_("editor.try.failed"))


class TryItLoads(RutaError):
    """The model is still being loaded; the question must be asked again.

    Args:
        seconds: since the child was started.
    """

    code = "try_it_loads"

    def __init__(self, seconds: float) -> None:
        super().__init__("the model is being loaded; ask again")
        self.seconds = seconds


class TryItDesk:
    """Keeps the child and puts questions to it, one at a time.

    Args:
        root: the project's folder, in which the child runs.
        command: the child's program.
    """

    def __init__(
        self,
        root: Path,
        command: tuple[str, ...],
        load_seconds: float = LOAD_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._root = root
        self._command = command
        self._load_seconds = load_seconds
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._child: _Child | None = None

    @property
    def process_id(self) -> int:
        """The child's process; 0 when there is none."""
        child = self._child
        return child.process_id if child else 0

    def ask(self, text: str, overlay: Mapping[str, str], wait: float) -> TryItAnswer:
        """Return what the bot says to a question if these texts were live.

        Args:
            overlay: texts by path below the content folder; an empty one takes the file out.
            wait: seconds to wait for the model before `TryItLoads`.

        Raises:
            TryItLoads: the model is not there yet.
            TryItRefused: there is no answer, and why.
        """
        said = self._put(text, overlay, wait)
        if said is None:  # It was idle for long, or a new model is there: a fresh one answers.
            said = self._put(text, overlay, wait)
        if said is None or "error" in said:
            code = str(said["error"]) if said else "stopped"
            logger.info("try_it_failed code=%s", code)
            raise TryItRefused(code)
        return TryItAnswer.from_json(said)

    def stop(self) -> None:
        """End the child; the next question starts another one."""
        if self._child:
            self._drop(self._child)

    def _put(self, text: str, overlay: Mapping[str, str], wait: float) -> dict[str, Any] | None:
        """Return what the child says; None: it has ended in good order before it read the question."""
        child = self._ready_child(wait)
        if not self._turn.acquire(timeout=self._answer_seconds):
            raise TryItRefused("busy")
        try:
            said = child.ask({"text": text, "overlay": dict(overlay)}, self._answer_seconds)
        finally:
            self._turn.release()
        if said is None:
            has_ended_well = child.has_ended_by_itself
            self._drop(child)
            if not has_ended_well:
                logger.error("try_it_stopped code=%s", child.exit_code)
                raise TryItRefused("stopped")
        return said

    def _ready_child(self, wait: float) -> _Child:
        with self._lock:
            if self._child is None:
                self._child = _Child(self._command, self._root, self._load_seconds)
            child = self._child
        if not child.loaded.wait(wait):
            raise TryItLoads(child.age)
        if child.failure:
            self._drop(child)
            logger.error("try_it_not_started code=%s", child.failure)
            raise TryItRefused(child.failure if child.failure == NO_MODEL else "not_started")
        return child

    def _drop(self, child: _Child) -> None:
        with self._lock:
            if self._child is child:
                self._child = None
        child.stop()


class _Child:
    """One process, from its start to its end."""

    def __init__(self, command: tuple[str, ...], root: Path, load_seconds: float) -> None:
        self.loaded = threading.Event()
        """Set when it can be asked, or when it never will: then `failure` says why."""
        self.failure = ""
        self._since = time.monotonic()
        self._load_seconds = load_seconds
        # It needs none of our keys and passwords.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd=root, env=environment, text=True, encoding="utf-8", **pipes)
        threading.Thread(target=self._load, name="try-it", daemon=True).start()

    @property
    def process_id(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._since

    @property
    def exit_code(self) -> int | None:
        """How it ended; below zero: by which signal."""
        return self._process.poll()

    @property
    def has_ended_by_itself(self) -> bool:
        """Whether it ended in good order, without being told to."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(STOP_SECONDS) == 0
        return False

    def ask(self, asked: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Return what it says; None: it has ended."""
        with suppress(OSError, ValueError), self._killed_after(seconds):
            assert self._process.stdin is not None, "it was started with pipes"
            self._process.stdin.write(json.dumps(asked, ensure_ascii=False) + "\n")
            self._process.stdin.flush()
            return self._read()
        return None

    def stop(self) -> None:
        """End it: an end of its input first, then by force."""
        with suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _load(self) -> None:
        with self._killed_after(self._load_seconds):
            said = self._read() or {"error": f"exit_{self._process.wait()}"}
        self.failure = str(said.get("error", ""))
        self.loaded.set()

    def _read(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None, "it was started with pipes"
        line = self._process.stdout.readline()
        try:
            said: dict[str, Any] = json.loads(line) if line else {}
        except ValueError:
            said = {}
        return said or None

    @contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        # Reading a line waits for ever when nothing comes; ending the process ends the wait.
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
