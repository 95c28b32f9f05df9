"""The content folder with other texts in the place of some files: what would be answered if drafts were live."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path, PurePosixPath

from bot.content.library import ContentLibrary, folder_stamp
from bot.content.loader import LoadedContent, load_content
from bot.content.model import Problem


class ContentInMemory(ContentLibrary):
    """A library of content that is on no disk."""

    def __init__(self, loaded: LoadedContent, today: date) -> None:
        self._held = loaded
        self._today = lambda: today

    @property
    def loaded(self) -> LoadedContent:
        """What it was given."""
        return self._held


class OverlaidLibrary(ContentLibrary):
    """The content folder, kept fresh, with texts laid over it.

    It reads a folder of links to the real files, in which the laid ones are files of their own; that takes half a second, once
    for each state of the folder and of the texts.
    """

    def __init__(self, folder: Path, today: Callable[[], date] = date.today) -> None:
        super().__init__(folder, today)
        self._over: tuple[object, LoadedContent, tempfile.TemporaryDirectory[str]] | None = None

    def lay(self, texts: Mapping[str, str]) -> tuple[Problem, ...]:
        """Lay these texts over the folder from now on, in the place of those before; none: the folder as it is.

        Args:
            texts: by path below the folder, with slashes; an empty text takes the file out.

        Returns:
            Why a text that was laid cannot be read; it is not answered with then.

        Raises:
            ContentError: the catalogue or the schema cannot be read.
            ValueError: a path leads out of the folder.
        """
        if any(PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts for path in texts):
            raise ValueError("a path must lie below the content folder")
        if not texts:
            self._forget()
            return ()
        key = (folder_stamp(self._folder), tuple(sorted(texts.items())))
        if self._over is None or self._over[0] != key:
            self._forget()
            made = tempfile.TemporaryDirectory(prefix="ruta-try-")
            _link_all(self._folder.resolve(), Path(made.name), texts)
            self._over = (key, load_content(Path(made.name)), made)
        laid = {Path(self._over[2].name) / path for path in texts}
        return tuple(problem for problem in self._over[1].problems if problem.path in laid)

    @property
    def loaded(self) -> LoadedContent:
        """The present state, with what is laid over it."""
        return self._over[1] if self._over else super().loaded

    def _forget(self) -> None:
        if self._over:
            self._over[2].cleanup()
        self._over = None


def _link_all(source: Path, target: Path, texts: Mapping[str, str]) -> None:
    """Fill an empty folder with links to all files of another one, and with texts in the place of some."""
    for folder, _, names in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(exist_ok=True)
        for name in names:
            if (here / name).relative_to(target).as_posix() not in texts:
                (here / name).symlink_to(Path(folder) / name)
    for path, text in texts.items():
        if text:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
