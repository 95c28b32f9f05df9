"""The examples of each topic: how people ask. List, add, change, move, delete; nothing is learned before a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from bot.content.example_files import NotThere, tidy_example
from bot.content.likeness import fold_sentence
from bot.content.model import CatalogueTopic
from bot.editor.example_store import Doubt, ExampleStore, Finding, doubts_key, is_refused, sentence_key
from bot.editor.folder import ChangedMeanwhile, NotWritten
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.titles import family_names, topic_titles
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, SOURCE_LOCALE

pages = Pages()
pages.menu_entry(N_("editor.menu.examples"), "/examples")

ON_PAGE = 50
MOST_AT_ONCE = 50
"""Sentences that are added in one step."""
DOUBT_KEYS = {
    Doubt.EMPTY: N_("editor.example.empty"),
    Doubt.TOO_LONG: N_("editor.example.too_long"),
    Doubt.MARKUP: N_("editor.example.markup"),
    Doubt.ELSEWHERE: N_("editor.example.elsewhere"),
    Doubt.ALREADY: N_("editor.example.already"),
    Doubt.NEAR: N_("editor.example.near"),
}


@pages.get("/examples", needs=Need.READ)
def show_topics(visit: Visit) -> Response:
    """List all topics with how many examples each has in each language."""
    return visit.render(
        "example_topics.html",
        topics=list(visit.parts.library.loaded.catalogue.values()),
        titles=topic_titles(visit.parts),
        families=family_names(visit),
        counts=visit.parts.example_store.counts(),
        all_locales=LOCALES,
    )


@pages.get("/topics/{topic_id}/examples", needs=Need.READ)
def show_examples(visit: Visit) -> Response:
    """List a topic's examples in one language, page by page."""
    return _show(visit, _topic(visit), _locale(visit, visit.query.get("locale", SOURCE_LOCALE)))


@pages.post("/topics/{topic_id}/examples", needs=Need.WRITE)
def add_examples(visit: Visit) -> Response:
    """Add sentences, one on each line."""
    topic, locale = _topic(visit), _locale(visit, str(visit.form.get("locale", "")))
    lines = [tidy_example(line) for line in str(visit.form.get("texts", "")).splitlines()]
    texts = list({fold_sentence(text) or text: text for text in lines if text}.values())
    if not texts or len(texts) > MOST_AT_ONCE:
        return _show(visit, topic, locale, 422, typed=texts, error=visit.say("editor.example.how_many", most=MOST_AT_ONCE))
    findings = visit.parts.example_store.examine(locale, topic.id, texts)
    if is_refused(findings, str(visit.form.get("accept", ""))):
        return _show(visit, topic, locale, 422, typed=texts, findings=findings)
    known = {found.text for found in findings if found.doubt is Doubt.ALREADY}
    added = [text for text in texts if text not in known]
    try:
        if added:
            visit.parts.example_store.add(locale, topic.id, added)
    except NotWritten as refused:
        return _show(visit, topic, locale, 507, typed=texts, error=visit.say(refused.key))
    except ChangedMeanwhile:
        return _show(visit, topic, locale, 409, typed=texts, error=visit.say("editor.example.changed"))
    _note(visit, "examples.added", topic.id, f"locale={locale} examples={len(added)}")
    undo = ("examples.add", {"locale": locale, "topic": topic.id, "texts": added})
    visit.notice(N_("editor.example.added"), undo if added else None, count=len(added))
    return visit.redirect(_address(topic.id, locale))


@pages.get("/topics/{topic_id}/examples/{locale}/{key}", needs=Need.WRITE)
def show_example(visit: Visit) -> Response:
    """Show one sentence, to word it anew or to move it."""
    topic, locale = _topic(visit), _locale(visit, visit.path["locale"])
    text = _sentence(visit, topic.id, locale)
    return _show_one(visit, topic, locale, text, text, topic.id)


@pages.post("/topics/{topic_id}/examples/{locale}/{key}", needs=Need.WRITE)
def change_example(visit: Visit) -> Response:
    """Word a sentence anew, move it to another topic, or both."""
    topic, locale = _topic(visit), _locale(visit, visit.path["locale"])
    old, new = str(visit.form.get("old", "")), tidy_example(str(visit.form.get("text", "")))
    to_topic = str(visit.form.get("topic", topic.id))
    if to_topic not in visit.parts.library.loaded.catalogue or sentence_key(old) != visit.path["key"]:
        raise PageNotFound
    if (new, to_topic) == (old, topic.id):
        return visit.redirect(_address(topic.id, locale))
    findings = visit.parts.example_store.examine(locale, to_topic, [new], leaving=old)
    is_known = any(found.doubt is Doubt.ALREADY for found in findings)
    if is_known or is_refused(findings, str(visit.form.get("accept", ""))):
        return _show_one(visit, topic, locale, old, new, to_topic, 422, findings=findings)
    try:
        _put(visit, locale, (topic.id, old), (to_topic, new))
    except (NotThere, ChangedMeanwhile):
        error = visit.say("editor.example.gone")
        return _show_one(visit, topic, locale, old, new, to_topic, 409, error=error)
    except NotWritten as refused:
        return _show_one(visit, topic, locale, old, new, to_topic, 507, error=visit.say(refused.key))
    _note(visit, "examples.changed", topic.id, f"locale={locale} to={to_topic}")
    undo = {"locale": locale, "before": [topic.id, old], "after": [to_topic, new]}
    visit.notice(N_("editor.example.saved"), ("examples.change", undo))
    return visit.redirect(_address(topic.id, locale))


@pages.post("/topics/{topic_id}/examples/{locale}/{key}/delete", needs=Need.WRITE)
def delete_example(visit: Visit) -> Response:
    """Take a sentence away."""
    topic, locale = _topic(visit), _locale(visit, visit.path["locale"])
    text = _sentence(visit, topic.id, locale)
    try:
        places = visit.parts.example_store.remove(locale, topic.id, [text])
    except (NotThere, ChangedMeanwhile):
        visit.notice(N_("editor.example.gone"))
    except NotWritten as refused:
        visit.notice(refused.key)
    else:
        _note(visit, "examples.deleted", topic.id, f"locale={locale} examples=1")
        undo = {"locale": locale, "topic": topic.id, "texts": [text], "places": places}
        visit.notice(N_("editor.example.deleted"), ("examples.delete", undo))
    return visit.redirect(_address(topic.id, locale))


@pages.undo("examples.add")
def undo_add(visit: Visit, data: dict[str, Any]) -> str:
    """Take the new sentences away again."""
    return _undo(visit, data, lambda store: store.remove(data["locale"], data["topic"], data["texts"]))


@pages.undo("examples.delete")
def undo_delete(visit: Visit, data: dict[str, Any]) -> str:
    """Put the sentences back where they stood."""
    return _undo(visit, data, lambda store: store.add(data["locale"], data["topic"], data["texts"], data["places"]))


@pages.undo("examples.change")
def undo_change(visit: Visit, data: dict[str, Any]) -> str:
    """Give the sentence its former wording and topic."""
    before, after = tuple(data["before"]), tuple(data["after"])
    return _undo(visit, {**data, "topic": before[0]}, lambda _: _put(visit, data["locale"], after, before))


def _undo(visit: Visit, data: dict[str, Any], change: Callable[[ExampleStore], object]) -> str:
    if not visit.staff.may(Need.WRITE):
        return ""
    try:
        change(visit.parts.example_store)
    except (NotThere, ChangedMeanwhile, NotWritten):
        return ""
    _note(visit, "examples.restored", data["topic"], f"locale={data['locale']}")
    return _address(data["topic"], data["locale"])


def _put(visit: Visit, locale: str, before: tuple[str, str], after: tuple[str, str]) -> None:
    """Write a sentence anew, under another topic if that differs."""
    if before[0] == after[0]:
        visit.parts.example_store.replace(locale, before[0], before[1], after[1])
    else:
        visit.parts.example_store.move(locale, *before, *after)


def _show(
    visit: Visit,
    topic: CatalogueTopic,
    locale: str,
    status: int = 200,
    typed: list[str] | None = None,
    findings: list[Finding] | None = None,
    error: str = "",
) -> Response:
    query = visit.query.get("q", "")
    sentences = visit.parts.example_store.sentences(topic.id, locale)
    words = fold_sentence(query).split()
    found = [text for text in sentences if all(word in fold_sentence(text) for word in words)]
    pages_count = max(1, -(-len(found) // ON_PAGE))
    page = min(pages_count, int(raw)) if (raw := visit.query.get("page", "1")).isdecimal() and len(raw) < 6 else 1
    first = max(0, page - 1) * ON_PAGE
    return visit.render(
        "examples.html",
        status,
        topic=topic,
        code=locale,
        title=topic_titles(visit.parts)[topic.id],
        rows=[(text, sentence_key(text)) for text in found[first : first + ON_PAGE]],
        total=len(found),
        counts=visit.parts.example_store.counts(),
        all_locales=LOCALES,
        query=query,
        page=page,
        pages_count=pages_count,
        typed="\n".join(typed or []),
        may_write=visit.staff.may(Need.WRITE),
        has_answer=topic.id in visit.parts.library.loaded.topics,
        **_doubts(visit, findings or [], error),
    )


def _show_one(
    visit: Visit,
    topic: CatalogueTopic,
    locale: str,
    old: str,
    text: str,
    to_topic: str,
    status: int = 200,
    findings: list[Finding] | None = None,
    error: str = "",
) -> Response:
    titles = topic_titles(visit.parts)
    return visit.render(
        "example.html",
        status,
        topic=topic,
        code=locale,
        title=titles[topic.id],
        sorted_titles=sorted(titles.items(), key=lambda item: item[1].casefold()),
        old=old,
        key=sentence_key(old),
        text=text,
        to_topic=to_topic,
        **_doubts(visit, findings or [], error),
    )


def _doubts(visit: Visit, findings: list[Finding], error: str) -> dict[str, Any]:
    """Return what a form shows of findings; of messages of the tests only how many."""
    titles = topic_titles(visit.parts)
    rows = [
        (found.text, visit.say(DOUBT_KEYS[found.doubt], neighbours=neighbours_of(found, titles)))
        for found in findings
        if found.doubt in DOUBT_KEYS
    ]
    held_out = sum(found.doubt is Doubt.HELD_OUT for found in findings)
    is_final = is_refused(findings, doubts_key(findings))
    return {
        "error": error or (visit.say("editor.example.held_out", count=held_out) if held_out else ""),
        "doubts": rows,
        "accept": "" if is_final or not findings else doubts_key(findings),
    }


def neighbours_of(found: Finding, titles: Mapping[str, str]) -> str:
    """Return in words what a sentence collides with."""
    return "; ".join(f"{titles.get(topic, topic)}: «{text}»" for topic, text in found.neighbours)


def _topic(visit: Visit) -> CatalogueTopic:
    topic = visit.parts.library.loaded.catalogue.get(visit.path["topic_id"])
    if topic is None:
        raise PageNotFound
    return topic


def _locale(visit: Visit, locale: str) -> str:
    if locale not in LOCALES:
        raise PageNotFound
    return locale


def _sentence(visit: Visit, topic: str, locale: str) -> str:
    found = (text for text in visit.parts.example_store.sentences(topic, locale) if sentence_key(text) == visit.path["key"])
    text = next(found, None)
    if text is None:
        raise PageNotFound
    return text


def _address(topic: str, locale: str) -> str:
    return f"/topics/{topic}/examples?locale={locale}"


def _note(visit: Visit, action: str, topic: str, detail: str) -> None:
    with visit.parts.database.transaction() as session:
        visit.parts.audit.write(session, visit.staff.id, action, topic, detail)
