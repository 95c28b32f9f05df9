"""The editor's cookies, and the token that proves that a form came from one of our pages."""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from bot.storage.vault import Vault

SESSION_COOKIE = "ruta_editor"
FORM_COOKIE = "ruta_editor_form"
LOCALE_COOKIE = "ruta_editor_locale"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
_HOST_ONLY = "__Host-"
"""With this prefix browsers take a cookie only over https, from this host alone, so that no neighbour can plant one."""


class Cookies:
    """What a response sets and drops. All cookies are for this host alone, unseen by scripts and by other sites' calls."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}
        self._dropped: list[str] = []

    def set(self, name: str, value: str) -> None:
        """Give the browser a cookie that ends with it."""
        self._set[name] = value

    @property
    def given_session(self) -> str:
        """The session that this response gives; empty: none."""
        return self._set.get(SESSION_COOKIE, "")

    def drop(self, name: str) -> None:
        """Take a cookie from the browser."""
        self._dropped.append(name)

    def form_token(self, request: Request, *, is_https: bool) -> str:
        """Return the value of the cookie that ties forms to this browser; give it one when it has none."""
        token = self._set.get(FORM_COOKIE) or read_cookie(request, FORM_COOKIE, is_https=is_https)
        if not token:
            token = secrets.token_urlsafe(24)
            self.set(FORM_COOKIE, token)
        return token

    def write(self, response: Response, *, is_https: bool) -> None:
        """Put them into a response."""
        prefix = _HOST_ONLY if is_https else ""
        for name, value in self._set.items():
            response.set_cookie(prefix + name, value, path="/", secure=is_https, httponly=True, samesite="strict")
        for name in self._dropped:
            response.delete_cookie(prefix + name, path="/", secure=is_https, httponly=True, samesite="strict")


def read_cookie(request: Request, name: str, *, is_https: bool) -> str:
    """Return a cookie of ours; empty: there is none. Over https one without the prefix is not ours."""
    return request.cookies.get(_HOST_ONLY + name if is_https else name, "")


def csrf_token(vault: Vault, form_token: str) -> str:
    """Return the token for the forms of a browser."""
    return vault.keyed_hash("editor-form", form_token)


def is_from_our_page(vault: Vault, request: Request, given: str, *, is_https: bool) -> bool:
    """Tell whether a call carries the token that we gave to this browser, in its form or in htmx's header."""
    form_token = read_cookie(request, FORM_COOKIE, is_https=is_https)
    token = given or request.headers.get(CSRF_HEADER, "")
    return bool(form_token) and hmac.compare_digest(csrf_token(vault, form_token).encode(), token.encode())
