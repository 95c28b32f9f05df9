"""Nothing personal is left lying about: two hundred items are planted on all channels and in errors, then everything is searched.

The real programs run at the finest log level. Searched are the whole database (on disk, and every row as text), logs, what the
commands print, metrics, temporary files and var/. Only columns that end in `_encrypted` may hold such things, as ciphertext, in which
the search finds nothing. People's names in free text cannot be told from other words; `docs/security.md` says so.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import inspect, text

from bot.conversations.commands import Command
from bot.conversations.turns import Turn, TurnResult
from bot.conversations.urgent import UrgentPhrases
from bot.errors import EngineError
from bot.i18n import Catalogues
from bot.settings import Settings
from bot.storage.session import Database
from bot.wiring import Paths, build_replies
from bot.worker import Worker, WorkerParts
from tests.contract.whatsapp.cases import make_provider
from tests.support.builders import System, make_inbound
from tests.support.fake_telegram import SECRET, TOKEN, FakeTelegram
from tests.support.fake_telegram import refuse as telegram_refuses
from tests.support.fake_twilio import AUTH_TOKEN, FakeTwilio
from tests.support.personal_items import Item, make_items, make_profile_items
from tests.support.postgres import find_binaries, run_postgres
from tests.support.privacy import privacy_desk
from tests.support.programs import Programs, run_programs
from tests.support.provider_settings import telegram_settings, whatsapp_settings
from tests.support.server import serve
from tests.support.telegram_updates import Updates
from tests.support.twilio_answers import Answer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180.0
SENTENCES = (
    "mi dato es {}",
    "{}",
    "hola necesito ayuda con {} por favor",
    "me piden {} para la visa",
    "my number is {} what do i do",
)
COMMANDS = (("failures",), ("report",), ("reports",), ("stats",), ("status",), ("export",))
"""What is run afterwards, as far as it exists."""


@dataclass
class World:
    """Running programs, fake providers, and all that was planted."""

    programs: Programs
    folder: Path
    twilio: FakeTwilio
    telegram: FakeTelegram
    items: list[Item] = field(default_factory=list)
    written: int = 0

    @property
    def database_url(self) -> str:
        """The database of the programs."""
        return self.programs.environment["RUTA_DATABASE_URL"]

    def address(self) -> str:
        """Return a new contact's number, which is an item too; nobody writes often enough to be a flood."""
        self.written += 1
        digits = f"98{self.written * 7919 % 10**7:07d}"
        self.items.append(Item("address", f"+593{digits}", (f"593{digits}", digits)))
        return f"whatsapp:+593{digits}"

    def updates(self, profile: str = "Ana") -> Updates:
        """Return the updates of a new chat, whose number is an item; ids of updates have nothing to do with it."""
        self.written += 1
        chat = 61_234_567_000 + self.written * 104_729
        self.items.append(Item("chat_id", str(chat), (str(chat),)))
        return Updates(chat_id=chat, next_id=900_000 + self.written * 50)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start both fakes, the gateway and a worker, plant everything, and wait until all is answered."""
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "tmp").mkdir()
    binaries = find_binaries()
    if request.param == "postgresql" and binaries is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    if request.param == "postgresql" and binaries is not None:
        with run_postgres(binaries) as url:
            yield from _planted_world(folder, {"RUTA_DATABASE_URL": url})
    else:
        yield from _planted_world(folder, {})


def _planted_world(folder: Path, settings: dict[str, str]) -> Iterator[World]:
    twilio, telegram = make_provider(), FakeTelegram()
    with serve(twilio.app) as twilio_url, serve(telegram.app) as telegram_url:
        settings |= {
            "RUTA_CHANNELS": "webchat,whatsapp,telegram",
            "RUTA_LOG_LEVEL": "DEBUG",
            **whatsapp_settings(twilio_url, folder),
            **telegram_settings(telegram_url),
            "TMPDIR": str(folder / "tmp"),
        }
        if "metrics_port" in Settings.__fields__:
            settings["RUTA_METRICS_PORT"] = "19464"
        with run_programs(folder, settings, "gateway", "worker") as programs:
            world = World(programs, folder, twilio, telegram)
            asyncio.run(_plant(world))
            _wait_until_quiet(world)
            yield world


async def _plant(world: World) -> None:
    items, profile = make_items(), make_profile_items()
    assert len(items) + len(profile) == 200
    world.items += [*items, *profile]
    async with httpx.AsyncClient(base_url=world.programs.url, trust_env=False, timeout=30) as client:
        for number, item in enumerate(items):
            sentence = SENTENCES[number % len(SENTENCES)].format(item.written)
            calls = _calls(world, sentence, number, profile[number % len(profile)].written)
            for path, content, headers in calls:
                answer = await client.post(path, content=content, headers=headers)
                assert answer.status_code == 200, (path, number)
        await _plant_in_web_chat(world, items)
        await _plant_in_errors(world, client, items)


def _calls(world: World, sentence: str, number: int, profile: str) -> list[tuple[str, bytes, dict[str, str]]]:
    """Return two calls with a sentence: on WhatsApp and on Telegram, now as text, now as caption, title, or edited."""
    address, updates = world.address(), world.updates()
    forms = (
        world.twilio.message(sentence, address=address, ProfileName=profile, ChannelMetadata=json.dumps({"name": profile})),
        world.twilio.tapped("no-such-token", sentence, From=address, ProfileName=profile),
        world.twilio.media("image/jpeg", sentence, From=address, MediaUrl0=f"https://api.example/{profile}"),
        world.twilio.media("application/pdf", f"{profile}.pdf", From=address),
        world.twilio.location(-0.1801234, -78.4678345, From=address, Address=sentence, Label=profile, Body=sentence),
        world.twilio.message(sentence, address=address, MessageType="edited"),
        world.twilio.message(
            "",
            address=address,
            MessageType="interactive",
            InteractiveData=json.dumps({"list_reply": {"id": sentence, "title": sentence}}),
        ),
    )
    made = (
        updates.text(sentence),
        updates.photo(sentence),
        updates.document(sentence),
        updates.edited(sentence),
        updates.contact(),
        updates.message(voice={"file_id": profile, "file_unique_id": profile, "duration": 3}, caption=sentence),
        updates.location(-0.1801234, -78.4678345),
        updates.text(f"/start {sentence}"),
    )
    call = world.twilio.webhook(forms[number % len(forms)])
    update = made[number % len(made)]
    content = update.get("message") or update.get("edited_message")
    content["from"] |= {"first_name": profile, "last_name": profile, "username": profile}
    content["chat"] |= {"first_name": profile, "username": profile}
    if "document" in content:
        content["document"]["file_name"] = f"{profile}.pdf"
    if "contact" in content:
        content["contact"] |= {"phone_number": sentence, "first_name": profile, "vcard": sentence}
    headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET}
    return [(call.path, call.body, call.headers), ("/webhooks/telegram", json.dumps(update).encode(), headers)]


async def _plant_in_web_chat(world: World, items: Sequence[Item]) -> None:
    for start in range(0, len(items), 10):
        async with httpx.AsyncClient(base_url=world.programs.url, trust_env=False, timeout=30) as visitor:
            page = await visitor.get("/webchat/")
            cookie = page.headers["set-cookie"].split(";")[0]
            world.items.append(Item("cookie", cookie, (cookie.split("=")[1],)))
            headers = {"cookie": cookie, "sec-fetch-site": "same-origin"}
            for number, item in enumerate(items[start : start + 10]):
                body: dict[str, Any] = {"id": f"{start + number + 1:032x}", "kind": "text", "text": f"tengo {item.written}"}
                if number == 9:
                    body |= {"kind": "location", "location": {"latitude": -0.1801234, "longitude": -78.4678345}}
                assert (await visitor.post("/webchat/messages", json=body, headers=headers)).status_code == 200
    world.items.append(Item("location", "-0.1801234,-78.4678345", ("0.1801234", "78.4678345")))


async def _plant_in_errors(world: World, client: httpx.AsyncClient, items: Sequence[Item]) -> None:
    """Bad JSON, forms and addresses that hold items, then sends whose errors repeat the address and the text."""
    for item in items:
        bad = f'{{"update_id": 1, "message": {{"text": "{item.written}"'.encode()
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET}
        assert (await client.post("/webhooks/telegram", content=bad, headers=headers)).status_code == 400
        broken = {"update_id": 1, "message": {"text": item.written, "date": item.written, "chat": {"id": item.written}}}
        assert (await client.post("/webhooks/telegram", json=broken, headers=headers)).status_code == 400
        form = world.twilio.webhook({**world.twilio.message(item.written), "From": item.written, "MessageSid": item.written})
        assert (await client.post(form.path, content=form.body, headers=form.headers)).status_code == 400
        answer = await client.get(
            "/webchat/poll", params={"after": item.written}, headers={"cookie": f"ruta_webchat={item.written}"}
        )
        assert answer.status_code == 401
    _make_sends_fail(world, items)
    for _ in range(8):
        await world.twilio.deliver(world.programs.url, world.twilio.message("hola", address=world.address()))
        await world.telegram.deliver(world.programs.url, world.updates().text("hola"))


def _make_sends_fail(world: World, items: Sequence[Item]) -> None:
    said = " ".join(item.written for item in items)
    refusals = []
    for code, status in ((21211, 400), (63016, 400), (21610, 400), (20003, 401), (63024, 400), (0, 500)):
        body = {"code": code, "message": f"The 'To' number {said} is not valid: {said}", "status": status, "more_info": said}
        refusals.append(Answer("answer", status, json.dumps(body).encode()))
    world.twilio.script([*refusals, Answer("answer", 400, said.encode())])
    world.telegram.script(
        [
            telegram_refuses(400, f"Bad Request: chat {said} not found"),
            telegram_refuses(403, f"Forbidden: {said}"),
            telegram_refuses(500, said),
        ]
    )


def _wait_until_quiet(world: World) -> None:
    """Wait until nothing waits for a worker, and the failing sends were tried."""
    database = Database(world.database_url)
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = text("SELECT count(*) FROM inbound_message WHERE state = 'waiting'")
    try:
        while time.monotonic() < deadline:
            with database.reading() as session:
                left = session.execute(waiting).scalar_one()
            if not left and not world.twilio.unused and not world.telegram.unused:
                return
            time.sleep(0.5)
    finally:
        database.close()
    raise AssertionError(
        f"{left} messages still wait, {world.twilio.unused} and {world.telegram.unused} answers were not asked for"
    )


def leaks(items: Sequence[Item], data: bytes, where: str) -> list[str]:
    """Return kind and place of every item that stands in the data; never the item itself, since a test's output is a log too."""
    found = {f"{item.kind} in {where}" for item in items for needle in item.needles if needle.encode() in data}
    return sorted(found)


def _leaks_in_folder(world: World, folder: Path, since: float = 0.0) -> list[str]:
    """Search files as they are; grep looks for all needles at once, which Python would do one by one."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime >= since]
    if not files:
        return []
    needles = "\n".join(needle for item in world.items for needle in item.needles).encode()
    done = subprocess.run(["grep", "-aoFH", "-f", "-", *files], input=needles, capture_output=True, check=False)
    # A running server's files may go while we look; nothing else may keep grep from reading.
    assert all(b"No such file" in line for line in done.stderr.splitlines()), done.stderr[:200]
    return leaks(world.items, done.stdout, str(folder))


def test_search_finds_what_was_planted(world: World) -> None:
    """The search itself works: what the fakes were sent and what we wrote does hold the items."""
    sentence = f"mi dato es {world.items[0].written}".encode()
    assert leaks(world.items, sentence, "here") == [f"{world.items[0].kind} in here"]
    planted = world.folder / "planted"
    planted.mkdir()
    (planted / "file").write_bytes(b"\x00\xff" + sentence + b"\x00")
    assert _leaks_in_folder(world, planted) == [f"{world.items[0].kind} in {planted}"]
    (planted / "file").unlink()
    assert {"cedula", "phone", "passport", "card", "account", "iban", "email", "position", "url_token"} <= {
        item.kind for item in world.items
    }
    assert {"profile_name", "username", "file_id", "file_name", "address", "chat_id", "cookie", "location"} <= {
        item.kind for item in world.items
    }


def test_rows_hold_no_item(world: World) -> None:
    """Every row of every table as text, and the engine's state unpacked, but for the encrypted columns, of which each is ciphertext."""
    database = Database(world.database_url)
    columns: dict[str, list[bytes]] = {}
    try:
        with database.engine.connect() as connection:
            for table in inspect(database.engine).get_table_names():
                for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():
                    for column, value in row.items():
                        columns.setdefault(f"{table}.{column}", []).append(_bytes_of(column, value))
    finally:
        database.close()
    ciphertexts = [
        value for name, values in columns.items() if name.endswith("_encrypted") for value in values if value != b"None"
    ]
    assert len(columns["inbound_message.text"]) > 500
    assert len(ciphertexts) > 300
    assert all(value.startswith(b"gAAAA") for value in ciphertexts)
    assert [leak for name, values in columns.items() for leak in leaks(world.items, b"\n".join(values), name)] == []


def _bytes_of(column: str, value: Any) -> bytes:
    if isinstance(value, (bytes, memoryview)):
        raw = bytes(value)
        return zlib.decompress(raw) if column == "engine_state" else raw
    return str(value).encode()


def test_database_files_hold_no_item(world: World) -> None:
    """The files as they lie on disk, with the write-ahead log and the server's own log."""
    if world.database_url.startswith("sqlite"):
        folder = world.folder
        assert (folder / "ruta.db").stat().st_size > 100_000
    else:
        database = Database(world.database_url)
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
            folder = Path(connection.execute(text("SHOW data_directory")).scalar_one()).parent
        database.close()
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) > 10_000_000
    assert sorted(set(_leaks_in_folder(world, folder))) == []


def test_logs_hold_no_item(world: World) -> None:
    """At the finest level, with all those errors in them."""
    log = world.programs.log.read_bytes()
    assert b"send_failed" in log
    assert b"webhook_refused" in log
    assert leaks(world.items, log, "log") == []
    assert TOKEN.encode() not in log
    assert AUTH_TOKEN.encode() not in log


def test_nothing_is_left_in_temporary_files_and_var(world: World) -> None:
    """No core, cache, trace or temporary file holds an item."""
    assert _leaks_in_folder(world, world.folder / "tmp") == []
    assert _leaks_in_folder(world, ROOT / "var", since=world.folder.stat().st_ctime) == []


def test_commands_print_no_item(world: World) -> None:
    """What an operator may see, metrics included."""
    printed = b""
    run = [sys.executable, "-m", "bot.cli"]
    known = subprocess.run(
        [*run, "--help"], cwd=ROOT, env=world.programs.environment, capture_output=True, check=True
    ).stdout.decode()
    for command in COMMANDS:
        if f" {command[0]} " in known:
            done = subprocess.run(
                [*run, *command], cwd=ROOT, env=world.programs.environment, capture_output=True, check=False, timeout=120
            )
            printed += done.stdout + done.stderr
    assert b"given up" in printed
    if port := world.programs.environment.get("RUTA_METRICS_PORT"):
        printed += httpx.get(f"http://127.0.0.1:{port}/metrics").content
    for path in ("/readyz", "/healthz"):
        printed += httpx.get(world.programs.url + path).content
    assert leaks(world.items, printed, "output") == []


@lru_cache(maxsize=1)
def _urgent() -> UrgentPhrases:
    return UrgentPhrases(ROOT / "intents" / "urgent")


class _Broken:
    """An engine whose error repeats what was written."""

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        raise self.error(f"cannot parse {turn.text!r} of {turn.conversation_id}")

    def __init__(self, error: type[Exception]) -> None:
        self.error = error


@pytest.mark.parametrize("error", [ValueError, EngineError, KeyError, asyncio.TimeoutError])
@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_failed_turn_leaves_no_item(system: System, error: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    """An exception with the whole text in it: neither log nor row shows it; the dead letter keeps it as ciphertext."""
    caplog.set_level(logging.DEBUG)
    ordinals = ROOT / "intents" / "vocabulary" / "ordinals.yml"
    texts = Catalogues(ROOT / "locales")
    parts = WorkerParts(
        turns=system.turns(),
        engine=_Broken(error),
        replies=build_replies(Paths(ROOT)),
        texts=texts,
        urgent=_urgent(),
        privacy=privacy_desk(system),
        limits={},
        ordinals=ordinals,
    )
    worker = Worker(parts)
    items = make_items()
    for number in range(0, len(items), 12):
        words = " y ".join(item.written for item in items[number : number + 12])
        system.inbox.store([make_inbound(words, address=f"contact-{number}")])
        assert await worker.run_once()
    records = "\n".join(f"{record.getMessage()} {record.exc_info} {record.__dict__}" for record in caplog.records)
    assert "turn_failed" in records
    assert leaks(items, records.encode(), "log") == []
    with system.database.reading() as session:
        rows = session.execute(text("SELECT * FROM inbound_message")).all()
    assert len(rows) == len(range(0, len(items), 12))
    assert leaks(items, str(rows).encode(), "rows") == []
