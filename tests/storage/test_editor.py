"""The editor's accounts, drafts and audit log on SQLite and on a real PostgreSQL, also when two act at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from argon2 import PasswordHasher

from bot.editor.accounts import AccountError, Accounts
from bot.editor.audit import AuditLog
from bot.editor.drafts import Drafts, DraftState
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.editor.passwords import Passwords
from bot.editor.roles import Role
from bot.editor.second_factor import SecondFactor
from bot.editor.sessions import Sessions
from bot.editor.throttle import Throttle
from bot.editor.undo import UndoSteps
from tests.support.builders import System

PASSWORD = "cuatro gatos verdes leen"
PATH = "routes/passport/es.md"


class Desk:
    """The editor's parts over one database."""

    def __init__(self, system: System) -> None:
        shared = (system.database, system.vault)
        self.clock = system.clock
        self.audit = AuditLog(*shared, system.clock)
        self.sessions = Sessions(*shared, system.clock)
        throttle = Throttle(*shared, system.clock)
        passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.accounts = Accounts(*shared, self.audit, self.sessions, throttle, passwords, system.clock)
        self.second_factor = SecondFactor(*shared, self.audit, system.clock)
        self.drafts = Drafts(system.database, self.audit, system.clock)
        self.undo_steps = UndoSteps(system.database, system.clock)

    def person(self, email: str, role: Role = Role.EDITOR) -> str:
        """Make an account."""
        return self.accounts.accept(self.accounts.invite(email, role), "Ana", PASSWORD, "es")


@pytest.fixture
def desk(system: System) -> Desk:
    """The editor's parts over an empty database."""
    return Desk(system)


def test_account_lives_its_life(desk: Desk) -> None:
    """Invited, signed in with a second factor, changed, closed."""
    staff_id = desk.person("ana@example.org", Role.REVIEWER)
    with pytest.raises(AccountError, match="already"):
        desk.accounts.invite("ANA@example.org", Role.EDITOR)
    secret = pyotp.random_base32()
    assert desk.second_factor.confirm(staff_id, secret, pyotp.TOTP(secret).at(desk.clock.now))
    token, wait = desk.accounts.sign_in("ana@example.org", PASSWORD, "127.0.0.1")
    assert (wait, desk.sessions.find(token).is_complete) == (0, False)
    desk.clock.turn(seconds=30)
    assert desk.second_factor.take(staff_id, pyotp.TOTP(secret).at(desk.clock.now))
    full = desk.sessions.open(staff_id, is_complete=True, replaces=token)
    assert desk.sessions.find(token) is None
    desk.sessions.add_notice(full, {"key": "editor.undo.done", "values": {}, "undo": ""})
    assert len(desk.sessions.take_notices(full)) == 1
    assert desk.sessions.take_notices(full) == []
    desk.accounts.close(staff_id, "")
    assert desk.sessions.find(full) is None
    assert desk.accounts.sign_in("ana@example.org", PASSWORD, "127.0.0.1")[0] == ""
    assert desk.audit.verify()[2] == []


def test_one_code_opens_one_session_when_two_use_it_at_once(desk: Desk) -> None:
    """Of two that bring the same code at the same moment one is refused."""
    staff_id, secret = desk.person("ana@example.org"), pyotp.random_base32()
    desk.second_factor.confirm(staff_id, secret, pyotp.TOTP(secret).at(desk.clock.now))
    desk.clock.turn(seconds=30)
    code = pyotp.TOTP(secret).at(desk.clock.now)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: desk.second_factor.take(staff_id, code), range(4)))
    assert sorted(taken) == [False, False, False, True]


def test_invitation_makes_one_account_when_it_is_used_twice_at_once(desk: Desk) -> None:
    """Two clicks on one link make one account."""
    token = desk.accounts.invite("ana@example.org", Role.EDITOR)

    def accept(_: int) -> bool:
        try:
            desk.accounts.accept(token, "Ana", PASSWORD, "es")
        except AccountError:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(accept, range(3))) == [False, False, True]


def test_chain_is_whole_when_many_write_at_once(desk: Desk, system: System) -> None:
    """The audit log has one order, whoever writes."""

    def write(number: int) -> None:
        with system.database.transaction() as session:
            desk.audit.write(session, "", "test.done", f"target-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(24)))
    count, _, broken = desk.audit.verify()
    assert (count, broken) == (24, [])


def test_file_has_one_draft_when_two_begin_at_once(desk: Desk) -> None:
    """The slower of two is told, and its text is not stored over the other's."""
    people = [desk.person(f"p{number}@example.org") for number in range(3)]

    def save(number: int) -> bool:
        try:
            desk.drafts.save(PATH, "es", f"text {number}", "on disk", fingerprint("on disk"), people[number])
        except ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        saved = list(pool.map(save, range(3)))
    assert sorted(saved) == [False, False, True]
    assert desk.drafts.find(PATH).text == f"text {saved.index(True)}"


def test_draft_is_closed_and_comes_back(desk: Desk) -> None:
    """A discarded draft makes room for another one, and comes back only while there is none."""
    staff_id = desk.person("ana@example.org")
    first = desk.drafts.save(PATH, "es", "one", "", fingerprint(""), staff_id)
    desk.drafts.move(first.id, DraftState.DISCARDED, staff_id)
    second = desk.drafts.save(PATH, "es", "two", "", fingerprint(""), staff_id)
    assert desk.drafts.reopen(first.id, staff_id) is False
    desk.drafts.move(second.id, DraftState.DISCARDED, staff_id)
    assert desk.drafts.reopen(first.id, staff_id) is True
    assert desk.drafts.find(PATH).text == "one"
    step = desk.undo_steps.keep(staff_id, "kind", {"a": 1})
    assert desk.undo_steps.take(step, "somebody else") is None
    assert desk.undo_steps.take(step, staff_id) == ("kind", {"a": 1})
    assert desk.undo_steps.take(step, staff_id) is None
