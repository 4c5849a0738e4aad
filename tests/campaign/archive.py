"""The archive of a round: an SQLite file, or a PostgreSQL server. Looks into it, locks it, and tells when it is written."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from bridge.model import Fate
from bridge.store.archive.database import WRITE_LOCK
from tests.campaign.record import Remembered
from tests.campaign.script import INBOXES
from tests.support.postgres import NO_POSTGRESQL, PostgresServer, find_postgresql

_NAMES = {f"C0{name.upper()}1": name for name in INBOXES}
_CONNECT_S = 5.0
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises when the server dies under it, at any moment."""


class Archive(Protocol):
    """Where the workers' archive is. What is synchronous returns when the effect is there, so call it in a thread."""

    url: str

    async def open(self) -> None:
        """Have it run."""

    async def close(self) -> None:
        """End everything."""

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds."""

    async def lock(self, seconds: float) -> None:
        """Keep everybody else from writing for a while, as a backup or a careless tool would."""

    def held_up(self) -> contextlib.AbstractAsyncContextManager[None]:
        """While this lasts, whoever writes gets stuck shortly before the end of the transaction, where that can be done.
        Raises one of `AWAY` when the archive is.
        """

    async def written(self) -> bool:
        """Is a transaction that writes open just now?"""

    @property
    def is_running(self) -> bool:
        """Whether nothing of it is dead."""

    def kill(self) -> None:
        """End all its processes, as `kill -9` does."""

    def start(self) -> None:
        """Start again what is dead."""


class SqliteArchive:
    """A file in the round's folder, which nobody can kill."""

    is_running = True

    def __init__(self, folder: Path) -> None:
        self._file = folder / "archive.sqlite3"
        self.url = f"sqlite:///{self._file}"

    async def open(self) -> None:
        """See `Archive`."""

    async def close(self) -> None:
        """See `Archive`."""

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """See `Archive`."""
        with contextlib.closing(sqlite3.connect(self._file)) as database:
            return database.execute(query).fetchall()

    async def lock(self, seconds: float) -> None:
        """See `Archive`."""
        with self._at_once() as database:
            with contextlib.suppress(sqlite3.OperationalError):  # the archiver writes just now
                database.execute("BEGIN EXCLUSIVE")
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def held_up(self) -> AsyncIterator[None]:
        """See `Archive`."""
        yield

    async def written(self) -> bool:
        """See `Archive`."""
        with self._at_once() as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            database.execute("ROLLBACK")
            return False

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._file, timeout=0, isolation_level=None)) as database:
            yield database

    def kill(self) -> None:
        """See `Archive`."""
        raise NotImplementedError("a file has no process")

    def start(self) -> None:
        """See `Archive`."""


class PostgresArchive:
    """A server of the round's own."""

    def __init__(self) -> None:
        programs = find_postgresql()
        if programs is None:
            raise RuntimeError(NO_POSTGRESQL)
        self._server = PostgresServer(programs)
        self.url = self._server.url("postgres")
        self.kill, self.start = self._server.crash, self._server.start
        self._eye: asyncpg.Connection | None = None
        """Kept, since who looks has to be quicker than a transaction."""

    @property
    def is_running(self) -> bool:
        """See `Archive`."""
        return self._server.is_running

    async def open(self) -> None:
        """See `Archive`."""
        await asyncio.to_thread(self._server.start)

    async def close(self) -> None:
        """See `Archive`."""
        if self._eye is not None:
            self._eye.terminate()
        await asyncio.to_thread(self._server.remove)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """See `Archive`."""
        async with self._connected() as connection:
            return [tuple(row) for row in await connection.fetch(query)]

    async def lock(self, seconds: float) -> None:
        """See `Archive`."""
        with contextlib.suppress(*AWAY):  # it is dead, or dies meanwhile
            async with self._connected() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", WRITE_LOCK)
                await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def held_up(self) -> AsyncIterator[None]:
        """See `Archive`."""
        async with self._connected() as connection:
            # Moved last of all. Ends with the connection.
            await connection.execute("BEGIN")
            await connection.execute("LOCK TABLE watermarks IN SHARE MODE")
            yield

    async def written(self) -> bool:
        """See `Archive`."""
        query = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)"
        try:
            if self._eye is None:
                self._eye = await asyncpg.connect(self.url, timeout=_CONNECT_S)
            return bool(await self._eye.fetchval(query))
        except AWAY:
            if self._eye is not None:
                self._eye.terminate()
            self._eye = None
            return False

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.url, timeout=_CONNECT_S)
        try:
            yield connection
        finally:
            connection.terminate()


async def remembered(archive: Archive) -> tuple[Remembered, ...]:
    """All messages of an archive, with their posts and deliveries."""
    posts: dict[str, set[str]] = defaultdict(set)
    for message, channel, post in await archive.rows("SELECT message, channel, post FROM posts WHERE ours"):
        posts[message].add(f"{_NAMES.get(channel, channel)}/{post}")
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    for message, name, fate in await archive.rows("SELECT message, platform_id, fate FROM deliveries"):
        parts[message][name] = Fate(fate).name.lower()
    query = "SELECT id, text, direction, internal, fate FROM messages ORDER BY seq"
    return tuple(
        Remembered(
            text=text,
            outbound=direction == "out",
            internal=bool(internal),
            fate="" if fate is None else Fate(fate).name.lower(),
            posts=frozenset(posts[name]),
            parts=parts[name],
        )
        for name, text, direction, internal, fate in await archive.rows(query)
    )


async def joined(archive: Archive) -> int:
    """How many contacts were joined into another one."""
    ((count,),) = await archive.rows("SELECT count(*) FROM contacts WHERE merged_into IS NOT NULL")
    return int(count)
