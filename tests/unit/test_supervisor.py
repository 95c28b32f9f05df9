"""The supervisor, with real processes that are small Python programs in place of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from bot import supervisor as module
from bot.supervisor import StartFailed, Supervisor, say_ready, worker_arguments

READY = "print('ready', flush=True); "
WAITS = "import time; time.sleep(60)"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the given Python text in place of `ruta <arguments>`, note each process, and end what is left."""
    processes: list[subprocess.Popen[str]] = []

    def spawn(arguments: list[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-S", "-c", *arguments]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True))
        return processes[-1]

    monkeypatch.setattr(module, "_spawn", spawn)
    monkeypatch.setattr(module, "RESTART_SECONDS", (0.05, 0.1))
    monkeypatch.setattr(module, "READY_SECONDS", 5.0)
    yield processes
    for process in processes:
        process.kill()
        process.wait(5)


@pytest.fixture
def signals() -> Iterator[None]:
    """Put the signal handlers back that watching replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_command_is_our_own_program() -> None:
    """What is started is this project's command line, with this interpreter."""
    process = module._spawn(["--help"])
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "gateway" in said


def test_start_returns_when_the_program_is_ready(started: list[subprocess.Popen[str]]) -> None:
    """Other lines may come first; the program goes on running."""
    Supervisor().start("worker", [f"print('loading'); {READY}{WAITS}"])
    assert started[0].poll() is None


@pytest.mark.parametrize("program", ["raise SystemExit(2)", "print('hello')"], ids=["fails", "ends"])
def test_start_fails_when_the_program_ends_first(started: list[subprocess.Popen[str]], signals: None, program: str) -> None:
    """The error names the program, and what was started before is stopped with it."""
    with pytest.raises(StartFailed, match="the worker did not become ready") as caught, Supervisor() as supervisor:
        supervisor.start("gateway", [READY + WAITS])
        supervisor.start("worker", [program])
    assert caught.value.code == "start_failed"
    assert [process.poll() is None for process in started] == [False, False]


def test_start_fails_when_the_program_says_nothing(
    started: list[subprocess.Popen[str]], signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that hangs while it starts is given up after its time."""
    monkeypatch.setattr(module, "READY_SECONDS", 0.3)
    before = time.monotonic()
    with pytest.raises(StartFailed), Supervisor() as supervisor:
        supervisor.start("worker", [WAITS])
    assert time.monotonic() - before < 5
    assert started[0].poll() is not None


@pytest.mark.parametrize(("number", "ends_with"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_stop_signal_while_starting_leaves_nothing_running(
    started: list[subprocess.Popen[str]], signals: None, number: signal.Signals, ends_with: type[BaseException]
) -> None:
    """Ctrl-C or a service manager's stop while the engine loads ends the gateway too, so that its port is free again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(ends_with), Supervisor() as supervisor:
        supervisor.start("gateway", [READY + WAITS])
        threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
        supervisor.start("worker", [WAITS])
    assert [process.poll() is None for process in started] == [False, False]


def test_watch_starts_a_dead_program_again_until_it_is_stopped(started: list[subprocess.Popen[str]], signals: None) -> None:
    """A death is reported once with its code, the program comes back, and a stop signal ends everything."""
    reports: list[str] = []
    supervisor = Supervisor()

    def stop_when_revived() -> None:
        deadline = time.monotonic() + 5
        while len(started) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    with supervisor:
        supervisor.start("gateway", [READY + WAITS])
        supervisor.start("worker", [READY + WAITS])
        started[1].kill()
        threading.Thread(target=stop_when_revived).start()
        supervisor.watch(reports.append)
    assert reports == ["the worker ended with code -9; starting it again in 0 s"]
    assert len(started) == 3
    assert all(process.poll() is not None for process in started)


def test_stop_ends_a_program_that_does_not_listen(started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ignores the polite signal is killed after its time."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    supervisor = Supervisor()
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    supervisor.start("worker", [deaf + READY + WAITS])
    supervisor.stop()
    assert started[0].wait(5) == -signal.SIGKILL


def test_say_ready_is_the_line_that_start_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The two sides agree on the word."""
    say_ready()
    assert capsys.readouterr().out == f"{module.READY_LINE}\n"


@pytest.mark.parametrize(
    ("metrics_port", "number", "expected"),
    [(0, 1, ["worker"]), (9464, 1, ["worker", "--metrics-port", "9465"]), (9464, 3, ["worker", "--metrics-port", "9467"])],
    ids=["off", "first", "third"],
)
def test_each_worker_has_a_port_of_its_own_for_metrics(metrics_port: int, number: int, expected: list[str]) -> None:
    """A worker that died comes back on its port, because it is started with the same words."""
    assert worker_arguments(metrics_port, number) == expected
