"""An editor on a copy of the real content, and a browser without scripts that knows its forms."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pyotp
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient

from bot.editor.app import build_editor
from bot.editor.link_task import Check
from bot.editor.parts import EditorParts
from bot.editor.passwords import Passwords
from bot.editor.roles import SECOND_FACTOR_ROLES, Role
from bot.link_checks import LinkResult, NoNetwork
from bot.settings import Settings
from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database
from bot.storage.vault import Vault
from bot.wiring import App, Paths, build_editor_parts
from tests.support.builders import KEY, Clock

ROOT = Path(__file__).parents[2]
PASSWORD = "cuatro gatos verdes leen"
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


def _no_network(links: object, clock: object) -> list[LinkResult]:
    raise NoNetwork("tests leave nothing")


@dataclass
class Person:
    """A person with an account, as a test knows them."""

    id: str
    email: str
    secret: str = ""


@dataclass
class EditorWorld:
    """An editor over a copy of the real content, with a clock that tests turn."""

    folder: Path
    url: str = "http://127.0.0.1:8081"
    clock: Clock = field(default_factory=Clock)
    training_command: tuple[str, ...] = (sys.executable, "-c", "print('nothing is trained here')")
    try_it_command: tuple[str, ...] = (sys.executable, "-c", 'print(\'{\\"error\\": \\"no_model\\"}\')')
    check_links: Check = field(default_factory=lambda: _no_network)

    @cached_property
    def parts(self) -> EditorParts:
        """What the pages work with."""
        content = self.folder / "content"
        if not content.exists():
            shutil.copytree(ROOT / "content", content)
            shutil.copytree(ROOT / "intents", self.folder / "intents")
            shutil.copytree(ROOT / "tests" / "nlu", self.folder / "tests" / "nlu")
            shutil.copytree(ROOT / "locales", self.folder / "locales", dirs_exist_ok=True)
        database = Database(f"sqlite:///{self.folder}/ruta.db")
        upgrade_database(database)
        settings = Settings.parse_obj({"mode": "development", "editor_url": self.url})
        made = build_editor_parts(App(Paths(ROOT), settings, Vault([Fernet.generate_key().decode()], KEY), database))
        # The usual cost of a hash would be most of a test's time.
        passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        own = {"locales": self.folder / "locales", "link_results": self.folder / "links.json", "check_links": self.check_links}
        own["try_it_command"] = self.try_it_command
        training = self.training_command
        return replace(
            made, root=self.folder, content=content, clock=self.clock, passwords=passwords, training_command=training, **own
        )

    @cached_property
    def app(self) -> Starlette:
        """The application."""
        return build_editor(self.parts)

    def person(self, role: Role = Role.EDITOR, email: str = "", translates: str = "", factor: bool | None = None) -> Person:
        """Make an account; with a second factor where the role asks for one."""
        address = email or f"{role.value}{translates}@example.org"
        token = self.parts.accounts.invite(address, role, translates)
        staff_id = self.parts.accounts.accept(token, f"Ana {role.value}", PASSWORD, "es")
        person = Person(staff_id, address)
        if role in SECOND_FACTOR_ROLES if factor is None else factor:
            person.secret = pyotp.random_base32()
            assert self.parts.second_factor.confirm(staff_id, person.secret, self.code(person))
            self.clock.turn(seconds=30)
        return person

    def code(self, person: Person) -> str:
        """Return the code that the person's telephone shows now."""
        return pyotp.TOTP(person.secret).at(self.clock.now)

    def browser(self, person: Person | None = None) -> BrowserWithoutScripts:
        """Return a browser in which the person is signed in, by the real forms."""
        browser = BrowserWithoutScripts(self)
        if person:
            browser.sign_in(person)
        return browser


@dataclass
class BrowserWithoutScripts:
    """Keeps cookies, and sends forms with the token that the last page held."""

    world: EditorWorld

    @cached_property
    def client(self) -> TestClient:
        """The connection; background tasks do not run."""
        return TestClient(self.world.app, base_url=self.world.url, follow_redirects=False)

    @cached_property
    def csrf(self) -> str:
        """The token of this browser's forms."""
        found = _CSRF.search(self.client.get("/login", follow_redirects=True).text)
        assert found, "the page has no form"
        return found[1]

    def get(self, address: str, **headers: str) -> Response:
        """Open a page."""
        return self.client.get(address, headers=headers)

    def post(self, address: str, /, follow: bool = False, **fields: str) -> Response:
        """Send a form."""
        return self.client.post(address, data={"csrf": self.csrf, **fields}, follow_redirects=follow)

    def sign_in(self, person: Person) -> None:
        """Sign in with password and, where there is one, the second factor."""
        answer = self.post("/login", email=person.email, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        if person.secret:
            assert self.post("/second-factor", code=self.world.code(person)).status_code == 303
            self.world.clock.turn(seconds=30)
