"""One call of a page: who calls, what they sent, and the ways to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.editor.cookies import LOCALE_COOKIE, SESSION_COOKIE, Cookies, csrf_token, read_cookie
from bot.editor.sessions import SignedIn, Staff
from bot.i18n import SOURCE_LOCALE, STAFF_LOCALES, country_name, day_name, format_day, format_moment, language_name

if TYPE_CHECKING:
    from bot.editor.parts import EditorParts

_FOLDER = Path(__file__).parent


def make_environment(versions: Mapping[str, str]) -> Environment:
    """Return what renders the templates; they may print nothing that is not there.

    Args:
        versions: a short hash of each static file, by name.
    """
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = lambda name: f"/static/{name}?v={versions[name]}"
    return made


@dataclass
class Visit:
    """What a page gets.

    Attributes:
        form: the fields that were sent; empty for a GET.
        signed_in: the session; None while nobody is signed in.
    """

    request: Request
    parts: EditorParts
    environment: Environment
    menu: tuple[Any, ...]
    form: FormData
    signed_in: SignedIn | None
    cookies: Cookies = field(default_factory=Cookies)

    @property
    def staff(self) -> Staff:
        """The signed-in person. Only pages that need one ask."""
        assert self.signed_in is not None, "this page is open to anyone, so nobody may be signed in"
        return self.signed_in.staff

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters in the address's path."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters after the question mark."""
        return self.request.query_params

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def is_refresh(self) -> bool:
        """Whether a page asks for itself again, without anybody's doing; that keeps no session alive."""
        return self.request.method == "GET" and self.request.headers.get("x-refresh") == "1"

    @property
    def address(self) -> str:
        """The caller's network address, for throttling only."""
        return self.request.client.host if self.request.client else ""

    @cached_property
    def locale(self) -> str:
        """The language in which the editor speaks to this person."""
        if self.signed_in and self.signed_in.staff.locale in STAFF_LOCALES:
            return self.signed_in.staff.locale
        chosen = read_cookie(self.request, LOCALE_COOKIE, is_https=self.parts.is_https)
        if chosen in STAFF_LOCALES:
            return chosen
        wanted = self.request.headers.get("accept-language", "")[:2].lower()
        return wanted if wanted in STAFF_LOCALES else SOURCE_LOCALE

    def say(self, key: str, **values: object) -> str:
        """Return a sentence of the editor in this person's language."""
        return self.parts.texts.text(self.locale, key, **values)

    def notice(self, key: str, undo: tuple[str, dict[str, Any]] | None = None, **values: object) -> None:
        """Show a sentence on the next page, with a button that takes the action back when `undo` says how.

        Args:
            undo: the kind, as registered with `pages.undo`, and plain JSON values.
        """
        step = self.parts.undo_steps.keep(self.staff.id, *undo) if undo else ""
        if self.signed_in:
            self.parts.sessions.add_notice(self.signed_in.token, {"key": key, "values": values, "undo": step})

    def render(self, template: str, status: int = 200, **context: Any) -> Response:
        """Answer with a page."""
        form_token = self.cookies.form_token(self.request, is_https=self.parts.is_https)
        is_full = self.signed_in is not None and self.signed_in.is_complete
        html = self.environment.get_template(template).render(
            t=self.say,
            locale=self.locale,
            locales=STAFF_LOCALES,
            staff=self.signed_in.staff if self.signed_in and is_full else None,
            menu=[entry for entry in self.menu if self.signed_in and is_full and self.staff.may(entry.needs)],
            here=self.request.url.path,
            back=self.request.url.path if self.request.method == "GET" else "/",
            csrf=csrf_token(self.parts.vault, form_token),
            notices=self._notices() if not self.is_fragment else [],
            day=lambda day: format_day(day, self.locale),
            moment=lambda moment: format_moment(moment, self.locale),
            language=language_name,
            country=lambda code: country_name(code, self.locale),
            weekday=lambda number: day_name(number, self.locale),
            **context,
        )
        return self._with_cookies(HTMLResponse(html, status))

    def redirect(self, address: str) -> Response:
        """Send the browser to another page of ours; a full page also when htmx asks."""
        if self.is_fragment:
            return self._with_cookies(Response(status_code=204, headers={"hx-redirect": address}))
        return self._with_cookies(Response(status_code=303, headers={"location": address}))

    def answer(self, body: bytes, media_type: str, **headers: str) -> Response:
        """Answer with something that is no page, for example a picture."""
        return self._with_cookies(Response(body, media_type=media_type, headers=headers))

    def sign_in(self, token: str) -> None:
        """Give the browser a session."""
        self.cookies.set(SESSION_COOKIE, token)

    def sign_out(self) -> None:
        """Take the session from the browser."""
        self.cookies.drop(SESSION_COOKIE)

    def _notices(self) -> list[dict[str, Any]]:
        if self.signed_in is None:
            return []
        taken = self.parts.sessions.take_notices(self.signed_in.token)
        return [{"text": self._worded(**notice), "undo": notice["undo"]} for notice in taken]

    def _worded(self, key: str, values: dict[str, Any], undo: str) -> str:
        return self.say(key, **values)

    def _with_cookies(self, response: Response) -> Response:
        self.cookies.write(response, is_https=self.parts.is_https)
        return response


def local_address(address: str) -> str:
    """Return an address of ours to go to after signing in, or the first page when it leads anywhere else."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_ours else "/"
