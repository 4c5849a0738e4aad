"""What can be wrong with a database is told in words that say what to do, and never with the password."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.store.archive.database import Database
from bridge.store.archive.health import inspect
from bridge.store.archive.trouble import ArchiveError, Trouble
from tests.support.archive import lock, new_sqlite
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.valkey import free_port
from tests.support.waiting import until

SECRET = "deep-secret"


def sqlite_threads() -> set[threading.Thread]:
    """The threads in which SQLite works."""
    return {one for one in threading.enumerate() if "_connection_worker_thread" in one.name}


@pytest.fixture(autouse=True)
async def _threads_have_ended() -> AsyncIterator[None]:
    """The driver's thread of a connection that failed ends a moment later, and has a last word for the event loop."""
    before = sqlite_threads()
    yield
    await until(lambda: not sqlite_threads() - before, 10, "the threads to end")


@contextlib.asynccontextmanager
async def trouble(database: Database, kind: Trouble, *words: str) -> AsyncIterator[None]:
    """The block runs into this trouble, told with these words and without a password."""
    with pytest.raises(ArchiveError) as raised:
        yield
    assert raised.value.trouble is kind, str(raised.value)
    for one in words:
        assert one in str(raised.value)
    assert PASSWORD not in str(raised.value)
    assert SECRET not in str(raised.value)
    await database.close()


async def test_a_lock_of_another_program(tmp_path: Path) -> None:
    """Readers go on beside it; a writer waits its time and then says who is in the way."""
    database = Database(new_sqlite(tmp_path), lock_wait_s=0.05)
    assert database.path is not None
    with contextlib.closing(lock(database.path)):
        async with database.read() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM journal"))).scalar() == 0
        async with trouble(database, Trouble.LOCKED, "keeps", "locked"), database.write():
            pass


async def test_a_writer_that_has_more_time_waits_longer(tmp_path: Path) -> None:
    """As somebody who migrates does; and the next one no longer than any other."""
    database = Database(new_sqlite(tmp_path), lock_wait_s=0.05)
    assert database.path is not None

    async def write() -> None:
        async with database.write(wait_s=60):
            pass

    with contextlib.closing(lock(database.path)) as locked:
        writing = asyncio.create_task(write())
        # Another one that waits its usual time gives up meanwhile, on a connection of its own.
        other = Database(f"sqlite:///{database.path}", lock_wait_s=0.3)
        async with trouble(other, Trouble.LOCKED), other.write():
            pass
        assert not writing.done()
        locked.rollback()
        await writing
    with contextlib.closing(lock(database.path)):
        async with trouble(database, Trouble.LOCKED), database.write():
            pass


async def test_a_writer_does_not_keep_readers_waiting(database: Database) -> None:
    """They see what was there before."""
    async with database.write() as writing:
        await writing.execute(text("INSERT INTO settings VALUES ('x', 'y')"))
        async with database.read() as reading:
            count = text("SELECT count(*) FROM settings WHERE name = 'x'")
            assert (await reading.execute(count)).scalar() == 0
    async with database.read() as reading:
        assert (await reading.execute(count)).scalar() == 1


async def test_a_full_disk(tmp_path: Path) -> None:
    """Nothing of the transaction is left."""
    database = Database(new_sqlite(tmp_path))
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    async with trouble(database, Trouble.FULL, "full", "make room"), database.write() as connection:
        await connection.execute(text("INSERT INTO settings VALUES ('x', hex(randomblob(1000000)))"))


async def test_a_database_that_may_only_be_read(database: Database) -> None:
    """A reader that writes is a defect of ours, and the engine refuses it all the same."""
    async with trouble(database, Trouble.READ_ONLY), database.read() as connection:
        await connection.execute(text("INSERT INTO settings VALUES ('x', 'y')"))


async def test_garbage_in_place_of_a_database(tmp_path: Path) -> None:
    """Told, and left alone."""
    path = tmp_path / "archive.sqlite3"
    path.write_bytes(b"a letter to my aunt " * 300)
    database = Database(f"sqlite:///{path}")
    async with trouble(database, Trouble.CORRUPT, str(path), "backup"), database.write():
        pass
    assert path.read_bytes() == b"a letter to my aunt " * 300


async def test_a_damaged_database(tmp_path: Path) -> None:
    """Pages were overwritten."""
    database = Database(new_sqlite(tmp_path))
    assert database.path is not None
    data = bytearray(database.path.read_bytes())
    data[4096:40960] = b"\xff" * (40960 - 4096)
    database.path.write_bytes(data)
    async with trouble(database, Trouble.CORRUPT, "damaged"), database.write() as connection:
        await connection.execute(text("INSERT INTO journal SELECT * FROM journal"))
        await connection.execute(text("PRAGMA quick_check"))
        await connection.execute(text("SELECT count(*) FROM messages"))


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Reading makes no empty archive in which the mistake would go unnoticed."""
    path = tmp_path / "typo.sqlite3"
    database = Database(f"sqlite:///{path}")
    async with trouble(database, Trouble.MISSING, "there is no archive at"), database.read():
        pass
    assert not path.exists()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Made by nobody, because it may be a disk that is not mounted."""
    database = Database(f"sqlite:///{tmp_path / 'disk' / 'archive.sqlite3'}")
    async with trouble(database, Trouble.MISSING, "folder"), database.write():
        pass


async def test_nobody_listens() -> None:
    """A PostgreSQL that is down, or a wrong host or port."""
    database = Database(f"postgresql://threadline:{SECRET}@127.0.0.1:{free_port()}/threadline")
    async with (
        trouble(database, Trouble.UNREACHABLE, "cannot be reached", "threadline at 127.0.0.1"),
        database.write(),
    ):
        pass


@pytest.mark.postgresql
async def test_a_wrong_password(postgres_server: PostgresServer) -> None:
    """Of the right database."""
    database = Database(postgres_server.url("postgres", password=SECRET))
    async with trouble(database, Trouble.PASSWORD, "user or password"), database.read():
        pass


@pytest.mark.postgresql
async def test_a_database_that_does_not_exist(postgres_server: PostgresServer) -> None:
    """PostgreSQL makes none by itself."""
    database = Database(postgres_server.url("nowhere"))
    async with trouble(database, Trouble.MISSING, "nowhere", "CREATE DATABASE"), database.write():
        pass


@pytest.mark.postgresql
async def test_a_primary_that_became_read_only(postgres_server: PostgresServer) -> None:
    """After a failover, or by decision of an operator."""
    url = await postgres_server.new_database()
    name = url.rpartition("/")[2]
    await postgres_server.run("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database = Database(url)
    async with trouble(database, Trouble.READ_ONLY, "primary"), database.write() as connection:
        await connection.execute(text("CREATE TABLE t (x INTEGER)"))


@pytest.mark.postgresql
async def test_a_user_who_may_not(postgres_server: PostgresServer) -> None:
    """The database belongs to somebody else."""
    url = await postgres_server.new_database()
    await postgres_server.run(
        "postgres", "DROP ROLE IF EXISTS guest", f"CREATE ROLE guest LOGIN PASSWORD '{SECRET}'"
    )
    database = Database(postgres_server.url(url.rpartition("/")[2], user="guest", password=SECRET))
    async with trouble(database, Trouble.PERMISSION, "permission"), database.write() as connection:
        await connection.execute(text("CREATE TABLE t (x INTEGER)"))


@pytest.mark.postgresql
async def test_a_lock_that_somebody_else_holds(postgres_server: PostgresServer) -> None:
    """A long rebuild, or a program of the operator's."""
    url = await postgres_server.new_database()
    first, second = Database(url), Database(url, lock_wait_s=0.1)
    async with first.write(), trouble(second, Trouble.LOCKED, "locked"), second.write():
        pass
    await first.close()


@pytest.mark.parametrize("url", [f"postgresql://u:{SECRET}@host:port/x", f"postgresql://u:{SECRET}@[::1/x"])
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match=r"archive\.url") as refused:
        Database(url)
    assert SECRET not in str(refused.value)


async def test_a_check_finds_what_is_wrong(tmp_path: Path) -> None:
    """Each with advice: new, well, locked, of no use, on several hosts."""
    path = tmp_path / "archive.sqlite3"
    database = Database(f"sqlite:///{path}", lock_wait_s=0.05)
    (new,) = await inspect(database)
    assert (new.level.value, "a new archive" in new.found) == ("ok", True)
    assert not path.exists()
    new_sqlite(tmp_path)
    (well,) = await inspect(database)
    assert well.level.value == "ok"
    well, hosts = await inspect(database, {"one", "two"})
    assert (hosts.level.value, hosts.name) == ("warning", "archive.hosts")
    with contextlib.closing(lock(path)):
        (locked,) = await inspect(database)
    assert (locked.level.value, "locked" in locked.found, "end it" in locked.advice) == ("error", True, True)
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0000'")
        raw.commit()
    (old,) = await inspect(database)
    assert (old.level.value, "migrate" in old.advice) == ("warning", True)
    await database.close()
    (nowhere,) = await inspect(Database(f"sqlite:///{tmp_path / 'no' / 'x.sqlite3'}"))
    assert (nowhere.level.value, "no folder" in nowhere.found) == ("error", True)
