"""A small volume of its own for the database, which the drill fills to the last byte and frees again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEBIBYTES = 192
"""Room for an empty cluster (about 30 MiB), the log before a checkpoint, and some thousand conversations."""
_PIECE = 4096


@dataclass
class Volume:
    """A folder on a file system that nothing else uses.

    Attributes:
        is_own: nothing else is on it, so it may be filled.
    """

    folder: Path
    is_own: bool

    @property
    def _balloon(self) -> Path:
        return self.folder / "balloon"

    def fill(self) -> None:
        """Leave no space; whoever writes next gets ENOSPC from the operating system itself."""
        if not self.is_own:
            raise RuntimeError("this volume is shared with the whole machine and must not be filled")
        free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        with self._balloon.open("wb", buffering=0) as balloon:
            try:
                os.posix_fallocate(balloon.fileno(), 0, max(_PIECE, free - _PIECE))
                balloon.seek(0, os.SEEK_END)
                while True:
                    balloon.write(bytes(_PIECE))
            except OSError:  # It is full now.
                return

    def keep_full(self) -> None:
        """Take what was freed meanwhile, for example by a checkpoint."""
        try:
            with self._balloon.open("ab", buffering=0) as balloon:
                while True:
                    balloon.write(bytes(_PIECE))
        except OSError:
            return

    def free(self) -> None:
        """Give the space back."""
        self._balloon.unlink(missing_ok=True)


@contextmanager
def open_volume(folder: Path, mebibytes: int = MEBIBYTES) -> Iterator[Volume]:
    """Mount a small tmpfs on the folder; where that is not allowed, yield the bare folder with `is_own` false."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)]
    is_own = os.getuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield Volume(folder, is_own)
    finally:
        if is_own:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)
