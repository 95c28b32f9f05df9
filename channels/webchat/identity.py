"""Who a browser is: a random token in a cookie, and the address that is made from it.

The address is a digest of the token, so that whoever can read addresses in our database still can not speak as a contact.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_DAY_SECONDS = 86_400


class Identity:
    """Makes and reads the cookie.

    Args:
        is_secure: the page is served over https.
        days: how long the browser keeps the cookie; 0: until it is closed.
        new_token: makes a token; passed in so that tests can fix it.
    """

    def __init__(
        self, *, is_secure: bool, days: int, new_token: Callable[[], str] = lambda: secrets.token_urlsafe(_TOKEN_BYTES)
    ) -> None:
        # Browsers take a cookie of this prefix only from this host over https, so that no neighbouring site can set it:
        # https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes .
        self.cookie_name = "__Host-ruta_webchat" if is_secure else "ruta_webchat"
        self._is_secure = is_secure
        self._days = days
        self._new_token = new_token

    def make(self) -> tuple[str, str]:
        """Return a new address and the `Set-Cookie` value that proves it."""
        token = self._new_token()
        parts = [f"{self.cookie_name}={token}", "Path=/", "HttpOnly", "SameSite=Strict"]
        if self._days:
            parts.append(f"Max-Age={self._days * _DAY_SECONDS}")
        if self._is_secure:
            parts.append("Secure")
        return _address(token), "; ".join(parts)

    def read(self, headers: dict[str, str]) -> str:
        """Return the address that the cookie proves, or the empty string."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            return ""
        token = morsel.value if morsel else ""
        return _address(token) if _TOKEN.fullmatch(token) else ""


def _address(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()
