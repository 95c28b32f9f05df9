"""A conversation handed to a person: somebody on WhatsApp, the real programs, and a counsellor in real Chromium."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pytest
import yaml
from playwright.sync_api import Browser, expect

from bot.content.opening import ALL_DAY, DAYS
from bot.editor.roles import Role
from tests.contract.whatsapp.cases import make_provider as make_twilio
from tests.e2e.test_editor import faults
from tests.support.conversation import WhatsAppConversation
from tests.support.fake_twilio import FakeTwilio
from tests.support.office import Office, Task, run_office
from tests.support.provider_settings import whatsapp_settings
from tests.support.server import serve

pytestmark = [pytest.mark.browser, pytest.mark.engine, pytest.mark.slow]

T = TypeVar("T")
NUMBER = "593990007777"
WAIT = "Suelen contestar en menos de una hora."


@dataclass
class World:
    """Everything that runs."""

    office: Office
    twilio: FakeTwilio

    def contact(self, number: str) -> WhatsAppConversation:
        """Return somebody on WhatsApp."""
        return WhatsAppConversation(self.twilio, self.office.programs.url, f"whatsapp:+{number}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Staff answer at all hours, so that the test does not depend on the day."""
    folder, twilio = tmp_path_factory.mktemp("handoff"), make_twilio()
    with serve(twilio.app) as url:
        settings = {"RUTA_CHANNELS": "whatsapp", "RUTA_HANDOFF": "true", **whatsapp_settings(url, folder)}
        with run_office(folder, settings) as office:
            people = office.content / "people.yml"
            staff = {"opening": {day: [ALL_DAY] for day in DAYS}, "wait": {"es": WAIT}}
            people.write_text(people.read_text("utf-8") + yaml.safe_dump({"staff": staff}), "utf-8")
            command = [sys.executable, "-m", "bot.cli", "whatsapp", "setup"]
            subprocess.run(command, env=office.programs.environment, cwd=office.programs.root, check=True, capture_output=True)
            for program in ("gateway", "worker", "editor"):
                office.programs.start(program)
            yield World(office, twilio)


def run(work: Coroutine[object, object, T]) -> T:
    """Run one step of the contact's side, while the browser's own loop stands."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def test_a_person_takes_a_conversation_over_and_gives_it_back(
    world: World, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for in words, opened, read, answered both ways, an emergency on top, closed; then the bot answers again."""
    contact = world.contact(NUMBER)
    run(contact.says("quiero hablar con una persona"))
    run(contact.hears("a toda hora", WAIT, "en una frase"))
    run(contact.says("me negaron la cédula a mi regreso"))
    opened = run(contact.hears("Su caso es"))
    code = opened.split("Su caso es ")[1][:9]
    with browser.new_context(viewport={"width": 1280, "height": 800}, locale="es-EC") as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        world.office.sign_in(page, world.office.person(Role.COUNSELLOR, "Carmen"))
        task = Task(page)
        task.click(page.locator(".tasks a[href='/conversations']"))
        assert faults(page) == []
        task.click(page.get_by_role("link", name=code))
        expect(page.locator(".thread .contact p")).to_have_text("me negaron la cédula a mi regreso")
        expect(page.locator("#window")).to_contain_text("horas más")
        assert faults(page) == []
        page.locator("#reply").fill("Buenas tardes.\n¿En qué oficina fue?")
        task.press("Enviar")
        expect(page.locator("#notices")).to_contain_text("en camino")
        heard = run(contact.hears("¿En qué oficina fue?"))
        assert "una persona del equipo" in heard
        sid = list(world.twilio.messages)[-1]
        run(world.twilio.report(world.office.programs.url, sid, "delivered"))
        expect(page.locator(".thread .delivery")).to_have_text("entregada", timeout=30_000)

        page.locator("#reply").fill("a medio escribir")
        before = len(contact.received())
        run(contact.says("en la de Quito, la del norte"))
        expect(page.locator(".thread .contact").last).to_contain_text("la del norte", timeout=30_000)
        assert page.locator("#reply").input_value() == "a medio escribir"
        assert len(contact.received()) == before

        run(contact.says("auxilio me quieren matar"))
        run(contact.hears("911", "Fuente:"))
        expect(page.locator("#thread")).to_contain_text("Urgente", timeout=30_000)
        page.locator("#reply").fill("")
        task.press("Cerrar la conversación")
        expect(page.locator("#notices")).to_contain_text("Conversación cerrada")
        run(contact.hears("cerró la conversación"))
        run(contact.says("como saco el pasaporte"))
        run(contact.hears("Fuente:", "pasaporte"))
        pages = [page.content()]
        for address in (f"/conversations/{code}", "/conversations?state=closed", "/"):
            page.goto(f"{world.office.url}{address}")
            pages.append(page.content())
        assert not [text for text in pages if NUMBER in text or NUMBER[3:] in text]
        assert errors == []
    with capsys.disabled():
        print(f"\nclicks: read, answer and close a conversation: {task.clicks}")


def test_thread_fits_a_telephone(world: World, browser: Browser) -> None:
    """On 360 px nothing overflows, in the list and in a thread."""
    contact = world.contact("593990008888")
    run(contact.says("quiero hablar con una persona"))
    run(contact.hears("en una frase"))
    run(contact.says("x" * 300))
    code = run(contact.hears("Su caso es")).split("Su caso es ")[1][:9]
    with browser.new_context(viewport={"width": 360, "height": 740}, locale="es-EC") as small:
        page = small.new_page()
        page.set_default_timeout(20_000)
        world.office.sign_in(page, world.office.person(Role.COUNSELLOR, "Delia"))
        for address in ("/conversations", f"/conversations/{code}"):
            page.goto(f"{world.office.url}{address}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
            assert faults(page) == []


def test_an_admin_who_is_not_trained_sees_nothing(world: World, browser: Browser) -> None:
    """Neither in the menu nor by the address."""
    with browser.new_context(locale="es-EC") as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        world.office.sign_in(page, world.office.person(Role.ADMIN, "Nora"))
        expect(page.get_by_role("link", name="Conversaciones")).to_have_count(0)
        answer = page.goto(f"{world.office.url}/conversations")
        assert answer is not None
        assert answer.status == 403


def test_logs_hold_no_word_and_no_number(world: World) -> None:
    """Neither the contact's nor the counsellor's words are in the programs' log."""
    log = world.office.programs.log.read_text()
    for secret in ("negaron", "oficina", "la del norte", "59399000"):
        assert secret not in log
