"""What the real engine leaves in the database: masked text only, proved on the bytes of the file and on its own memory."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.conversations.my_data import MyDataReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.retention import RetentionLimits
from bot.storage.models import Conversation
from bot.worker import Worker
from tests.support.builders import System, make_inbound
from tests.support.engine import ROOT, shared_worker

pytestmark = [pytest.mark.engine, pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)]

SAID = [
    "hola, mi cédula es 1710034065 y quiero una visa de trabajo para españa",
    "mi celular es 099 123 4567, ¿cuánto cuesta?",
    "escríbame a ana.perez@example.org o mire https://banco.example/entrar?token=s3cr3tt0k3n",
    "xyzzy plugh 4111 1111 1111 1111 en -0.180653, -78.467834",
    "borrar mis datos de la cuenta 2203456789 por favor",
]
SECRETS = ["1710034065", "099 123", "ana.perez", "s3cr3tt0k3n", "4111", "0.180653", "78.4678", "2203456789"]


def _raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ruta.db*"))


async def test_only_masked_text_is_stored(system: System, tmp_path: Path) -> None:
    """Tables, free pages, log and the engine's compressed memory hold no personal number."""
    shared = shared_worker()._parts
    reader = MyDataReader(system.database, RetentionLimits())
    desk = PrivacyDesk.open(ROOT / "intents", reader, system.vault, shared.texts, shared.replies)
    worker = Worker(replace(shared, turns=system.turns(), privacy=desk))
    for text in SAID:
        system.inbox.store([make_inbound(text)])
        assert await worker.run_once()
    raw = _raw(tmp_path)
    with system.database.reading() as session:
        state = session.scalars(select(Conversation)).one().engine_state
    assert state is not None
    memory = zlib.decompress(state)
    assert b"visa de trabajo" in raw
    assert b"user" in memory
    for secret in SECRETS:
        assert secret.encode() not in raw, secret
        assert secret.encode() not in memory, secret
