"""Backups on both databases: made while people write, whole or not there, and restored all or nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select

from bot.messages import OutboundMessage, QuickReply
from bot.storage import snapshots, snapshots_postgresql
from bot.storage.archive import FRAME_BYTES, BackupError
from bot.storage.backup import Manifest, make_backup, read_backup, restore_backup
from bot.storage.models import Base, Contact, Inbound
from bot.storage.session import Database
from bot.storage.snapshots import load, snapshot
from bot.storage.upgrade import downgrade_database, upgrade_database
from bot.storage.vault import Vault
from tests.support.builders import KEY, System, make_inbound
from tests.support.fake_telegram import SECRET, TOKEN, FakeTelegram
from tests.support.programs import ROOT, run_programs
from tests.support.server import serve
from tests.support.telegram_updates import Updates

AT = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def _nothing(count: int) -> None:
    """Take the place of a progress bar."""


def _back_up(system: System, target: Path, **folders: Path) -> Manifest:
    return make_backup(system.database, system.vault, target, folders, AT, _nothing)


def _restore(system: System, path: Path, *, over: bool = False, folders: Path | None = None) -> tuple[Manifest, str]:
    return restore_backup(system.database, system.vault, path, AT, _nothing, replace=over, folders=folders)


def _content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reading() as session:
        return {table.name: sorted(map(tuple, session.execute(select(table)))) for table in Base.metadata.sorted_tables}


@pytest.fixture
def filled(system: System) -> System:
    """A system with an answered message, a sent reply, one that waits, and a message that waits."""
    system.inbox.store([make_inbound("estoy en Tapachula", address="secret-address")], cursor=("telegram", "42"))
    system.answer(OutboundMessage("elija", (QuickReply("Menú", "/menu"),)), OutboundMessage("dos"), state=b"state")
    (sending,) = system.outbox.take_due({"webchat"}, 10)
    system.outbox.part_sent(sending.outbound_id, "p1", is_last=True)
    system.inbox.store([make_inbound("sigo aquí", address="secret-address")])
    return system


def test_a_restored_database_is_the_one_that_was_backed_up(filled: System, tmp_path: Path) -> None:
    """Every row of every table comes back, what waited still waits, and what was there before is kept."""
    backup = tmp_path / "ruta.backup"
    before = _content(filled.database)
    made = _back_up(filled, backup)
    filled.inbox.store([make_inbound("después", address="another")])
    after = _content(filled.database)
    restored, kept = _restore(filled, backup, over=True)
    assert restored == made
    assert _content(filled.database) == before
    filled.inbox.store([make_inbound("y otra", address="secret-address")])  # New rows get numbers of their own.
    turn = filled.turns().claim()
    assert turn is not None
    assert turn.text == "sigo aquí"
    assert _content(_kept(filled, kept)) == after


def _kept(system: System, name: str) -> Database:
    url = system.database.engine.url
    if url.get_backend_name() == "sqlite":
        return Database(f"sqlite:///{name}")
    return Database(url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False))


def test_a_backup_is_for_its_owner_and_its_key_alone(filled: System, tmp_path: Path) -> None:
    """Nobody else may read the file, nothing in it can be read, and nothing else is left in the folder."""
    folder = tmp_path / "backups"
    folder.mkdir()
    _back_up(filled, folder / "ruta.backup")
    assert os.listdir(folder) == ["ruta.backup"]
    assert (folder / "ruta.backup").stat().st_mode & 0o777 == 0o600
    raw = (folder / "ruta.backup").read_bytes()
    assert not any(word in raw for word in (b"contact", b"CREATE", b"SQLite", b"manifest", b"elija", b"PGDMP"))


def test_a_backup_does_not_overwrite_another(filled: System, tmp_path: Path) -> None:
    """The one of yesterday stays."""
    (tmp_path / "ruta.backup").write_text("yesterday")
    with pytest.raises(BackupError, match="exists already"):
        _back_up(filled, tmp_path / "ruta.backup")
    assert (tmp_path / "ruta.backup").read_text() == "yesterday"


def test_an_old_key_still_opens_its_backups(filled: System, tmp_path: Path) -> None:
    """After a rotation the old key, further down the list, is enough; without it the error names it."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    made = make_backup(filled.database, Vault([old], KEY), tmp_path / "b", {}, AT, _nothing)
    assert read_backup(tmp_path / "b", Vault([new, old], KEY), _nothing) == made
    with pytest.raises(BackupError, match=f"key {Vault([old], KEY).fingerprints[0]}, which is not in RUTA_ENCRYPTION_KEYS"):
        read_backup(tmp_path / "b", Vault([new], KEY), _nothing)


def test_folders_come_back_into_a_new_folder(filled: System, tmp_path: Path) -> None:
    """What staff wrote is taken in on request, and never written over what they have now."""
    content = tmp_path / "content"
    (content / "risks").mkdir(parents=True)
    (content / "risks" / "es.md").write_text("¿Qué hago?", encoding="utf-8")
    (content / "picture.bin").write_bytes(os.urandom(3 * FRAME_BYTES))
    assert _back_up(filled, tmp_path / "b", content=content).files == 2
    _restore(filled, tmp_path / "b", over=True, folders=tmp_path / "new")
    assert (tmp_path / "new/content/risks/es.md").read_text(encoding="utf-8") == "¿Qué hago?"
    assert (tmp_path / "new/content/picture.bin").read_bytes() == (content / "picture.bin").read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        _restore(filled, tmp_path / "b", over=True, folders=tmp_path / "new")


@pytest.fixture
def backup(tmp_path: Path) -> tuple[System, Path]:
    """A system on SQLite and its backup of several frames."""
    system = System(Database(f"sqlite:///{tmp_path}/ruta.db"))
    upgrade_database(system.database)
    system.inbox.store([make_inbound("hola")])
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "noise.bin").write_bytes(os.urandom(4 * FRAME_BYTES))
    _back_up(system, tmp_path / "b", content=tmp_path / "content")
    return system, tmp_path / "b"


def _frames(raw: bytes) -> tuple[bytes, list[bytes]]:
    head, rest = raw.split(b"\n", 1)
    frames = []
    while rest:
        length = 4 + int.from_bytes(rest[:4], "big")
        frames, rest = [*frames, rest[:length]], rest[length:]
    return head + b"\n", frames


def _flip(raw: bytes, position: int) -> bytes:
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]


def _without_a_frame(raw: bytes) -> bytes:
    head, frames = _frames(raw)
    assert len(frames) > 3
    return head + b"".join([frames[0], *frames[2:]])


def _two_frames_changed_over(raw: bytes) -> bytes:
    head, frames = _frames(raw)
    return head + b"".join([frames[0], frames[2], frames[1], *frames[3:]])


def _cut_at_a_frame(raw: bytes) -> bytes:
    head, frames = _frames(raw)
    return head + b"".join(frames[:-1])


DAMAGES = {
    "a changed bit": (lambda raw: _flip(raw, len(raw) // 2), "damaged at byte"),
    "a changed bit in the first frame": (lambda raw: _flip(raw, 90), "damaged at byte"),
    "a changed length": (lambda raw: _flip(raw, raw.index(b"\n") + 1), "damaged at byte"),
    "a changed beginning": (lambda raw: _flip(raw, 2), "no backup of Ruta Segura"),
    "cut in the middle": (lambda raw: raw[: len(raw) // 2], "cut off"),
    "cut between frames": (_cut_at_a_frame, "cut off"),
    "cut by a byte": (lambda raw: raw[:-1], "cut off"),
    "something behind it": (lambda raw: raw + b"x", "damaged at byte"),
    "a frame left out": (_without_a_frame, "damaged at byte"),
    "frames changed over": (_two_frames_changed_over, "damaged at byte"),
    "empty": (lambda raw: b"", "no backup of Ruta Segura"),
    "another file": (lambda raw: os.urandom(1000), "no backup of Ruta Segura"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_told_and_never_restored(backup: tuple[System, Path], damage: str) -> None:
    """Whatever happened to the file, the error says what it is, and the database is not touched."""
    system, path = backup
    before = _content(system.database)
    spoil, told = DAMAGES[damage]
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BackupError, match=told):
        read_backup(path, system.vault, _nothing)
    with pytest.raises(BackupError, match=told):
        _restore(system, path, over=True)
    assert _content(system.database) == before
    assert not list(path.parent.glob("ruta.db.*restor*"))


def test_frames_of_two_backups_do_not_mix(backup: tuple[System, Path]) -> None:
    """A frame of another backup, sealed with the same key and in the same place, does not belong."""
    system, path = backup
    _back_up(system, path.with_name("c"), content=path.with_name("content"))
    head, frames = _frames(path.read_bytes())
    _, others = _frames(path.with_name("c").read_bytes())
    path.write_bytes(head + b"".join([frames[0], others[1], *frames[2:]]))
    with pytest.raises(BackupError, match="damaged at byte"):
        read_backup(path, system.vault, _nothing)


def test_a_target_that_holds_something_is_not_replaced_unasked(filled: System, tmp_path: Path) -> None:
    """Without --replace nothing changes; an empty database needs none."""
    _back_up(filled, tmp_path / "b")
    before = _content(filled.database)
    with pytest.raises(BackupError, match=r"not empty \(.*--replace"):
        _restore(filled, tmp_path / "b")
    assert _content(filled.database) == before
    downgrade_database(filled.database, "base")
    upgrade_database(filled.database)
    _restore(filled, tmp_path / "b")
    assert _content(filled.database) == before


def test_a_backup_that_does_not_fit_is_refused(filled: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hash key, another kind of database, a form from the future: each is said before anything is touched."""
    before = _content(filled.database)
    _back_up(filled, tmp_path / "b")
    stranger = System(filled.database, vault=Vault([Fernet.generate_key().decode()], "another"))
    stranger.vault._keys, stranger.vault._fernet = filled.vault._keys, filled.vault._fernet
    stranger.vault.fingerprints = filled.vault.fingerprints
    with pytest.raises(BackupError, match="RUTA_HASH_KEY is not the one"):
        _restore(stranger, tmp_path / "b", over=True)
    made = read_backup(tmp_path / "b", filled.vault, _nothing)
    for changed, told in ((replace(made, kind="oracle"), "must be the same"), (replace(made, revision="9999"), "does not know")):
        monkeypatch.setattr("bot.storage.backup.read_backup", lambda *_, changed=changed: changed)
        with pytest.raises(BackupError, match=told):
            _restore(filled, tmp_path / "b", over=True)
    assert _content(filled.database) == before


def test_a_restore_that_breaks_half_way_changes_nothing(filled: System, tmp_path: Path) -> None:
    """What is read ends too early, as with a disk that fails: the database is the one of before, and works."""
    _back_up(filled, tmp_path / "b")
    before = _content(filled.database)
    with snapshot(filled.database, tmp_path) as stream:
        whole = stream.read()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with (tmp_path / "half").open("rb") as half, pytest.raises(BackupError):
        load(filled.database, half, AT, replace=True)
    assert _content(filled.database) == before
    filled.inbox.store([make_inbound("sigo aquí")])
    _restore(filled, tmp_path / "b", over=True)
    assert _content(filled.database) == before


def test_a_restore_waits_for_nobody_who_uses_the_database(filled: System, tmp_path: Path) -> None:
    """One open connection, idle or not, is a program that runs: it is told, and nothing changes."""
    _back_up(filled, tmp_path / "b")
    before = _content(filled.database)
    program = Database(filled.database.engine.url.render_as_string(hide_password=False))
    program.check()
    with pytest.raises(BackupError, match="in use.*stop all programs"):
        _restore(filled, tmp_path / "b", over=True)
    assert _content(program) == before
    program.close()
    _restore(filled, tmp_path / "b", over=True)


def test_a_log_that_a_lost_file_left_is_not_played_into_the_restored_one(backup: tuple[System, Path]) -> None:
    """SQLite would add the old write-ahead log to whatever file stands in its place."""
    system, path = backup
    before = _content(system.database)
    system.inbox.store([make_inbound("después")])
    file = Path(str(system.database.engine.url.database))
    log = file.with_name("ruta.db-wal").read_bytes()
    assert log
    system.database.close()
    file.unlink()
    file.with_name("ruta.db-wal").write_bytes(log)
    _restore(system, path)
    assert _content(system.database) == before


def test_a_damaged_database_file_can_be_replaced(backup: tuple[System, Path]) -> None:
    """That is what backups are for; the damaged one is kept for whoever can still read something of it."""
    system, path = backup
    before = _content(system.database)
    system.database.close()
    file = Path(str(system.database.engine.url.database))
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(BackupError, match="damaged"):
        _restore(system, path)
    with pytest.raises(BackupError, match="not a database"):
        _back_up(system, path.with_name("never"))
    _, kept = _restore(system, path, over=True)
    assert _content(system.database) == before
    assert Path(kept).read_bytes().startswith(b"not a database")


def test_the_password_stands_in_no_list_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's tools get it through the environment."""
    database = Database("postgresql+psycopg://ruta:geheim@db.example:5433/ruta?sslmode=require")
    command, environment = snapshots_postgresql._tool(database, "pg_dump")
    assert "geheim" not in " ".join(command)
    assert environment["PGPASSWORD"] == "geheim"
    assert "sslmode=require" in command[1]


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    """No half file, no traceback."""
    database = Database("postgresql+psycopg://ruta@127.0.0.1:9/ruta")
    with pytest.raises(BackupError, match="postgresql: .*refused"):
        make_backup(database, Vault([Fernet.generate_key().decode()], KEY), tmp_path / "b", {}, AT, _nothing)
    assert os.listdir(tmp_path) == []


def _ruta(environment: dict[str, str], *arguments: str, most_bytes: int = 0) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if most_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    command = [sys.executable, "-m", "bot.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, preexec_fn=limit, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("most_bytes", [2_000, 300_000])
def test_a_full_disk_leaves_no_half_file(empty_database: Database, tmp_path: Path, most_bytes: int) -> None:
    """Whether the copy or the archive no longer fits, the command says so and the folder is as it was."""
    upgrade_database(empty_database)
    environment = {
        **os.environ,
        "RUTA_MODE": "development",
        "RUTA_DATABASE_URL": empty_database.engine.url.render_as_string(hide_password=False),
    }
    folder = tmp_path / "backups"
    folder.mkdir()
    done = _ruta(environment, "backup", "--folders", str(folder / "b"), most_bytes=most_bytes)
    assert done.returncode == 2, done.stderr
    assert "error [backup_failed]" in done.stderr
    assert os.listdir(folder) == []


@contextmanager
def _writing(fake: FakeTelegram, url: str, taken: list[int]) -> Iterator[None]:
    """Let several people write through the gateway's webhook until the block ends."""
    is_over = threading.Event()

    def write(chat: int) -> None:
        updates = Updates(chat_id=chat, next_id=chat * 100_000)
        with httpx.Client() as client:
            while not is_over.is_set():
                update = updates.text("hola")
                headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
                assert client.post(f"{url}/webhooks/telegram", json=update, headers=headers).status_code == 200
                taken.append(chat)

    writers = [threading.Thread(target=write, args=(chat,)) for chat in range(71, 75)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        is_over.set()
        for writer in writers:
            writer.join(20)


@pytest.mark.slow
def test_a_backup_while_the_gateway_takes_messages(empty_database: Database, tmp_path: Path) -> None:
    """Real programs: it holds all that was acknowledged before it began and nothing half; restoring waits for the stop."""
    telegram = FakeTelegram()
    backup, taken = tmp_path / "ruta.backup", []
    url = empty_database.engine.url.render_as_string(hide_password=False)
    with serve(telegram.app) as telegram_url:
        settings = {
            "RUTA_DATABASE_URL": url,
            "RUTA_CHANNELS": "telegram",
            "RUTA_TELEGRAM_BOT_TOKEN": TOKEN,
            "RUTA_TELEGRAM_MODE": "webhook",
            "RUTA_TELEGRAM_WEBHOOK_SECRET": SECRET,
            "RUTA_TELEGRAM_API_URL": telegram_url,
        }
        empty_database.close()
        with run_programs(tmp_path, settings, "gateway") as programs:
            with _writing(telegram, programs.url, taken):
                while len(taken) < 200:
                    assert programs.processes["gateway"].poll() is None
                before = len(taken)
                done = _ruta(programs.environment, "backup", str(backup))
                after = len(taken)
            assert done.returncode == 0, done.stderr
            assert after > before, "nobody wrote meanwhile"
            verified = _ruta(programs.environment, "backup", "--verify", str(backup))
            assert (verified.returncode, "whole" in verified.stderr) == (0, True)
            refused = _ruta(programs.environment, "restore", "--replace", str(backup))
            assert refused.returncode == 2
            assert "in use" in refused.stderr
            programs.stop()
            restored = _ruta(programs.environment, "restore", "--replace", str(backup))
            assert restored.returncode == 0, restored.stderr
            assert "kept" in restored.stderr
            programs.start("gateway")
            assert httpx.get(f"{programs.url}/readyz").status_code == 200
    with empty_database.reading() as session:
        stored = session.scalar(select(func.count()).select_from(Inbound)) or 0
        assert before <= stored < after
        assert session.scalar(select(func.count()).select_from(Contact)) == 4


def test_a_step_shows_in_the_bar(filled: System, tmp_path: Path) -> None:
    """The bar is told of every byte, once."""
    seen: list[int] = []
    made = make_backup(filled.database, filled.vault, tmp_path / "b", {}, AT, seen.append)
    assert sum(seen) == made.database_bytes > 0
    if snapshots.kind_of(filled.database) == "sqlite":
        assert snapshots.size_of(filled.database)
