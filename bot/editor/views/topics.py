"""The list of topics: family, title, languages, sensitivity, review date; with a search and filters."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from bot.content.model import CatalogueTopic, Kind, Problem, Topic
from bot.editor.faults import to_fault
from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.states import (
    REVIEW_KEYS,
    REVIEW_TAGS,
    TEXT_KEYS,
    TEXT_TAGS,
    ReviewState,
    TextState,
    blocks,
    drifted,
    review_state,
    text_state,
    worst_review,
)
from bot.editor.views.drafts import edit_address
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, SOURCE_LOCALE

pages = Pages()
pages.menu_entry(N_("editor.menu.topics"), "/topics")

SENSITIVITY_KEYS = {
    "open": N_("editor.sensitivity.open"),
    "careful": N_("editor.sensitivity.careful"),
    "critical": N_("editor.sensitivity.critical"),
}
FILTERS = {
    "review": N_("editor.filter.review"),
    "drifted": N_("editor.filter.drifted"),
    "missing": N_("editor.filter.missing"),
    "errors": N_("editor.filter.errors"),
    "critical": N_("editor.filter.critical"),
}


@dataclass(frozen=True)
class Row:
    """One topic in the list."""

    topic: CatalogueTopic
    title: str
    states: dict[str, TextState]
    sensitivity: str
    review: ReviewState
    review_by: date | None
    errors: int
    has_text: bool
    is_retired: bool = False


@pages.get("/topics", needs=Need.READ)
def show_topics(visit: Visit) -> Response:
    """List the answer topics that fit the search and the filters."""
    query, family, only = (visit.query.get(name, "") for name in ("q", "family", "only"))
    catalogue = visit.parts.library.loaded.catalogue
    rows = [_row(visit.parts, topic) for topic in catalogue.values() if topic.kind is Kind.ANSWER]
    shown = [row for row in rows if _fits(visit.parts, row, query, family, only)]
    return visit.render(
        "topics.html",
        rows=shown,
        total=len(rows),
        query=query,
        family=family,
        only=only,
        families=list(dict.fromkeys(row.topic.family for row in rows)),
        filters=FILTERS,
        may_publish=visit.staff.may(Need.REVIEW),
        sensitivity_keys=SENSITIVITY_KEYS,
        text_keys=TEXT_KEYS,
        text_tags=TEXT_TAGS,
        review_keys=REVIEW_KEYS,
        review_tags=REVIEW_TAGS,
    )


@pages.counter(N_("editor.counter.review"), "/topics?only=review")
def count_reviews(parts: EditorParts, staff: Staff) -> int:
    """Count the answers past or near their review date, each destination by itself."""
    topics, today = parts.library.loaded.topics.values(), parts.today()
    return sum(review_state(block, today) is not ReviewState.GOOD for topic in topics for block in blocks(topic).values())


@pages.counter(N_("editor.counter.drifted"), "/topics?only=drifted")
def count_drifted(parts: EditorParts, staff: Staff) -> int:
    """Count the translations whose source has changed; a translator sees those of their language."""
    return sum(not staff.translates or answer.locale == staff.translates for _, answer in drifted(parts.library.loaded))


@pages.counter(N_("editor.counter.errors"), "/checks")
def count_errors(parts: EditorParts, staff: Staff) -> int | None:
    """Count what fails the checks; not known until the first check is done."""
    return len(parts.checked.state.errors) if parts.checked.state else None


@pages.get("/checks", needs=Need.READ)
def show_checks(visit: Visit) -> Response:
    """List all that the checks found, by file."""
    state = visit.parts.checked.state
    found = [(to_fault(problem, visit.say), *_place(visit.parts, problem)) for problem in (state.problems if state else ())]
    return visit.render("checks.html", state=state, found=found)


def _place(parts: EditorParts, problem: Problem) -> tuple[str, str]:
    """Return file and line of a problem, and the address of the page on which it is mended; empty: by hand only."""
    is_ours = parts.content in problem.path.parents
    path = problem.path.relative_to(parts.content).as_posix() if is_ours else problem.path.name
    return f"{path}:{problem.line or 1}", edit_address(path) if is_ours else ""


def _row(parts: EditorParts, entry: CatalogueTopic) -> Row:
    topic = parts.library.loaded.topics.get(entry.id)
    retired = parts.library.loaded.retired.get(entry.id)
    if retired is not None:
        answer, gone = retired.answers.get(("", SOURCE_LOCALE)), dict.fromkeys(LOCALES, TextState.MISSING)
        title = answer.title if answer else entry.id
        return Row(entry, title, gone, retired.sensitivity, ReviewState.GOOD, None, 0, has_text=True, is_retired=True)
    if topic is None:
        missing = dict.fromkeys(LOCALES, TextState.MISSING)
        return Row(entry, entry.id, missing, "", ReviewState.PAST, None, 0, has_text=False)
    review, review_by = worst_review(topic, parts.today())
    states = {locale: _worst_text(topic, locale) for locale in LOCALES}
    source = topic.answers.get(("", SOURCE_LOCALE))
    found = parts.checked.state.of_folder(topic.path.parent) if parts.checked.state else ()
    errors = sum(not problem.is_warning for problem in found)
    return Row(entry, source.title if source else entry.id, states, topic.sensitivity, review, review_by, errors, has_text=True)


def _worst_text(topic: Topic, locale: str) -> TextState:
    """Return the state of a language's texts over all destinations: one that is out of date counts for all."""
    states = [text_state(topic, code, locale) for code in blocks(topic)]
    return TextState.DRIFTED if TextState.DRIFTED in states else states[0]


def _fits(parts: EditorParts, row: Row, query: str, family: str, only: str) -> bool:
    if family and row.topic.family != family:
        return False
    if query and not _has_words(parts, row, query):
        return False
    return {
        "review": row.review is not ReviewState.GOOD,
        "drifted": TextState.DRIFTED in row.states.values(),
        "missing": TextState.MISSING in row.states.values(),
        "errors": row.errors > 0,
        "critical": row.sensitivity == "critical",
    }.get(only, True)


def _has_words(parts: EditorParts, row: Row, query: str) -> bool:
    topic = parts.library.loaded.topics.get(row.topic.id)
    texts = [row.topic.id.replace("_", " "), row.topic.id, row.title, row.topic.means]
    for answer in topic.answers.values() if topic else ():
        texts += [answer.title, answer.menu_title, answer.lead, *answer.sections.values()]
    text = folded(" ".join(texts))
    return all(word in text for word in folded(query).split())


def folded(text: str) -> str:
    """Return the text without accents and capitals, as people search."""
    return "".join(letter for letter in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(letter))
