"""The pages of conversations: who sees them, what each button does, what is in the log, and that nothing leads to the person."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.responses import Response

from bot.editor.roles import Need, Role, may
from bot.editor.sessions import IDLE
from bot.editor.views.conversations import CLOSED_KEYS, DELIVERY_KEYS, EVENT_KEYS, REFUSAL_KEYS
from bot.i18n import Catalogues
from bot.storage.models import Contact, Conversation, Outbound
from bot.storage.staff_models import AuditEntry
from tests.support.builders import System
from tests.support.editor import ROOT, BrowserWithoutScripts, EditorWorld, Person
from tests.support.handoff import HandoffWorld, no_audit

NUMBER = "+593990001234"


@pytest.fixture
def talk(world: EditorWorld, tmp_path: Path) -> HandoffWorld:
    """The bot on the editor's database."""
    system = System(world.parts.database, world.clock, world.parts.vault)
    return HandoffWorld(system, tmp_path / "people.yml")


@pytest.fixture
def person(world: EditorWorld) -> Person:
    """Somebody who is trained."""
    return world.person(Role.COUNSELLOR)


@pytest.fixture
def browser(world: EditorWorld, person: Person) -> BrowserWithoutScripts:
    """Their browser."""
    return world.browser(person)


def _log(world: EditorWorld, code: str) -> list[str]:
    with world.parts.database.reading() as session:
        entries = select(AuditEntry.action).where(AuditEntry.target == code).order_by(AuditEntry.id)
        return list(session.scalars(entries))


def _close(browser: BrowserWithoutScripts, code: str) -> Response:
    page = browser.get(f"/conversations/{code}").text
    (seen,) = re.findall(r'name="seen" value="(\d+)" form="close"', page)
    return browser.post(f"/conversations/{code}/close", seen=seen)


def test_only_trained_people_see_conversations() -> None:
    """Not even an admin does, who can make somebody a counsellor, which the log shows."""
    assert [role for role in Role if may(role, Need.TALK)] == [Role.COUNSELLOR]


async def test_list_has_urgent_ones_on_top_and_the_first_page_counts(talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """Who waits longest follows."""
    codes = [await talk.opens(address=name) for name in ("a", "b", "c")]
    await talk.says("auxilio me quieren matar", address="c")
    page = browser.get("/conversations").text
    assert sorted(codes, key=page.index) == [codes[2], codes[0], codes[1]]
    assert re.search(r'class="count">3<', browser.get("/").text)
    assert 'href="/conversations"' not in browser.world.browser(browser.world.person(Role.ADMIN)).get("/").text


async def test_nothing_on_the_pages_leads_to_the_person(
    world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts
) -> None:
    """Neither number nor hash nor any id of contact or conversation; only the code."""
    code = await talk.opens("ayuda con mi trámite", address=NUMBER)
    await talk.says("mis datos", address=NUMBER)
    with world.parts.database.reading() as session:
        contact, conversation = session.scalars(select(Contact)).one(), session.scalars(select(Conversation)).one()
    secrets = [NUMBER, NUMBER[1:], NUMBER[4:], "1234", contact.id, contact.address_hash, conversation.id]
    browser.post(f"/conversations/{code}/reply", text="Hola")
    for address in ("/conversations", f"/conversations/{code}", "/", "/conversations?state=closed"):
        page = re.sub(r'value="[0-9a-f]{64}"|"X-CSRF-Token": "[0-9a-f]{64}"|\?v=[0-9a-f]{12}', "", browser.get(address).text)
        assert not [secret for secret in secrets if secret in page], address
    assert "ayuda con mi trámite" in browser.get(f"/conversations/{code}").text


async def test_reply_leaves_by_the_outbox_and_the_thread_shows_its_way(
    world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts
) -> None:
    """On its way, then sent; who wrote it stands there, and the log has reading and answering."""
    code = await talk.opens()
    answer = browser.post(f"/conversations/{code}/reply", text="Buenas\r\ntardes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/conversations/{code}")
    page = browser.get(f"/conversations/{code}").text
    assert "en camino" in page
    assert "Ana counsellor" in page
    (sent,) = talk.goes_out()
    assert sent.text.endswith("Buenas\ntardes")
    assert "enviada" in browser.get(f"/conversations/{code}").text
    assert _log(world, code) == ["conversation.replied", "conversation.read", "conversation.read"]


async def test_an_empty_or_endless_reply_is_refused_with_its_text(talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """Nothing goes out, nothing typed is lost."""
    code = await talk.opens()
    assert browser.post(f"/conversations/{code}/reply", text="  ").status_code == 422
    answer = browser.post(f"/conversations/{code}/reply", text="largo " * 600)
    assert answer.status_code == 422
    assert "largo largo" in answer.text
    assert browser.post(f"/conversations/{code}/note", text="").status_code == 422
    assert talk.goes_out() == []


@pytest.mark.parametrize("number", ["1710034065", "4539 1488 0343 6467", "pasaporte A1234567"])
async def test_somebodys_number_in_a_reply_is_asked_about_once(
    talk: HandoffWorld, browser: BrowserWithoutScripts, number: str
) -> None:
    """The second press sends it; a changed text is asked about anew; an office's telephone is no matter."""
    code = await talk.opens()
    address, text = f"/conversations/{code}/reply", f"Su número es {number}"
    asked = browser.post(address, text=text)
    assert asked.status_code == 422
    assert number in asked.text
    (accept,) = re.findall(r'name="accept" value="([^"]+)"', asked.text)
    assert browser.post(address, text=f"{text}.", accept=accept).status_code == 422
    assert talk.goes_out() == []
    assert browser.post(address, text=text, accept=accept).status_code == 303
    assert browser.post(address, text="Llame al 02 299 3200 o al 1800 000 255").status_code == 303
    assert len(talk.goes_out()) == 2


async def test_a_reply_after_the_window_is_refused_with_a_plain_warning(
    world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts, person: Person
) -> None:
    """The page says how long is left, then what happens now; the text stays, and nothing is queued."""
    code = await talk.opens()
    assert "unas 24 horas" in browser.get(f"/conversations/{code}").text
    world.clock.turn(hours=23, minutes=30)
    browser = world.browser(person)
    assert "menos de una hora" in browser.get(f"/conversations/{code}").text
    world.clock.turn(minutes=40)
    answer = world.browser(person).post(f"/conversations/{code}/reply", text="llego tarde")
    assert answer.status_code == 409
    assert "No se envía nada" in answer.text
    assert "llego tarde" in answer.text
    with world.parts.database.reading() as session:
        assert not [row for row in session.scalars(select(Outbound)) if row.body_encrypted]


async def test_a_note_stays_inside(world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """Colleagues read it, the contact never."""
    code = await talk.opens()
    assert browser.post(f"/conversations/{code}/note", text="Llamar al albergue <b>").status_code == 303
    other = world.browser(world.person(Role.COUNSELLOR, "otra@example.org"))
    assert "Llamar al albergue &lt;b&gt;" in other.get(f"/conversations/{code}").text
    assert talk.goes_out() == []
    assert _log(world, code)[0] == "conversation.noted"


async def test_a_case_is_given_to_trained_people_only(
    world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts, person: Person
) -> None:
    """To oneself, to a colleague, to nobody; not to an editor, nor to a closed account."""
    code = await talk.opens()
    editor, gone = world.person(Role.EDITOR), world.person(Role.COUNSELLOR, "gone@example.org")
    world.parts.accounts.close(gone.id, person.id)
    address = f"/conversations/{code}/assign"
    assert [browser.post(address, to=to).status_code for to in (editor.id, gone.id, "x")] == [404, 404, 404]
    assert browser.post(address, to=person.id).status_code == 303
    assert talk.staff.list_open()[0].assigned_to == person.id
    assert browser.post(address, to="").status_code == 303
    assert talk.staff.list_open()[0].assigned_to == ""


async def test_closing_can_be_undone(world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """The button of the notice opens it again; the log has both."""
    code = await talk.opens()
    assert _close(browser, code).status_code == 303
    assert talk.staff.list_open() == []
    page = browser.get("/conversations?state=closed").text
    assert code in page
    assert browser.post(re.findall(r'action="(/undo/\w+)"', page)[-1]).headers["location"] == f"/conversations/{code}"
    assert [line.code for line in talk.staff.list_open()] == [code]
    assert talk.goes_out() == []
    assert _log(world, code)[-2:] == ["conversation.closed", "conversation.reopened"]


async def test_closing_over_an_unread_message_is_refused(talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """The page was older than the message; so is one that names no line."""
    code = await talk.opens()
    (seen,) = re.findall(r'name="seen" value="(\d+)"', browser.get(f"/conversations/{code}").text)
    await talk.says("falta algo")
    for stale in (seen, "", "9" * 20, "²"):
        answer = browser.post(f"/conversations/{code}/close", seen=stale)
        assert answer.status_code == 409
        assert "Lea el mensaje nuevo" in answer.text
    assert len(talk.staff.list_open()) == 1


async def test_what_is_gone_or_over_is_said(talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """No such case: 404 everywhere. A closed one takes notes, nothing else."""
    for address in ("", "/reply", "/note", "/assign", "/close"):
        path = f"/conversations/NADA-NADA{address}"
        answer = browser.post(path, text="hola", to="") if address else browser.get(path)
        assert answer.status_code == 404, address
    code = await talk.opens()
    _close(browser, code)
    assert browser.post(f"/conversations/{code}/reply", text="hola").status_code == 409
    assert browser.post(f"/conversations/{code}/assign", to="").status_code == 409
    assert browser.post(f"/conversations/{code}/note", text="hola").status_code == 303
    page = browser.get(f"/conversations/{code}").text
    assert 'id="reply"' not in page


async def test_a_refreshing_page_is_logged_sparingly_and_keeps_nobody_signed_in(
    world: EditorWorld, talk: HandoffWorld, browser: BrowserWithoutScripts
) -> None:
    """Every ten minutes an entry; and after half an hour without a hand on it the session is over."""
    code = await talk.opens()
    address, refresh = f"/conversations/{code}", {"HX-Request": "true", "X-Refresh": "1"}
    browser.get(address)
    for _ in range(11):
        world.clock.turn(minutes=1)
        assert browser.get(address, **refresh).status_code == 200
    assert _log(world, code) == ["conversation.read"] * 2
    world.clock.turn(seconds=IDLE.total_seconds() - 10 * 60)
    assert browser.get(address, **refresh).headers["hx-redirect"].startswith("/login")


async def test_pages_speak_english_too(talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """No key is missing in the second language."""
    code = await talk.opens()
    browser.post("/language", locale="en")
    assert "Close the conversation" in browser.get(f"/conversations/{code}").text
    assert "Waiting since" in html.unescape(browser.get("/conversations").text)


@pytest.mark.parametrize("key", [*EVENT_KEYS.values(), *DELIVERY_KEYS.values(), *REFUSAL_KEYS.values(), *CLOSED_KEYS.values()])
def test_every_sentence_is_there_in_both_languages(key: str) -> None:
    """What is chosen by a code has its words."""
    texts = Catalogues(ROOT / "locales")
    assert texts.text("es", key) != texts.text("en", key)


async def test_what_happened_stands_in_the_thread(talk: HandoffWorld, browser: BrowserWithoutScripts) -> None:
    """What happened stands in the thread in words."""
    code = await talk.opens()
    browser.post(f"/conversations/{code}/reply", text="Hola")
    await talk.says("salir ya")
    page = browser.get(f"/conversations/{code}").text
    assert "salió de prisa" in page
    assert "alguien puede estar viendo" in page
    assert "no se envió" in page
    talk.staff.close(code, "s1", 10**6, no_audit)
    assert "Se cerró la conversación" in browser.get(f"/conversations/{code}").text
