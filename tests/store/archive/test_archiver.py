"""The journal leaves Redis only for SQL, whatever breaks in between; one process does it, and says how far it is."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.journal import Fact, pack
from bridge.model import LaneId
from bridge.store import keys
from bridge.store.archive.archiver import ARCHIVER_LANE, Archiver, ArchiverOptions
from bridge.store.archive.database import Database
from bridge.store.archive.lag import Lag
from bridge.store.archive.writer import Writer
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from tests.support.archive import LANE, Journal, lock, new_sqlite, rows
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until

OTHER = LaneId("s4")
LANES = (LANE, OTHER)
QUICK = ArchiverOptions(
    pause_s=0.01, linger_s=0.0, retry_s=0.02, retry_most_s=0.1, measure_every_s=0.05, check_every_s=0.05
)


class Counted:
    """What was counted."""

    def __init__(self) -> None:
        self.facts = 0
        self.behind: list[tuple[int, float]] = []
        self.errors: list[str] = []

    def archived(self, facts: int) -> None:
        self.facts += facts

    def archive_behind(self, waiting: int, lag_s: float) -> None:
        self.behind.append((waiting, lag_s))

    def error(self, platform: str, failure: str) -> None:
        assert platform == "archive"
        self.errors.append(failure)


class Bench:
    """A Redis with journals, a database, and archivers on them."""

    def __init__(self, redis: JoinedRedis, url: str) -> None:
        self.redis = redis
        self.database = Database(url, lock_wait_s=0.05)
        self.counted = Counted()
        self.lag = Lag(redis, LANES)
        self._archivers: list[Archiver] = []

    async def journaled(self, *facts: Fact, lane: LaneId = LANE) -> None:
        """A commit wrote these facts."""
        fields = [part for fact in facts for part in ("f", pack(fact))]
        await self.redis("XADD", keys.journal(lane), "*", *fields)

    def archiver(self, name: str = "p1", hold_s: float = 5.0) -> Archiver:
        """A process that archives."""
        store = LiveStore(self.redis, hold_s=hold_s)
        one = Archiver(self.redis, store, self.database, LANES, name, self.counted, QUICK)
        self._archivers.append(one)
        one.start()
        return one

    async def texts(self) -> list[str]:
        """What was said, as the archive has it."""
        return [row["text"] for row in await rows(self.database, "messages")]

    async def left(self) -> int:
        """Journal entries in Redis."""
        return (await self.lag.behind()).waiting

    async def empty(self) -> bool:
        return await self.left() == 0

    async def close(self) -> None:
        for one in self._archivers:
            await one.stop()
        await self.database.close()


@contextlib.asynccontextmanager
async def a_bench(redis_url: str, archive_url: str) -> AsyncIterator[Bench]:
    redis = JoinedRedis(redis_url, Timing(patience_s=0.2))
    bench = Bench(redis, archive_url)
    try:
        yield bench
    finally:
        await bench.close()
        await redis.aclose()


@pytest.fixture
async def bench(redis_url: str, archive_url: str) -> AsyncIterator[Bench]:
    """On each engine."""
    async with a_bench(redis_url, archive_url) as one:
        yield one


@pytest.fixture
async def filed(redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """On a SQLite file, which tests can lock and spoil."""
    async with a_bench(redis_url, new_sqlite(tmp_path)) as one:
        yield one


async def test_facts_go_from_redis_to_sql(bench: Bench) -> None:
    """All lanes', in order, and then they are gone from Redis."""
    journal, other = Journal(), Journal(OTHER)
    await bench.journaled(journal.opened(), journal.said("one"))
    await bench.journaled(other.said("elsewhere", conversation="4-66"), lane=OTHER)
    archiver = bench.archiver()
    await until(bench.empty, 10, "an empty journal")
    await bench.journaled(journal.said("two"))
    assert await bench.lag.caught_up(10)
    assert sorted(await bench.texts()) == ["elsewhere", "one", "two"]
    assert bench.counted.facts == 4
    assert archiver.trouble is None
    marks = {row["lane"]: row["entry"] for row in await rows(bench.database, "watermarks")}
    assert set(marks) == set(LANES)


async def test_a_long_backlog_is_archived_in_batches(bench: Bench) -> None:
    """Many times what is read at once."""
    journal = Journal()
    await bench.journaled(journal.opened())
    for start in range(0, 1200, 100):
        facts = [journal.said(f"{number}") for number in range(start, start + 100)]
        for two in zip(facts[::2], facts[1::2], strict=True):
            await bench.journaled(*two)
    bench.archiver()
    await until(bench.empty, 30, "an empty journal")
    assert await bench.texts() == [str(number) for number in range(1200)]


async def test_what_was_archived_but_not_removed_is_not_archived_twice(bench: Bench) -> None:
    """An archiver was killed between the commit in SQL and the removal from Redis."""
    journal = Journal()
    facts = [journal.opened(), journal.said("once")]
    await Writer(bench.database).write(journal.entries(*facts))
    await bench.journaled(*facts)
    await bench.journaled(journal.said("more"))
    bench.archiver()
    await until(bench.empty, 10, "an empty journal")
    assert await bench.texts() == ["once", "more"]
    assert bench.counted.facts == 1


async def test_one_archives_and_another_takes_over(bench: Bench) -> None:
    """When the first one stops."""
    first = bench.archiver("p1")
    await until(lambda: first.elected, 5, "the election")
    second = bench.archiver("p2")
    await first.stop()
    await until(lambda: second.elected, 5, "the succession")
    await bench.journaled(Journal().said("hello"))
    await until(bench.empty, 10, "an empty journal")
    assert await bench.texts() == ["hello"]


async def test_two_that_both_believe_they_are_elected_do_no_harm(bench: Bench) -> None:
    """One slept past its hold: both write all of it, and all of it is there once."""
    journal = Journal()
    for number in range(60):
        await bench.journaled(journal.said(f"{number}"))
    bench.archiver("p1")
    await until(lambda: bench.redis("EXISTS", keys.hold(ARCHIVER_LANE)), 5, "the election")
    await bench.redis("DEL", keys.hold(ARCHIVER_LANE))
    bench.archiver("p2")
    await until(bench.empty, 20, "an empty journal")
    assert await bench.texts() == [str(number) for number in range(60)]


async def test_a_locked_database_is_waited_for(filed: Bench) -> None:
    """Nothing leaves Redis meanwhile; it is logged once, counted by class, and told with how far behind it is."""
    journal = Journal()
    archiver = filed.archiver()
    await filed.journaled(journal.opened(), journal.said("before"))
    await until(filed.empty, 10, "an empty journal")
    assert filed.database.path is not None
    with capture_logs() as logs, contextlib.closing(lock(filed.database.path)):
        await filed.journaled(journal.said("meanwhile"))
        await until(lambda: filed.counted.errors.count("locked") >= 3, 10, "some tries")
        assert await filed.left() == 1
        assert "locked" in (archiver.trouble or "")
    await until(filed.empty, 10, "an empty journal")
    assert archiver.trouble is None
    assert await filed.texts() == ["before", "meanwhile"]
    told = [one for one in logs if one["event"] == "archive.unavailable"]
    assert [(one["kind"], one["waiting"]) for one in told] == [("locked", 1)]
    assert any(lag_s > 0 for waiting, lag_s in filed.counted.behind if waiting)


async def test_a_full_disk_is_waited_for(filed: Bench) -> None:
    """The database may not grow; once it may again, everything is written."""
    assert filed.database.path is not None
    async with filed.database.write() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    archiver = filed.archiver()
    journal = Journal()
    await filed.journaled(*(journal.said("many words " * 200) for _ in range(40)))
    await until(lambda: "full" in filed.counted.errors, 10, "the trouble")
    assert "make room" in (archiver.trouble or "")
    async with filed.database.write() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    await until(filed.empty, 10, "an empty journal")
    assert len(await filed.texts()) == 40


async def test_a_database_made_later_is_used_then(redis_url: str, tmp_path: Path) -> None:
    """The folder was not there yet: the archiver makes the schema when it is."""
    folder = tmp_path / "mounted"
    async with a_bench(redis_url, f"sqlite:///{folder / 'archive.sqlite3'}") as bench:
        archiver = bench.archiver()
        await bench.journaled(Journal().said("hello"))
        await until(lambda: archiver.trouble, 10, "the trouble")
        folder.mkdir()
        await until(bench.empty, 10, "an empty journal")
        assert await bench.texts() == ["hello"]


async def test_a_newer_release_took_over_meanwhile(filed: Bench) -> None:
    """This one touches nothing and says why."""
    async with filed.database.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    archiver = filed.archiver()
    await filed.journaled(Journal().said("hello"))
    await until(lambda: "newer release" in (archiver.trouble or ""), 10, "the trouble")
    assert await filed.left() == 1


async def test_facts_of_a_later_release_do_not_stop_the_archive(bench: Bench) -> None:
    """They are kept as they are, and counted."""
    await bench.redis("XADD", keys.journal(LANE), "*", "f", b"\x81\xa4type\xabFutureNoted")
    await bench.journaled(Journal().said("hello"))
    bench.archiver()
    await until(bench.empty, 10, "an empty journal")
    assert await bench.texts() == ["hello"]
    assert bench.counted.errors == ["unreadable"]


async def test_lists_wait_for_what_was_just_done(bench: Bench) -> None:
    """Up to a point of a lane, or to everything; and not for longer than they may."""
    journal = Journal()
    await bench.journaled(journal.said("hello"))
    assert not await bench.lag.caught_up(0.05)
    assert await bench.lag.caught_up(0.05, [OTHER])
    ((entry, _fields),) = await bench.redis("XRANGE", keys.journal(LANE), "-", "+")
    assert not await bench.lag.reached(LANE, entry.decode(), 0.0)
    behind = await bench.lag.behind()
    assert behind.waiting == 1
    assert behind.lag_s > 0
    bench.archiver()
    assert await bench.lag.reached(LANE, entry.decode(), 10)
    assert await bench.texts() == ["hello"]
    assert (await bench.lag.behind()).waiting == 0


async def test_redis_away_is_waited_for(restartable_valkey: ValkeyServer, tmp_path: Path) -> None:
    """Somebody is elected again when it is back, and nothing was lost."""
    async with a_bench(restartable_valkey.url, new_sqlite(tmp_path)) as bench:
        archiver = bench.archiver(hold_s=0.5)
        await until(lambda: archiver.elected, 5, "the election")
        await bench.journaled(Journal().said("hello"))
        await until(bench.empty, 10, "an empty journal")
        restartable_valkey.kill()
        await until(lambda: not archiver.elected, 10, "the end of the hold")
        restartable_valkey.start()
        journal = Journal(OTHER)
        await until(lambda: archiver.elected, 10, "the next election")
        await bench.journaled(journal.said("again"), lane=OTHER)
        await until(bench.empty, 10, "an empty journal")
        assert await bench.texts() == ["hello", "again"]


@pytest.mark.postgresql
async def test_a_killed_postgresql_is_waited_for(redis_url: str, own_postgres: PostgresServer) -> None:
    """Connections are made anew, and what was under way is written again."""
    async with a_bench(redis_url, await own_postgres.new_database()) as bench:
        archiver = bench.archiver()
        journal = Journal()
        await bench.journaled(journal.said("before"))
        await until(bench.empty, 20, "an empty journal")
        own_postgres.kill()
        await bench.journaled(journal.said("meanwhile"))
        await until(lambda: "unreachable" in bench.counted.errors, 20, "the trouble")
        assert "cannot be reached" in (archiver.trouble or "")
        own_postgres.start()
        await until(bench.empty, 20, "an empty journal")
        assert await bench.texts() == ["before", "meanwhile"]


async def test_a_database_that_is_none_is_told(filed: Bench, tmp_path: Path) -> None:
    """Garbage in its place: nothing is overwritten, nothing leaves Redis."""
    assert filed.database.path is not None
    filed.database.path.write_bytes(b"something else entirely " * 500)
    archiver = filed.archiver()
    await filed.journaled(Journal().said("hello"))
    await until(lambda: "corrupt" in filed.counted.errors, 10, "the trouble")
    assert "no SQLite database" in (archiver.trouble or "")
    assert await filed.left() == 1
    with (
        pytest.raises(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(filed.database.path)) as raw,
    ):
        raw.execute("SELECT * FROM journal")
