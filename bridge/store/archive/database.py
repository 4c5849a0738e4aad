"""The archive's database: where it is, and transactions in it. SQLite or PostgreSQL.

SQLite: one connection writes and others read, so that a search never waits for the archiver nor the other way
round (WAL). PostgreSQL: one pool for both. Whoever writes holds a lock of the whole archive, so two archivers at once
cannot number the journal twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from bridge.errors import BridgeError
from bridge.store.archive.trouble import ArchiveError, Trouble, explain

WRITE_LOCK = 7_232_701_001
"""Names the archive's write lock among PostgreSQL's advisory locks."""
LOCK_WAIT_S = 5.0
"""How long a writer waits for another one before the database counts as locked."""
CONNECT_S = 5.0
STATEMENT_S = 60.0
READERS = 4
_CACHE_KIB = 32_768
_TLS = "sslmode"


class Database:
    """One archive database. Nothing is opened before the first transaction; `close` ends everything."""

    def __init__(
        self, url: str, *, lock_wait_s: float = LOCK_WAIT_S, statement_s: float = STATEMENT_S
    ) -> None:
        """Raises `ValueError`, without the address, when that cannot be read."""
        try:
            parsed = make_url(url)
        except Exception:  # noqa: BLE001 - whose words would repeat the address, and with it the password
            raise ValueError("archive.url cannot be read as an address") from None
        self._lock_wait_s = lock_wait_s
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database or "") if self.is_sqlite else None
        """The file, of SQLite only."""
        self.where = str(self.path) if self.is_sqlite else _place(parsed)
        """Which database it is, for messages; never the password."""
        if self.is_sqlite:
            self._writer = _sqlite(parsed, lock_wait_s, 1, _WRITER)
            self._readers = _sqlite(parsed, lock_wait_s, READERS, _READER)
            event.listen(self._writer.sync_engine, "begin", _begin_immediate)
            event.listen(self._readers.sync_engine, "begin", _begin_deferred)
        else:
            self._writer = self._readers = _postgresql(parsed, statement_s)

    @contextlib.asynccontextmanager
    async def write(self, *, wait_s: float | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write, alone: others wait. Commits at the end, or takes everything back.

        Raises `ArchiveError`. `wait_s` is how long to wait for another writer, where it differs from the default.
        """
        wait_ms = int((self._lock_wait_s if wait_s is None else wait_s) * 1000)
        async with self._translated(), self._writer.connect() as connection:
            if self.is_sqlite and wait_s is not None:
                await _be_patient(connection, wait_ms)
            try:
                async with connection.begin():
                    if not self.is_sqlite:
                        await connection.execute(text(f"SET LOCAL lock_timeout = {wait_ms}"))
                        await connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"))
                    yield connection
            finally:
                if self.is_sqlite and wait_s is not None:
                    await _be_patient(connection, int(self._lock_wait_s * 1000))

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of everything, beside a writer. Raises `ArchiveError`."""
        if self.path is not None and not self.path.exists():
            # Opening would make an empty one, and the mistake would go unnoticed.
            words = f"there is no archive at {self.where}: correct archive.url; `threadline serve` makes a new one"
            raise ArchiveError(Trouble.MISSING, words)
        async with self._translated(), self._readers.connect() as connection:
            if not self.is_sqlite:
                await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            yield connection

    async def shorten(self) -> None:
        """SQLite: move everything from the log of changes into the file, and empty the log, as far as readers let it.
        Raises `ArchiveError`.
        """
        async with self._translated(), self._readers.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            if self.is_sqlite and driver is not None:
                await (await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._readers.dispose()

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except BridgeError:
            raise
        except Exception as error:
            explained = explain(error, self.where)
            if explained is None:
                raise
            raise explained from error


# -------------------------------------------------------------------------------------------------- SQLite

# FULL costs nothing measurable in batches, and with it a commit survives a power cut.
_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA cache_size = -{_CACHE_KIB}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
)
_READER = ("PRAGMA query_only = ON", "PRAGMA temp_store = MEMORY")


def _sqlite(url: URL, lock_wait_s: float, connections: int, pragmas: tuple[str, ...]) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # The driver shall not begin transactions by its own rules: we say BEGIN, and which one.
        connect_args={"isolation_level": None, "timeout": lock_wait_s},
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # an error's text would repeat what people wrote
    )

    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's connection
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", prepare)
    return engine


async def _be_patient(connection: AsyncConnection, wait_ms: int) -> None:
    """How long the connection waits for another writer, from now on."""
    driver = (await connection.get_raw_connection()).driver_connection
    if isinstance(driver, aiosqlite.Connection):
        await driver.execute_fetchall(f"PRAGMA busy_timeout = {wait_ms}")


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a transaction that turns into a writer later could fail half-way."""
    _say(connection, "BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    _say(connection, "BEGIN")


def _say(connection: Connection, words: str) -> None:
    """In one turn of the driver's thread; SQLAlchemy itself takes three."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, aiosqlite.Connection)  # noqa: S101 - the engine is SQLite's
    await_only(driver.execute_fetchall(words))


# ---------------------------------------------------------------------------------------------- PostgreSQL


def _postgresql(url: URL, statement_s: float) -> AsyncEngine:
    arguments: dict[str, Any] = {
        "timeout": CONNECT_S,
        "command_timeout": statement_s,
        # Names in pg_stat_activity whose connection it is; compiling short statements costs more than it gives.
        "server_settings": {"application_name": "threadline", "jit": "off"},
    }
    mode = url.query.get(_TLS)
    if mode is not None:
        arguments["ssl"] = mode
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg").difference_update_query([_TLS]),
        connect_args=arguments,
        pool_size=5,
        max_overflow=5,
        pool_timeout=CONNECT_S,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def _place(url: URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"the PostgreSQL database {url.database} at {url.host or 'localhost'}{port}"
