"""Accept an invitation: choose a name and a password."""

from __future__ import annotations

from starlette.responses import Response
from wtforms import Form, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from bot.editor.accounts import AccountError
from bot.editor.pages import Pages
from bot.editor.passwords import password_fault
from bot.editor.roles import Need
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()


class NewPasswordForm(Form):
    """A new password, twice."""

    new_password = PasswordField(
        N_("editor.field.new_password"),
        [InputRequired(N_("editor.error.required"))],
        description=N_("editor.field.new_password_hint"),
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(N_("editor.field.password_again"), render_kw={"autocomplete": "new-password"})

    def validate_new_password(self, field: PasswordField) -> None:
        """Refuse what is too short or too common."""
        fault = password_fault(field.data or "")
        if fault:
            raise ValidationError(fault)

    def validate_again(self, field: PasswordField) -> None:
        """Refuse a slip of the finger."""
        if field.data != self.new_password.data:
            raise ValidationError(N_("editor.password.not_same"))


class InvitationForm(NewPasswordForm):
    """What a new account needs beside its password."""

    name = StringField(
        N_("editor.field.name"),
        [InputRequired(N_("editor.error.required")), Length(max=80, message=N_("editor.error.too_long"))],
        render_kw={"autocomplete": "name", "maxlength": 80},
    )


@pages.get("/invitation/{token}", needs=Need.ANYONE)
def show_invitation(visit: Visit) -> Response:
    """Show what the invitation is for and the form that uses it up."""
    return _show(visit, None)


@pages.post("/invitation/{token}", needs=Need.ANYONE)
def accept_invitation(visit: Visit) -> Response:
    """Make the account, and lead to the sign-in."""
    invitation = visit.parts.accounts.invitation(visit.path["token"])
    if invitation is None:
        return _over(visit)
    form = NewPasswordForm(visit.form) if invitation.staff_id else InvitationForm(visit.form)
    if not form.validate():
        return _show(visit, form, 400)
    name = str(visit.form.get("name", ""))
    try:
        visit.parts.accounts.accept(visit.path["token"], name, str(form.new_password.data), visit.locale)
    except AccountError:
        return _over(visit)
    visit.sign_out()
    return visit.render(
        "message.html",
        title=N_("editor.invitation.done"),
        text=N_("editor.invitation.done_text"),
        link="/login",
        link_key=N_("editor.sign_in.title"),
    )


def _show(visit: Visit, form: Form | None, status: int = 200) -> Response:
    invitation = visit.parts.accounts.invitation(visit.path["token"])
    if invitation is None:
        return _over(visit)
    shown = form or (NewPasswordForm() if invitation.staff_id else InvitationForm())
    return visit.render("invitation.html", status, form=shown, invitation=invitation, action=visit.request.url.path)


def _over(visit: Visit) -> Response:
    return visit.render(
        "message.html",
        410,
        title=N_("editor.invitation.over"),
        text=N_("editor.invitation.over_text"),
        link="/login",
        link_key=N_("editor.sign_in.title"),
    )
