"""Invitation, password, second factor, sessions, throttling: who gets in, and who does not."""

from __future__ import annotations

import re

import pyotp
import pytest
from sqlalchemy import select

from bot.editor.passwords import password_fault
from bot.editor.roles import Role
from bot.storage.staff_models import StaffAccount, StaffInvitation, StaffSession
from tests.support.editor import PASSWORD, EditorWorld

_KEY = re.compile(r'id="secret">([A-Z2-7 ]+)<')
_RECOVERY = re.compile(r"<code>([a-z0-9]{5}(?:-[a-z0-9]{5}){2})</code>")


def test_admin_is_made_from_the_command_s_link(world: EditorWorld) -> None:
    """The first admin: link, password, second factor from the picture, recovery codes, in."""
    from bot.editor.commands import invite_admin

    link = invite_admin(world.parts, "jefa@example.org")
    path = link.removeprefix(world.url)
    browser = world.browser()
    assert "jefa@example.org" in browser.get(path).text
    made = browser.post(path, name="Jefa", new_password=PASSWORD, again=PASSWORD)
    assert made.status_code == 200, made.text
    assert browser.post("/login", email="JEFA@example.org ", password=PASSWORD).headers["location"] == "/second-factor?next=/"
    assert browser.get("/second-factor").headers["location"] == "/second-factor/setup"
    page = browser.get("/second-factor/setup").text
    secret = _KEY.search(page)[1].replace(" ", "")
    assert browser.get("/second-factor/picture").headers["content-type"].startswith("image/svg+xml")
    assert browser.post("/second-factor/setup", code="000000").status_code == 400

    codes = browser.post("/second-factor/setup", code=pyotp.TOTP(secret).at(world.clock.now)).text
    assert len(_RECOVERY.findall(codes)) == 10
    assert browser.get("/").status_code == 200
    assert browser.get(path).status_code == 410


def test_invitation_ends_when_its_time_is_over(world: EditorWorld) -> None:
    """A link works for 72 hours, once, and a newer one replaces it."""
    accounts = world.parts.accounts
    first = accounts.invite("a@example.org", Role.EDITOR)
    second = accounts.invite("A@example.org", Role.EDITOR)
    browser = world.browser()
    assert browser.get(f"/invitation/{first}").status_code == 410
    assert browser.get(f"/invitation/{second}").status_code == 200
    world.clock.turn(hours=73)
    assert browser.get(f"/invitation/{second}").status_code == 410


@pytest.mark.parametrize(
    ("password", "key"),
    [
        ("short one", "editor.password.too_short"),
        ("contraseña1234", "editor.password.common"),
        ("Ecuador2026!!", "editor.password.common"),
        ("aaaaaaaaaaaaaaaa", "editor.password.common"),
        ("x y" * 100, "editor.password.too_long"),
        (PASSWORD, ""),
    ],
)
def test_password_is_judged_by_length_and_commonness(password: str, key: str) -> None:
    """No rules of composition: long and uncommon is enough."""
    assert password_fault(password) == key


def test_answer_does_not_tell_whether_an_account_exists(world: EditorWorld) -> None:
    """A wrong password and an unknown address get the same page and the same delays."""
    world.person(Role.EDITOR, email="known@example.org")
    pages = {}
    for email in ("known@example.org", "nobody@example.org"):
        browser = world.browser()
        answers = [browser.post("/login", email=email, password="wrong wrong wrong") for _ in range(7)]
        pages[email] = [(a.status_code, re.sub(r'value="[^"]*"|[0-9a-f]{64}', "", a.text)) for a in answers]
    assert [status for status, _ in pages["known@example.org"]] == [400, 400, 400, 400, 429, 429, 429]
    assert pages["known@example.org"] == pages["nobody@example.org"]


def test_delay_grows_and_ends(world: EditorWorld) -> None:
    """After the free tries each failure makes the wait longer; the right password works when it is over."""
    person = world.person(Role.EDITOR)
    browser, waits = world.browser(), []
    for _ in range(8):
        world.clock.turn(seconds=waits[-1] if waits else 0)
        browser.post("/login", email=person.email, password="wrong")
        waits.append(world.parts.throttle.seconds_to_wait(account=person.email))
    assert waits[3] == 0
    assert 0 < waits[4] < waits[5] < waits[6] < waits[7]
    assert browser.post("/login", email=person.email, password=PASSWORD).status_code == 429
    world.clock.turn(seconds=waits[-1])
    assert browser.post("/login", email=person.email, password=PASSWORD).status_code == 303
    assert world.parts.throttle.seconds_to_wait(account=person.email) == 0


def test_address_is_slowed_down_when_it_tries_many_accounts(world: EditorWorld) -> None:
    """One caller who tries many accounts once each must wait too."""
    browser = world.browser()
    statuses = [browser.post("/login", email=f"p{n}@example.org", password="wrong").status_code for n in range(22)]
    assert statuses[:20] == [400] * 20
    assert statuses[20:] == [429, 429]


def test_code_is_refused_when_it_was_used(world: EditorWorld) -> None:
    """A code is good once, also in another browser within its half minute."""
    person = world.person(Role.EDITOR, factor=True)
    first, second = world.browser(), world.browser()
    code = world.code(person)
    for browser in (first, second):
        browser.post("/login", email=person.email, password=PASSWORD)
    assert first.post("/second-factor", code=code).status_code == 303
    assert second.post("/second-factor", code=code).status_code == 400
    assert second.get("/").headers["location"] == "/second-factor"
    world.clock.turn(seconds=30)
    assert second.post("/second-factor", code=world.code(person)).status_code == 303


def test_recovery_code_works_once(world: EditorWorld) -> None:
    """A lost telephone does not lock its owner out; a code of paper is used up."""

    person = world.person(Role.EDITOR)
    secret = pyotp.random_base32()
    codes = world.parts.second_factor.confirm(person.id, secret, pyotp.TOTP(secret).at(world.clock.now))
    for expected in (303, 400):
        browser = world.browser()
        browser.post("/login", email=person.email, password=PASSWORD)
        assert browser.post("/second-factor", code=codes[0].upper().replace("-", " ")).status_code == expected


def test_second_factor_is_slowed_down_when_codes_are_guessed(world: EditorWorld) -> None:
    """Whoever has the password can not try all codes."""
    person = world.person(Role.EDITOR, factor=True)
    browser = world.browser()
    browser.post("/login", email=person.email, password=PASSWORD)
    assert [browser.post("/second-factor", code="123456").status_code for _ in range(6)] == [400] * 5 + [429]


def test_stolen_password_does_not_replace_the_second_factor(world: EditorWorld) -> None:
    """Before the second factor was brought there is no way to set another one."""
    person = world.person(Role.REVIEWER)
    browser = world.browser()
    browser.post("/login", email=person.email, password=PASSWORD)
    assert browser.get("/second-factor/setup").headers["location"] == "/second-factor"
    assert browser.get("/account/second-factor/setup").headers["location"] == "/second-factor"
    assert browser.post("/second-factor/setup", code="123456").status_code == 404


def test_session_ends_when_nothing_happens_or_the_day_is_over(world: EditorWorld) -> None:
    """30 idle minutes, or 12 hours in all."""
    browser = world.browser(world.person(Role.EDITOR))
    world.clock.turn(minutes=29)
    assert browser.get("/").status_code == 200
    world.clock.turn(minutes=31)
    assert browser.get("/").status_code == 303
    browser = world.browser(world.person(Role.READER))
    for _ in range(25):
        world.clock.turn(minutes=28)
        assert browser.get("/").status_code == 200
    world.clock.turn(minutes=28)
    assert browser.get("/").status_code == 303


def test_text_is_kept_when_the_session_is_over(world: EditorWorld) -> None:
    """A form that comes too late is handed back, without its secrets, to be sent again."""
    browser = world.browser(world.person(Role.EDITOR))
    world.clock.turn(minutes=31)
    answer = browser.post("/account/password", password="secret-word", lead="Lo que escribí <b>hoy</b>")
    assert answer.status_code == 401
    assert "Lo que escribí &lt;b&gt;hoy&lt;/b&gt;" in answer.text
    assert "secret-word" not in answer.text


def test_everything_ends_when_signing_out_everywhere(world: EditorWorld) -> None:
    """A lost laptop is out as well."""
    person = world.person(Role.EDITOR)
    here, there = world.browser(person), world.browser(person)
    assert here.post("/account/sign-out-everywhere").status_code == 303
    assert here.get("/").status_code == there.get("/").status_code == 303


def test_token_of_before_the_second_factor_is_worth_nothing_after(world: EditorWorld) -> None:
    """The session gets a new token when it gains rights."""
    person = world.person(Role.EDITOR, factor=True)
    browser = world.browser()
    browser.post("/login", email=person.email, password=PASSWORD)
    before = browser.client.cookies["ruta_editor"]
    browser.post("/second-factor", code=world.code(person))
    after = browser.client.cookies["ruta_editor"]
    assert before != after
    assert world.parts.sessions.find(before) is None


def test_cookies_are_locked_when_https_is_used(world: EditorWorld) -> None:
    """Over https a cookie is for this host alone; scripts never see it, and other sites' calls never carry it."""
    world.url = "https://editor.example.org"
    answer = world.browser().post("/login", email=world.person(Role.EDITOR).email, password=PASSWORD)
    cookie = answer.headers["set-cookie"]
    for part in ("__Host-ruta_editor=", "HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert part in cookie
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\r\nx"])
def test_sign_in_never_leads_to_another_site(world: EditorWorld, target: str) -> None:
    """What comes after signing in is a page of ours."""
    browser = world.browser()
    answer = browser.post("/login", email=world.person(Role.EDITOR).email, password=PASSWORD, next=target)
    assert answer.headers["location"] == "/"


def test_nothing_personal_stands_open_in_the_database(world: EditorWorld) -> None:
    """Addresses, names, passwords, secrets and tokens are encrypted or hashed."""
    person = world.person(Role.ADMIN, email="personal@example.org")
    browser = world.browser(person)
    browser.post("/people", email="guest@example.org", role="reader", translates="")
    with world.parts.database.reading() as session:
        rows = [
            *session.scalars(select(StaffAccount)),
            *session.scalars(select(StaffInvitation)),
            *session.scalars(select(StaffSession)),
        ]
        stored = repr([[getattr(row, column.key) for column in row.__table__.columns] for row in rows])
    assert len(rows) >= 4
    for secret in ("personal@", "guest@", "Ana admin", PASSWORD, person.secret, browser.client.cookies["ruta_editor"]):
        assert secret not in stored


def test_last_admin_stays(world: EditorWorld) -> None:
    """Nobody can lock everybody out."""
    admin = world.person(Role.ADMIN)
    browser = world.browser(admin)
    page = browser.post(f"/people/{admin.id}/close", follow=True).text
    assert "Debe quedar al menos una persona" in page
    assert world.parts.accounts.get(admin.id).is_closed is False


def test_closed_account_is_out_and_comes_back_by_undo(world: EditorWorld) -> None:
    """Closing ends the sessions at once; the admin can take it back for ten minutes, nobody else can."""
    admin, editor = world.browser(world.person(Role.ADMIN)), world.person(Role.EDITOR)
    theirs = world.browser(editor)
    page = admin.post(f"/people/{editor.id}/close", follow=True).text
    step = re.search(r'action="(/undo/\w+)"', page)[1]
    assert theirs.get("/").status_code == 303
    other = world.browser(world.person(Role.READER))
    assert "Ya no se puede deshacer" in other.post(step, follow=True).text
    assert "Se deshizo." in admin.post(step, follow=True).text
    assert "Ya no se puede deshacer" in admin.post(step, follow=True).text
    theirs.sign_in(editor)
    assert theirs.get("/").status_code == 200


def test_person_sees_the_editor_in_their_language(world: EditorWorld) -> None:
    """Spanish first; the choice is kept for the person, in every browser."""
    person = world.person(Role.EDITOR)
    browser = world.browser(person)
    assert "Lo que me necesita" in browser.get("/").text
    browser.post("/language", locale="en", back="/topics")
    assert "What needs me" in browser.get("/").text
    assert '<html lang="en">' in world.browser(person).get("/").text
