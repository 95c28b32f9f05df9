"""Run gateway and workers on one machine: start them, wait until they are ready, start them again when one dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.errors import RutaError

READY_SECONDS = 90.0
"""How long a program may take to say that it is ready."""
RESTART_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before a program that died is started again; the last one repeats."""
STOP_SECONDS = 15.0
"""How long a program may finish what it is doing after the stop signal."""
READY_LINE = "ready"


class StartFailed(RutaError):
    """A program ended before it was ready; its own lines say why."""

    code = "start_failed"


@dataclass
class _Program:
    name: str
    arguments: list[str]
    process: subprocess.Popen[str]
    deaths: int = 0
    restart_at: float = field(default=0.0)


class Supervisor:
    """Keeps the programs of one machine running, inside a `with`: however that is left, all of them are stopped."""

    def __init__(self) -> None:
        self._programs: list[_Program] = []
        self._is_stopping = False

    def __enter__(self) -> Supervisor:
        # The programs have sessions of their own: without this a stop signal while the engine loads would leave them.
        signal.signal(signal.SIGTERM, _exit_at_once)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, arguments: list[str]) -> None:
        """Start a program of ours, `ruta <arguments>`, and wait until it prints that it is ready.

        Raises:
            StartFailed: it ended first, or took longer than `READY_SECONDS`.
        """
        program = _Program(name, arguments, _spawn(arguments))
        self._programs.append(program)
        if not _becomes_ready(program.process):
            raise StartFailed(f"the {name} did not become ready; its lines above say why")

    def watch(self, report: Callable[[str], None]) -> None:
        """Watch until a stop signal comes; a program that dies is started again."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(self, "_is_stopping", True))
        while not self._is_stopping:
            for program in self._programs:
                self._revive(program, report)
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask all programs to finish, and end those that do not."""
        for program in self._programs:
            if program.process.poll() is None:
                program.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for program in self._programs:
            try:
                program.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.process.kill()

    def _revive(self, program: _Program, report: Callable[[str], None]) -> None:
        if program.process.poll() is None:
            return
        now = time.monotonic()
        if not program.restart_at:
            wait = RESTART_SECONDS[min(program.deaths, len(RESTART_SECONDS) - 1)]
            program.deaths, program.restart_at = program.deaths + 1, now + wait
            report(f"the {program.name} ended with code {program.process.returncode}; starting it again in {wait:.0f} s")
        elif now >= program.restart_at:
            program.process, program.restart_at = _spawn(program.arguments), 0.0


def _exit_at_once(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _becomes_ready(process: subprocess.Popen[str]) -> bool:
    # Reading a line waits for ever when nothing comes; ending the program ends the wait.
    timer = threading.Timer(READY_SECONDS, process.kill)
    timer.start()
    try:
        return any(line.strip() == READY_LINE for line in iter(process.stdout.readline, "")) if process.stdout else False
    finally:
        timer.cancel()


def _spawn(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bot.cli", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def worker_arguments(metrics_port: int, number: int) -> list[str]:
    """Return how to start the worker of a number, counted from 1: with a port of its own, the same after each new start.

    Args:
        metrics_port: the gateway's, 0 when no metrics are served.
    """
    return ["worker", "--metrics-port", str(metrics_port + number)] if metrics_port else ["worker"]


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this program can work now."""
    print(READY_LINE, flush=True)
