"""Begin a new topic from a form. It goes live as any other text, and is understood only after examples and a training."""

from __future__ import annotations

from starlette.responses import Response
from wtforms import BooleanField, Form, SelectField, StringField, validators

from bot.content.model import Kind
from bot.editor.pages import Pages
from bot.editor.refusals import PublicationRefused
from bot.editor.roles import Need
from bot.editor.starting import NewTopic, begin_topic
from bot.editor.views.topics import SENSITIVITY_KEYS
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()

_NEEDED = validators.InputRequired(N_("editor.new_topic.needed"))


class NewTopicForm(Form):
    """What a new topic needs from the start; facts, sources and texts are written in its drafts."""

    family = SelectField(N_("editor.topics.family"))
    id = StringField(N_("editor.new_topic.id"), [_NEEDED], description=N_("editor.new_topic.id_hint"))
    means = StringField(N_("editor.new_topic.means"), [_NEEDED], description=N_("editor.new_topic.means_hint"))
    title = StringField(N_("editor.field.title"), [_NEEDED], render_kw={"maxlength": 60})
    menu_title = StringField(
        N_("editor.field.menu_title"), [_NEEDED], description=N_("editor.field.menu_title_hint"), render_kw={"maxlength": 24}
    )
    owner = StringField(N_("editor.field.owner"), [_NEEDED], description=N_("editor.field.owner_hint"))
    sensitivity = SelectField(N_("editor.field.sensitivity"), choices=list(SENSITIVITY_KEYS.items()), default="careful")
    is_by_destination = BooleanField(N_("editor.new_topic.by_destination"))


@pages.get("/new-topic", needs=Need.REVIEW)
def show_form(visit: Visit) -> Response:
    """Show the form."""
    return _show(visit, _form(visit))


@pages.post("/new-topic", needs=Need.REVIEW)
def begin(visit: Visit) -> Response:
    """Make the drafts and go on to the Spanish answer."""
    form = _form(visit)
    if not form.validate():
        return _show(visit, form, 422)
    new = NewTopic(
        id=form.id.data.strip(),
        family=form.family.data,
        means=" ".join(form.means.data.split()),
        title=" ".join(form.title.data.split()),
        menu_title=" ".join(form.menu_title.data.split()),
        owner=form.owner.data.strip(),
        sensitivity=form.sensitivity.data,
        is_by_destination=bool(form.is_by_destination.data),
    )
    try:
        begin_topic(visit.parts, new, visit.staff.id)
    except PublicationRefused as refused:
        return _show(visit, form, 422, visit.say(refused.key))
    visit.notice(N_("editor.new_topic.begun"))
    return visit.redirect(f"/topics/{new.id}")


def _form(visit: Visit) -> NewTopicForm:
    form = NewTopicForm(visit.form)
    catalogue = visit.parts.library.loaded.catalogue.values()
    families = dict.fromkeys(topic.family for topic in catalogue if topic.kind is Kind.ANSWER)
    form.family.choices = [(name, visit.say(f"family.{name}")) for name in families]
    return form


def _show(visit: Visit, form: NewTopicForm, status: int = 200, error: str = "") -> Response:
    return visit.render("new_topic.html", status, form=form, error=error)
