"""What a file was and is: every version, by whom, when and why; two of them side by side; one click makes one live again."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bot.content.checks.entry import CATALOGUE
from bot.editor.commits import PROBLEM_KEYS, CommitResult
from bot.editor.comparing import LABEL_KEYS, changed_parts
from bot.editor.differences import LineKind
from bot.editor.drafts import DraftState, OpenDraft
from bot.editor.folder import ChangedMeanwhile, NotWritten, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.refusals import PublicationRefused
from bot.editor.roles import Need
from bot.editor.versions import KeptVersion, Origin
from bot.editor.views.drafts import edit_address, title_of
from bot.editor.visit import Visit
from bot.editor.workflow import locale_of
from bot.i18n import N_

pages = Pages()

ADDRESS = "/history/{path:path}"
LINE_KEYS = {
    LineKind.SAME: N_("editor.history.same_lines"),
    LineKind.CHANGED: N_("editor.history.line_changed"),
    LineKind.ADDED: N_("editor.history.line_added"),
    LineKind.GONE: N_("editor.history.line_gone"),
}


@pages.get(ADDRESS, needs=Need.READ)
def show_history(visit: Visit) -> Response:
    """List a file's versions and compare two: the one that is asked for with the one before it, or with another."""
    path = _path(visit)
    visit.parts.versions.notice(path)
    return _show(visit, path)


@pages.post(ADDRESS, needs=Need.TRANSLATE)
def restore_version(visit: Visit) -> Response:
    """Make an earlier version live again."""
    path = _path(visit)
    if not may_restore(visit, path):
        raise PageNotFound
    version = _numbered(visit.parts.versions.of(path), str(visit.form.get("number", "")))
    if version is None or (not version.text and not path.endswith(".md")):
        raise PageNotFound
    return _restore(visit, version, str(visit.form.get("reason", "")).strip()[:1000])


@pages.undo("version.restore")
def undo_restore(visit: Visit, data: dict[str, Any]) -> str:
    """Make the version live that stood there before, if nobody has gone on from there."""
    path = str(data["path"])
    versions = visit.parts.versions.of(path)
    before = _numbered(versions, str(data["before"]))
    if before is None or versions[0].number != data["number"] or not may_restore(visit, path):
        return ""
    if fingerprint(visit.parts.folder.read(path)) != fingerprint(versions[0].text):
        return ""
    _restore(visit, before, visit.say("editor.history.undone", number=data["number"]), has_undo=False)
    return f"/history/{path}"


def may_restore(visit: Visit, path: str) -> bool:
    """Tell whether this person may bring back versions of this file; the catalogue and the facts are kept by hand."""
    return path.count("/") == 2 and path != CATALOGUE and visit.staff.may_change(locale_of(path))


def tell_commit(visit: Visit, result: CommitResult) -> None:
    """Say on the next page why a publication was not committed."""
    if result.problem:
        visit.notice(PROBLEM_KEYS[result.problem])


def _restore(visit: Visit, version: KeptVersion, reason: str, *, has_undo: bool = True) -> Response:
    path, newest = version.path, visit.parts.versions.of(version.path)[0].number
    try:
        made = visit.parts.workflow.restore(version, visit.staff, reason or visit.say(_REASON, number=version.number))
    except (PublicationRefused, NotWritten) as refused:
        return _show(visit, path, 422, visit.say(refused.key))
    except ChangedMeanwhile:
        return _show(visit, path, 409, visit.say("editor.publish.on_disk"))
    if isinstance(made, OpenDraft):
        in_review = made.state is DraftState.IN_REVIEW
        visit.notice(N_("editor.history.in_review") if in_review else N_("editor.history.has_faults"))
        return visit.redirect(f"/drafts/{made.id}")
    now = visit.parts.versions.of(path)[0].number
    undo = ("version.restore", {"path": path, "before": max(newest, now - 1), "number": now})
    visit.notice(N_("editor.history.restored"), undo if has_undo else None)
    tell_commit(visit, made)
    return visit.redirect(f"/history/{path}")


_REASON = N_("editor.history.restore_reason")


def _path(visit: Visit) -> str:
    path = visit.path["path"]
    try:
        is_there = bool(visit.parts.folder.read(path))
    except ValueError:
        raise PageNotFound from None
    if not is_there and not visit.parts.versions.of(path):
        raise PageNotFound
    return path


def _numbered(versions: list[KeptVersion], raw: str) -> KeptVersion | None:
    return next((version for version in versions if str(version.number) == raw), None)


def _show(visit: Visit, path: str, status: int = 200, error: str = "") -> Response:
    versions = visit.parts.versions.of(path)
    shown = _numbered(versions, visit.query.get("v", "")) or (versions[0] if versions else None)
    older = [each for each in versions if shown and each.number < shown.number]
    other = _numbered(versions, visit.query.get("with", "")) or (older[0] if older else None)
    changed, same = changed_parts(path, other.text if other else "", shown.text if shown else "")
    return visit.render(
        "history.html",
        status,
        path=path,
        title=title_of(visit, path),
        edit=edit_address(path),
        versions=versions,
        shown=shown,
        other=other,
        changed=changed,
        same=same,
        labels=LABEL_KEYS,
        line_keys=LINE_KEYS,
        names=visit.parts.accounts.names(),
        is_from_folder=lambda version: version.origin is Origin.FOLDER,
        may_restore=may_restore(visit, path),
        may_publish=visit.staff.may(Need.REVIEW),
        draft=visit.parts.drafts.find(path),
        error=error,
    )
