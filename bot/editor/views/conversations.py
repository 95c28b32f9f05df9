"""Conversations that people want to have with somebody of staff: the list, a thread, and what can be done with it.

Only trained people see them, and each look at a thread is in the audit log. A case goes by its code alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.conversations.masking import mask
from bot.conversations.staff_cases import TEXT_LIMIT, CaseRefused, CaseThread, Write
from bot.editor.folder import fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need, may
from bot.editor.sessions import Staff
from bot.editor.visit import Visit
from bot.i18n import N_, format_age

pages = Pages()
pages.menu_entry(N_("editor.menu.conversations"), "/conversations", Need.TALK)

ADDRESS = "/conversations/{code}"
READ_AGAIN = timedelta(minutes=10)
"""How often a page that refreshes itself leaves an entry in the log; one that is opened leaves one each time."""
PERSONAL = ("[cédula]", "[tarjeta]", "[cuenta]", "[pasaporte]")
"""The masks of what hardly ever belongs into a reply; telephone numbers of offices do."""
REFUSAL_KEYS = {
    "gone": N_("editor.conversation.refused_gone"),
    "closed": N_("editor.conversation.refused_closed"),
    "window": N_("editor.conversation.refused_window"),
    "stopped": N_("editor.conversation.refused_stopped"),
    "left": N_("editor.conversation.refused_left"),
    "new_message": N_("editor.conversation.refused_new_message"),
}
EVENT_KEYS = {
    "audio": N_("editor.conversation.event_audio"),
    "location": N_("editor.conversation.event_location"),
    "tapped_urgent": N_("editor.conversation.event_tapped_urgent"),
    "went_back": N_("editor.conversation.event_went_back"),
    "stopped": N_("editor.conversation.event_stopped"),
    "left": N_("editor.conversation.event_left"),
    "rejoined": N_("editor.conversation.event_rejoined"),
    "bot_back": N_("editor.conversation.event_bot_back"),
    "assigned": N_("editor.conversation.event_assigned"),
    "unassigned": N_("editor.conversation.event_unassigned"),
    "closed": N_("editor.conversation.event_closed"),
    "reopened": N_("editor.conversation.event_reopened"),
}
OTHER_EVENT = N_("editor.conversation.event_media")
DELIVERY_KEYS = {
    "queued": N_("editor.conversation.delivery_queued"),
    "sending": N_("editor.conversation.delivery_queued"),
    "sent": N_("editor.conversation.delivery_sent"),
    "delivered": N_("editor.conversation.delivery_delivered"),
    "read": N_("editor.conversation.delivery_read"),
}
NOT_DELIVERED = N_("editor.conversation.delivery_failed")
NOT_SENT = N_("editor.conversation.delivery_taken_back")
TOO_LATE = N_("editor.conversation.delivery_window")
CLOSED_KEYS = {
    "staff": N_("editor.conversation.closed_by_staff"),
    "contact": N_("editor.conversation.closed_by_contact"),
    "stop": N_("editor.conversation.closed_by_stop"),
}


@pages.counter(N_("editor.counter.conversations"), "/conversations", Need.TALK)
def count_waiting(parts: EditorParts, staff: Staff) -> int:
    """Count the people who wait for an answer."""
    return parts.cases.count_waiting()


@pages.get("/conversations", needs=Need.TALK)
def show_conversations(visit: Visit) -> Response:
    """List the open cases, urgent ones first; or those that were closed last."""
    is_closed = visit.query.get("state") == "closed"
    lines = visit.parts.cases.list_closed() if is_closed else visit.parts.cases.list_open()
    names = visit.parts.accounts.names()
    return visit.render(
        "conversations.html", lines=lines, is_closed=is_closed, names=names, closed_keys=CLOSED_KEYS, age=_age_in(visit)
    )


@pages.get(ADDRESS, needs=Need.TALK)
def show_conversation(visit: Visit) -> Response:
    """Show a thread with what can be done."""
    thread = _thread(visit)
    since = visit.parts.clock() - READ_AGAIN
    if not visit.is_refresh or not visit.parts.audit.has_entry(visit.staff.id, "conversation.read", thread.line.code, since):
        with visit.parts.database.transaction() as session:
            _audit(visit, thread.line.code, "read")(session)
    return _show(visit, thread)


@pages.post(f"{ADDRESS}/reply", needs=Need.TALK)
def send_reply(visit: Visit) -> Response:
    """Send a reply to the contact; one that holds somebody's number asks once more."""
    text = _typed(visit)
    if not text or len(text) > TEXT_LIMIT:
        return _show(
            visit, _thread(visit), 422, error=visit.say("editor.conversation.text_missing", limit=TEXT_LIMIT), reply=text
        )
    if _holds_number(text) and visit.form.get("accept") != fingerprint(text):
        warning = visit.say("editor.conversation.personal_number")
        return _show(visit, _thread(visit), 422, error=warning, reply=text, accept=fingerprint(text))
    try:
        visit.parts.cases.reply(visit.path["code"], visit.staff.id, text, _audit(visit, visit.path["code"], "replied"))
    except CaseRefused as refused:
        return _refuse(visit, refused, reply=text)
    visit.notice(N_("editor.conversation.reply_queued"))
    return visit.redirect(_address(visit))


@pages.post(f"{ADDRESS}/note", needs=Need.TALK)
def add_note(visit: Visit) -> Response:
    """Add an internal note."""
    text = _typed(visit)
    if not text or len(text) > TEXT_LIMIT:
        return _show(visit, _thread(visit), 422, error=visit.say("editor.conversation.text_missing", limit=TEXT_LIMIT), note=text)
    try:
        visit.parts.cases.note(visit.path["code"], visit.staff.id, text, _audit(visit, visit.path["code"], "noted"))
    except CaseRefused as refused:
        return _refuse(visit, refused, note=text)
    return visit.redirect(_address(visit))


@pages.post(f"{ADDRESS}/assign", needs=Need.TALK)
def assign(visit: Visit) -> Response:
    """Give a case to somebody, or to nobody."""
    to = str(visit.form.get("to", ""))
    if to and to not in dict(_colleagues(visit)):
        raise PageNotFound
    try:
        visit.parts.cases.assign(visit.path["code"], visit.staff.id, to, _audit(visit, visit.path["code"], "assigned", to))
    except CaseRefused as refused:
        return _refuse(visit, refused)
    return visit.redirect(_address(visit))


@pages.post(f"{ADDRESS}/close", needs=Need.TALK)
def close(visit: Visit) -> Response:
    """Close a case; the bot answers again. That can be taken back."""
    raw, code = str(visit.form.get("seen", "")), visit.path["code"]
    seen = int(raw) if raw.isdecimal() and raw.isascii() and len(raw) < 16 else 0
    try:
        visit.parts.cases.close(code, visit.staff.id, seen, _audit(visit, visit.path["code"], "closed"))
    except CaseRefused as refused:
        return _refuse(visit, refused)
    visit.notice(N_("editor.conversation.closed"), ("conversation.close", {"code": code}))
    return visit.redirect("/conversations")


@pages.undo("conversation.close")
def reopen(visit: Visit, data: dict[str, str]) -> str:
    """Open the case again."""
    if not visit.staff.may(Need.TALK):
        return ""
    try:
        visit.parts.cases.reopen(data["code"], visit.staff.id, _audit(visit, data["code"], "reopened"))
    except CaseRefused:
        return ""
    return f"/conversations/{data['code']}"


def _thread(visit: Visit) -> CaseThread:
    thread = visit.parts.cases.read(visit.path["code"])
    if thread is None:
        raise PageNotFound
    return thread


def _typed(visit: Visit) -> str:
    return str(visit.form.get("text", "")).replace("\r\n", "\n").strip()


def _holds_number(text: str) -> bool:
    masked = mask(text)
    return any(masked.count(name) > text.count(name) for name in PERSONAL)


def _colleagues(visit: Visit) -> list[tuple[str, str]]:
    """Return those who may have a case: id and name."""
    accounts = visit.parts.accounts.all()
    return [(one.id, one.name) for one in accounts if not one.is_closed and may(one.role, Need.TALK)]


def _audit(visit: Visit, code: str, what: str, detail: str = "") -> Write:
    """Return what notes in the log that this person did something with a case."""

    def write(session: Session) -> None:
        visit.parts.audit.write(session, visit.staff.id, f"conversation.{what}", code, detail)

    return write


def _address(visit: Visit) -> str:
    return f"/conversations/{visit.path['code']}"


def _refuse(visit: Visit, refused: CaseRefused, **typed: str) -> Response:
    if refused.code == "gone":
        raise PageNotFound
    return _show(visit, _thread(visit), 409, error=visit.say(REFUSAL_KEYS[refused.code]), **typed)


def _show(
    visit: Visit, thread: CaseThread, status: int = 200, *, error: str = "", reply: str = "", note: str = "", accept: str = ""
) -> Response:
    until, now = thread.window_until, visit.parts.clock()
    hours_left = max(0, int((until - now).total_seconds() // 3600)) if until else None
    return visit.render(
        "conversation.html",
        status,
        thread=thread,
        line=thread.line,
        error=error,
        reply=reply,
        note=note,
        accept=accept,
        hours_left=hours_left,
        refusal=REFUSAL_KEYS.get(thread.refusal, ""),
        names=visit.parts.accounts.names(),
        colleagues=_colleagues(visit),
        event_keys=EVENT_KEYS,
        other_event=OTHER_EVENT,
        delivery_key=_delivery_key,
        closed_keys=CLOSED_KEYS,
        limit=TEXT_LIMIT,
        age=_age_in(visit),
    )


def _delivery_key(delivery: str, failure: str) -> str:
    """Return what is said of how far a reply has come; one without a record was taken back: the contact left or stopped us."""
    if not delivery:
        return NOT_SENT
    return DELIVERY_KEYS.get(delivery) or (TOO_LATE if failure.startswith("window_closed") else NOT_DELIVERED)


def _age_in(visit: Visit) -> Callable[[datetime], str]:
    now = visit.parts.clock()
    return lambda moment: format_age(now - moment, visit.locale)
