"""Drafts on their way: the list, one draft with its differences, and the steps: ask for review, send back, publish, discard."""

from __future__ import annotations

from starlette.responses import Response

from bot.content.checks.entry import CATALOGUE
from bot.content.facts import FOLDER as FACTS
from bot.content.help_points import FOLDER as HELP_POINTS
from bot.editor.commits import PROBLEM_KEYS
from bot.editor.differences import marked_changes
from bot.editor.drafts import DraftState, OpenDraft
from bot.editor.faults import to_fault
from bot.editor.folder import ChangedMeanwhile, NotWritten, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.parts import EditorParts
from bot.editor.refusals import PublicationRefused
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.visit import Visit
from bot.editor.workflow import seen_in
from bot.i18n import N_, SOURCE_LOCALE

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
    rows = [(draft, title_of(visit, draft.path)) for draft in drafts]
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
    workflow = visit.parts.workflow
    is_new_topic = any(each.path == CATALOGUE for each in workflow.bundle(draft))
    if visit.form.get("seen") != seen_in(workflow.bundle(draft)):
        return _show(visit, draft, 409, PublicationRefused("changed", N_("editor.publish.changed")))
    try:
        result = workflow.publish(draft, visit.staff, _reason(visit))
    except PublicationRefused as refused:
        return _show(visit, draft, 422, refused)
    except NotWritten as refused:
        return _show(visit, draft, 507, refused)
    except ChangedMeanwhile as changed:
        return _show(visit, draft, 409, PublicationRefused("on_disk", N_("editor.publish.on_disk")), changed.current)
    visit.notice(N_("editor.draft.retired") if draft.is_retirement else N_("editor.draft.published"))
    if result.problem:
        visit.notice(PROBLEM_KEYS[result.problem])
    if is_new_topic:
        visit.notice(N_("editor.new_topic.needs_training"))
    return visit.redirect(f"/history/{draft.path}")


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
    """Return where a content file is edited; empty: by hand only."""
    if path.startswith(f"{HELP_POINTS}/"):
        return f"/help-points/{path.split('/')[1].removesuffix('.yml')}"
    if path.startswith(f"{FACTS}/"):
        return f"/facts?file={path.split('/')[1].removesuffix('.yml')}"
    if path.count("/") != 2:
        return ""
    _, topic_id, name = path.split("/")
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


def title_of(visit: Visit, path: str) -> str:
    """Return the title of the topic that a file belongs to, or else the file's path."""
    loaded, topic_id = visit.parts.library.loaded, path.split("/")[-2] if "/" in path else ""
    topic = loaded.topics.get(topic_id) or loaded.retired.get(topic_id)
    answer = topic.answers.get(("", SOURCE_LOCALE)) if topic else None
    return answer.title if answer else path


def _show(
    visit: Visit,
    draft: OpenDraft,
    status: int = 200,
    refused: PublicationRefused | NotWritten | None = None,
    on_disk: str | None = None,
) -> Response:
    current = visit.parts.folder.read(draft.path) if on_disk is None else on_disk
    bundle, names = visit.parts.workflow.bundle(draft), visit.parts.accounts.names()
    texts = {each.path: each.text for each in bundle}
    problems = [problem for each in bundle for problem in visit.parts.workflow.problems(each.path, each.text, texts)]
    has_changed = current not in (draft.base_text, draft.text)
    wrote_here = any(visit.staff.id in each.authors for each in bundle)
    return visit.render(
        "draft.html",
        status,
        draft=draft,
        title=title_of(visit, draft.path),
        authors=[names.get(author, "") for author in draft.authors],
        state_key=STATE_KEYS[draft.state],
        changes=marked_changes(draft.base_text, draft.text),
        together=[(each, marked_changes(each.base_text, each.text)) for each in bundle if each.id != draft.id],
        on_disk=marked_changes(draft.base_text, current) if has_changed else None,
        is_gone=has_changed and not current,
        seen=seen_in(bundle),
        seen_on_disk=fingerprint(current),
        refused=visit.say(refused.key) if refused else "",
        faults=[to_fault(problem, visit.say) for problem in problems],
        edit=edit_address(draft.path),
        may_change=visit.staff.may_change(draft.locale),
        may_publish=visit.staff.may(Need.REVIEW),
        needs_other=wrote_here and visit.parts.workflow.needs_two(bundle),
    )
