"""Try it: ask the bot a question as if the drafts of a topic, or one draft, were live. Nothing of it is kept."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from starlette.responses import Response

from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.try_it import TryItLoads, TryItRefused
from bot.editor.visit import Visit
from bot.i18n import N_, SOURCE_LOCALE
from bot.messages import Bubble
from bot.try_it import TryItAnswer

pages = Pages()

PAGE_WAITS = 45.0
"""How long a page without scripts waits for the model, in seconds."""
FRAGMENT_WAITS = 0.5
"""The same for a part of a page, which asks again by itself."""
DECISION_KEYS = {
    "answer": N_("editor.try.decision_answer"),
    "urgent": N_("editor.try.decision_urgent"),
    "flow": N_("editor.try.decision_flow"),
    "person": N_("editor.try.decision_person"),
    "choices": N_("editor.try.decision_choices"),
    "menu": N_("editor.try.decision_menu"),
}
_OTHER_DECISION = N_("editor.try.decision_fixed")


@dataclass(frozen=True)
class Tried:
    """What the answer's place on the page shows; one of the first three is there.

    Attributes:
        answer: how it was decided.
        refused: the sentence that says why there is no answer.
        loading: seconds since the model began to be loaded.
        is_other_topic: the bot answers with a topic that the texts on trial do not belong to.
    """

    answer: TryItAnswer | None = None
    refused: str = ""
    loading: int | None = None
    is_other_topic: bool = False


@dataclass(frozen=True)
class _Subject:
    """What is tried: the texts that would be live, and whose they are."""

    topic_id: str
    overlay: dict[str, str]
    draft: str
    address: str


@pages.get("/try-it", needs=Need.READ)
def show_try_it(visit: Visit) -> Response:
    """Show the form alone."""
    return _render(visit, _subject(visit, visit.query.get("draft", ""), visit.query.get("topic", "")), "", None, 200)


@pages.post("/try-it", needs=Need.READ)
def try_it(visit: Visit) -> Response:
    """Answer a question; a part of a page for htmx, else a page."""
    text = str(visit.form.get("text", ""))
    draft, topic = str(visit.form.get("draft", "")), str(visit.form.get("topic", ""))
    try:
        subject = _subject(visit, draft, topic)
    except PageNotFound:  # It was published or discarded while its page stood open.
        return _render(visit, _Subject("", {}, "", ""), text, Tried(refused=N_("editor.try.gone")), 404)
    if not text.strip():
        return _render(visit, subject, text, Tried(refused=N_("editor.try.empty")), 422)
    try:
        answer = visit.parts.try_it.ask(text, subject.overlay, FRAGMENT_WAITS if visit.is_fragment else PAGE_WAITS)
    except TryItLoads as loads:
        return _render(visit, subject, text, Tried(loading=round(loads.seconds)), 200)
    except TryItRefused as refused:
        return _render(visit, subject, text, Tried(refused=refused.key), 200)
    is_other = bool(subject.topic_id) and answer.topic != subject.topic_id
    return _render(visit, subject, text, Tried(answer, is_other_topic=is_other), 200)


def _subject(visit: Visit, draft_id: str, topic_id: str) -> _Subject:
    """Return what a page is about: a draft with what goes live with it, a topic with all its drafts, or only what is live.

    Raises:
        PageNotFound: there is no such draft or topic.
    """
    parts = visit.parts
    if draft_id:
        draft = parts.drafts.get(int(draft_id)) if draft_id.isdecimal() and len(draft_id) < 10 else None
        if draft is None:
            raise PageNotFound
        texts = {each.path: each.text for each in parts.workflow.bundle(draft)}
        name = draft.path.split("/")[1] if draft.path.count("/") == 2 else ""
        return _Subject(name, texts, draft_id, f"/drafts/{draft_id}")
    if topic_id:
        loaded = parts.library.loaded
        texts = {each.path: each.text for each in parts.drafts.all_open() if each.path.split("/")[1:-1] == [topic_id]}
        if topic_id not in loaded.catalogue and not texts:
            raise PageNotFound
        return _Subject(topic_id, texts, "", f"/topics/{topic_id}")
    return _Subject("", {}, "", "")


def _render(visit: Visit, subject: _Subject, text: str, tried: Tried | None, status: int) -> Response:
    answer = tried.answer if tried else None
    return visit.render(
        "try_it_result.html" if visit.is_fragment else "try_it.html",
        200 if visit.is_fragment else status,  # What is no success htmx does not show.
        is_page=not visit.is_fragment,
        subject=subject,
        text=text,
        tried=tried,
        phones=_phones(visit, answer) if answer else {},
        decision_key=DECISION_KEYS.get(answer.decision, _OTHER_DECISION) if answer else "",
        topic_title=lambda topic_id: _title(visit, topic_id),
    )


def _phones(visit: Visit, answer: TryItAnswer) -> dict[str, list[Bubble]]:
    """Return all replies as each channel shows them."""
    shown: dict[str, list[Bubble]] = defaultdict(list)
    for message in answer.messages():
        for channel, bubbles in visit.parts.preview(message, answer.locale).items():
            shown[channel] += bubbles
    return dict(shown)


def _title(visit: Visit, topic_id: str) -> str:
    loaded = visit.parts.library.loaded
    topic = loaded.topics.get(topic_id) or loaded.retired.get(topic_id)
    answer = topic.answers.get(("", SOURCE_LOCALE)) if topic else None
    if answer:
        return answer.title
    key = f"topic.{topic_id}"
    return visit.say(key) if visit.parts.texts.has(key) else topic_id
