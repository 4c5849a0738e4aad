"""Schedules: what happens by the clock and not for one conversation. One elected process runs them.

Each firing becomes an event (or a repeatable job), so that a second firing of the same instant changes nothing.
The election is a hold like a lane's: when the elected process dies, another one takes over within its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.store.base import Hold

log = structlog.get_logger(__name__)

SCHEDULER_LANE = LaneId("scheduler")
Job = Callable[[datetime], Awaitable[None]]
"""Runs at an instant (aware, UTC, whole seconds); repeating it for the same instant is harmless."""


class Election(Protocol):
    """The part of the store that decides who is elected."""

    async def acquire(self, lane: LaneId, owner: str) -> Hold | None:
        """Take the hold if nobody has it."""

    async def renew(self, holds: list[Hold]) -> dict[LaneId, Hold]:
        """Prolong it."""

    async def release(self, hold: Hold) -> None:
        """Give it up."""


class Scheduler:
    """Runs jobs at intervals while elected."""

    def __init__(self, election: Election, owner: str, check_every_s: float = 2.0) -> None:
        self._election = election
        self._owner = owner
        self._check_every_s = check_every_s
        self._jobs: list[tuple[str, float, Job]] = []
        self._hold: Hold | None = None
        self._running: AsyncIOScheduler | None = None
        self._task: asyncio.Task[None] | None = None

    def every(self, name: str, seconds: float, job: Job) -> None:
        """Run `job` when elected and then every `seconds`."""
        self._jobs.append((name, seconds, job))

    @property
    def elected(self) -> bool:
        """Whether this process runs the schedules now."""
        return self._hold is not None

    def start(self) -> None:
        """Stand for election until `stop`."""
        self._task = asyncio.create_task(self._stand(), name="scheduler")

    async def stop(self) -> None:
        """End the schedules and let another process be elected."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._end()
        if self._hold is not None:
            with contextlib.suppress(StoreUnavailableError):
                await self._election.release(self._hold)
            self._hold = None

    async def _stand(self) -> None:
        while True:
            try:
                await self._check()
            except StoreUnavailableError as problem:
                log.warning("scheduler.no_store", problem=str(problem))
            except Exception:
                # Whatever it was: without this loop nobody would stand for election here any more.
                log.exception("scheduler.check_failed")
            self._end_in_time()
            await asyncio.sleep(self._check_every_s)

    async def _check(self) -> None:
        if self._hold is not None:
            renewed = await self._election.renew([self._hold])
            self._hold = renewed.get(SCHEDULER_LANE)
            if self._hold is None:
                self._end()
            return
        self._hold = await self._election.acquire(SCHEDULER_LANE, self._owner)
        if self._hold is not None:
            self._begin()

    def _end_in_time(self) -> None:
        """A hold that could not be renewed is over by our own clock, too: another process may be elected now."""
        if self._hold is not None and time.monotonic() >= self._hold.until:
            self._hold = None
            self._end()

    def _begin(self) -> None:
        log.info("scheduler.elected", owner=self._owner)
        self._running = AsyncIOScheduler(timezone=UTC)
        for name, seconds, job in self._jobs:
            self._running.add_job(
                self._fire,
                "interval",
                args=(name, job),
                seconds=seconds,
                id=name,
                next_run_time=datetime.now(UTC),
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._running.start()

    def _end(self) -> None:
        if self._running is not None:
            self._running.shutdown(wait=False)
            self._running = None

    @staticmethod
    async def _fire(name: str, job: Job) -> None:
        try:
            await job(datetime.now(UTC).replace(microsecond=0))
        except asyncio.CancelledError:
            # The schedules end; APScheduler would log a stack trace for it.
            log.debug("scheduler.job_ended", job=name)
        except Exception:
            # A schedule must survive what one firing runs into; the next one tries again.
            log.exception("scheduler.job_failed", job=name)
