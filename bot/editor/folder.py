"""The one way in which the editor reads and writes the content folder, and that of the examples.

Writing asks what the writer saw: when the file has changed since, nothing is overwritten. Other programs and people with a
text editor change the folder too, so the check is made again right before the file is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from bot.content.writing import remove_durably, write_atomically
from bot.errors import RutaError
from bot.i18n import N_

_PATHS = re.compile(
    r"topics\.yml|[a-z_]+/[a-z][a-z0-9_]*/(?:topic\.yml|(?:[a-z]{2}\.)?[a-z]{2}\.md)|help-points/[a-z0-9-]+\.yml|facts/[a-z-]+\.yml"
)
EXAMPLE_PATHS = re.compile(r"nlu/[a-z]{2}/[a-z_]+\.yml")
"""Below `intents/`."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class ChangedMeanwhile(RutaError):
    """The file is not as the writer saw it; nothing was written.

    Args:
        current: the text as it stands now.
    """

    code = "changed_meanwhile"

    def __init__(self, current: str) -> None:
        super().__init__("the file has changed since it was opened")
        self.current = current


class NotWritten(RutaError):
    """The file could not be written; it is as it was. `key` is the sentence for the person at the page."""

    def __init__(self, code: str, key: str) -> None:
        super().__init__(f"the content folder could not be written: {code}")
        self.code = code
        self.key = key


class ContentFolder:
    """Reads and writes files of the content folder by their path below it, with slashes.

    Args:
        paths: which files may be touched.
    """

    def __init__(self, folder: Path, paths: re.Pattern[str] = _PATHS) -> None:
        self._folder = folder
        self._paths = paths
        self._lock = Lock()

    def read(self, path: str) -> str:
        """Return a file's text; empty when it is not there.

        Raises:
            ValueError: the path names nothing that the editor may touch.
        """
        file = self._file(path)
        try:
            return file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def paths(self) -> Iterator[str]:
        """Yield every file that is there and that the editor may touch."""
        for file in (self._folder / "topics.yml", *self._folder.glob("*/*.yml"), *self._folder.glob("*/*/*.*")):
            path = file.relative_to(self._folder).as_posix()
            if _PATHS.fullmatch(path) and file.is_file():
                yield path

    def clear_leftovers(self) -> None:
        """Take away the halves of files that a program that was killed left behind; called before anybody writes."""
        for file in (*self._folder.glob(".*.new"), *self._folder.glob("*/.*.new"), *self._folder.glob("*/*/.*.new")):
            with contextlib.suppress(OSError):
                file.unlink()

    def write(self, path: str, text: str, seen: str) -> None:
        """Replace a file in one step, if it is still as the writer saw it; a text that stands there already is fine.

        Args:
            text: empty: the file is taken out.
            seen: the fingerprint of the text that the writer began with.

        Raises:
            ChangedMeanwhile: it is not.
            NotWritten: the disk is full, the folder is read-only, or another fault of the disk.
            ValueError: the path names nothing that the editor may touch.
        """
        file = self._file(path)
        with self._lock:
            current = self.read(path)
            if current == text:
                return
            if fingerprint(current) != seen:
                raise ChangedMeanwhile(current)
            try:
                if text:
                    write_atomically(file, text)
                else:
                    remove_durably(file)
            except OSError as error:
                raise explained(error) from error

    def _file(self, path: str) -> Path:
        if not self._paths.fullmatch(path):
            raise ValueError("not a path that the editor may touch")
        return self._folder / path


def fingerprint(text: str) -> str:
    """Return the hash by which a text is known; line ends do not count, as browsers change them."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def explained(error: OSError) -> NotWritten:
    """Return what to tell the person at the page about a fault of the disk."""
    if error.errno in _FULL:
        return NotWritten("disk_full", N_("editor.write.disk_full"))
    if error.errno in _FORBIDDEN:
        return NotWritten("not_allowed", N_("editor.write.not_allowed"))
    return NotWritten("disk_failed", N_("editor.write.failed"))
