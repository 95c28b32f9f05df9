"""One's own account: password, second factor, sign out everywhere."""

from __future__ import annotations

from starlette.responses import Response
from wtforms import PasswordField

from bot.editor.pages import Pages
from bot.editor.roles import SECOND_FACTOR_ROLES, Need
from bot.editor.views.invitation import NewPasswordForm
from bot.editor.views.sign_in import confirm_setup, show_picture, show_setup
from bot.editor.visit import Visit
from bot.i18n import N_

pages = Pages()
_SETUP = "/account/second-factor/setup"


class PasswordForm(NewPasswordForm):
    """The present password and a new one."""

    password = PasswordField(N_("editor.field.password"), render_kw={"autocomplete": "current-password"})


@pages.get("/account", needs=Need.READ)
def show_account(visit: Visit) -> Response:
    """Show one's own account."""
    return _show(visit, PasswordForm())


@pages.post("/account/password", needs=Need.READ)
def change_password(visit: Visit) -> Response:
    """Change the password; every other session ends."""
    form = PasswordForm(visit.form)
    is_valid = form.validate()
    if not _password_is_right(visit):
        form.password.errors = [N_("editor.password.wrong")]
        is_valid = False
    if not is_valid:
        return _show(visit, form, 400)
    visit.parts.accounts.set_password(visit.staff.id, str(form.new_password.data))
    visit.parts.sessions.end_all(visit.staff.id, but=visit.signed_in.token if visit.signed_in else "")
    visit.notice(N_("editor.password.changed"))
    return visit.redirect("/account")


@pages.post("/account/sign-out-everywhere", needs=Need.READ)
def sign_out_everywhere(visit: Visit) -> Response:
    """End all sessions of this person, this one too."""
    visit.parts.sessions.end_all(visit.staff.id)
    visit.sign_out()
    return visit.redirect("/logout")


@pages.post("/account/second-factor", needs=Need.READ)
def begin_second_factor(visit: Visit) -> Response:
    """Begin with a new second factor; the password is asked again, for who finds an open browser."""
    if not _password_is_right(visit):
        visit.notice(N_("editor.password.wrong"))
        return visit.redirect("/account")
    token = visit.signed_in.token if visit.signed_in else ""
    visit.parts.sessions.keep_pending_secret(token, visit.parts.second_factor.new_secret())
    return visit.redirect(_SETUP)


@pages.get(_SETUP, needs=Need.READ)
def show_second_factor(visit: Visit) -> Response:
    """Show the picture for the telephone, after the password was given."""
    if not visit.parts.sessions.pending_secret(visit.signed_in.token if visit.signed_in else ""):
        return visit.redirect("/account")
    return show_setup(visit, _SETUP)


@pages.get("/account/second-factor/picture", needs=Need.READ)
def show_second_factor_picture(visit: Visit) -> Response:
    """Serve the picture."""
    return show_picture(visit)


@pages.post(_SETUP, needs=Need.READ)
def confirm_second_factor(visit: Visit) -> Response:
    """Take the first code, and show the recovery codes."""
    return confirm_setup(visit, _SETUP)


@pages.post("/account/second-factor/remove", needs=Need.READ)
def remove_second_factor(visit: Visit) -> Response:
    """Remove the second factor, where the role does not ask for one."""
    if visit.staff.role in SECOND_FACTOR_ROLES or not _password_is_right(visit):
        visit.notice(N_("editor.password.wrong"))
    else:
        visit.parts.second_factor.remove(visit.staff.id, visit.staff.id)
        visit.notice(N_("editor.second_factor.removed"))
    return visit.redirect("/account")


def _password_is_right(visit: Visit) -> bool:
    """Check the present password, as slowly as at the sign-in after some wrong ones."""
    subjects = {"account": f"password:{visit.staff.id}", "address": visit.address}
    if visit.parts.throttle.seconds_to_wait(**subjects):
        return False
    if visit.parts.accounts.password_is(visit.staff.id, str(visit.form.get("password", ""))):
        return True
    visit.parts.throttle.note_failure(**subjects)
    return False


def _show(visit: Visit, form: PasswordForm, status: int = 200) -> Response:
    return visit.render(
        "account.html",
        status,
        form=form,
        email=visit.parts.accounts.email(visit.staff.id),
        sessions=visit.parts.sessions.count(visit.staff.id),
        is_required=visit.staff.role in SECOND_FACTOR_ROLES,
    )
