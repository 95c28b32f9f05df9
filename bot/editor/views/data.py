"""What is true of a topic in every language: facts, sources, official address, dates, and for the whole topic owner and care."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from starlette.responses import Response
from wtforms import DateField, FieldList, Form, FormField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.widgets import CheckboxInput, ListWidget

from bot.content.model import Topic
from bot.content.writing import TOPIC_ORDER, replace_values
from bot.editor.faults import faults_by_key
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.states import blocks
from bot.editor.views.answer import GENERAL, tidy_base
from bot.editor.views.topic import find_topic
from bot.editor.views.topics import SENSITIVITY_KEYS
from bot.editor.visit import Visit
from bot.i18n import N_

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
    """Show the data of a topic's block."""
    topic, destination = _place(visit)
    current = _current(visit, topic)
    return _show(visit, topic, destination, _filled(yaml.safe_load(current) or {}, destination), current)


@pages.post(ADDRESS, needs=Need.WRITE)
def save_data(visit: Visit) -> Response:
    """Keep a draft of the topic's `topic.yml`."""
    topic, destination = _place(visit)
    path, current, seen = _path(topic), _current(visit, topic), tidy_base(visit)
    form = (BlockForm if destination else TopicForm)(visit.form)
    text = replace_values(current, _changed(yaml.safe_load(current) or {}, destination, form), TOPIC_ORDER)
    address = f"/topics/{topic.id}/data/{destination or GENERAL}"
    if text == current:
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(address)
    if fingerprint(current) != fingerprint(seen):
        return _show(visit, topic, destination, form, current, 409, visit.say("editor.data.conflict"))
    try:
        draft = visit.parts.drafts.save(path, "", text, visit.parts.folder.read(path), fingerprint(seen), visit.staff.id)
    except ChangedMeanwhile as changed:
        return _show(visit, topic, destination, form, changed.current, 409, visit.say("editor.data.conflict"))
    before = current if current != draft.base_text else ""
    undo = {"draft_id": draft.id, "before": before, "after": fingerprint(text), "address": address}
    visit.notice(N_("editor.answer.saved"), ("draft.save", undo))
    return visit.redirect(address)


def _place(visit: Visit) -> tuple[Topic, str]:
    topic = find_topic(visit)
    destination = "" if visit.path["destination"] == GENERAL else visit.path["destination"]
    if destination not in blocks(topic):
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


def _show(
    visit: Visit, topic: Topic, destination: str, form: BlockForm, base_text: str, status: int = 200, error: str = ""
) -> Response:
    text = replace_values(base_text, _changed(yaml.safe_load(base_text) or {}, destination, form), TOPIC_ORDER)
    problems = visit.parts.workflow.problems(_path(topic), text)
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
        error=error,
        faults=faults,
        facts={fact_id: facts[fact_id] for fact_id in _list(form.facts.data) if fact_id in facts},
        may_change=visit.staff.may_change(""),
        draft=visit.parts.drafts.find(_path(topic)),
    )
