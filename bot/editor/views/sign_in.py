"""Sign in with password and second factor, set the second factor up, sign out."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response
from wtforms import Form, PasswordField, StringField

from bot.editor.cookies import LOCALE_COOKIE
from bot.editor.gate import lacks_second_factor
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import SECOND_FACTOR_ROLES, Need
from bot.editor.second_factor import qr_picture
from bot.editor.visit import Visit, local_address
from bot.i18n import N_, STAFF_LOCALES

pages = Pages()


class SignInForm(Form):
    """E-mail and password."""

    email = StringField(N_("editor.field.email"), render_kw={"type": "email", "autocomplete": "username", "required": True})
    password = PasswordField(N_("editor.field.password"), render_kw={"autocomplete": "current-password", "required": True})


class CodeForm(Form):
    """A code of the authenticator application, or a recovery code."""

    code = StringField(
        N_("editor.field.code"),
        description=N_("editor.field.code_hint"),
        render_kw={"autocomplete": "one-time-code", "inputmode": "text", "required": True, "autofocus": True},
    )


@pages.get("/login", needs=Need.ANYONE)
def show_sign_in(visit: Visit) -> Response:
    """Show the form, or lead on who is signed in already."""
    if visit.signed_in:
        return visit.redirect("/second-factor" if lacks_second_factor(visit.signed_in) else _next(visit))
    return visit.render("sign_in.html", form=SignInForm(), next=_next(visit), error="")


@pages.post("/login", needs=Need.ANYONE)
def sign_in(visit: Visit) -> Response:
    """Check e-mail and password."""
    form = SignInForm(visit.form)
    token, wait = visit.parts.accounts.sign_in(str(form.email.data or ""), str(form.password.data or ""), visit.address)
    if not token:
        error = visit.say("editor.sign_in.wait", seconds=wait) if wait else visit.say("editor.sign_in.wrong")
        return visit.render("sign_in.html", 429 if wait else 400, form=form, next=_next(visit), error=error)
    if visit.signed_in:
        visit.parts.sessions.end(visit.signed_in.token)
    visit.sign_in(token)
    return visit.redirect(f"/second-factor?next={quote(_next(visit))}" if _must_go_on(visit, token) else _next(visit))


@pages.get("/second-factor", needs=Need.PENDING)
def show_second_factor(visit: Visit) -> Response:
    """Ask for a code, or lead to the set-up when the role asks for a second factor and there is none."""
    if not visit.staff.has_second_factor:
        return visit.redirect("/second-factor/setup")
    return visit.render("second_factor.html", form=CodeForm(), next=_next(visit), error="")


@pages.post("/second-factor", needs=Need.PENDING)
def take_second_factor(visit: Visit) -> Response:
    """Check the code; failures count for the same delay as wrong passwords."""
    form, parts = CodeForm(visit.form), visit.parts
    subjects = {"account": f"code:{visit.staff.id}", "address": visit.address}
    wait = parts.throttle.seconds_to_wait(**subjects)
    if not wait and parts.second_factor.take(visit.staff.id, str(form.code.data or "")):
        parts.throttle.forget("account", subjects["account"])
        parts.accounts.note_sign_in(visit.staff.id)
        return _complete(visit)
    if not wait:
        parts.throttle.note_failure(**subjects)
    error = visit.say("editor.sign_in.wait", seconds=wait) if wait else visit.say("editor.sign_in.wrong_code")
    return visit.render("second_factor.html", 429 if wait else 400, form=form, next=_next(visit), error=error)


@pages.get("/second-factor/setup", needs=Need.PENDING)
def show_required_setup(visit: Visit) -> Response:
    """Set up the second factor that the role asks for, before anything else."""
    return show_setup(visit, "/second-factor/setup")


@pages.get("/second-factor/picture", needs=Need.PENDING)
def show_required_picture(visit: Visit) -> Response:
    """Serve the picture for the telephone while signing in."""
    return show_picture(visit)


@pages.post("/second-factor/setup", needs=Need.PENDING)
def confirm_required_setup(visit: Visit) -> Response:
    """Take the first code, and show the recovery codes."""
    if visit.staff.has_second_factor:
        raise PageNotFound  # A stolen password must not replace the second factor.
    return confirm_setup(visit, "/second-factor/setup")


@pages.get("/logout", needs=Need.ANYONE)
def show_signed_out(visit: Visit) -> Response:
    """Say that one is out."""
    title, link_key = N_("editor.sign_out.done"), N_("editor.sign_in.title")
    return visit.render("message.html", title=title, text="", link="/login", link_key=link_key)


@pages.post("/logout", needs=Need.ANYONE)
def sign_out(visit: Visit) -> Response:
    """End this session."""
    if visit.signed_in:
        visit.parts.sessions.end(visit.signed_in.token)
    visit.sign_out()
    return visit.redirect("/logout")


@pages.post("/language", needs=Need.ANYONE)
def change_language(visit: Visit) -> Response:
    """Change the language, for this browser and for the person who is signed in."""
    locale = str(visit.form.get("locale", ""))
    if locale in STAFF_LOCALES:
        visit.cookies.set(LOCALE_COOKIE, locale)
        if visit.signed_in:
            visit.parts.accounts.set_locale(visit.staff.id, locale)
    return visit.redirect(local_address(str(visit.form.get("back", "/"))))


def show_setup(visit: Visit, action: str, error: str = "", status: int = 200) -> Response:
    """Show the picture for the telephone, its words for typing, and the field for the first code."""
    sessions, token = visit.parts.sessions, visit.signed_in.token if visit.signed_in else ""
    if visit.staff.has_second_factor and action == "/second-factor/setup":
        return visit.redirect("/second-factor")
    secret = sessions.pending_secret(token)
    if not secret:
        secret = visit.parts.second_factor.new_secret()
        sessions.keep_pending_secret(token, secret)
    spaced = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return visit.render(
        "second_factor_setup.html",
        status,
        form=CodeForm(),
        action=action,
        picture=action.replace("/setup", "/picture"),
        secret=spaced,
        error=error,
        is_required=visit.staff.role in SECOND_FACTOR_ROLES,
    )


def show_picture(visit: Visit) -> Response:
    """Serve the secret that is being set up as a picture."""
    secret = visit.parts.sessions.pending_secret(visit.signed_in.token if visit.signed_in else "")
    if not secret:
        raise PageNotFound
    return visit.answer(qr_picture(secret, visit.parts.accounts.email(visit.staff.id)), "image/svg+xml")


def confirm_setup(visit: Visit, action: str) -> Response:
    """Take the first code of a new second factor, and show the recovery codes once."""
    token = visit.signed_in.token if visit.signed_in else ""
    secret = visit.parts.sessions.pending_secret(token)
    code = str(CodeForm(visit.form).code.data or "")
    codes = visit.parts.second_factor.confirm(visit.staff.id, secret, code) if secret else []
    if not codes:
        return show_setup(visit, action, visit.say("editor.sign_in.wrong_code"), 400)
    visit.sign_in(visit.parts.sessions.open(visit.staff.id, is_complete=True, replaces=token))
    visit.parts.sessions.end_all(visit.staff.id, but=visit.cookies.given_session)
    return visit.render("recovery_codes.html", codes=codes)


def _complete(visit: Visit) -> Response:
    token = visit.signed_in.token if visit.signed_in else ""
    visit.sign_in(visit.parts.sessions.open(visit.staff.id, is_complete=True, replaces=token))
    return visit.redirect(_next(visit))


def _must_go_on(visit: Visit, token: str) -> bool:
    signed_in = visit.parts.sessions.find(token)
    return signed_in is not None and lacks_second_factor(signed_in)


def _next(visit: Visit) -> str:
    return local_address(str(visit.form.get("next") or visit.query.get("next") or "/"))
