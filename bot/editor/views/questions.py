"""Questions without an answer, in groups of those that ask the same, and what staff make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.content.example_files import NotThere, tidy_example
from bot.content.likeness import fold_sentence
from bot.conversations.unanswered import STATES
from bot.editor.example_store import Doubt, Finding, doubts_key, is_refused
from bot.editor.folder import ChangedMeanwhile, NotWritten
from bot.editor.pages import PageNotFound, Pages
from bot.editor.parts import EditorParts
from bot.editor.questions import OPEN, AlreadyHandled, AskedQuestion, QuestionGroup, make_group
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.titles import topic_titles
from bot.editor.views.examples import DOUBT_KEYS, neighbours_of
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, format_age

pages = Pages()
pages.menu_entry(N_("editor.menu.questions"), "/questions", Need.WRITE)

GROUPS_ON_PAGE = 10
WORDINGS_SHOWN = 25
"""Of a group; the others are dealt with together."""
HANDLED_SHOWN = 100
GUESSES_SHOWN = 3
MOST_WORDS_AS_ASKED = 8
"""A longer sentence can tell who wrote it, so it must be worded anew before it goes into a file that many read."""
OUT_OF_SCOPE = "out_of_scope"
STATE_KEYS = {
    "open": N_("editor.questions.state_open"),
    "example": N_("editor.questions.state_example"),
    "new_topic": N_("editor.questions.state_new_topic"),
    "out_of_scope": N_("editor.questions.state_out_of_scope"),
    "ignored": N_("editor.questions.state_ignored"),
}
DONE_KEYS = {
    "example": N_("editor.questions.done_example"),
    "new_topic": N_("editor.questions.done_new_topic"),
    "out_of_scope": N_("editor.questions.done_out_of_scope"),
    "ignored": N_("editor.questions.done_ignored"),
}


@dataclass
class Row:
    """A wording in a group's form: the questions that have it, and the sentence that would become an example."""

    ids: tuple[int, ...]
    asked: str = field(repr=False)
    text: str = field(repr=False)
    is_picked: bool = True
    findings: list[str] = field(default_factory=list)


@dataclass
class GroupForm:
    """A group as its form shows it."""

    group: QuestionGroup
    rows: list[Row]
    rest: tuple[int, ...] = ()
    rest_picked: bool = True
    topic: str = ""
    title: str = ""
    error: str = ""
    accept: str = ""


@pages.counter(N_("editor.counter.questions"), "/questions", Need.WRITE)
def count_people(parts: EditorParts, staff: Staff) -> int:
    """Count the people whose question nobody has looked at."""
    return parts.questions.count_people()


@pages.get("/questions", needs=Need.WRITE)
def show_questions(visit: Visit) -> Response:
    """List groups of open questions, or the questions that were dealt with."""
    state, locale = visit.query.get("state", OPEN), visit.query.get("locale", "")
    if state not in STATES:
        raise PageNotFound
    questions = visit.parts.questions.in_state(state)
    if state != OPEN:
        shown = [question for question in questions if locale in ("", question.locale)][:HANDLED_SHOWN]
        return _render(visit, state=state, only=locale, handled=shown)
    groups, is_sorting = visit.parts.question_groups.groups(questions)
    groups = [group for group in groups if locale in ("", group.locale)]
    page = max(1, int(raw)) if (raw := visit.query.get("page", "1")).isdecimal() and len(raw) < 6 else 1
    first = (page - 1) * GROUPS_ON_PAGE
    forms = [_fresh_form(group) for group in groups[first : first + GROUPS_ON_PAGE]]
    pages_count = max(1, -(-len(groups) // GROUPS_ON_PAGE))
    return _render(
        visit,
        state=state,
        only=locale,
        forms=forms,
        is_sorting=is_sorting,
        page=page,
        pages_count=pages_count,
    )


@pages.post("/questions", needs=Need.WRITE)
def handle_questions(visit: Visit) -> Response:
    """Do with the chosen questions of a group what the pressed button says."""
    sent = _sent_form(visit)
    action, _, guessed = str(visit.form.get("action", "")).partition(":")
    ids = [number for row in sent.rows if row.is_picked for number in row.ids] + (list(sent.rest) if sent.rest_picked else [])
    if action not in DONE_KEYS:
        raise PageNotFound
    if not ids:
        return _refuse(visit, sent, N_("editor.questions.none_chosen"))
    topic = {"example": guessed or sent.topic, "out_of_scope": OUT_OF_SCOPE}.get(action, "")
    sent.topic = topic or sent.topic
    texts: list[str] = []
    if topic or action == "example":
        if topic not in visit.parts.library.loaded.catalogue:
            return _refuse(visit, sent, N_("editor.questions.topic_missing"))
        findings = _judge(visit, sent, topic)
        if any(row.findings for row in sent.rows):
            return _refuse(visit, sent, N_("editor.questions.look_again"))
        if is_refused(findings, str(visit.form.get("accept", ""))):
            sent.accept = "" if is_refused(findings, doubts_key(findings)) else doubts_key(findings)
            _show_findings(visit, sent, findings)
            return _refuse(visit, sent, N_("editor.questions.look_again"))
        known = {found.text for found in findings if found.doubt is Doubt.ALREADY}
        texts = [text for text in _picked_texts(sent) if text not in known]
    return _carry_out(visit, sent, action, topic, ids, texts)


@pages.post("/questions/reopen", needs=Need.WRITE)
def reopen_questions(visit: Visit) -> Response:
    """Put a question back among the open ones; examples that were made of it stay."""
    state, ids = str(visit.form.get("state", "")), _numbers(str(visit.form.get("ids", "")))
    if state not in DONE_KEYS or not ids:
        raise PageNotFound
    try:
        visit.parts.questions.reopen(ids, state, lambda session: _note(visit, session, "questions.reopened", "", len(ids), 0))
    except AlreadyHandled:
        visit.notice(N_("editor.questions.handled_meanwhile"))
    else:
        visit.notice(N_("editor.questions.reopened"))
    return visit.redirect(f"/questions?state={state}")


@pages.undo("questions.handle")
def undo_handle(visit: Visit, data: dict[str, Any]) -> str:
    """Open the questions again and take the examples that were made of them away."""

    def write(session: Session) -> None:
        _note(visit, session, "questions.reopened", data["topic"], len(data["ids"]), len(data["texts"]))
        if data["texts"]:
            visit.parts.example_store.remove(data["locale"], data["topic"], data["texts"])

    if not visit.staff.may(Need.WRITE):
        return ""
    try:
        visit.parts.questions.reopen(data["ids"], data["state"], write)
    except (AlreadyHandled, NotThere, ChangedMeanwhile, NotWritten):
        return ""
    return "/questions"


def _carry_out(visit: Visit, sent: GroupForm, action: str, topic: str, ids: list[int], texts: list[str]) -> Response:
    locale = sent.group.locale

    def write(session: Session) -> None:
        _note(visit, session, f"questions.{action}", topic, len(ids), len(texts))
        if texts:  # Last, so that a disk that refuses takes everything back.
            visit.parts.example_store.add(locale, topic, texts)

    try:
        visit.parts.questions.mark(ids, action, write)
    except AlreadyHandled:
        return _refuse(visit, sent, N_("editor.questions.handled_meanwhile"), 409)
    except ChangedMeanwhile:
        return _refuse(visit, sent, N_("editor.example.changed"), 409)
    except NotWritten as refused:
        return _refuse(visit, sent, refused.key, 507)
    undo = {"ids": ids, "state": action, "locale": locale, "topic": topic, "texts": texts}
    visit.notice(
        DONE_KEYS[action],
        ("questions.handle", undo),
        count=len(ids),
        examples=len(texts),
        topic=topic_titles(visit.parts).get(topic, topic),
    )
    if action == "new_topic":
        return visit.redirect("/topics/new" + (f"?title={quote(sent.title)}" if sent.title else ""))
    return visit.redirect("/questions")


def _judge(visit: Visit, sent: GroupForm, topic: str) -> list[Finding]:
    """Return what speaks against the sentences; what is a person's own words is noted at its row."""
    for row in sent.rows:
        is_as_asked = fold_sentence(row.text) == fold_sentence(row.asked)
        if row.is_picked and is_as_asked and len(row.text.split()) > MOST_WORDS_AS_ASKED:
            row.findings.append(visit.say("editor.questions.word_anew"))
    return visit.parts.example_store.examine(sent.group.locale, topic, _picked_texts(sent))


def _show_findings(visit: Visit, sent: GroupForm, findings: list[Finding]) -> None:
    titles = topic_titles(visit.parts)
    held_out = sum(found.doubt is Doubt.HELD_OUT for found in findings)
    for row in sent.rows:
        for found in findings:
            if row.is_picked and found.text == row.text and found.doubt not in (Doubt.HELD_OUT, Doubt.ALREADY):
                row.findings.append(visit.say(DOUBT_KEYS[found.doubt], neighbours=neighbours_of(found, titles)))
    if held_out:
        sent.error = visit.say("editor.example.held_out", count=held_out)


def _picked_texts(sent: GroupForm) -> list[str]:
    """Return the sentences of the chosen rows, each once."""
    by_folded = {fold_sentence(row.text) or row.text: row.text for row in reversed(sent.rows) if row.is_picked}
    return list(reversed(by_folded.values()))


def _fresh_form(group: QuestionGroup) -> GroupForm:
    wordings = group.wordings
    rows = [Row(tuple(ids), text, tidy_example(text)) for text, ids in wordings[:WORDINGS_SHOWN]]
    return GroupForm(group, rows, tuple(number for _, ids in wordings[WORDINGS_SHOWN:] for number in ids))


def _sent_form(visit: Visit) -> GroupForm:
    """Return the group's form as it was sent, with what the questions say from the database.

    Raises:
        PageNotFound: none of the questions is open.
    """
    raw_rows = [_numbers(str(raw)) for raw in visit.form.getlist("row")]
    rest = _numbers(str(visit.form.get("rest", "")))
    by_id = {question.id: question for question in visit.parts.questions.in_state()}
    open_rows = [ids for ids in raw_rows if ids and ids[0] in by_id]
    members: list[AskedQuestion] = [by_id[number] for ids in (*raw_rows, rest) for number in ids if number in by_id]
    if not members or len({question.locale for question in members}) != 1 or members[0].locale not in LOCALES:
        raise PageNotFound
    rows = [
        Row(
            ids=ids,
            asked=by_id[ids[0]].text,
            text=tidy_example(str(visit.form.get(f"text_{ids[0]}", ""))),
            is_picked=bool(visit.form.get(f"pick_{ids[0]}")),
        )
        for ids in open_rows
    ]
    return GroupForm(
        make_group(members),
        rows,
        rest,
        rest_picked=bool(visit.form.get("pick_rest")),
        topic=str(visit.form.get("topic", "")),
        title=tidy_example(str(visit.form.get("title", "")))[:100],
    )


def _refuse(visit: Visit, sent: GroupForm, key: str, status: int = 422) -> Response:
    sent.error = sent.error or visit.say(key)
    return _render(visit, status, state=OPEN, only="", forms=[sent], is_single=True)


def _render(visit: Visit, status: int = 200, **context: Any) -> Response:
    now, titles = visit.parts.clock(), topic_titles(visit.parts)
    values = {"forms": [], "handled": [], "is_sorting": False, "is_single": False, "page": 1, "pages_count": 1}
    return visit.render(
        "questions.html",
        status,
        **{**values, **context},
        titles=titles,
        sorted_titles=sorted(titles.items(), key=lambda item: item[1].casefold()),
        states=STATE_KEYS,
        all_locales=LOCALES,
        guesses_shown=GUESSES_SHOWN,
        age=lambda moment: format_age(now - moment, visit.locale),
    )


def _numbers(raw: str) -> tuple[int, ...]:
    return tuple(int(part) for part in raw.split(",") if part.isdecimal() and part.isascii() and len(part) < 16)


def _note(visit: Visit, session: Session, action: str, topic: str, questions: int, examples: int) -> None:
    visit.parts.audit.write(session, visit.staff.id, action, topic, f"questions={questions} examples={examples}")
