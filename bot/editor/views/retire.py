"""Take an answer, a destination or a topic out of use, or bring it back: always with a reason, always through a review."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from bot.editor.drafts import DraftState, OpenDraft
from bot.editor.pages import PageNotFound, Pages
from bot.editor.refusals import PublicationRefused
from bot.editor.roles import Need
from bot.editor.visit import Visit
from bot.editor.workflow import locale_of
from bot.i18n import N_

pages = Pages()


@pages.post("/topics/{topic_id}/retire", needs=Need.TRANSLATE)
def retire(visit: Visit) -> Response:
    """Propose to retire what the form names: one answer (`file`), a destination (`destination`), or the whole topic."""
    topic = _topic_folder(visit)
    retiring, staff = visit.parts.workflow.retiring, visit.staff
    file, destination = str(visit.form.get("file", "")), str(visit.form.get("destination", ""))
    if file:
        path = f"{topic}/{file}"
        return _proposed(visit, path, lambda: retiring.answer(path, staff))
    data = f"{topic}/topic.yml"
    return _proposed(visit, data, lambda: retiring.block(data, destination, staff, is_retired=True))


@pages.post("/topics/{topic_id}/bring-back", needs=Need.WRITE)
def bring_back(visit: Visit) -> Response:
    """Propose to bring a retired destination or topic back; a retired answer comes back from its history."""
    data, destination = f"{_topic_folder(visit)}/topic.yml", str(visit.form.get("destination", ""))
    retiring = visit.parts.workflow.retiring
    return _proposed(visit, data, lambda: retiring.block(data, destination, visit.staff, is_retired=False))


def _topic_folder(visit: Visit) -> str:
    entry = visit.parts.library.loaded.catalogue.get(visit.path["topic_id"])
    if entry is None:
        raise PageNotFound
    return f"{entry.family}/{entry.id}"


def _proposed(visit: Visit, path: str, propose: Callable[[], OpenDraft]) -> Response:
    """Make the draft and ask for its review at once, with the reason."""
    topic_id = visit.path["topic_id"]
    reason = str(visit.form.get("reason", "")).strip()[:1000]
    try:
        if not visit.staff.may_change(locale_of(path)):
            raise PageNotFound
        if not reason:
            raise PublicationRefused("reason", N_("editor.retire.reason_missing"))
        draft = propose()
    except ValueError:
        raise PageNotFound from None
    except PublicationRefused as refused:
        visit.notice(refused.key)
        return visit.redirect(f"/topics/{topic_id}")
    visit.parts.drafts.move(draft.id, DraftState.IN_REVIEW, visit.staff.id, reason)
    visit.notice(N_("editor.retire.proposed"), ("draft.discard_new", {"draft_id": draft.id, "topic_id": topic_id}))
    return visit.redirect(f"/drafts/{draft.id}")


@pages.undo("draft.discard_new")
def undo_proposal(visit: Visit, data: dict[str, object]) -> str:
    """Take the proposal back."""
    draft = visit.parts.drafts.get(int(str(data["draft_id"])))
    if draft is None:
        return ""
    visit.parts.workflow.discard(draft, visit.staff)
    return f"/topics/{data['topic_id']}"
