"""Schedules: what happens by the clock and not for one conversation. One elected process runs them.

Each firing becomes an event (or a repeatable job), so that a second firing of the same instant changes nothing.
The election is a hold like a lane's: when the elected process dies, another one takes over within its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bridge.model import LaneId
from bridge.store.election import Candidate, Election

log = structlog.get_logger(__name__)

SCHEDULER_LANE = LaneId("scheduler")
Job = Callable[[datetime], Awaitable[None]]
"""Runs at an instant (aware, UTC, whole seconds); repeating it for the same instant is harmless."""


class Schedule(NamedTuple):
    """A job and when it runs."""

    name: str
    trigger: IntervalTrigger | CronTrigger
    job: Job
    at: time | None
    """Of a daily one: the time of the day."""


def latest(at: time, now: datetime) -> datetime:
    """The last time that it was `at` o'clock (UTC): today or yesterday."""
    today = datetime.combine(now.astimezone(UTC).date(), at, UTC)
    return today if today <= now else today - timedelta(days=1)


class Scheduler:
    """Runs jobs at intervals, or daily, while elected."""

    def __init__(self, election: Election, owner: str, check_every_s: float = 2.0) -> None:
        self._candidate = Candidate(
            election, SCHEDULER_LANE, owner, self._begin, self._end, check_every_s=check_every_s
        )
        self._jobs: list[Schedule] = []
        self._running: AsyncIOScheduler | None = None

    def every(self, name: str, seconds: float, job: Job) -> None:
        """Run `job` when elected and then every `seconds`."""
        self._jobs.append(Schedule(name, IntervalTrigger(seconds=seconds, timezone=UTC), job, None))

    def daily(self, name: str, at: time, job: Job) -> None:
        """Run `job` every day at a time (UTC), for that instant; when elected also for the latest one that is over, in
        case nobody was there for it.
        """
        self._jobs.append(Schedule(name, CronTrigger(hour=at.hour, minute=at.minute, timezone=UTC), job, at))

    @property
    def elected(self) -> bool:
        """Whether this process runs the schedules now."""
        return self._candidate.elected

    def start(self) -> None:
        """Stand for election until `stop`."""
        self._candidate.start()

    async def stop(self) -> None:
        """End the schedules and let another process be elected."""
        await self._candidate.stop()
        await self._candidate.resign()

    def _begin(self) -> None:
        self._running = AsyncIOScheduler(timezone=UTC)
        for schedule in self._jobs:
            self._running.add_job(
                self._fire,
                schedule.trigger,
                args=(schedule,),
                id=schedule.name,
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
    async def _fire(schedule: Schedule) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        try:
            await schedule.job(now if schedule.at is None else latest(schedule.at, now))
        except asyncio.CancelledError:
            # The schedules end; APScheduler would log a stack trace for it.
            log.debug("scheduler.job_ended", job=schedule.name)
        except Exception:
            # A schedule must survive what one firing runs into; the next one tries again.
            log.exception("scheduler.job_failed", job=schedule.name)
