"""Drafts on their way: the list, one draft with its differences, and the steps: ask for review, send back, publish, discard."""

from __future__ import annotations

from starlette.responses import Response

from bot.content.help_points import FOLDER as HELP_POINTS
from bot.editor.differences import marked_changes
from bot.editor.drafts import DraftState, OpenDraft
from bot.editor.faults import to_fault
from bot.editor.folder import ChangedMeanwhile, NotWritten, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.visit import Visit
from bot.editor.workflow import PublicationRefused
from bot.i18n import N_

pages = Pages()
pages.menu_entry(N_("editor.menu.drafts"), "/drafts")

STATE_KEYS = {
    DraftState.DRAFT: N_("editor.draft.state_draft"),
    DraftState.IN_REVIEW: N_("editor.draft.state_in_review"),
}


@pages.counter(N_("editor.counter.in_review"), "/drafts", Need.REVIEW)
def count_in_review(parts: EditorParts, staff: Staff) -> int:
    """Count the drafts that wait for a reviewer."""
    return parts.drafts.count(DraftState.IN_REVIEW)


@pages.counter(N_("editor.counter.own_drafts"), "/drafts", Need.TRANSLATE)
def count_own(parts: EditorParts, staff: Staff) -> int:
    """Count one's own drafts that are neither published nor in review."""
    return sum(draft.author_id == staff.id for draft in parts.drafts.all_open(DraftState.DRAFT))


@pages.get("/drafts", needs=Need.READ)
def show_drafts(visit: Visit) -> Response:
    """List the open drafts, those in review first."""
    drafts = sorted(visit.parts.drafts.all_open(), key=lambda draft: draft.state is not DraftState.IN_REVIEW)
    rows = [(draft, _title(visit, draft)) for draft in drafts]
    return visit.render("drafts.html", rows=rows, names=visit.parts.accounts.names(), state_keys=STATE_KEYS)


@pages.get("/drafts/{draft_id}", needs=Need.READ)
def show_draft(visit: Visit) -> Response:
    """Show what a draft changes, and the steps that this person may take."""
    return _show(visit, _draft(visit))


@pages.post("/drafts/{draft_id}/submit", needs=Need.TRANSLATE)
def submit_draft(visit: Visit) -> Response:
    """Ask for a review."""
    draft = _own(visit)
    try:
        visit.parts.workflow.submit(draft, visit.staff, _reason(visit))
    except PublicationRefused as refused:
        return _show(visit, draft, 422, refused)
    visit.notice(N_("editor.draft.submitted"))
    return visit.redirect(f"/drafts/{draft.id}")


@pages.post("/drafts/{draft_id}/send-back", needs=Need.REVIEW)
def send_back(visit: Visit) -> Response:
    """Give a draft back to its author with the reason."""
    draft = _draft(visit)
    visit.parts.workflow.send_back(draft, visit.staff, _reason(visit))
    visit.notice(N_("editor.draft.sent_back"))
    return visit.redirect(f"/drafts/{draft.id}")


@pages.post("/drafts/{draft_id}/publish", needs=Need.REVIEW)
def publish_draft(visit: Visit) -> Response:
    """Make a draft live."""
    draft = _draft(visit)
    if visit.form.get("seen") != fingerprint(draft.text):
        return _show(visit, draft, 409, PublicationRefused("changed", N_("editor.publish.changed")))
    try:
        visit.parts.workflow.publish(draft, visit.staff, _reason(visit))
    except PublicationRefused as refused:
        return _show(visit, draft, 422, refused)
    except NotWritten as refused:
        return _show(visit, draft, 507, refused)
    except ChangedMeanwhile as changed:
        return _show(visit, draft, 409, PublicationRefused("on_disk", N_("editor.publish.on_disk")), changed.current)
    visit.notice(N_("editor.draft.published"))
    return visit.redirect("/drafts")


@pages.post("/drafts/{draft_id}/rebase", needs=Need.TRANSLATE)
def rebase_draft(visit: Visit) -> Response:
    """Keep the draft on top of the file as it stands now, after both were compared."""
    draft = _own(visit)
    on_disk = visit.parts.folder.read(draft.path)
    if visit.form.get("seen_on_disk") != fingerprint(on_disk):
        return _show(visit, draft, 409, PublicationRefused("on_disk", N_("editor.publish.on_disk")), on_disk)
    visit.parts.drafts.rebase(draft.id, on_disk, visit.staff.id)
    return visit.redirect(f"/drafts/{draft.id}")


@pages.post("/drafts/{draft_id}/discard", needs=Need.TRANSLATE)
def discard_draft(visit: Visit) -> Response:
    """Discard a draft; that can be taken back."""
    draft = _own(visit)
    visit.parts.workflow.discard(draft, visit.staff)
    visit.notice(N_("editor.draft.discarded"), ("draft.discard", {"draft_id": draft.id}))
    return visit.redirect("/drafts")


@pages.undo("draft.discard")
def undo_discard(visit: Visit, data: dict[str, int]) -> str:
    """Take a discarded draft back."""
    return f"/drafts/{data['draft_id']}" if visit.parts.drafts.reopen(data["draft_id"], visit.staff.id) else ""


def edit_address(path: str) -> str:
    """Return where a content file is edited."""
    if path.startswith(f"{HELP_POINTS}/"):
        return f"/help-points/{path.split('/')[1].removesuffix('.yml')}"
    family, topic_id, name = path.split("/")
    if name == "topic.yml":
        return f"/topics/{topic_id}/data/general"
    destination, _, locale = name.removesuffix(".md").rpartition(".")
    return f"/topics/{topic_id}/answer/{destination or 'general'}/{locale}"


def _draft(visit: Visit) -> OpenDraft:
    raw = visit.path["draft_id"]
    draft = visit.parts.drafts.get(int(raw)) if raw.isdecimal() and len(raw) < 10 else None
    if draft is None:
        raise PageNotFound
    return draft


def _own(visit: Visit) -> OpenDraft:
    """Return the draft if this person may change texts of its language."""
    draft = _draft(visit)
    if not visit.staff.may_change(draft.locale):
        raise PageNotFound
    return draft


def _reason(visit: Visit) -> str:
    return str(visit.form.get("reason", "")).strip()[:1000]


def _title(visit: Visit, draft: OpenDraft) -> str:
    topic = visit.parts.library.loaded.topics.get(draft.path.split("/")[1])
    answer = topic.answers.get(("", "es")) if topic else None
    return answer.title if answer else draft.path


def _show(
    visit: Visit,
    draft: OpenDraft,
    status: int = 200,
    refused: PublicationRefused | NotWritten | None = None,
    on_disk: str | None = None,
) -> Response:
    current = visit.parts.folder.read(draft.path) if on_disk is None else on_disk
    problems = visit.parts.workflow.problems(draft.path, draft.text)
    has_changed = current not in (draft.base_text, draft.text)
    return visit.render(
        "draft.html",
        status,
        draft=draft,
        title=_title(visit, draft),
        author=visit.parts.accounts.names().get(draft.author_id, ""),
        state_key=STATE_KEYS[draft.state],
        changes=marked_changes(draft.base_text, draft.text),
        on_disk=marked_changes(draft.base_text, current) if has_changed else None,
        seen=fingerprint(draft.text),
        seen_on_disk=fingerprint(current),
        refused=visit.say(refused.key) if refused else "",
        faults=[to_fault(problem, visit.say) for problem in problems],
        edit=edit_address(draft.path),
        may_change=visit.staff.may_change(draft.locale),
        may_publish=visit.staff.may(Need.REVIEW),
    )
