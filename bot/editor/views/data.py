"""What is true of a topic in every language: facts, sources, official address, dates, and for the whole topic owner and care."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from markupsafe import Markup
from starlette.responses import Response
from wtforms import DateField, FieldList, Form, FormField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.widgets import CheckboxInput, ListWidget

from bot.content.model import Topic
from bot.content.writing import TOPIC_ORDER, replace_values, tidy
from bot.editor.bundles import blocks_of
from bot.editor.differences import three_ways
from bot.editor.faults import faults_by_key, to_fault
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.states import blocks
from bot.editor.views.answer import GENERAL, tidy_base
from bot.editor.views.topic import find_topic
from bot.editor.views.topics import SENSITIVITY_KEYS
from bot.editor.visit import Visit
from bot.i18n import N_, SOURCE_LOCALE

pages = Pages()

ADDRESS = "/topics/{topic_id}/data/{destination}"
SERVICE_KEYS = {
    "general": N_("editor.service.general"),
    "police": N_("editor.service.police"),
    "ambulance": N_("editor.service.ambulance"),
    "gender_violence": N_("editor.service.gender_violence"),
    "trafficking": N_("editor.service.trafficking"),
    "suicide": N_("editor.service.suicide"),
    "child": N_("editor.service.child"),
    "missing_persons": N_("editor.service.missing_persons"),
    "consular": N_("editor.service.consular"),
}
_EMPTY_SOURCES = 2
"""Rows for new sources, so that none needs a script."""
_MOST_SOURCES = 8

_SHORT = {"rows": 2, "class": "short"}


class SourceForm(Form):
    """One page that the answers rest on; one without an address is taken out."""

    title = StringField(N_("editor.source.title"))
    publisher = StringField(N_("editor.source.publisher"))
    url = StringField(N_("editor.source.url"), render_kw={"inputmode": "url"})
    date = StringField(N_("editor.source.date"), description=N_("editor.source.date_hint"))


class BlockForm(Form):
    """What a block has, the general one and that of a destination."""

    reviewed_on = DateField(N_("editor.field.reviewed_on"))
    review_by = DateField(N_("editor.field.review_by"))
    facts = TextAreaField(N_("editor.field.facts"), description=N_("editor.field.list_hint"), render_kw=_SHORT)
    sources = FieldList(FormField(SourceForm), max_entries=_MOST_SOURCES + _EMPTY_SOURCES)
    verify_name = StringField(N_("editor.field.verify_name"))
    verify_url = StringField(N_("editor.field.verify_url"), render_kw={"inputmode": "url"})


class TopicForm(BlockForm):
    """What the whole topic has beside its general block."""

    owner = StringField(N_("editor.field.owner"), description=N_("editor.field.owner_hint"))
    sensitivity = SelectField(N_("editor.field.sensitivity"), choices=list(SENSITIVITY_KEYS.items()))
    related = TextAreaField(N_("editor.field.related"), description=N_("editor.field.list_hint"), render_kw=_SHORT)
    help_points = TextAreaField(N_("editor.field.help_points"), description=N_("editor.field.list_hint"), render_kw=_SHORT)
    emergency_services = SelectMultipleField(
        N_("editor.field.emergency_services"),
        choices=list(SERVICE_KEYS.items()),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )


@pages.get(ADDRESS, needs=Need.READ)
def show_data(visit: Visit) -> Response:
    """Show the data of a topic's block; a file that cannot be read is shown as it stands."""
    broken = _broken(visit)
    if broken is not None:
        return _show_broken(visit, broken)
    topic, destination = _place(visit)
    current = _current(visit, topic)
    return _show(visit, topic, destination, _filled(yaml.load(current, Loader=yaml.CSafeLoader) or {}, destination), current)


@pages.post(ADDRESS, needs=Need.WRITE)
def save_data(visit: Visit) -> Response:
    """Keep a draft of the topic's `topic.yml`."""
    broken = _broken(visit)
    if broken is not None or "raw" in visit.form:
        return _save_raw(visit, broken or _path_of(visit))
    topic, destination = _place(visit)
    path, current, seen = _path(topic), _current(visit, topic), tidy_base(visit)
    form = (BlockForm if destination else TopicForm)(visit.form)
    text = _with_form(current, destination, form)
    address = f"/topics/{topic.id}/data/{destination or GENERAL}"
    if text == current:
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(address)
    conflict = three_ways(seen, current, _own(seen, destination, form))
    if fingerprint(current) != fingerprint(seen):
        return _show(visit, topic, destination, form, current, 409, conflict)
    try:
        draft = visit.parts.drafts.save(path, "", text, visit.parts.folder.read(path), fingerprint(seen), visit.staff.id)
    except ChangedMeanwhile as changed:
        conflict = three_ways(seen, changed.current, _own(seen, destination, form))
        return _show(visit, topic, destination, form, changed.current, 409, conflict)
    before = current if current != draft.base_text else ""
    undo = {"draft_id": draft.id, "before": before, "after": fingerprint(text), "address": address}
    visit.notice(N_("editor.answer.saved"), ("draft.save", undo))
    return visit.redirect(address)


@pages.post("/topics/{topic_id}/destinations", needs=Need.WRITE)
def add_destination(visit: Visit) -> Response:
    """Begin an answer for one more destination: a block with the general facts, and an empty Spanish answer to be written."""
    topic, code = find_topic(visit), str(visit.form.get("destination", ""))
    entry = visit.parts.library.loaded.catalogue[topic.id]
    path, current = _path(topic), _current(visit, topic)
    data = yaml.load(current, Loader=yaml.CSafeLoader)
    known = code in visit.parts.content_destinations() and entry.is_by_destination
    if not known or code in data.get("destinations", {}):
        raise PageNotFound
    block = {name: data[name] for name in ("facts", "sources", "verify_at", "reviewed_on", "review_by")}
    made = {**data, "destinations": {**data.get("destinations", {}), code: block}}
    text = replace_values(current, made, TOPIC_ORDER)
    try:
        visit.parts.drafts.save(path, "", text, visit.parts.folder.read(path), fingerprint(current), visit.staff.id)
        visit.notice(N_("editor.new_destination.begun"))
    except ChangedMeanwhile:
        visit.notice(N_("editor.publish.changed"))
        return visit.redirect(f"/topics/{topic.id}")
    return visit.redirect(f"/topics/{topic.id}/answer/{code}/{SOURCE_LOCALE}")


def _place(visit: Visit) -> tuple[Topic, str]:
    topic = find_topic(visit)
    destination = "" if visit.path["destination"] == GENERAL else visit.path["destination"]
    if destination and destination not in blocks_of(_current(visit, topic)):
        raise PageNotFound
    return topic, destination


def _path(topic: Topic) -> str:
    return f"{topic.family}/{topic.id}/topic.yml"


def _current(visit: Visit, topic: Topic) -> str:
    draft = visit.parts.drafts.find(_path(topic))
    return draft.text if draft else visit.parts.folder.read(_path(topic))


def _filled(data: dict[str, Any], destination: str) -> BlockForm:
    block = data.get("destinations", {}).get(destination, {}) if destination else data
    sources = [{**source, "date": source["date"] or ""} for source in block.get("sources", [])]
    values = {
        **{name: _words(block.get(name, [])) for name in ("facts", "related", "help_points")},
        "sources": [*sources, *({} for _ in range(_EMPTY_SOURCES))],
        "verify_name": block.get("verify_at", {}).get("name", ""),
        "verify_url": block.get("verify_at", {}).get("url", ""),
        "owner": data.get("owner", ""),
        "sensitivity": data.get("sensitivity", "careful"),
        "emergency_services": data.get("emergency_services", []),
    }
    form = (BlockForm if destination else TopicForm)(data=values)
    for name in ("reviewed_on", "review_by"):
        form[name].raw_data = [str(block.get(name, ""))]  # As it stands, also when it is no date.
    return form


def _words(items: Iterable[str]) -> str:
    return ", ".join(items)


def _changed(data: dict[str, Any], destination: str, form: BlockForm) -> dict[str, Any]:
    """Return the file's values with what the form says."""
    if destination:
        made = {**data["destinations"][destination], **_block(form)}
        return {**data, "destinations": {**data["destinations"], destination: made}}
    values = {
        **data,
        **_block(form),
        "owner": _given(form.owner),
        "sensitivity": form.sensitivity.data or data.get("sensitivity"),
        "related": _list(form.related.data),
        "help_points": _list(form.help_points.data),
        "emergency_services": list(form.emergency_services.data or []),
    }
    return {key: value for key, value in values.items() if value or key not in ("help_points", "emergency_services")}


def _block(form: BlockForm) -> dict[str, Any]:
    sources = [entry.form for entry in form.sources if _given(entry.form.url)]
    return {
        "facts": _list(form.facts.data),
        "sources": [
            {
                "title": _given(source.title),
                "publisher": _given(source.publisher),
                "url": _given(source.url),
                "date": _given(source.date) or None,
            }
            for source in sources
        ],
        "verify_at": {"name": _given(form.verify_name), "url": _given(form.verify_url)},
        "reviewed_on": _first(form.reviewed_on.raw_data),
        "review_by": _first(form.review_by.raw_data),
    }


def _given(field: StringField) -> str:
    return (field.data or "").strip()


def _first(raw: list[str] | None) -> str:
    return raw[0].strip() if raw else ""


def _list(text: str | None) -> list[str]:
    return list(dict.fromkeys((text or "").replace(",", " ").split()))


def _with_form(raw: str, destination: str, form: BlockForm) -> str:
    return replace_values(raw, _changed(yaml.load(raw, Loader=yaml.CSafeLoader) or {}, destination, form), TOPIC_ORDER)


def _own(seen: str, destination: str, form: BlockForm) -> str:
    """Return what a person would have written onto the text that they began with, which travelled in their form."""
    try:
        return _with_form(seen, destination, form)
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return seen


def _path_of(visit: Visit) -> str:
    entry = visit.parts.library.loaded.catalogue.get(visit.path["topic_id"])
    return f"{entry.family}/{entry.id}/topic.yml" if entry else _path(find_topic(visit))


def _broken(visit: Visit) -> str | None:
    """Return the path of the topic's data when what stands there is no readable mapping; None: it can be read."""
    path = _path_of(visit)
    draft = visit.parts.drafts.find(path)
    text = draft.text if draft else visit.parts.folder.read(path)
    try:
        is_readable = not text or isinstance(yaml.load(text, Loader=yaml.CSafeLoader), dict)
    except yaml.YAMLError:
        is_readable = False
    return None if is_readable else path


def _show_broken(visit: Visit, path: str, raw: str = "", status: int = 200) -> Response:
    """Show a broken file as it stands, with what is wrong on which line."""
    draft = visit.parts.drafts.find(path)
    current = draft.text if draft else visit.parts.folder.read(path)
    problems = visit.parts.workflow.problems(path, raw or current)
    return visit.render(
        "data_broken.html",
        status,
        path=path,
        raw=raw or current,
        base_text=current,
        faults=[(problem.line, to_fault(problem, visit.say)) for problem in problems],
        may_change=visit.staff.may_change(""),
        draft=draft,
    )


def _save_raw(visit: Visit, path: str) -> Response:
    """Keep a draft of the whole file as it was typed."""
    text, seen = tidy(str(visit.form.get("raw", ""))) + "\n", fingerprint(tidy_base(visit))
    try:
        draft = visit.parts.drafts.save(path, "", text, visit.parts.folder.read(path), seen, visit.staff.id)
    except ChangedMeanwhile:
        visit.notice(N_("editor.publish.changed"))
        return _show_broken(visit, path, text, 409)
    visit.notice(N_("editor.answer.saved"))
    return visit.redirect(f"/drafts/{draft.id}")


def _show(
    visit: Visit,
    topic: Topic,
    destination: str,
    form: BlockForm,
    base_text: str,
    status: int = 200,
    conflict: dict[str, Markup] | None = None,
) -> Response:
    text = _with_form(base_text, destination, form)
    workflow, draft = visit.parts.workflow, visit.parts.drafts.find(_path(topic))
    beside = {each.path: each.text for each in workflow.bundle(draft) if each.path != draft.path} if draft else {}
    problems = workflow.problems(_path(topic), text, beside)
    faults = faults_by_key(problems, text, visit.say)
    facts = visit.parts.library.loaded.facts
    return visit.render(
        "data.html",
        status,
        topic=topic,
        destination=destination,
        place=destination or GENERAL,
        blocks=blocks(topic),
        form=form,
        base_text=base_text,
        conflict=conflict,
        data_path=_path(topic),
        faults=faults,
        facts={fact_id: facts[fact_id] for fact_id in _list(form.facts.data) if fact_id in facts},
        may_change=visit.staff.may_change(""),
        draft=draft,
    )
