"""Commit what was published, when the content folder is in a git repository.

Only the files of the publication are committed; what else is changed or staged there stays as it is. Nothing is pushed. A
publication never fails because git does: the person reads that it was not committed, and the operator finds the code in the log.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

from bot.i18n import N_

SECONDS = 15.0
"""How long one call of git may take."""
_STOP_SECONDS = 3.0
_IN_PROGRESS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer")
"""Files of a git folder that are there while a merge, a rebase and the like wait to be finished."""
_DOMAIN = "ruta-segura.invalid"
_SETTINGS = ("core.hooksPath=/dev/null", "commit.gpgSign=false", "gc.auto=0", "maintenance.auto=false", "core.quotePath=false")
"""Hooks and signing are for the people of the repository: hooks may touch other files, and a pseudonym has no key."""

PROBLEM_KEYS = {
    "busy": N_("editor.git.busy"),
    "detached": N_("editor.git.detached"),
    "failed": N_("editor.git.failed"),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CommitResult:
    """What became of a publication in git.

    Attributes:
        commit_id: the commit that holds it; empty: none does.
        problem: why none does, a key of `PROBLEM_KEYS`; empty with an empty commit: there is no repository.
    """

    commit_id: str = ""
    problem: str = ""


class PublishedFile(Protocol):
    """What a commit must know of a published file."""

    @property
    def path(self) -> str:
        """Below the content folder."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Account ids, the first author first."""

    @property
    def reviewer_id(self) -> str:
        """The account that published it."""

    @property
    def reason(self) -> str:
        """Why, in the words of the staff."""

    @property
    def is_retirement(self) -> bool:
        """Whether it was taken out."""


class _GitFailed(Exception):
    """A call of git ended badly; `code` is short and holds no text of the repository."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FolderCommits:
    """Commits published files.

    Args:
        content: the content folder.
        number_of: returns the number of a staff account, by which commits name people.
    """

    def __init__(self, content: Path, number_of: Callable[[str], int]) -> None:
        self._content = content.resolve()
        self._number_of = number_of
        self._lock = Lock()

    def commit(self, published: Sequence[PublishedFile]) -> CommitResult:
        """Commit these files and nothing else; it never raises."""
        with self._lock:
            try:
                return self._commit(published)
            except (_GitFailed, OSError, ValueError) as error:
                code = error.code if isinstance(error, _GitFailed) else type(error).__name__
                logger.warning("commit_failed files=%d code=%s", len(published), code)
                return CommitResult(problem="failed")

    def _commit(self, published: Sequence[PublishedFile]) -> CommitResult:
        repository = self._repository()
        if repository is None:
            return CommitResult()
        problem = self._hindrance(repository)
        if problem:
            logger.warning("commit_skipped files=%d code=%s", len(published), problem)
            return CommitResult(problem=problem)
        paths = [each.path for each in published]
        if self._git("status", "--porcelain", "--untracked-files=all", "--", *paths):
            self._commit_paths(paths, published)
        commit_id = self._git("log", "-1", "--format=%H", "--", paths[0]).strip()
        logger.info("committed files=%d commit=%s", len(paths), commit_id[:12])
        return CommitResult(commit_id)

    def _commit_paths(self, paths: Sequence[str], published: Sequence[PublishedFile]) -> None:
        known = self._git("ls-files", "-z", "--", *paths).split("\0")
        new = [path for path in paths if path not in known and (self._content / path).exists()]
        if new:
            self._git("add", "--intent-to-add", "--", *new)
        first = published[0]
        author = self._pseudonym(first.authors[0]) if first.authors else self._pseudonym(first.reviewer_id)
        arguments = ["commit", "--only", "--quiet", "--no-verify", "--cleanup=whitespace", f"--author={author}", "--file=-"]
        try:
            self._git(*arguments, "--", *paths, given=self._message(published), committer=self._number_of(first.reviewer_id))
        except _GitFailed:
            if new:
                self._git("reset", "--quiet", "--", *new)  # They were not in the index before, so they leave it again.
            raise

    def _message(self, published: Sequence[PublishedFile]) -> str:
        """Return topic, language and reason; below them who wrote and who published, by number."""
        first = published[-1]
        reason = " ".join("".join(letter if letter.isprintable() else " " for letter in first.reason).split())
        subject = f"{_subject(published)}: {reason}" if reason else _subject(published)
        wrote = list(dict.fromkeys(author for each in published for author in each.authors))
        who = ", ".join(f"Editor {self._number_of(author)}" for author in wrote)
        lines = [subject[:200], "", *(f"{'Retired' if each.is_retirement else 'Published'}: {each.path}" for each in published)]
        return "\n".join([*lines, f"Written by: {who}", f"Published by: Editor {self._number_of(first.reviewer_id)}"]) + "\n"

    def _pseudonym(self, staff_id: str) -> str:
        number = self._number_of(staff_id)
        return f"Editor {number} <editor-{number}@{_DOMAIN}>"

    def _repository(self) -> Path | None:
        """Return the repository's own folder; None: the content folder is in none."""
        if not any((parent / ".git").exists() for parent in (self._content, *self._content.parents)):
            return None
        return Path(self._git("rev-parse", "--absolute-git-dir").strip())

    def _hindrance(self, repository: Path) -> str:
        if any((repository / name).exists() for name in _IN_PROGRESS):
            return "busy"
        try:
            self._git("symbolic-ref", "--quiet", "HEAD")
        except _GitFailed:
            return "detached"  # The next checkout would take the published text out of the folder.
        return ""

    def _git(self, *arguments: str, given: str = "", committer: int = 0) -> str:
        command = ["git", *(part for setting in _SETTINGS for part in ("-c", setting)), *arguments]
        try:
            process = subprocess.Popen(
                command,
                cwd=self._content,
                env=_environment(committer),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError:
            raise _GitFailed("no_git") from None
        try:
            output, complaint = process.communicate(given, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            raise _GitFailed("timeout") from None
        if process.returncode:
            raise _GitFailed(_code(arguments[0], process.returncode, complaint))
        return output


def _subject(published: Sequence[PublishedFile]) -> str:
    """Return topic and language, for example `passport (es)` or `work_visa (us.es)`."""
    named = [each.path.split("/") for each in published if "/" in each.path]
    if not named:
        return "topics"
    names = [parts[-1].removesuffix(".md") for parts in named if parts[-1].endswith(".md")] or ["data"]
    return f"{named[0][1]} ({', '.join(names)})"


def _environment(committer: int) -> dict[str, str]:
    """Return the environment without what would lead git to another repository or ask somebody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    name, address = f"Editor {committer}", f"editor-{committer}@{_DOMAIN}"
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }


def _end(process: subprocess.Popen[str]) -> None:
    """End git so that it takes its lock away; killed at once it would leave it to whoever works there next."""
    process.terminate()
    try:
        process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _code(command: str, status: int, complaint: str) -> str:
    known = {"index.lock": "locked", "dubious ownership": "foreign_owner", "ignored": "ignored", "Permission": "not_allowed"}
    return next((code for sign, code in known.items() if sign in complaint), f"{command}_{status}")
