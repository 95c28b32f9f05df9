"""What a silent connection may cost; the real program is attacked in `tests/security/test_connections.py`."""

from __future__ import annotations

import resource

import pytest

from bot.connections import Silent, allow_open_files


class FakeProtocol:
    """Notes why it was dropped."""

    def __init__(self, silent: Silent) -> None:
        self.code = ""
        self._silent = silent

    def drop(self, code: str) -> None:
        self.code = code
        self._silent.remove(self)  # type: ignore[arg-type]


def test_longest_waiting_is_dropped_when_too_many_are_silent() -> None:
    """The newest gets its chance; the one that had most time loses it."""
    silent = Silent(2)
    connections = [FakeProtocol(silent) for _ in range(4)]
    for connection in connections[:3]:
        silent.add(connection)  # type: ignore[arg-type]
    silent.remove(connections[1])  # type: ignore[arg-type]
    silent.add(connections[3])  # type: ignore[arg-type]
    assert [connection.code for connection in connections] == ["too_many_connections", "", "", ""]


@pytest.mark.parametrize(
    ("soft", "hard", "expected"), [(1024, 1_000_000, (8192, 1_000_000)), (1024, 4096, (4096, 4096)), (65536, 65536, None)]
)
def test_open_files_are_raised_and_never_lowered(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, expected: tuple[int, int] | None
) -> None:
    """A low soft limit is lifted as far as the hard one allows."""
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: seen.append(limits))
    allow_open_files()
    assert seen == ([expected] if expected else [])
