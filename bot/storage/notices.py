"""Wake other programs when something was committed: PostgreSQL's LISTEN and NOTIFY.

A notice is sent inside the transaction that stores what it is about, so it arrives with the commit and never without it. It
carries nothing: whoever hears it looks at the tables. It only saves time; everybody who listens also looks by themselves now and
then, because a notice can be lost with its connection. On SQLite there are no notices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from sqlalchemy import Executable, bindparam, func, select
from sqlalchemy.orm import Session

from bot.storage.session import Database

INBOUND = "ruta_inbound"
"""A message waits for a worker."""
OUTBOUND = "ruta_outbound"
"""A reply waits to be sent or fetched."""
RETRY_SECONDS = 1.0
"""How long after a lost connection the next one is tried."""
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "connect_timeout": 10}

logger = logging.getLogger(__name__)


def notify(session: Session, notice: str) -> None:
    """Wake those who listen when this transaction commits."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_notify(), {"notice": notice})


class Notices:
    """Listens on a connection of its own, and again when that is lost.

    Args:
        notice: which one; also used as it is in SQL, so it is one of the constants above.
    """

    def __init__(self, database: Database, notice: str) -> None:
        self._database = database
        self._notice = notice
        self._is_listening = False

    @property
    def is_listening(self) -> bool:
        """Whether a notice would be heard now; else the caller must look more often."""
        return self._is_listening

    async def run(self, wake: Callable[[], None]) -> None:
        """Call `wake` at each notice, and each time when listening begins or ends, until cancelled; on SQLite return at once."""
        if self._database.engine.dialect.name != "postgresql":
            return
        import psycopg  # Here: it takes 5 MiB, which a system on SQLite does without.

        while True:
            try:
                await self._listen(wake)
            except psycopg.Error as error:
                logger.warning("notices_lost notice=%s error=%s", self._notice, type(error).__name__)
            finally:
                self._is_listening = False
            wake()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, wake: Callable[[], None]) -> None:
        import psycopg

        engine = self._database.engine
        arguments, options = engine.dialect.create_connect_args(engine.url)
        connection = await psycopg.AsyncConnection.connect(*arguments, **{**_KEEPALIVE, **options}, autocommit=True)
        try:
            await connection.execute(f"LISTEN {self._notice}".encode())
            self._is_listening = True
            logger.info("notices_heard notice=%s", self._notice)
            wake()  # What was committed before we listened.
            async for _ in connection.notifies():
                wake()
        finally:
            with suppress(psycopg.Error):
                await connection.close()


@lru_cache(maxsize=1)
def _notify() -> Executable:
    return select(func.pg_notify(bindparam("notice"), ""))
