"""Moving the journal from Redis to SQL: one elected process, never in the road's way.

It reads each lane's journal from its beginning, writes a batch in one transaction, and only then takes the entries out
of Redis. Whatever breaks in between, the entries are still there and are written again, which changes nothing. So a
second archiver, a late one, or one that was killed between the two steps does no harm, and while the database is away
the journal waits in Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.store import keys
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry
from bridge.store.archive.lag import Lag
from bridge.store.archive.schema import migrate
from bridge.store.archive.trouble import ArchiveError
from bridge.store.archive.writer import Writer
from bridge.store.connection import Redis
from bridge.store.election import Candidate, Election
from bridge.store.entries import after

log = structlog.get_logger(__name__)

ARCHIVER_LANE = LaneId("archiver")
_GIVE_UP_S = 10.0


class Counts(Protocol):
    """Who counts what is archived."""

    def archived(self, facts: int) -> None:
        """Facts were written."""

    def archive_behind(self, waiting: int, lag_s: float) -> None:
        """So many entries wait, the oldest since so many seconds."""

    def error(self, platform: str, failure: str) -> None:
        """A write failed; `platform` is `archive`."""


class ArchiverOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How eager it is."""

    batch_facts: int = 500
    """About so many facts go into one transaction."""
    read_entries: int = 100
    """So many entries of each lane are read at a time."""
    pause_s: float = 0.1
    """Between looks while there is nothing to do; also what a quiet bridge's lists wait for at most."""
    linger_s: float = 0.5
    """After a round that found less than a batch: more facts then share the next transaction, whose own cost is that of
    some fifty facts, and the pages that they change.
    """
    retry_s: float = 1.0
    """After a failure, doubled each time up to `retry_most_s`."""
    retry_most_s: float = 15.0
    measure_every_s: float = 5.0
    check_every_s: float = 2.0
    """How often it stands for election, or renews its hold."""
    end_s: float = 5.0
    """How long a round under way may take when told to stop; then it ends after the batch that it is at."""


class Archiver:
    """Archives while elected. `start`, then `stop`; both once."""

    def __init__(
        self,
        redis: Redis,
        election: Election,
        database: Database,
        lanes: Sequence[LaneId],
        owner: str,
        counts: Counts,
        options: ArchiverOptions | None = None,
    ) -> None:
        self._redis = redis
        self._database = database
        self._writer = Writer(database)
        self._lanes = tuple(lanes)
        self._lag = Lag(redis, lanes)
        self._counts = counts
        self._options = options or ArchiverOptions()
        self._candidate = Candidate(
            election,
            ARCHIVER_LANE,
            owner,
            self._begin,
            self._end,
            check_every_s=self._options.check_every_s,
        )
        self._work: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._prepared = False
        self._failures = 0
        self._trouble: str | None = None
        self._trouble_kind: str | None = None
        self._trouble_since = 0.0

    @property
    def elected(self) -> bool:
        """Whether this process archives now."""
        return self._candidate.elected

    @property
    def trouble(self) -> str | None:
        """Why nothing is archived now, for people; None when all is well, and while another process archives."""
        return self._trouble

    def start(self) -> None:
        """Stand for election, and measure how far behind the archive is, until `stop`."""
        self._candidate.start()
        self._measuring = asyncio.create_task(self._measure(), name="archive-lag")

    async def stop(self) -> None:
        """End the batch under way, then let another process be elected. What is left waits in Redis."""
        await self._candidate.stop()
        if self._work is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.end_s):
                    await asyncio.shield(self._work)
            await _cancelled(self._work)
        if self._measuring is not None:
            await _cancelled(self._measuring)
        await self._candidate.resign()

    # ---------------------------------------------------------------------------------------- elected

    def _begin(self) -> None:
        self._ending = asyncio.Event()
        self._work = asyncio.create_task(self._archive(self._ending, self._work), name="archiver")

    def _end(self) -> None:
        self._ending.set()
        self._trouble = self._trouble_kind = None

    async def _archive(self, ending: asyncio.Event, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await _cancelled(former)
        while not ending.is_set():
            pause_s = await self._tried_round()
            if pause_s:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await ending.wait()

    async def _tried_round(self) -> float:
        """Archive once through all lanes; how long to wait before the next time."""
        try:
            await self._prepare()
            entries = await self._round()
        except ArchiveError as problem:
            self._counts.error("archive", problem.trouble.value)
            return await self._unwell(problem.trouble.value, str(problem))
        except StoreUnavailableError as problem:
            return await self._unwell("no_store", str(problem))
        except Exception:
            # A defect: the journal waits in Redis, and whoever mends it loses nothing.
            log.exception("archive.failed")
            self._counts.error("archive", "defect")
            return await self._unwell("defect", "a defect; the log has it as archive.failed")
        self._well()
        if not entries:
            return self._options.pause_s
        return 0.0 if entries >= self._options.batch_facts else self._options.linger_s

    async def _prepare(self) -> None:
        """Bring schema and full-text index up to date, once."""
        if self._prepared:
            return
        before = await migrate(self._database)
        if before is not None:
            log.info("archive.migrated", before=before or None)
        self._prepared = True

    async def _round(self) -> int:
        """Read what waits in every lane and archive it in batches; how many entries there were."""
        replies = await asyncio.gather(
            *[
                self._redis("XRANGE", keys.journal(lane), "-", "+", "COUNT", self._options.read_entries)
                for lane in self._lanes
            ]
        )
        done = 0
        batch: list[JournalEntry] = []
        for lane, found in zip(self._lanes, replies, strict=True):
            done += len(found)
            for entry, fields in found:
                # The facts of a commit stay together: the watermark counts entries.
                batch += [JournalEntry(lane, entry.decode(), data) for data in fields[1::2]]
                if len(batch) >= self._options.batch_facts:
                    await self._write(batch)
                    batch = []
        if batch:
            await self._write(batch)
        return done

    async def _write(self, batch: Sequence[JournalEntry]) -> None:
        written = await self._writer.write(batch)
        self._counts.archived(written.facts)
        if written.unreadable:
            log.error("archive.unreadable", facts=written.unreadable)
            self._counts.error("archive", "unreadable")
        last = {one.lane: one.entry for one in batch}
        await asyncio.gather(
            *[self._redis("XTRIM", keys.journal(lane), "MINID", after(entry)) for lane, entry in last.items()]
        )

    # ------------------------------------------------------------------------------------ well or not

    async def _unwell(self, kind: str, words: str) -> float:
        if self._trouble is None:
            self._trouble_since = time.monotonic()
        is_news = kind != self._trouble_kind
        self._trouble, self._trouble_kind = words, kind
        if is_news:
            log.warning("archive.unavailable", kind=kind, problem=words, **await self._how_far())
        pause_s: float = min(self._options.retry_s * 2**self._failures, self._options.retry_most_s)
        self._failures = min(self._failures + 1, 16)
        # Not all deployments at once when a shared database comes back.
        return pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def _well(self) -> None:
        if self._trouble is not None:
            log.info("archive.available", after_s=round(time.monotonic() - self._trouble_since, 1))
        self._trouble = self._trouble_kind = None
        self._failures = 0

    async def _how_far(self) -> dict[str, float]:
        with contextlib.suppress(StoreUnavailableError):
            behind = await self._lag.behind()
            return {"waiting": behind.waiting, "behind_s": round(behind.lag_s, 1)}
        return {}

    async def _measure(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailableError):
                behind = await self._lag.behind()
                self._counts.archive_behind(behind.waiting, behind.lag_s)
            await asyncio.sleep(self._options.measure_every_s)


async def _cancelled(task: asyncio.Task[None]) -> None:
    """End a task; one that waits for a database that does not answer is left to itself after a while."""
    task.cancel()
    await asyncio.wait({task}, timeout=_GIVE_UP_S)
