"""Notice that another process has written to the database, cheaply enough to look many times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import anyio.to_thread

from bot.storage.notices import OUTBOUND, Notices
from bot.storage.session import Database

LOOK_SECONDS = 0.03
"""How often we look when nobody wakes us: a reply leaves at most this late."""
LISTENING_SECONDS = 1.0
"""The same while we are woken, because a notice can be lost."""


class Changes:
    """Wakes its listeners when something was committed.

    On SQLite it asks for the data version (https://www.sqlite.org/pragma.html#pragma_data_version), which takes no lock,
    where our transactions take the only write lock. PostgreSQL tells us (`bot.storage.notices`); while it can not, the listeners
    are woken each time, and their queries decide.

    Args:
        listeners: called in the event loop; they must return at once.
    """

    def __init__(self, database: Database, listeners: Sequence[Callable[[], None]]) -> None:
        self._is_sqlite = database.engine.dialect.name == "sqlite"
        self._database = database
        self._listeners = listeners
        self._notices = Notices(database, OUTBOUND)
        self._seen = -1

    async def run(self) -> None:
        """Look until cancelled."""
        if not self._is_sqlite:
            await self._wake_by_notices()
        connection = await anyio.to_thread.run_sync(self._database.engine.raw_connection)
        try:
            cursor = connection.cursor()
            while True:
                # In the event loop itself: it takes 5 µs and waits for no lock, a thread would cost twenty times that.
                cursor.execute("PRAGMA data_version")
                await self._wake_if_new(int((cursor.fetchone() or (0,))[0]))
        finally:
            connection.close()

    async def _wake_if_new(self, version: int) -> None:
        if version != self._seen:
            self._seen = version
            self._wake()
        await asyncio.sleep(LOOK_SECONDS)

    async def _wake_by_notices(self) -> None:
        listening = asyncio.create_task(self._notices.run(self._wake))
        try:
            while True:
                self._wake()
                await asyncio.sleep(LISTENING_SECONDS if self._notices.is_listening else LOOK_SECONDS)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _wake(self) -> None:
        for listener in self._listeners:
            listener()
