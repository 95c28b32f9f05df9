"""How a module of pages says what it brings: routes with what they need, menu entries, counters, and ways to undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.visit import Visit

View = Callable[[Visit], Response]
Counter = Callable[[EditorParts, Staff], int | None]
"""Returns how many things wait for this person; None: not known yet."""
Undoer = Callable[[Visit, dict[str, Any]], str]
"""Takes an action back and returns the address to go to; empty: it can not be taken back any more."""


class PageNotFound(Exception):
    """What the address names is not there; the visitor gets the page that says so."""


@dataclass(frozen=True)
class PageRoute:
    """One address with one method, and what it needs."""

    path: str
    method: str
    needs: Need
    view: View
    takes_long_fields: bool = False
    """Whether a field may be longer than `bot.editor.gate.FIELD_LIMIT`; the page then says itself what is too long."""


@dataclass(frozen=True)
class MenuEntry:
    """A line of the main menu."""

    key: str
    path: str
    needs: Need


@dataclass(frozen=True)
class CounterEntry:
    """A line of "what needs me": a sentence with a `{count}`, how many, and where they are listed."""

    key: str
    path: str
    needs: Need
    count: Counter


@dataclass
class Pages:
    """What one module brings. Module-level, filled by its decorators, read by `bot.editor.app`."""

    routes: list[PageRoute] = field(default_factory=list)
    menu: list[MenuEntry] = field(default_factory=list)
    counters: list[CounterEntry] = field(default_factory=list)
    undoers: dict[str, Undoer] = field(default_factory=dict)

    def get(self, path: str, needs: Need) -> Callable[[View], View]:
        """Serve a page at this address."""
        return self._route("GET", path, needs)

    def post(self, path: str, needs: Need, *, takes_long_fields: bool = False) -> Callable[[View], View]:
        """Take a form at this address."""
        return self._route("POST", path, needs, takes_long_fields)

    def menu_entry(self, key: str, path: str, needs: Need = Need.READ) -> None:
        """Add a line to the main menu, for those who may open it."""
        self.menu.append(MenuEntry(key, path, needs))

    def counter(self, key: str, path: str, needs: Need = Need.READ) -> Callable[[Counter], Counter]:
        """Add a line to the first page, for those who may open the address."""

        def register(count: Counter) -> Counter:
            self.counters.append(CounterEntry(key, path, needs, count))
            return count

        return register

    def undo(self, kind: str) -> Callable[[Undoer], Undoer]:
        """Say how an action of this kind is taken back."""

        def register(undoer: Undoer) -> Undoer:
            self.undoers[kind] = undoer
            return undoer

        return register

    def _route(self, method: str, path: str, needs: Need, takes_long_fields: bool = False) -> Callable[[View], View]:
        def register(view: View) -> View:
            self.routes.append(PageRoute(path, method, needs, view, takes_long_fields))
            return view

        return register
