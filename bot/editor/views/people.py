"""The people of the editor, for admins: invite, change roles, close accounts, give a new way in."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response
from wtforms import Form, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp

from bot.editor.accounts import Account, AccountError
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need, Role
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, language_name

pages = Pages()
pages.menu_entry(N_("editor.menu.people"), "/people", Need.ADMIN)

ROLE_KEYS = {
    Role.READER: N_("editor.role.reader"),
    Role.COUNSELLOR: N_("editor.role.counsellor"),
    Role.TRANSLATOR: N_("editor.role.translator"),
    Role.EDITOR: N_("editor.role.editor"),
    Role.REVIEWER: N_("editor.role.reviewer"),
    Role.ADMIN: N_("editor.role.admin"),
}
FAULTS = {"account_exists": N_("editor.people.exists"), "last_admin": N_("editor.people.last_admin")}


class RoleForm(Form):
    """What a person may do."""

    role = SelectField(N_("editor.field.role"), choices=[(role.value, key) for role, key in ROLE_KEYS.items()])
    translates = SelectField(
        N_("editor.field.translates"), choices=[("", "–"), *((code, language_name(code)) for code in LOCALES)]
    )

    def validate(self, extra_validators: object = None) -> bool:
        """Refuse a translator without a language."""
        is_valid: bool = super().validate()
        if self.role.data == Role.TRANSLATOR.value and not self.translates.data:
            self.translates.errors = [N_("editor.error.translator_language")]
            return False
        return is_valid


class InviteForm(RoleForm):
    """Whom to invite as what."""

    email = StringField(
        N_("editor.field.email"),
        [
            InputRequired(N_("editor.error.required")),
            Length(max=200, message=N_("editor.error.too_long")),
            Regexp(r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$", message=N_("editor.error.email")),
        ],
        render_kw={"type": "email", "autocomplete": "off"},
    )


@pages.get("/people", needs=Need.ADMIN)
def show_people(visit: Visit) -> Response:
    """List everybody, with the form that invites."""
    return _show(visit, InviteForm())


@pages.post("/people", needs=Need.ADMIN)
def invite(visit: Visit) -> Response:
    """Make an invitation and show its link once."""
    form = InviteForm(visit.form)
    if not form.validate():
        return _show(visit, form, 400)
    role, email = Role(form.role.data), str(form.email.data)
    try:
        token = visit.parts.accounts.invite(email, role, form.translates.data or "", visit.staff.id)
    except AccountError as error:
        form.email.errors = [FAULTS[error.code]]
        return _show(visit, form, 400)
    return _show_link(visit, token, email)


@pages.get("/people/{staff_id}", needs=Need.ADMIN)
def show_person(visit: Visit) -> Response:
    """Show one account with what can be changed."""
    person = _person(visit)
    return visit.render(
        "person.html", person=person, form=RoleForm(role=person.role.value, translates=person.translates), role_keys=ROLE_KEYS
    )


@pages.post("/people/{staff_id}/role", needs=Need.ADMIN)
def change_role(visit: Visit) -> Response:
    """Change what a person may do."""
    person, form = _person(visit), RoleForm(visit.form)
    if not form.validate():
        return visit.render("person.html", 400, person=person, form=form, role_keys=ROLE_KEYS)
    before = {"staff_id": person.id, "role": person.role.value, "translates": person.translates}
    return _change(
        visit,
        lambda: visit.parts.accounts.set_role(person.id, Role(form.role.data), form.translates.data or "", visit.staff.id),
        N_("editor.people.role_changed"),
        ("people.role", before),
    )


@pages.post("/people/{staff_id}/close", needs=Need.ADMIN)
def close_account(visit: Visit) -> Response:
    """Close an account; that can be taken back."""
    person = _person(visit)
    undo = ("people.close", {"staff_id": person.id})
    return _change(visit, lambda: visit.parts.accounts.close(person.id, visit.staff.id), N_("editor.people.closed"), undo)


@pages.post("/people/{staff_id}/reopen", needs=Need.ADMIN)
def reopen_account(visit: Visit) -> Response:
    """Open a closed account again."""
    person = _person(visit)
    return _change(visit, lambda: visit.parts.accounts.reopen(person.id, visit.staff.id), N_("editor.people.reopened"))


@pages.post("/people/{staff_id}/new-link", needs=Need.ADMIN)
def renew_access(visit: Visit) -> Response:
    """Make a link with which a person sets a new password; with `factor` they set up a new second factor too."""
    person = _person(visit)
    token = visit.parts.accounts.invite(person.email, person.role, person.translates, visit.staff.id, person.id)
    if visit.form.get("factor"):
        visit.parts.second_factor.remove(person.id, visit.staff.id)
        visit.parts.sessions.end_all(person.id)
    return _show_link(visit, token, person.email)


@pages.undo("people.role")
def restore_role(visit: Visit, data: dict[str, str]) -> str:
    """Give the former role back."""
    if visit.staff.may(Need.ADMIN):
        visit.parts.accounts.set_role(data["staff_id"], Role(data["role"]), data["translates"], visit.staff.id)
    return f"/people/{data['staff_id']}"


@pages.undo("people.close")
def restore_account(visit: Visit, data: dict[str, str]) -> str:
    """Open the account again."""
    if visit.staff.may(Need.ADMIN):
        visit.parts.accounts.reopen(data["staff_id"], visit.staff.id)
    return f"/people/{data['staff_id']}"


def _change(visit: Visit, change: Callable[[], None], key: str, undo: tuple[str, dict[str, str]] | None = None) -> Response:
    person = _person(visit)
    try:
        change()
    except AccountError as error:
        visit.notice(FAULTS[error.code])
    else:
        visit.notice(key, undo)
    return visit.redirect(f"/people/{person.id}")


def _person(visit: Visit) -> Account:
    person = visit.parts.accounts.get(visit.path["staff_id"])
    if person is None:
        raise PageNotFound
    return person


def _show(visit: Visit, form: InviteForm, status: int = 200) -> Response:
    return visit.render("people.html", status, form=form, people=visit.parts.accounts.all(), role_keys=ROLE_KEYS)


def _show_link(visit: Visit, token: str, email: str) -> Response:
    return visit.render("invitation_link.html", link=f"{visit.parts.url}/invitation/{token}", email=email)
