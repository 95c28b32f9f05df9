"""The doctor's looks: each fault is found with a code, a cause and a remedy, and a healthy system has none."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from bot.conversations.queues import Queues
from bot.doctor import examine
from bot.doctor.database import look_at_clock, look_at_database, look_at_keys, look_at_queues
from bot.doctor.knowledge import look_at_content, look_at_model
from bot.doctor.machine import look_at_disks, look_at_mode, look_at_secrets
from bot.doctor.report import print_json, print_table
from bot.doctor.system import examine_system
from bot.findings import Finding, Level, exit_code, fault, fine, warning
from bot.messages import OutboundMessage
from bot.settings import PREFIX
from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database
from bot.storage.vault import Vault
from channels.telegram import TelegramSettings
from channels.telegram import diagnosis as telegram
from channels.webchat import WebChatSettings
from channels.webchat import diagnosis as webchat
from channels.whatsapp import WhatsAppSettings, set_up_templates
from channels.whatsapp import diagnosis as whatsapp
from tests.contract.whatsapp.cases import make_provider as make_twilio
from tests.support.builders import KEY, System, make_inbound
from tests.support.fake_telegram import SECRET, TOKEN, FakeTelegram
from tests.support.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, SENDER
from tests.support.server import serve

ROOT = Path(__file__).parents[3]


def _codes(findings: Any) -> list[tuple[str, str]]:
    found = list(findings)
    assert all(one.cause and (one.level is Level.OK or one.remedy) for one in found)
    return [(one.level.value, one.code) for one in found]


def test_the_exit_code_is_that_of_the_worst() -> None:
    """0 all is well, 1 warnings, 2 errors."""
    good, bad, worse = fine("a", "b"), warning("a", "b", "c"), fault("a", "b", "c")
    assert [exit_code(found) for found in ([], [good], [good, bad], [worse, bad, good])] == [0, 0, 1, 2]


def test_a_look_that_fails_does_not_end_the_others() -> None:
    """It becomes a finding with its own code."""

    def broken() -> list[Finding]:
        raise ZeroDivisionError

    assert _codes(examine([("one", broken), ("two", lambda: [fine("b", "c")])])) == [("error", "one_not_examined"), ("ok", "b")]


def test_what_is_shown_can_be_read_by_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """The table begins with the worst; marks in a cause are shown as they are."""
    found = [fine("well", "all"), fault("broken", "it [red]broke[/red]", "mend it")]
    print_table(found)
    said = capsys.readouterr().out
    assert said.index("broken") < said.index("well")
    assert "[red]broke[/red]" in said
    print_json(found)
    assert json.loads(capsys.readouterr().out)[1] == {
        "level": "error",
        "code": "broken",
        "cause": "it [red]broke[/red]",
        "remedy": "mend it",
    }


def test_files_with_keys_must_be_private(tmp_path: Path) -> None:
    """A key that others may read is an error for each file."""
    assert _codes(look_at_secrets(tmp_path, tmp_path)) == [("ok", "secrets_private")]
    for name in (".env", "development.key"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o640)
    assert _codes(look_at_secrets(tmp_path, tmp_path)) == [("error", "secrets_readable")] * 2
    for name in (".env", "development.key"):
        (tmp_path / name).chmod(0o600)
    assert _codes(look_at_secrets(tmp_path, tmp_path)) == [("ok", "secrets_private")]


def test_development_mode_is_for_one_machine() -> None:
    """With a channel that others use it is a warning."""
    assert _codes(look_at_mode("development", ("webchat",))) == []
    assert _codes(look_at_mode("development", ("webchat", "telegram"))) == [("warning", "development_mode")]
    assert _codes(look_at_mode("production", ("telegram",))) == []


@pytest.mark.parametrize(
    ("free", "total", "expected"),
    [(100 * 2**20, 10 * 2**30, ("error", "disk_full")), (2**29, 2**31, ("warning", "disk_low"))]
    + [(3 * 2**30, 100 * 2**30, ("warning", "disk_low")), (50 * 2**30, 100 * 2**30, ("ok", "disk_free"))],
    ids=["full", "low", "low share", "enough"],
)
def test_a_disk_that_fills_up_is_told(
    free: int, total: int, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a folder that does not exist yet."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free, total=total))
    assert _codes(look_at_disks({"var": tmp_path / "not" / "there"})) == [expected]


def test_a_database_that_is_away_or_old_is_told(tmp_path: Path) -> None:
    """Each with its own remedy."""
    away = Database("postgresql+psycopg://ruta@127.0.0.1:1/ruta")
    assert _codes(look_at_database(away)) == [("error", "database_down")]
    fresh = Database(f"sqlite:///{tmp_path}/ruta.db")
    assert _codes(look_at_database(fresh)) == [("error", "database_not_current")]
    upgrade_database(fresh)
    assert _codes(look_at_database(fresh)) == [("ok", "database_current")]


def test_a_disk_on_which_sqlite_cannot_write_ahead_is_told(tmp_path: Path) -> None:
    """As on a network folder, which refuses the mode that we ask for."""
    with mock.patch("bot.storage.session._set_up_sqlite", lambda connection, record: None):
        plain = Database(f"sqlite:///{tmp_path}/ruta.db")
    upgrade_database(plain)
    assert _codes(look_at_database(plain)) == [("ok", "database_current"), ("warning", "sqlite_not_wal")]


def test_a_postgresql_that_may_lose_commits_is_told(postgres_url: str, system: System) -> None:
    """The tests' own server runs without fsync, which the doctor must not let pass."""
    expected = [("ok", "database_current")]
    if system.database.engine.dialect.name == "postgresql":
        expected.append(("error", "postgresql_unsafe"))
    found = list(look_at_database(system.database))
    assert _codes(found) == expected
    assert len(found) == 1 or "fsync = off" in found[1].cause


def test_keys_are_tried_on_what_is_stored(system: System) -> None:
    """A lost encryption key and a changed hash key are two faults, and neither is mended by the other's remedy."""
    assert _codes(look_at_keys(system.database, system.vault)) == [("ok", "keys_open")]
    system.inbox.store([make_inbound("un secreto")])
    assert _codes(look_at_keys(system.database, system.vault)) == [("ok", "keys_open")]
    stranger = Vault([Fernet.generate_key().decode()], KEY)
    assert _codes(look_at_keys(system.database, stranger)) == [("error", "keys_do_not_open")]
    system.vault._hash_key = b"another one"
    assert _codes(look_at_keys(system.database, system.vault)) == [("error", "hash_key_changed")]


def test_a_clock_that_runs_behind_what_is_stored_is_told(system: System) -> None:
    """The newest row lies in the future of this machine; a database server's clock is compared as well."""
    system.inbox.store([make_inbound()])
    is_server = system.database.engine.dialect.name == "postgresql"
    with system.database.engine.connect() as connection:
        now = connection.execute(text("SELECT CURRENT_TIMESTAMP")).scalar() if is_server else system.clock.now
    behind = system.clock.now - timedelta(hours=2)
    assert ("error", "clock_behind") in _codes(look_at_clock(system.database, behind))
    if is_server:
        assert ("warning", "clock_differs") in _codes(look_at_clock(system.database, behind))
    with system.database.transaction() as session:
        session.execute(text("DELETE FROM inbound_message"))
    assert _codes(look_at_clock(system.database, now)) == [("ok", "clock_plausible")]


def test_what_waits_and_what_was_given_up_is_told(system: System) -> None:
    """A message that nobody takes is an error, the rest warnings."""
    queues = Queues(system.database, ["whatsapp"], system.clock)
    assert _codes(look_at_queues(queues)) == [("ok", "queues_flow")]
    system.inbox.store([make_inbound(channel="whatsapp")])
    system.clock.turn(seconds=40)
    assert _codes(look_at_queues(queues)) == [("error", "messages_wait")]
    system.clock.turn(minutes=10)
    assert _codes(look_at_queues(queues)) == [("error", "messages_wait"), ("warning", "stuck_conversations")]
    system.answer(OutboundMessage("hola"))
    system.clock.turn(minutes=10)
    assert _codes(look_at_queues(queues))[0] == ("warning", "replies_wait")


def test_a_missing_or_old_model_is_told(tmp_path: Path) -> None:
    """Without a model no worker starts; an old one answers worse."""
    assert _codes(look_at_model(None, is_current=False)) == [("error", "model_missing")]
    assert _codes(look_at_model(tmp_path / "ruta-1.tar.gz", is_current=False)) == [("warning", "model_old")]
    assert _codes(look_at_model(tmp_path / "ruta-1.tar.gz", is_current=True)) == [("ok", "model_current")]


def test_content_past_its_date_is_told() -> None:
    """Years from now everything is old: critical answers are withheld, the others say that they are old."""
    assert _codes(look_at_content(ROOT / "content", date(2100, 1, 1))) == [
        ("error", "content_withheld"),
        ("warning", "content_past_review"),
    ]


def test_content_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A broken file is an error; `ruta check` names the line."""
    shutil.copytree(ROOT / "content", tmp_path / "content")
    broken = next((tmp_path / "content").rglob("topic.yml"))
    broken.write_text("id: [", encoding="utf-8")
    assert ("error", "content_unreadable") in _codes(look_at_content(tmp_path / "content", date(2026, 11, 24)))


async def test_whatsapp_is_looked_at_here_and_at_twilio(tmp_path: Path) -> None:
    """Templates that are not known here, a wrong token, and templates that were deleted at Twilio."""
    twilio = make_twilio()
    with serve(twilio.app) as url:
        values = {"account_sid": ACCOUNT_SID, "sender": SENDER, "api_url": url, "content_url": url}
        file = tmp_path / "templates.json"
        settings = WhatsAppSettings(**values, auth_token=AUTH_TOKEN, templates_file=file)
        twilio.contents.clear()
        assert _codes(await whatsapp.diagnose(settings, "http://ruta.example", online=False)) == [
            ("error", "whatsapp_not_https"),
            ("warning", "whatsapp_templates_missing"),
        ]
        await set_up_templates(settings, lambda line: None)
        assert _codes(await whatsapp.diagnose(settings, "https://ruta.example", online=True)) == [
            ("ok", "whatsapp_templates_known"),
            ("ok", "whatsapp_reached"),
        ]
        twilio.contents.clear()
        assert ("warning", "whatsapp_templates_deleted") in _codes(
            await whatsapp.diagnose(settings, "https://ruta.example", online=True)
        )
        wrong = settings.copy(update={"auth_token": type(settings.auth_token)("0" * 32)})
        assert ("error", "whatsapp_not_reached") in _codes(await whatsapp.diagnose(wrong, "https://ruta.example", online=True))


async def test_telegram_is_looked_at_here_and_at_telegram() -> None:
    """Webhook mode without https, a wrong token, an address that is not ours, calls that fail."""
    fake = FakeTelegram()
    with serve(fake.app) as url:
        settings = TelegramSettings(bot_token=TOKEN, mode="webhook", webhook_secret=SECRET, api_url=url)
        assert _codes(await telegram.diagnose(settings, "http://ruta.example", online=False)) == [("error", "telegram_not_https")]
        good = ("ok", "telegram_settings")
        public = "https://ruta.example"
        assert _codes(await telegram.diagnose(settings, public, online=False)) == [good]
        assert _codes(await telegram.diagnose(settings, public, online=True)) == [good, ("error", "telegram_webhook_wrong")]
        fake.webhook = {"url": f"{public}/webhooks/telegram"}
        assert _codes(await telegram.diagnose(settings, public, online=True)) == [good, ("ok", "telegram_reached")]
        fake.webhook |= {"pending_update_count": 3, "last_error_date": 1_790_000_000, "last_error_message": "timeout"}
        assert _codes(await telegram.diagnose(settings, public, online=True)) == [good, ("warning", "telegram_webhook_late")]
        wrong = settings.copy(update={"bot_token": type(settings.bot_token)("1:wrong")})
        assert _codes(await telegram.diagnose(wrong, public, online=True)) == [good, ("error", "telegram_not_reached")]


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [("https://ruta.example", ("ok", "webchat_address")), ("http://127.0.0.1:8080", ("ok", "webchat_address"))]
    + [("http://ruta.example", ("warning", "webchat_not_https"))],
)
async def test_a_page_without_https_is_told(public_url: str, expected: tuple[str, str]) -> None:
    """On one's own machine it is fine."""
    assert _codes(await webchat.diagnose(WebChatSettings(), public_url, online=False)) == [expected]


@dataclass
class _Place:
    root: Path
    set: dict[str, str]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[_Place]:
    """A folder with the project's content, an empty database, and an environment of its own."""
    for name in ("content", "intents", "config.yml", "bot"):
        (tmp_path / name).symlink_to(ROOT / name)
    ours = {"RUTA_MODE": "development", "RUTA_DATABASE_URL": f"sqlite:///{tmp_path}/var/ruta.db"}
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(ours)
        yield _Place(tmp_path, ours)


def test_a_whole_system_is_examined_whatever_is_broken(place: _Place) -> None:
    """Broken settings, then no tables, then nothing but the missing model: what can be looked at is."""
    os.environ["RUTA_CHANELS"] = "webchat"
    assert {"settings_invalid", "model_missing"} <= {one.code for one in examine_system(place.root)}
    del os.environ["RUTA_CHANELS"]
    os.environ["RUTA_CHANNELS"] = "whatsapp"
    found = examine_system(place.root)
    assert {"settings_invalid", "database_not_current"} <= {one.code for one in found}
    assert "RUTA_WHATSAPP_ACCOUNT_SID" in "".join(one.cause for one in found)
    del os.environ["RUTA_CHANNELS"]
    upgrade_database(Database(place.set["RUTA_DATABASE_URL"]))
    found = examine_system(place.root)
    assert [one.code for one in found if one.level is Level.ERROR] == ["model_missing"]
    assert {"settings_valid", "secrets_private", "keys_open", "clock_plausible", "queues_flow"} <= {one.code for one in found}
