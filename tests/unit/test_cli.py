"""The command line: every command teaches, a fault is one plain line, `ruta check` names file and line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import typer
from cryptography.fernet import Fernet
from sqlalchemy import update
from typer.testing import CliRunner

from bot import cli
from bot.conversations.erasure import code_hash
from bot.conversations.failures import FailureUnknown
from bot.conversations.inbox import Inbox
from bot.errors import RutaError, SettingsError
from bot.settings import PREFIX
from bot.storage.models import Conversation, ErasureReceipt, Inbound
from bot.storage.revision import HEAD
from bot.wiring import open_app, utc_now
from tests.support.builders import make_inbound
from tests.support.engine import ROOT, shared_worker


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))


TREE = dict(_commands(typer.main.get_command(cli.app)))
COMMANDS = list(TREE)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Begin without any of our settings, and put the environment back afterwards."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        yield


def _run(*arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, [*arguments], input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_commands_are_those_that_the_readme_teaches() -> None:
    """No command is taught that does not exist, and none exists that is not taught."""
    taught = re.findall(
        r"`ruta ([a-z -]+?)(?: --write FILE| --verify| EMAIL)?`", (ROOT / "README.md").read_text(encoding="utf-8")
    )
    groups = {path[0] for path in COMMANDS if len(path) > 1 and not TREE[path[:1]].invoke_without_command}
    assert {" ".join(path) for path in COMMANDS} - groups == set(taught)


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(path) for path in COMMANDS])
def test_help_teaches(command: tuple[str, ...]) -> None:
    """The help of each command has a whole sentence, and each option of it says what it does."""
    code, said = _run(*command, "--help")
    assert code == 0
    assert re.search(r"[A-Z][a-z]+.{10,}\.", said, re.DOTALL)
    assert all(option.help for option in TREE[command].params if option.param_type_name == "option")


def test_help_is_shown_when_nothing_is_asked() -> None:
    """`ruta` alone lists its commands."""
    _, said = _run()
    assert all(path[0] in said for path in COMMANDS)


def test_failures_are_listed_and_tried_again(tmp_path: Path) -> None:
    """What was given up shows without a word of its text; a retry empties the list; the exit code tells a monitor."""
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    assert _run("db", "upgrade")[0] == 0
    assert _run("failures") == (0, "0 given up or stuck\n")
    opened = open_app(ROOT)
    Inbox(opened.database, opened.vault, utc_now).store([make_inbound("un secreto")])
    with opened.database.transaction() as session:
        session.execute(update(Inbound).values(state="dead", error_code="engine_failed"))
        session.execute(update(Conversation).values(waiting_since=None))
    code, said = _run("failures")
    assert code == 1
    assert re.search(r"^message-1 webchat \S+Z tries=0 engine_failed$", said, re.MULTILINE)
    assert "secreto" not in said
    assert _run("failures", "--retry") == (0, "1 will be tried again\n")
    assert _run("failures")[0] == 0


def test_failures_are_closed_by_name(tmp_path: Path) -> None:
    """Only what is named is closed; a wrong name, or none, changes nothing and is told."""
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    assert _run("db", "upgrade")[0] == 0
    opened = open_app(ROOT)
    Inbox(opened.database, opened.vault, utc_now).store([make_inbound("un secreto")])
    with opened.database.transaction() as session:
        session.execute(update(Inbound).values(state="dead", error_code="engine_failed"))
        session.execute(update(Conversation).values(waiting_since=None))
    for wrong in (["failures", "--close"], ["failures", "--close", "message-2"]):
        with pytest.raises(FailureUnknown):
            _run(*wrong)
    assert _run("failures", "--close", "--retry", "message-1")[0] == 2
    assert _run("failures", "--close", "message-1") == (0, "1 closed\n")
    assert _run("failures")[0] == 0


def test_doctor_says_what_is_wrong_by_its_exit_code(tmp_path: Path) -> None:
    """Without tables it is 2, and both forms name the code and the remedy."""
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    code, said = _run("doctor")
    assert code == 2
    assert re.search(r"^error +database_not_current .* ruta db upgrade *$", said, re.MULTILINE)
    code, said = _run("doctor", "--json")
    assert code == 2
    assert {"database_not_current", "content_fresh"} <= {finding["code"] for finding in json.loads(said)}


def test_privacy_report_tells_a_monitor_what_a_purge_mends(tmp_path: Path) -> None:
    """Overdue data shows with exit code 1 and without a word of it; a dry run changes nothing; after a purge all is well."""
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    assert _run("db", "upgrade")[0] == 0
    opened = open_app(ROOT)
    Inbox(opened.database, opened.vault, utc_now).store([make_inbound("un secreto")])
    assert _run("privacy", "report")[0] == 0
    with opened.database.transaction() as session:
        session.execute(update(Inbound).values(state="done", text="un secreto", received_at=utc_now() - timedelta(days=40)))
    code, said = _run("privacy", "report", "--json")
    report = {one["kind"]: one for one in json.loads(said)}
    assert code == 1
    assert (report["messages_text"]["kept"], report["messages_text"]["overdue"], report["contacts"]["overdue"]) == (1, 1, 0)
    assert "secreto" not in said
    assert "messages_text 1\n" in _run("privacy", "purge", "--dry-run")[1]
    assert _run("privacy", "report")[0] == 1
    assert "messages_text 1\n" in _run("privacy", "purge")[1]
    assert _run("privacy", "report")[0] == 0


def test_privacy_statistics_and_receipt_need_what_they_ask_for(tmp_path: Path) -> None:
    """Figures for days only, and a receipt only for a code that was given."""
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    assert _run("db", "upgrade")[0] == 0
    opened = open_app(ROOT)
    Inbox(opened.database, opened.vault, utc_now).store([make_inbound(address=f"c{number}") for number in range(11)])
    today = utc_now().date().isoformat()
    code, said = _run("privacy", "statistics", "--since", today, "--until", today)
    assert (code, said) == (0, "people\t-\t11\nlocale\tes\t11\nchannel\twebchat\t11\n")
    for since, until in (("yesterday", today), (today, "2020-01-01")):
        with pytest.raises(RutaError, match="--since"):
            _run("privacy", "statistics", "--since", since, "--until", until)
    assert _run("privacy", "receipt", "K7M2-9QXD-4TBH") == (1, "unknown\n")
    with opened.database.transaction() as session:
        session.add(ErasureReceipt(code_hash=code_hash(opened.vault, "K7M2-9QXD-4TBH"), at=utc_now()))
    assert _run("privacy", "receipt", "k7m2 9qxd 4tbh")[0] == 0


def test_keys_prints_two_lines_for_the_env_file() -> None:
    """What is printed can be copied as it is: two different real keys."""
    code, said = _run("keys")
    keys = dict(line.split("=", 1) for line in said.split())
    assert code == 0
    assert list(keys) == ["RUTA_ENCRYPTION_KEYS", "RUTA_HASH_KEY"]
    for key in keys.values():
        Fernet(key)
    assert len(set(keys.values())) == 2


def test_the_form_is_told_and_taken_back_only_after_a_yes(tmp_path: Path) -> None:
    """What goes is said first; a no leaves it; the exit code tells whether this release can use the database."""
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    code, said = _run("db", "current")
    assert (code, said) == (1, f"database -, release {HEAD}: cannot be used\n")
    _run("db", "upgrade")
    opened = open_app(ROOT)
    Inbox(opened.database, opened.vault, utc_now).store([make_inbound("un secreto")])
    assert _run("db", "current") == (0, f"database {HEAD}, release {HEAD}: can be used\n")
    code, said = _run("db", "downgrade", "base", given="n\n")
    assert code == 1
    assert "deletes      table contact: 1 rows" in said
    assert _run("db", "current")[0] == 0
    assert _run("db", "downgrade", "base", "--yes")[0] == 0
    assert _run("db", "current")[0] == 1
    with pytest.raises(RutaError, match="can use; run `ruta db upgrade`"):
        _run("failures")


@pytest.mark.parametrize("command", [["gateway"], ["worker"], ["run"], ["db", "upgrade"], ["telegram", "setup"]], ids=" ".join)
def test_a_missing_secret_stops_every_program(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside development mode nothing starts without keys, and the error names them."""
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    with pytest.raises(SettingsError, match="RUTA_ENCRYPTION_KEYS is missing: write what `ruta keys` prints"):
        _run(*command)


def test_an_error_of_ours_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    """The real program ends without a traceback, with code and text of the error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RUTA_PROT": "1"}
    command = [sys.executable, "-m", "bot.cli", "db", "upgrade"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error [settings_invalid]: unknown setting RUTA_PROT")
    assert "Traceback" not in ended.stderr


def test_db_upgrade_may_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run makes the tables, the second says that there is nothing to do."""
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    monkeypatch.setattr("bot.wiring.set_up_logging", lambda *_: None)
    os.environ.update(RUTA_MODE="development", RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db")
    first, second = _run("db", "upgrade"), _run("db", "upgrade")
    assert (first[0], second[0]) == (0, 0)
    assert f"-> {HEAD}" in first[1]
    assert "up to date" in second[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy what `ruta check` reads."""
    for name in ("bot", "channels", "content", "locales", "intents/domain", "intents/urgent", "intents/vocabulary"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "babel.cfg", tmp_path)
    return tmp_path


def test_check_names_file_line_and_remedy(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault in the content and one in a catalogue: exactly those two are named, and the exit code is 1."""
    monkeypatch.setattr(cli, "ROOT", project)
    monkeypatch.setattr(cli.screen, "width", 500)
    answer = project / "content" / "routes" / "passport" / "es.md"
    broken = re.sub(r"menu_title: .*", f'menu_title: "{"x" * 40}"', answer.read_text(encoding="utf-8"), count=1)
    answer.write_text(broken, encoding="utf-8")
    line = next(number for number, row in enumerate(broken.splitlines(), 1) if row.startswith("menu_title"))
    catalogue = project / "locales" / "pt" / "LC_MESSAGES" / "messages.po"
    text = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(re.sub(r'(msgid "choices.menu"\nmsgstr )".*"', r'\1""', text), encoding="utf-8")
    entry = next(n for n, row in enumerate(text.splitlines(), 1) if row == 'msgid "choices.menu"')
    code, said = _run("check")
    assert code == 1
    assert re.search(rf"^content/routes/passport/es\.md:{line}: error \[schema\] menu_title: .* is too long", said, re.MULTILINE)
    assert f"locales/pt/LC_MESSAGES/messages.po:{entry}: error [key_empty] choices.menu has no text; write it" in said
    errors = re.findall(r"^(\S+?):\d+: error", said, re.MULTILINE)
    assert {os.path.dirname(name) for name in errors} == {"content/routes/passport", "locales/pt/LC_MESSAGES"}
    assert f"{len(errors)} errors" in said


@pytest.mark.engine
def test_explain_prints_one_json_line_for_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and JSON lines in, the agreed keys out; each line is a conversation of its own."""
    worker = shared_worker()
    monkeypatch.setattr(cli, "build_worker", lambda app, **_: worker)
    monkeypatch.setattr("bot.logs.set_up_logging", lambda *_: None)
    given = 'q visa necesito pa mexico\n\n{"text": "how do i get the returned migrant certificate", "locale": "en"}\n{"text": 5}\ncuanto cuesta\n'
    result = CliRunner().invoke(cli.app, ["explain"], input=given)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines.pop(2)["error"] == "ruta_error"
    keys = {"locale", "ranking", "decision", "topic", "destination", "choices", "reply", "milliseconds"}
    assert [set(line) for line in lines] == [keys] * 3
    assert [line["locale"] for line in lines] == ["es", "en", "es"]
    assert (lines[0]["topic"], lines[0]["destination"]) == ("transit_visa_requirements", "mx")
    assert lines[1]["topic"] == "return_certificate"
    assert lines[2]["destination"] is None
    for line in lines:
        assert line["decision"] in ("answer", "choices", "menu", "person", "urgent", "flow")
        assert set(line["ranking"][0]) == {"topic", "confidence"}
