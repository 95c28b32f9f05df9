"""The one door to every page: who calls, whether the form is ours, whether the role suffices; then the page, in a thread."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from urllib.parse import quote

from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.editor.cookies import CSRF_FIELD, SESSION_COOKIE, is_from_our_page, read_cookie
from bot.editor.pages import MenuEntry, PageNotFound, PageRoute
from bot.editor.parts import EditorParts
from bot.editor.roles import SECOND_FACTOR_ROLES, Need
from bot.editor.sessions import SignedIn
from bot.editor.visit import Visit
from bot.i18n import N_

SECRET_FIELDS = frozenset({CSRF_FIELD, "password", "new_password", "code"})
"""Never sent back to the browser."""
FIELD_LIMIT = 100_000
"""Characters of one field; the longest text of the content has some thousands. A paste beyond it is given back."""
MOST_BYTES = 24 * 1024 * 1024
"""The largest form: more than any file that is imported may have, so that its page still gets it and can say so."""
_MOST_FIELDS = 400

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gate:
    """The endpoint of one route."""

    route: PageRoute
    parts: EditorParts
    environment: Environment
    menu: tuple[MenuEntry, ...]

    async def serve(self, request: Request) -> Response:
        """Answer one call."""
        limits = {"max_files": 1, "max_fields": _MOST_FIELDS, "max_part_size": MOST_BYTES}
        form = await request.form(**limits) if request.method == "POST" else FormData()
        return await run_in_threadpool(self._answer, request, form)

    def _answer(self, request: Request, form: FormData) -> Response:
        token = read_cookie(request, SESSION_COOKIE, is_https=self.parts.is_https)
        visit = Visit(request, self.parts, self.environment, self.menu, form, None)
        visit.signed_in = self.parts.sessions.find(token, is_seen=not visit.is_refresh)
        given = str(form.get(CSRF_FIELD, ""))
        if request.method == "POST" and not is_from_our_page(self.parts.vault, request, given, is_https=self.parts.is_https):
            return _keep_text(visit, 403, N_("editor.refused.form"))
        return self._refusal(visit) or self._too_long(visit) or self._page(visit)

    def _too_long(self, visit: Visit) -> Response | None:
        if self.route.takes_long_fields or all(len(value) <= FIELD_LIMIT for _, value in typed_fields(visit)):
            return None
        return _keep_text(visit, 413, N_("editor.refused.too_long"))

    def _refusal(self, visit: Visit) -> Response | None:
        needs, signed_in = self.route.needs, visit.signed_in
        if needs is Need.ANYONE:
            return None
        if signed_in is None:
            return _ask_to_sign_in(visit)
        if lacks_second_factor(signed_in):
            return None if needs is Need.PENDING else visit.redirect("/second-factor")
        if needs is Need.PENDING:
            return visit.redirect("/")
        if not signed_in.staff.may(needs):
            return visit.render("refused.html", 403, message=N_("editor.refused.role"), fields=[], limit=0)
        return None

    def _page(self, visit: Visit) -> Response:
        try:
            return self.route.view(visit)
        except PageNotFound:
            return visit.render("refused.html", 404, message=N_("editor.refused.not_found"), fields=[], limit=0)
        except Exception as error:  # The edge of a call: whoever typed a text must get it back, whatever failed.
            # The error's own words may hold what was typed: only its kind and place are logged.
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{place.filename}:{place.lineno}"
            logger.error("page_failed path=%s error=%s at=%s", self.route.path, type(error).__name__, at)
            return _keep_text(visit, 500, N_("editor.refused.failed"))


_REFUSED_BODIES = {408: N_("editor.refused.body_too_slow"), 413: N_("editor.refused.body_too_large")}
_BUSY = N_("editor.refused.busy")


async def refuse_body(
    parts: EditorParts, environment: Environment, menu: tuple[MenuEntry, ...], request: Request, status: int, code: str
) -> Response:
    """Answer a form that is too large or too slow to be read with a page that says so."""

    def render() -> Response:
        token = read_cookie(request, SESSION_COOKIE, is_https=parts.is_https)
        visit = Visit(request, parts, environment, menu, FormData(), parts.sessions.find(token))
        message, values = _REFUSED_BODIES.get(status, _BUSY), {"megabytes": MOST_BYTES // 1024 // 1024}
        return visit.render("refused.html", status, message=message, values=values, fields=[], limit=0)

    logger.warning("body_refused code=%s", code)
    return await run_in_threadpool(render)


def lacks_second_factor(signed_in: SignedIn) -> bool:
    """Tell whether a session must first bring its second factor, or set one up because the role asks for it."""
    is_missing = signed_in.staff.role in SECOND_FACTOR_ROLES and not signed_in.staff.has_second_factor
    return not signed_in.is_complete or is_missing


def _ask_to_sign_in(visit: Visit) -> Response:
    if visit.request.method == "POST" and not visit.is_fragment:
        return _keep_text(visit, 401, N_("editor.refused.session_over"))
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    address = visit.request.url.path + query if visit.request.method == "GET" and not visit.is_fragment else "/"
    return visit.redirect(f"/login?next={quote(address)}")


def _keep_text(visit: Visit, status: int, message: str) -> Response:
    """Refuse, and hand back what was typed with a button that sends it again."""
    return visit.render("refused.html", status, message=message, fields=typed_fields(visit), limit=FIELD_LIMIT * (status == 413))


def typed_fields(visit: Visit) -> list[tuple[str, str]]:
    """Return what was typed into a form, by field; no secrets and no files."""
    items = visit.form.multi_items()
    return [(name, value) for name, value in items if isinstance(value, str) and name not in SECRET_FIELDS]
