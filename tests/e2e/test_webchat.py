"""The web chat in a real browser, against a real gateway, with a worker that echoes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import func, select

from bot.storage.models import Contact, Inbound
from bot.storage.session import Database
from tests.support.gateway import Parts, make_parts, make_webchat
from tests.support.server import serve

QUITO = {"latitude": -0.180653, "longitude": -78.467834}

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass
class World:
    """The running system."""

    parts: Parts
    url: str


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A gateway with the web chat, and the echo worker."""
    parts = make_parts(Database(f"sqlite:///{tmp_path / 'ruta.db'}"))
    app = parts.app([make_webchat("http://127.0.0.1")], "http://127.0.0.1")
    with parts.worker.running(), serve(app) as url:
        yield World(parts, url)
    parts.database.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A phone of 320 px whose owner reads Spanish."""
    made = browser.new_context(viewport={"width": 320, "height": 640}, locale="es-EC")
    made.set_default_timeout(8000)
    yield made
    made.close()


@pytest.fixture
def page(world: World, context: BrowserContext) -> Iterator[Page]:
    """The open page; any error of its script fails the test."""
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    opened.goto(world.url)
    expect(opened.locator("#intro h2")).to_be_visible()
    yield opened
    assert errors == []


def say(page: Page, text: str) -> None:
    """Type and send with the keyboard."""
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")


def bubbles(page: Page) -> list[str]:
    """Return what is shown, without what is only read aloud."""
    script = """() => [...document.querySelectorAll('#log .bubble')].map(bubble => {
        const copy = bubble.cloneNode(true); copy.querySelectorAll('.hidden').forEach(node => node.remove()); return copy.textContent; })"""
    return list(page.evaluate(script))


def expect_bubble(page: Page, text: str) -> None:
    """Wait until a reply shows this text."""
    expect(page.locator("#log .message:not(.own) .bubble", has_text=text).last).to_be_visible()


def test_answer_arrives_when_a_question_is_typed(page: Page) -> None:
    """A question gets its answer in the log, and the typing sign goes away."""
    say(page, "hola")
    expect_bubble(page, "Eco: hola")
    assert bubbles(page) == ["hola", "Eco: hola"]
    expect(page.locator("#typing")).to_be_hidden()


def test_first_visit_says_who_the_bot_is_when_nothing_was_asked(page: Page) -> None:
    """Before anything is written the page says that it is a program, reports nobody, and whom to call in danger."""
    intro = page.locator("#intro")
    for words in ("programa automático, no una persona", "No denuncio a nadie", "911"):
        expect(intro).to_contain_text(words)
    expect(intro.locator("a")).to_have_attribute("href", "tel:911")
    page.get_by_role("button", name="Ver los temas").click()
    expect_bubble(page, "Bienvenida")
    expect(page.get_by_role("button", name="Ver los temas")).to_be_hidden()


def test_choice_is_sent_when_its_button_is_tapped(page: Page) -> None:
    """A tap sends the token and shows the title."""
    say(page, "opciones")
    page.get_by_role("button", name="Visas").click()
    expect_bubble(page, "Eligió topic:visa")
    assert bubbles(page) == ["opciones", "¿Qué necesita?", "Visas", "Eligió topic:visa"]


def test_menu_is_asked_for_when_its_button_is_tapped(page: Page) -> None:
    """The menu is one tap away at any time."""
    page.get_by_role("button", name="Menú").click()
    expect_bubble(page, "Eligió command:menu")


def test_conversation_is_still_there_when_the_page_is_loaded_again(page: Page) -> None:
    """A reload shows everything that was said, once, with buttons that still work."""
    say(page, "opciones")
    expect_bubble(page, "¿Qué necesita?")
    say(page, "dos cosas")
    expect_bubble(page, "Segunda")
    before = bubbles(page)
    page.reload()
    expect_bubble(page, "Segunda")
    page.wait_for_timeout(500)
    assert bubbles(page) == before
    page.get_by_role("button", name="Pasaporte").click()
    expect_bubble(page, "Eligió topic:passport")


def test_location_is_asked_for_when_the_button_is_tapped(world: World, context: BrowserContext, page: Page) -> None:
    """The browser is asked only on the tap, and what is sent is rounded to about a hundred metres."""
    context.grant_permissions(["geolocation"])
    context.set_geolocation(QUITO)
    page.evaluate("""() => { window.asked = 0; const real = navigator.geolocation.getCurrentPosition.bind(navigator.geolocation);
        navigator.geolocation.getCurrentPosition = (...given) => { window.asked += 1; real(...given); }; }""")
    say(page, "lugar")
    button = page.get_by_role("button", name="Enviar dónde estoy")
    expect(button).to_be_visible()
    assert page.evaluate("window.asked") == 0
    button.click()
    expect_bubble(page, "Está en -0.181, -78.468")
    assert bubbles(page)[-2] == "Ubicación enviada"


def test_city_is_asked_for_when_the_location_is_denied(context: BrowserContext, page: Page) -> None:
    """Without a position the page says what to do instead."""
    say(page, "lugar")
    page.get_by_role("button", name="Enviar dónde estoy").click()
    expect(page.locator("#status")).to_contain_text("Escriba el nombre de su ciudad")


def test_long_answer_is_shown_from_its_beginning_when_it_arrives(page: Page) -> None:
    """A long text comes whole, in order, and the reader stands at its start."""
    say(page, "largo")
    expect_bubble(page, "Párrafo 24.")
    expect(page.locator("#log .message:not(.own) .bubble").first).to_be_in_viewport()
    page.wait_for_timeout(700)
    top = page.evaluate("document.querySelector('#log .message:not(.own)').getBoundingClientRect().top")
    assert 0 <= top < 200


def test_message_is_kept_and_sent_when_the_connection_comes_back(world: World, context: BrowserContext, page: Page) -> None:
    """Offline the message stays with a way to retry and a notice; online it goes out by itself, once."""
    say(page, "hola")
    expect_bubble(page, "Eco: hola")
    context.set_offline(True)
    say(page, "sin red")
    expect(page.get_by_role("button", name="No se envió. Toque para reintentar.")).to_be_visible()
    expect(page.locator("#offline")).to_be_visible()
    context.set_offline(False)
    expect_bubble(page, "Eco: sin red")
    expect(page.locator("#offline")).to_be_hidden()
    assert bubbles(page) == ["hola", "Eco: hola", "sin red", "Eco: sin red"]
    with world.parts.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Inbound)) == 2


def test_message_is_sent_once_when_the_answer_got_lost(world: World, page: Page) -> None:
    """When the call arrived and its answer did not, the retry is recognised as a repeat."""
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        if not lost:
            lost.append("lost")
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/webchat/messages", lose_first)
    say(page, "una vez")
    page.get_by_role("button", name="No se envió").click()
    expect_bubble(page, "Eco: una vez")
    page.wait_for_timeout(500)
    assert bubbles(page) == ["una vez", "Eco: una vez"]
    with world.parts.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Inbound)) == 1


def test_unsent_message_is_kept_when_the_page_is_loaded_again(page: Page) -> None:
    """A message that could not be sent survives a reload and goes out then."""
    page.route("**/webchat/messages", lambda route: route.abort())
    say(page, "guardado")
    expect(page.get_by_role("button", name="No se envió")).to_be_visible()
    page.unroute("**/webchat/messages")
    page.reload()
    expect_bubble(page, "Eco: guardado")


def test_replies_are_polled_when_the_stream_is_blocked(page: Page) -> None:
    """A network that lets no stream through still brings the answers."""
    page.route("**/webchat/events*", lambda route: route.fulfill(status=502))
    page.reload()
    say(page, "hola")
    expect_bubble(page, "Eco: hola")


def test_reply_shows_in_both_tabs_when_two_are_open(world: World, context: BrowserContext, page: Page) -> None:
    """Two tabs of one browser are one conversation."""
    say(page, "uno")
    expect_bubble(page, "Eco: uno")
    second = context.new_page()
    second.goto(f"{world.url}/webchat/")
    expect_bubble(second, "Eco: uno")
    say(second, "dos")
    expect_bubble(second, "Segunda")
    expect_bubble(page, "Segunda")


def test_nothing_is_left_when_the_conversation_is_forgotten(world: World, page: Page) -> None:
    """After a confirmation page, server and cookie are empty, and a new conversation can begin."""
    say(page, "hola")
    expect_bubble(page, "Eco: hola")
    page.get_by_role("button", name="¿Olvidar esta conversación?").click()
    page.get_by_role("button", name="No, conservar").click()
    assert len(bubbles(page)) == 2
    page.get_by_role("button", name="¿Olvidar esta conversación?").click()
    page.get_by_role("button", name="Sí, borrar todo").click()
    expect(page.locator("#status")).to_contain_text("La conversación se borró")
    assert bubbles(page) == []
    assert page.context.cookies() == []
    with world.parts.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
    say(page, "de nuevo")
    expect_bubble(page, "Eco: de nuevo")
    assert bubbles(page) == ["de nuevo", "Eco: de nuevo"]


def test_typing_sign_shows_when_the_answer_takes_long(world: World, page: Page) -> None:
    """While the worker is busy the page shows it, also after a reload."""
    world.parts.worker.is_paused = True
    say(page, "hola")
    expect(page.locator("#typing")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Ruta Segura está escribiendo")
    page.reload()
    expect(page.locator("#typing")).to_be_visible()
    assert bubbles(page) == ["hola"]
    world.parts.worker.is_paused = False
    expect_bubble(page, "Eco: hola")
    expect(page.locator("#typing")).to_be_hidden()


@pytest.mark.parametrize(("tag", "button"), [("en-US", "Send"), ("fr-CA", "Envoyer"), ("pt-BR", "Enviar"), ("de-DE", "Enviar")])
def test_page_speaks_the_browser_s_language_when_it_is_opened(world: World, browser: Browser, tag: str, button: str) -> None:
    """The browser's language is taken where we have it, Spanish elsewhere; the choice can be changed and is kept."""
    with browser.new_context(locale=tag) as context:
        page = context.new_page()
        page.goto(f"{world.url}/webchat/")
        expect(page.locator("#send")).to_contain_text(button)
        assert page.evaluate("document.documentElement.lang") == (tag[:2] if tag != "de-DE" else "es")
        page.get_by_role("combobox").select_option("fr")
        page.reload()
        expect(page.locator("#send")).to_contain_text("Envoyer")


@pytest.mark.parametrize("width", [320, 768, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_when_the_screen_is_small(world: World, browser: Browser, width: int, scheme: str) -> None:
    """Every control is on the screen and large enough for a thumb, in every language."""
    with browser.new_context(viewport={"width": width, "height": 640}, color_scheme=scheme, locale="es") as context:
        page = context.new_page()
        page.goto(f"{world.url}/webchat/")
        say(page, "opciones " + "palabralarguísima" * 20)
        expect_bubble(page, "¿Qué necesita?")
        for locale in ("es", "en", "fr", "pt"):
            page.get_by_role("combobox").select_option(locale)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.querySelector('main').scrollWidth") <= width
            boxes = page.evaluate("""() => [...document.querySelectorAll('button, select, textarea, .urgent a')]
                .filter(node => node.offsetParent).map(node => node.getBoundingClientRect())
                .map(box => [box.left, box.right, box.width, box.height])""")
            assert len(boxes) >= 7
            assert [box for box in boxes if box[0] < 0 or box[1] > width or min(box[2:]) < 44] == []


_CONTRAST = """() => {
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const ground = node => { for (; node; node = node.parentElement) {
    const c = parse(getComputedStyle(node).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  return [...document.querySelectorAll('body *')].filter(node => node.offsetParent && node.tagName !== 'OPTION' && !node.closest('.hidden, .wide')
      && [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())).map(node => {
    const ink = light(parse(getComputedStyle(node).color)), paper = light(ground(node));
    return [(Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05), node.textContent.trim().slice(0, 30)]; });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_when_the_scheme_changes(world: World, browser: Browser, scheme: str) -> None:
    """Every text has a contrast of 4.5 to 1 or more against its ground."""
    with browser.new_context(color_scheme=scheme, locale="es") as context:
        page = context.new_page()
        page.goto(f"{world.url}/webchat/")
        say(page, "opciones")
        page.get_by_role("button", name="Visas").click()
        expect_bubble(page, "Eligió")
        page.route("**/webchat/messages", lambda route: route.abort())
        say(page, "no sale")
        expect(page.get_by_role("button", name="No se envió")).to_be_visible()
        page.get_by_role("button", name="¿Olvidar esta conversación?").click()
        found = page.evaluate(_CONTRAST)
        assert len(found) > 12
        assert [entry for entry in found if entry[0] < 4.5] == []


def test_everything_works_when_there_is_only_a_keyboard(page: Page) -> None:
    """The tab order follows the page, the dialog opens and closes, and the focus comes back."""
    expect(page.locator("#start")).to_be_visible()  # It shows when the page knows that there is no conversation yet.
    order = []
    for _ in range(7):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert order == ["locale", "forget", "Llamar al 911", "start", "menu", "text", "send"]
    page.locator("#forget").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#forget")).to_be_focused()
    page.locator("#start").focus()
    page.keyboard.press("Space")
    expect_bubble(page, "Bienvenida")


def test_screen_reader_finds_its_way_when_a_conversation_runs(page: Page) -> None:
    """The log is polite and named, each message says who speaks, links say where they open."""
    log = page.get_by_role("log", name="Conversación")
    expect(log).to_have_attribute("aria-live", "polite")
    say(page, "vea https://example.org/x ahora")
    expect_bubble(page, "Eco")
    assert "Usted: vea" in log.text_content()
    assert "Ruta Segura: Eco" in log.text_content()
    link = log.get_by_role("link")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(link).to_have_accessible_name("https://example.org/x (se abre en otra pestaña)")
    expect(page.get_by_role("textbox", name="Escriba su pregunta")).to_be_visible()


def test_markup_is_text_when_somebody_types_it(page: Page) -> None:
    """What looks like HTML is shown as it was typed, on both sides."""
    say(page, "<img src=x onerror=window.broken=1><b>x</b>")
    expect_bubble(page, "Eco: <img src=x onerror=window.broken=1><b>x</b>")
    assert page.evaluate("window.broken === undefined")
    assert page.locator("#log img, #log b").count() == 0


def test_page_is_quick_when_it_is_opened(world: World, context: BrowserContext) -> None:
    """The page asks only us, for under 60 KB, and the answer to a message shows soon after."""
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{world.url}/webchat/")
    started = time.monotonic()
    say(page, "hola")
    expect_bubble(page, "Eco: hola")
    assert time.monotonic() - started < 2
    assert len(asked) >= 4
    assert [url for url in asked if not url.startswith((world.url, "data:"))] == []
