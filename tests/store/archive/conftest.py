"""Both engines, each test with a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.store.archive.database import Database
from bridge.store.archive.schema import migrate
from bridge.store.archive.writer import Writer
from tests.support.archive import new_sqlite
from tests.support.postgres import PostgresServer, find_postgresql

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=ENGINES)
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database without a schema, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'archive.sqlite3'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return await server.new_database()


@pytest.fixture(params=ENGINES)
async def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty archive, on each engine."""
    if request.param == "sqlite":
        return new_sqlite(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = await server.new_database()
    database = Database(url)
    await migrate(database)
    await database.close()
    return url


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL of the test's own, to kill and start again."""
    programs = find_postgresql()
    assert programs is not None
    server = PostgresServer(programs)
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def database(archive_url: str) -> AsyncIterator[Database]:
    """An empty archive, on each engine."""
    one = Database(archive_url)
    yield one
    await one.close()


@pytest.fixture
def writer(database: Database) -> Writer:
    """A writer over it."""
    return Writer(database)
