"""Write one answer in one language: the source beside it, a field for each section, and what contacts would see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response
from wtforms import BooleanField, Form, StringField, TextAreaField

from bot.content.loader import text_hash
from bot.content.model import LEAD_LIMIT, SECTION_LIMIT, SECTIONS, Topic
from bot.content.writing import AnswerText, body_of, format_answer, read_answer_text, read_broken_answer, tidy
from bot.editor.bundles import blocks_of
from bot.editor.differences import marked_changes, three_ways
from bot.editor.drafts import OpenDraft
from bot.editor.faults import Fault, faults_by_field, to_fault
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.states import blocks
from bot.editor.views.topic import find_topic, path_of
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, SOURCE_LOCALE

pages = Pages()

GENERAL = "general"
"""Stands for "no destination" in addresses."""
ADDRESS = "/topics/{topic_id}/answer/{destination}/{locale}"


class AnswerForm(Form):
    """The fields of an answer; section fields are called `section_<name>`."""

    title = StringField(N_("editor.field.title"), render_kw={"maxlength": 60})
    menu_title = StringField(
        N_("editor.field.menu_title"), description=N_("editor.field.menu_title_hint"), render_kw={"maxlength": 24}
    )
    lead = TextAreaField(N_("editor.field.lead"), description=N_("editor.field.lead_hint"), render_kw={"rows": 7})
    is_current = BooleanField(N_("editor.field.is_current"))


for _name in SECTIONS:
    setattr(AnswerForm, f"section_{_name}", TextAreaField(f"section.{_name}", render_kw={"rows": 5}))


@dataclass(frozen=True)
class Entry:
    """One answer file and what belongs to it."""

    topic: Topic
    destination: str
    locale: str
    path: str
    on_disk: str
    draft: OpenDraft | None

    @property
    def current(self) -> str:
        """The text to go on with: the draft's, else the file's; a proposal to take the file out has none."""
        return self.draft.text if self.draft and not self.draft.is_retirement else self.on_disk

    @property
    def address(self) -> str:
        """Where it is edited."""
        return f"/topics/{self.topic.id}/answer/{self.destination or GENERAL}/{self.locale}"


@pages.get(ADDRESS, needs=Need.READ)
def show_answer(visit: Visit) -> Response:
    """Show an answer with its form; who may not change it sees it without the buttons."""
    entry = find_entry(visit)
    return _show(visit, entry, _filled(entry.current), entry.current)


@pages.post(ADDRESS, needs=Need.TRANSLATE)
def save_answer(visit: Visit) -> Response:
    """Keep the draft; faults are shown at their fields and do not stand in the way of keeping it."""
    entry, form = find_entry(visit), AnswerForm(visit.form)
    seen = tidy_base(visit)
    if not visit.staff.may_change(entry.locale):
        return _show(visit, entry, form, seen, 403, visit.say("editor.answer.other_language"))
    text = format_answer(_text(visit, entry, form))
    if entry.draft and entry.draft.is_retirement:
        return _show(visit, entry, form, seen, 409, visit.say("editor.answer.is_retiring"))
    if visit.form.get("action") == "preview":
        return _show(visit, entry, form, seen)
    if text == entry.current:
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(entry.address)
    try:
        draft = visit.parts.drafts.save(entry.path, entry.locale, text, entry.on_disk, fingerprint(seen), visit.staff.id)
    except ChangedMeanwhile as changed:
        return _show(visit, entry, form, changed.current, 409, conflict=(seen, changed.current, text))
    before = entry.draft.text if entry.draft else ""
    undo = {"draft_id": draft.id, "before": before, "after": fingerprint(text), "address": entry.address}
    visit.notice(N_("editor.answer.saved"), ("draft.save", undo))
    return visit.redirect(entry.address)


@pages.post(ADDRESS + "/preview", needs=Need.READ)
def preview_answer(visit: Visit) -> Response:
    """Answer htmx with the bubbles and the counts for what is in the form now."""
    entry, form = find_entry(visit), AnswerForm(visit.form)
    return visit.render("preview.html", is_part=True, **_preview(visit, entry, _text(visit, entry, form)))


@pages.undo("draft.save")
def undo_save(visit: Visit, data: dict[str, object]) -> str:
    """Put the draft's former text back, or discard a draft that was begun by this save."""
    draft = visit.parts.drafts.get(int(str(data["draft_id"])))
    if draft is None or fingerprint(draft.text) != data["after"]:
        return ""  # Somebody has gone on from there.
    if data["before"]:
        before, seen = str(data["before"]), str(data["after"])
        visit.parts.drafts.save(draft.path, draft.locale, before, draft.base_text, seen, visit.staff.id)
    else:
        visit.parts.workflow.discard(draft, visit.staff)
    return str(data["address"])


def find_entry(visit: Visit) -> Entry:
    """Return the answer that the address names; it need not exist yet.

    Raises:
        PageNotFound: there is no such topic, destination or language.
    """
    topic, locale = find_topic(visit), visit.path["locale"]
    destination = "" if visit.path["destination"] == GENERAL else visit.path["destination"]
    if locale not in LOCALES or (destination not in blocks(topic) and not _is_begun(visit, topic, destination)):
        raise PageNotFound
    return entry_of(visit, topic, destination, locale)


def _is_begun(visit: Visit, topic: Topic, destination: str) -> bool:
    """Tell whether a draft of the topic's data has a block for this destination."""
    draft = visit.parts.drafts.find(f"{topic.family}/{topic.id}/topic.yml")
    return draft is not None and destination in blocks_of(draft.text)


def entry_of(visit: Visit, topic: Topic, destination: str, locale: str) -> Entry:
    """Return one answer file of a topic with its draft."""
    path = path_of(topic, destination, locale)
    return Entry(topic, destination, locale, path, visit.parts.folder.read(path), visit.parts.drafts.find(path))


def tidy_base(visit: Visit) -> str:
    """Return the text that the form was made from, which travels in it, with our line ends."""
    return str(visit.form.get("base_text", "")).replace("\r\n", "\n")


def _text(visit: Visit, entry: Entry, form: AnswerForm) -> AnswerText:
    """Return what the form says, with the head that a translation carries."""
    sections = {name: tidy(form[f"section_{name}"].data or "").strip() for name in SECTIONS}
    text = AnswerText(
        title=" ".join((form.title.data or "").split()),
        menu_title=" ".join((form.menu_title.data or "").split()),
        lead=tidy(form.lead.data or "").strip(),
        sections={name: body for name, body in sections.items() if body},
    )
    if entry.locale == SOURCE_LOCALE:
        return text
    before = _read(entry.current)
    is_new = not before.source_hash
    source_hash = _source_hash(visit, entry) if is_new or form.is_current.data else before.source_hash
    return replace(text, translation_of=before.translation_of or SOURCE_LOCALE, source_hash=source_hash)


def _source_hash(visit: Visit, entry: Entry) -> str:
    source = entry_of(visit, entry.topic, entry.destination, SOURCE_LOCALE)
    return text_hash(body_of(source.on_disk))


def _filled(raw: str) -> AnswerForm:
    text = _read(raw)
    sections = {f"section_{name}": text.sections.get(name, "") for name in SECTIONS}
    return AnswerForm(data={"title": text.title, "menu_title": text.menu_title, "lead": text.lead, **sections})


def _read(raw: str) -> AnswerText:
    try:
        return read_answer_text(raw) if raw else AnswerText()
    except ValueError:
        return read_broken_answer(raw)  # The page says what is wrong with it, and where.


def _show(
    visit: Visit,
    entry: Entry,
    form: AnswerForm,
    base_text: str,
    status: int = 200,
    error: str = "",
    conflict: tuple[str, str, str] | None = None,
) -> Response:
    text = _text(visit, entry, form)
    beside = _beside(visit, entry)
    has_text = bool(text.lead or text.title)
    problems = visit.parts.workflow.problems(entry.path, format_answer(text), beside) if has_text else []
    faults = faults_by_field(problems, format_answer(text), visit.say)
    return visit.render(
        "answer.html",
        status,
        entry=entry,
        form=form,
        base_text=base_text,
        error=error,
        faults=faults,
        broken=_broken(visit, entry),
        other_faults=_faults_without_field(faults),
        has_history=bool(entry.on_disk),
        sections=SECTIONS,
        limits={"lead": LEAD_LIMIT, "section": SECTION_LIMIT},
        may_change=visit.staff.may_change(entry.locale),
        conflict=three_ways(*conflict) if conflict else None,
        **_source(visit, entry, text),
        **_preview(visit, entry, text),
        is_part=False,
    )


def _beside(visit: Visit, entry: Entry) -> dict[str, str]:
    """Return the drafts that go live together with this answer, and those that it would go live with were it saved."""
    data = visit.parts.drafts.find(f"{entry.topic.family}/{entry.topic.id}/topic.yml")
    started = entry.draft or data
    bundle = visit.parts.workflow.bundle(started) if started else []
    return {each.path: each.text for each in bundle if each.path != entry.path}


def _broken(visit: Visit, entry: Entry) -> list[Fault]:
    """Return why the file on disk cannot be read, if it cannot; people are still answered with its last good state."""
    if not entry.on_disk:
        return []
    found = visit.parts.workflow.problems(entry.path, entry.on_disk)
    unreadable = [problem for problem in found if problem.code in ("yaml", "unreadable", "schema", "section_name")]
    return [replace(to_fault(problem, visit.say), detail=f"{problem.line}: {problem.message}") for problem in unreadable]


def _faults_without_field(faults: dict[str, list[Fault]]) -> list[Fault]:
    return faults.get("", [])


def _source(visit: Visit, entry: Entry, text: AnswerText) -> dict[str, Any]:
    """Return the source text beside a translation, with what has changed since the translation was made."""
    if entry.locale == SOURCE_LOCALE:
        return {"source": None, "source_changes": None, "has_drifted": False}
    source = entry_of(visit, entry.topic, entry.destination, SOURCE_LOCALE)
    has_drifted = bool(text.source_hash) and text_hash(body_of(source.on_disk)) != text.source_hash
    earlier = visit.parts.versions.text_with_hash(source.path, text.source_hash) if has_drifted else ""
    changes = {}
    if earlier:
        before, now = read_answer_text(earlier), _read(source.on_disk)
        changes = {"lead": marked_changes(before.lead, now.lead)}
        changes.update({n: marked_changes(before.sections.get(n, ""), now.sections.get(n, "")) for n in SECTIONS})
    return {"source": _read(source.on_disk), "source_changes": changes, "has_drifted": has_drifted}


def _preview(visit: Visit, entry: Entry, text: AnswerText) -> dict[str, Any]:
    """Return the parts as each channel would show them, and how long they are there."""
    loaded = visit.parts.library.loaded
    parts = visit.parts.shown_replies.parts(loaded, entry.topic, entry.destination, entry.locale, text)
    shown = [(part, visit.parts.preview(part.message, entry.locale)) for part in parts]
    lengths = {part.name or "lead": (part.length, part.limit, bubbles) for part, bubbles in shown}
    return {"shown": shown, "names": ("lead", *SECTIONS), "lengths": lengths}
