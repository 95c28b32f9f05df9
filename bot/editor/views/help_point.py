"""One help point: its form with opening hours, "checked today", retired and brought back. Changes go the way of all drafts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from wtforms import Form, SelectField, StringField, TextAreaField

from bot.content.help_points import FOLDER, format_help_point, is_overdue, is_reachable, read_help_point
from bot.editor.drafts import OpenDraft
from bot.editor.faults import faults_by_key
from bot.editor.folder import ChangedMeanwhile, NotWritten, fingerprint
from bot.editor.opening_form import OpeningForm
from bot.editor.pages import PageNotFound, Pages
from bot.editor.refusals import PublicationRefused
from bot.editor.roles import Need
from bot.editor.views.answer import tidy_base, undo_save
from bot.editor.views.help_points import CONFIDENCE_KEYS, KIND_KEYS
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, SOURCE_LOCALE, country_names

pages = Pages()

NEW = "new"
"""Stands for a help point that has no name yet in addresses."""
_SLUG = re.compile(r"[a-z0-9-]{1,80}")
_SHORT = {"rows": 2, "class": "short"}
_TEXTS = {
    "hours": N_("editor.points.hours"),
    "bring": N_("editor.points.bring"),
    "note": N_("editor.points.note"),
}
"""The fields that are written in each language, `<name>_<locale>`."""
_KEYS = {"hours": "hours", "bring": "what_to_bring", "note": "note"}
_PLAIN = ("kind", "country", "province", "city", "address", "phone", "url", "fact", "confidence", "checked_on", "source_url")


class PointForm(Form):
    """What a help point has beside its opening hours."""

    name = StringField(N_("editor.points.name"), render_kw={"maxlength": 120})
    kind = SelectField(N_("editor.points.kind"), choices=list(KIND_KEYS.items()))
    country = SelectField(N_("editor.points.country"), choices=[])
    province = StringField(N_("editor.points.province"))
    city = StringField(N_("editor.points.city"))
    address = StringField(N_("editor.points.address"), render_kw={"maxlength": 200})
    phone = StringField(N_("editor.points.phone"), render_kw={"maxlength": 80, "inputmode": "tel"})
    url = StringField(N_("editor.points.url"), render_kw={"inputmode": "url"})
    fact = StringField(N_("editor.points.fact"), description=N_("editor.points.fact_hint"))
    confidence = SelectField(N_("editor.points.confidence"), choices=list(CONFIDENCE_KEYS.items()))
    checked_on = StringField(N_("editor.points.checked_on"), render_kw={"type": "date"})
    page_date = StringField(N_("editor.source.date"), description=N_("editor.source.date_hint"))
    source_url = StringField(N_("editor.points.source_url"), render_kw={"inputmode": "url"})


for _locale in LOCALES:
    if _locale != SOURCE_LOCALE:
        setattr(PointForm, f"name_{_locale}", StringField(N_("editor.points.name"), render_kw={"maxlength": 120}))
    for _name, _label in _TEXTS.items():
        setattr(PointForm, f"{_name}_{_locale}", TextAreaField(_label, render_kw=_SHORT))


@pages.get(f"/help-points/{NEW}", needs=Need.WRITE)
def show_new(visit: Visit) -> Response:
    """Show an empty form."""
    data = {"country": "ec", "confidence": "low", "checked_on": visit.parts.today().isoformat()}
    return _show(visit, "", _filled(visit, data), OpeningForm.of({}), "")


@pages.post(f"/help-points/{NEW}", needs=Need.WRITE)
def save_new(visit: Visit) -> Response:
    """Begin a help point; its file is named after it."""
    return _save(visit, "")


@pages.get("/help-points/{slug}", needs=Need.READ)
def show_point(visit: Visit) -> Response:
    """Show a help point."""
    slug, current, _ = _find(visit)
    data = _data(current)
    return _show(visit, slug, _filled(visit, data), OpeningForm.of(data.get("opening", {})), current)


@pages.post("/help-points/{slug}", needs=Need.WRITE)
def save_point(visit: Visit) -> Response:
    """Keep a draft; one that nobody could reach is refused."""
    return _save(visit, _find(visit)[0])


@pages.post("/help-points/{slug}/checked", needs=Need.WRITE)
def note_check(visit: Visit) -> Response:
    """Note that somebody has called or looked today: live at once from a reviewer, else a draft."""
    slug, current, draft = _find(visit)
    today = visit.parts.today().isoformat()
    made = format_help_point({**_data(current), "checked_on": today})
    if made == current:
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(_address(slug))
    saved = _keep(visit, slug, current, made)
    if saved is None:
        return visit.redirect(_address(slug))
    with visit.parts.database.transaction() as session:
        visit.parts.audit.write(session, visit.staff.id, "help_point.checked", saved.path)
    is_live = draft is None and visit.staff.may(Need.REVIEW) and _publish(visit, saved)
    key = N_("editor.points.checked_live") if is_live else N_("editor.points.checked_draft")
    undo = {"slug": slug, "former": current, "step": _step(saved, current), "is_live": is_live}
    visit.notice(key, ("points.checked", undo))
    return visit.redirect(_address(slug))


@pages.undo("points.checked")
def undo_check(visit: Visit, data: dict[str, Any]) -> str:
    """Put the former day back, the way it was noted."""
    if not data["is_live"]:
        return undo_save(visit, data["step"])
    slug = str(data["slug"])
    if fingerprint(visit.parts.folder.read(_path(slug))) != data["step"]["after"] or visit.parts.drafts.find(_path(slug)):
        return ""  # Somebody has gone on from there.
    saved = _keep(visit, slug, visit.parts.folder.read(_path(slug)), str(data["former"]))
    return _address(slug) if saved and _publish(visit, saved) else ""


@pages.post("/help-points/{slug}/retire", needs=Need.WRITE)
def retire(visit: Visit) -> Response:
    """Begin a draft with which the bot names the place no more, or names a retired one again."""
    slug, current, _ = _find(visit)
    data = _data(current)
    was_retired = data.pop("retired_on", None) is not None
    if not was_retired:
        data["retired_on"] = visit.parts.today().isoformat()
    saved = _keep(visit, slug, current, format_help_point(data))
    if saved is not None:
        key = N_("editor.points.brought_back") if was_retired else N_("editor.points.retired_draft")
        visit.notice(key, ("draft.save", _step(saved, current)))
    return visit.redirect(_address(slug))


def new_slug(name: str, city: str, taken: set[str]) -> str:
    """Return a file name for a help point: its name, with the city or a number when that is taken."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", f"{name}") if not unicodedata.combining(letter))
    base = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60].strip("-") or "punto"
    place = re.sub(r"[^a-z0-9]+", "-", folded_city(city)).strip("-")[:15].strip("-")
    candidates = [base, f"{base}-{place}" if place else base, *(f"{base}-{number}" for number in range(2, 1000))]
    return next(slug for slug in candidates if slug not in taken and slug != NEW)


def folded_city(city: str) -> str:
    """Return a city's name in small letters without accents."""
    return "".join(letter for letter in unicodedata.normalize("NFD", city.lower()) if not unicodedata.combining(letter))


def _find(visit: Visit) -> tuple[str, str, OpenDraft | None]:
    """Return a help point's name, its text as it stands, and its draft."""
    slug = visit.path["slug"]
    if not _SLUG.fullmatch(slug):
        raise PageNotFound
    draft = visit.parts.drafts.find(_path(slug))
    current = draft.text if draft else visit.parts.folder.read(_path(slug))
    if not current:
        raise PageNotFound
    return slug, current, draft


def _save(visit: Visit, slug: str) -> Response:
    current = _find(visit)[1] if slug else ""
    form, opening, seen = _form(visit), OpeningForm.sent(visit.form), tidy_base(visit)
    before = _data(current)
    data = _changed(before, form, opening)
    if opening.faulty_days:
        return _show(visit, slug, form, opening, seen, 422, visit.say("editor.points.opening_wrong"))
    if not is_reachable(data):
        return _show(visit, slug, form, opening, seen, 422, visit.say("editor.points.unreachable"))
    if not data.get("name"):
        return _show(visit, slug, form, opening, seen, 422, visit.say("editor.points.nameless"))
    if slug and format_help_point(data) == format_help_point(before):
        visit.notice(N_("editor.answer.unchanged"))
        return visit.redirect(_address(slug))
    if fingerprint(current) != fingerprint(seen):
        return _show(visit, slug, form, opening, current, 409, visit.say("editor.data.conflict"))
    slug = slug or new_slug(str(data["name"]), str(data.get("city", "")), _taken(visit))
    saved = _keep(visit, slug, current, format_help_point(data))
    if saved is None:
        return _show(visit, slug, form, opening, current, 409, visit.say("editor.data.conflict"))
    visit.notice(N_("editor.answer.saved"), ("draft.save", _step(saved, current)))
    return visit.redirect(_address(slug))


def _taken(visit: Visit) -> set[str]:
    files = {path.stem for path in (visit.parts.content / FOLDER).glob("*.yml")}
    return files | {draft.path.split("/")[1].removesuffix(".yml") for draft in visit.parts.drafts.all_open()}


def _keep(visit: Visit, slug: str, current: str, text: str) -> OpenDraft | None:
    """Keep a draft; None, and a notice, when somebody else was faster."""
    on_disk = visit.parts.folder.read(_path(slug))
    try:
        return visit.parts.drafts.save(_path(slug), "", text, on_disk, fingerprint(current), visit.staff.id)
    except ChangedMeanwhile:
        visit.notice(N_("editor.data.conflict"))
        return None


def _publish(visit: Visit, draft: OpenDraft) -> bool:
    try:
        visit.parts.workflow.publish(draft, visit.staff, "")
    except (PublicationRefused, ChangedMeanwhile, NotWritten):
        return False  # It stays a draft, and its page says why.
    return True


def _step(saved: OpenDraft, current: str) -> dict[str, Any]:
    former = current if current != saved.base_text else ""
    address = _address(saved.path.split("/")[1].removesuffix(".yml")) if saved.base_text else "/help-points"
    return {"draft_id": saved.id, "before": former, "after": fingerprint(saved.text), "address": address}


def _path(slug: str) -> str:
    return f"{FOLDER}/{slug}.yml"


def _address(slug: str) -> str:
    return f"/help-points/{slug}"


def _data(raw: str) -> dict[str, Any]:
    try:
        return read_help_point(raw)
    except ValueError:
        return {}


def _form(visit: Visit, data: dict[str, Any] | None = None) -> PointForm:
    form = PointForm(visit.form) if data is None else PointForm(data=data)
    form.country.choices = country_names(visit.locale)
    return form


def _filled(visit: Visit, data: Mapping[str, Any]) -> PointForm:
    values = {key: str(data.get(key) or "") for key in (*_PLAIN, "name", "page_date")}
    for locale in LOCALES:
        values[f"name_{locale}"] = _in_language(data, "names", locale)
        values.update({f"{name}_{locale}": _in_language(data, key, locale) for name, key in _KEYS.items()})
    return _form(visit, values)


def _in_language(data: Mapping[str, Any], key: str, locale: str) -> str:
    texts = data.get(key)
    return str(texts.get(locale, "")) if isinstance(texts, Mapping) else ""


def _changed(data: Mapping[str, Any], form: PointForm, opening: OpeningForm) -> dict[str, Any]:
    """Return the values with what the form says; what is empty is left out when it is written."""
    made = {**data, "name": _given(form, "name"), **{key: _given(form, key) for key in _PLAIN}}
    made["names"] = {locale: _given(form, f"name_{locale}") for locale in LOCALES if locale != SOURCE_LOCALE}
    for name, key in _KEYS.items():
        made[key] = {locale: _given(form, f"{name}_{locale}") for locale in LOCALES}
    for key in ("names", *_KEYS.values()):
        others = {code: text for code, text in dict(data.get(key) or {}).items() if code not in LOCALES}
        made[key] = {code: text for code, text in {**made[key], **others}.items() if text}
    made["opening"] = opening.value
    page_date = _given(form, "page_date")
    if page_date or "page_date" in data:
        made["page_date"] = page_date or None
    return made


def _given(form: PointForm, name: str) -> str:
    return " ".join(str(form[name].data or "").split())


def _show(
    visit: Visit, slug: str, form: PointForm, opening: OpeningForm, base_text: str, status: int = 200, error: str = ""
) -> Response:
    data = _data(base_text)
    made = format_help_point(_changed(data, form, opening))
    problems = visit.parts.workflow.problems(_path(slug or "nuevo"), made) if slug or status != 200 else []
    fact = visit.parts.library.loaded.facts.get(_given(form, "fact"))
    return visit.render(
        "help_point.html",
        status,
        slug=slug,
        form=form,
        opening=opening,
        base_text=base_text,
        error=error,
        data=data,
        fact=fact,
        faults=faults_by_key(problems, made, visit.say),
        locales_of=LOCALES,
        texts=_TEXTS,
        keys=_KEYS,
        is_overdue=bool(data) and is_overdue(data, visit.parts.today()),
        may_change=visit.staff.may_change(""),
        draft=visit.parts.drafts.find(_path(slug)) if slug else None,
    )
