"""The whole system on a copy of the content: the real editor, gateway, worker and web chat, and people with accounts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyotp
from playwright.sync_api import Locator, Page, expect

from bot.editor.parts import EditorParts
from bot.editor.roles import SECOND_FACTOR_ROLES, Role
from bot.settings import Settings
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.wiring import App, Paths, build_editor_parts
from tests.support.editor import PASSWORD, Person
from tests.support.programs import ROOT, Programs, run_programs

SHARED = ("intents", "locales", "models", "config.yml", "domain.yml", "endpoints.yml")
"""What a copy of the project only reads."""


@dataclass
class Office:
    """The running system."""

    programs: Programs
    used_codes: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The editor's address."""
        return f"http://127.0.0.1:{self.programs.environment['RUTA_EDITOR_PORT']}"

    @property
    def content(self) -> Path:
        """The folder that the programs answer from."""
        return self.programs.root / "content"

    @cached_property
    def parts(self) -> EditorParts:
        """The editor's parts over the same database, to make accounts with."""
        paths = Paths(self.programs.root)
        settings = Settings.parse_obj({"mode": "development", "editor_url": self.url})
        database = Database(self.programs.environment["RUTA_DATABASE_URL"])
        return build_editor_parts(App(paths, settings, Vault(*settings.keys(paths.var)), database))

    def person(self, role: Role, name: str, translates: str = "") -> Person:
        """Make an account; with a second factor where the role asks for one."""
        address = f"{name.lower()}@example.org"
        staff_id = self.parts.accounts.accept(self.parts.accounts.invite(address, role, translates), name, PASSWORD, "es")
        person = Person(staff_id, address)
        if role in SECOND_FACTOR_ROLES:
            person.secret = pyotp.random_base32()
            assert self.parts.second_factor.confirm(staff_id, person.secret, self.code(person))
        return person

    def code(self, person: Person) -> str:
        """Return a code of the person's telephone that was not used yet; that may take half a minute."""
        while (code := pyotp.TOTP(person.secret).now()) == self.used_codes.get(person.id):
            time.sleep(0.5)
        self.used_codes[person.id] = code
        return code

    def sign_in(self, page: Page, person: Person) -> None:
        """Sign in by the forms, as a person does."""
        page.goto(f"{self.url}/login")
        page.get_by_label("Correo electrónico").fill(person.email)
        page.get_by_label("Contraseña").fill(PASSWORD)
        page.get_by_role("button", name="Entrar").click()
        if person.secret:
            page.get_by_label("Código").fill(self.code(person))
            page.get_by_role("button", name="Continuar").click()
        expect(page.get_by_role("heading", name="Lo que me necesita")).to_be_visible()


@dataclass
class Task:
    """What a person does for one purpose, with its clicks counted; typing is not counted."""

    page: Page
    clicks: int = 0

    def click(self, place: Locator) -> None:
        """Click or tap once."""
        place.click()
        self.clicks += 1

    def press(self, name: str) -> None:
        """Click a button by its name."""
        self.click(self.page.get_by_role("button", name=name, exact=True))

    def follow(self, name: str) -> None:
        """Click a link by its name."""
        self.click(self.page.get_by_role("link", name=name, exact=True))


@contextmanager
def run_office(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Office]:
    """Start everything on a copy of the content.

    Args:
        settings: others than the usual ones.
    """
    root = folder / "project"
    root.mkdir()
    shutil.copytree(ROOT / "content", root / "content")
    for name in SHARED:
        (root / name).symlink_to(ROOT / name)
    chosen = {"RUTA_CHANNELS": "webchat", "RUTA_METRICS_PORT": "0", **(settings or {})}
    with run_programs(folder, chosen, root=root) as programs:
        office = Office(programs)
        yield office
        if "parts" in vars(office):
            office.parts.database.close()
