"""The system's sentences: menus, buttons, errors. A change is live within seconds; a draft only once a reviewer clears it."""

from __future__ import annotations

import re

from starlette.responses import Response

from bot.editor.differences import marked_changes
from bot.editor.folder import ChangedMeanwhile, NotWritten
from bot.editor.pages import PageNotFound, Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sentences import Sentence, reviewed
from bot.editor.sessions import Staff
from bot.editor.views.topics import folded
from bot.editor.visit import Visit
from bot.i18n import N_, SOURCE_LOCALE
from bot.locale_checks import placeholders, sentence_faults

pages = Pages()
pages.menu_entry(N_("editor.menu.sentences"), "/sentences")

FILTERS = {
    "fuzzy": N_("editor.sentences.fuzzy"),
    "missing": N_("editor.state.missing"),
}
FAULT_KEYS = {
    "placeholders": N_("editor.sentences.placeholders_differ"),
    "braces": N_("editor.sentences.braces"),
    "too_long": N_("editor.sentences.too_long"),
    "empty": N_("editor.sentences.empty"),
    "numbers": N_("editor.sentences.numbers"),
}
ADDRESS = "/sentences/{locale}/{key}"
_SHOWN = 100
_NUMBER = re.compile(r"\d+")
_LONG_NUMBER = re.compile(r"\d{3,}")


@pages.counter(N_("editor.counter.fuzzy"), "/sentences?only=fuzzy", Need.REVIEW)
def count_fuzzy(parts: EditorParts, staff: Staff) -> int:
    """Count the sentences that wait for a reviewer."""
    return sum(sentence.is_fuzzy for locale in parts.sentences.locales() for sentence in parts.sentences.all(locale))


@pages.get("/sentences", needs=Need.READ)
def show_sentences(visit: Visit) -> Response:
    """Show the sentences of a language, or all drafts, those that were searched for."""
    locales = visit.parts.sentences.locales()
    locale, query, only = visit.query.get("language", ""), visit.query.get("q", ""), visit.query.get("only", "")
    if locale and locale not in locales:
        raise PageNotFound
    chosen = [locale] if locale else locales if only else [visit.staff.translates or SOURCE_LOCALE]
    words = folded(query).split()
    found = [
        sentence
        for code in chosen
        for sentence in visit.parts.sentences.all(code)
        if _fits(sentence, only) and all(word in _searched(sentence) for word in words)
    ]
    return visit.render(
        "sentences.html",
        rows=found[:_SHOWN],
        total=len(found),
        locale_of=locale or (chosen[0] if len(chosen) == 1 else ""),
        languages=locales,
        query=query,
        only=only,
        filters=FILTERS,
    )


@pages.get(ADDRESS, needs=Need.READ)
def show_sentence(visit: Visit) -> Response:
    """Show one sentence with the Spanish one beside it."""
    sentence = _find(visit)
    return _show(visit, sentence, sentence.text, sentence.text)


@pages.post(ADDRESS, needs=Need.TRANSLATE)
def save_sentence(visit: Visit) -> Response:
    """Write a sentence; faults stand in the way here, as it is live at once."""
    sentence = _find(visit)
    text, seen = _tidy(str(visit.form.get("text", ""))), _tidy(str(visit.form.get("seen", "")))
    if not visit.staff.may_change(sentence.locale):
        return _show(visit, sentence, text, seen, 403, visit.say("editor.answer.other_language"))
    is_reviewed = visit.staff.may(Need.REVIEW) and bool(visit.form.get("reviewed"))
    faults = _faults(visit.staff, sentence, text)
    if faults:
        return _show(visit, sentence, text, seen, 422, faults=faults)
    made = reviewed(sentence, text, is_reviewed=is_reviewed)
    address = f"/sentences/{sentence.locale}/{sentence.key}"
    if made == sentence:
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(address)
    try:
        _write(visit, made, seen)
    except ChangedMeanwhile as changed:
        return _show(visit, sentence, text, changed.current, 409, visit.say("editor.sentences.conflict"))
    except NotWritten as refused:
        return _show(visit, sentence, text, seen, 507, visit.say(refused.key))
    undo = {"locale": made.locale, "key": made.key, "before": sentence.text, "after": text, "fuzzy": sentence.is_fuzzy}
    key = N_("editor.sentences.saved_draft") if made.is_fuzzy else N_("editor.sentences.saved")
    # What was never written cannot be put back: an empty sentence would be a fault.
    visit.notice(key, ("sentences.save", undo) if sentence.text else None)
    return visit.redirect(address)


@pages.undo("sentences.save")
def undo_save(visit: Visit, data: dict[str, str]) -> str:
    """Put the former sentence back, if nobody has gone on from there."""
    sentence = visit.parts.sentences.find(data["locale"], data["key"])
    if sentence is None or sentence.text != data["after"]:
        return ""
    former = Sentence(sentence.key, sentence.locale, data["before"], sentence.source, bool(data["fuzzy"]))
    try:
        _write(visit, former, sentence.text)
    except ChangedMeanwhile:
        return ""
    return f"/sentences/{sentence.locale}/{sentence.key}"


def _write(visit: Visit, sentence: Sentence, seen: str) -> None:
    with visit.parts.database.transaction() as session:
        target = f"{sentence.locale}/{sentence.key}"
        detail = "draft" if sentence.is_fuzzy else "live"
        visit.parts.audit.write(session, visit.staff.id, "sentence.saved", target, detail)
        visit.parts.sentences.save(sentence, seen)  # Last, so that a disk that refuses takes the entry back.


def _find(visit: Visit) -> Sentence:
    sentence = visit.parts.sentences.find(visit.path["locale"], visit.path["key"])
    if sentence is None:
        raise PageNotFound
    return sentence


def _faults(staff: Staff, sentence: Sentence, text: str) -> list[tuple[str, str]]:
    """Return key and detail of what is wrong; a number that is new, or gone, needs a reviewer's eyes."""
    if not text:
        return [(FAULT_KEYS["empty"], "")]
    is_source = sentence.locale == SOURCE_LOCALE
    source = (sentence.text or None) if is_source else sentence.source
    found = [(FAULT_KEYS[code], detail) for code, detail in sentence_faults(sentence.key, text, source)]
    known = set(_NUMBER.findall(f"{sentence.source} {sentence.text}"))
    odd = sorted(set(_NUMBER.findall(text)) - known) + sorted(
        set(_LONG_NUMBER.findall(sentence.source)) - set(_NUMBER.findall(text))
    )
    if odd and not staff.may(Need.REVIEW):
        found.append((FAULT_KEYS["numbers"], ", ".join(odd)))
    return found


def _fits(sentence: Sentence, only: str) -> bool:
    return {"fuzzy": sentence.is_fuzzy, "missing": not sentence.text}.get(only, True)


def _searched(sentence: Sentence) -> str:
    return folded(f"{sentence.key} {sentence.text} {sentence.source}")


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _show(
    visit: Visit,
    sentence: Sentence,
    text: str,
    seen: str,
    status: int = 200,
    error: str = "",
    faults: list[tuple[str, str]] | None = None,
) -> Response:
    return visit.render(
        "sentence.html",
        status,
        sentence=sentence,
        text=text,
        seen=seen,
        error=error,
        faults=faults or [],
        changes=marked_changes(seen, text) if status == 409 else None,
        placeholders=placeholders(sentence.source),
        is_source=sentence.locale == SOURCE_LOCALE,
        may_change=visit.staff.may_change(sentence.locale),
        may_review=visit.staff.may(Need.REVIEW),
    )
