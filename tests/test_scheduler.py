"""Schedules run on one elected process, go on through failures, and move when it dies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time

import pytest

from bridge.scheduler import SCHEDULER_LANE, Scheduler, latest
from bridge.store import keys
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until


class Job:
    """Notes when it ran; fails as often as it is told."""

    def __init__(self, fails: int = 0) -> None:
        self.instants: list[datetime] = []
        self._fails = fails

    async def __call__(self, instant: datetime) -> None:
        """Run at an instant."""
        self.instants.append(instant)
        if len(self.instants) <= self._fails:
            raise ValueError("not this time")


def stand(redis: JoinedRedis, name: str, job: Job, *, hold_s: float = 5.0) -> Scheduler:
    """A process that stands for election."""
    scheduler = Scheduler(LiveStore(redis, hold_s=hold_s), name, check_every_s=0.05)
    scheduler.every("job", 0.05, job)
    scheduler.start()
    return scheduler


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[JoinedRedis]:
    """A connection to an empty database."""
    connection = JoinedRedis(redis_url)
    yield connection
    await connection.aclose()


async def test_only_the_elected_process_runs_schedules(redis: JoinedRedis) -> None:
    """The other one stands by, and takes over when the first one stops."""
    first_job, second_job = Job(), Job()
    first = stand(redis, "p1", first_job, hold_s=60.0)
    await until(lambda: first.elected, 5, "the election")
    second = stand(redis, "p2", second_job, hold_s=60.0)
    await until(lambda: len(first_job.instants) >= 5, 5, "some firings")
    assert not second.elected
    assert second_job.instants == []
    await first.stop()
    ran = len(first_job.instants)
    await until(lambda: len(second_job.instants) >= 3, 5, "the other's firings")
    assert len(first_job.instants) == ran
    await second.stop()
    assert not await redis("EXISTS", keys.hold(SCHEDULER_LANE))


async def test_instants_are_whole_seconds_and_aware(redis: JoinedRedis) -> None:
    """So that an id made of job and instant is the same for a second firing."""
    job = Job()
    scheduler = stand(redis, "p1", job)
    await until(lambda: job.instants, 5, "a firing")
    await scheduler.stop()
    assert job.instants[0].microsecond == 0
    assert job.instants[0].tzinfo is not None


async def test_a_job_that_fails_runs_again(redis: JoinedRedis) -> None:
    """A schedule survives what one firing runs into."""
    job = Job(fails=2)
    scheduler = stand(redis, "p1", job)
    await until(lambda: len(job.instants) >= 4, 5, "later firings")
    await scheduler.stop()


async def test_losing_the_hold_ends_the_schedules(redis: JoinedRedis) -> None:
    """Somebody else was elected meanwhile, e.g. because this process was frozen."""
    job = Job()
    scheduler = stand(redis, "p1", job)
    await until(lambda: job.instants, 5, "a firing")
    await redis("SET", keys.hold(SCHEDULER_LANE), "p2:99")
    await until(lambda: not scheduler.elected, 5, "the loss")
    ran = len(job.instants)
    await redis("DEL", keys.hold(SCHEDULER_LANE))
    await until(lambda: scheduler.elected and len(job.instants) > ran, 5, "the next election")
    await scheduler.stop()


async def test_without_redis_the_schedules_end_with_the_hold(restartable_valkey: ValkeyServer) -> None:
    """Another process may be elected by then; when Redis is back somebody is elected again."""
    redis = JoinedRedis(restartable_valkey.url, Timing(patience_s=0.1))
    job = Job()
    scheduler = stand(redis, "p1", job, hold_s=0.5)
    await until(lambda: job.instants, 5, "a firing")
    restartable_valkey.kill()
    await until(lambda: not scheduler.elected, 5, "the end of the hold")
    assert scheduler._running is None
    ran = len(job.instants)
    restartable_valkey.start()
    await until(lambda: len(job.instants) > ran, 10, "the next election")
    await scheduler.stop()
    await redis.aclose()


async def test_a_check_that_is_refused_does_not_end_the_candidacy(redis: JoinedRedis) -> None:
    """A refusal that is nobody's state, such as a key of another type, is survived."""
    await redis("LPUSH", keys.fence(SCHEDULER_LANE), "no number")
    job = Job()
    scheduler = stand(redis, "p1", job)
    await until(lambda: _is_tried(redis), 5, "a try")
    assert not scheduler.elected
    await redis("DEL", keys.fence(SCHEDULER_LANE))
    await until(lambda: scheduler.elected, 5, "the election")
    await scheduler.stop()


async def _is_tried(redis: JoinedRedis) -> bool:
    stats = (await redis("INFO", "errorstats")).decode()
    return "WRONGTYPE" in stats


@pytest.mark.parametrize(
    "now, expected",
    [
        ("2026-03-02T03:29:59+00:00", "2026-03-01T03:30:00+00:00"),
        ("2026-03-02T03:30:00+00:00", "2026-03-02T03:30:00+00:00"),
        ("2026-03-02T23:00:00+00:00", "2026-03-02T03:30:00+00:00"),
        ("2026-03-02T01:00:00-05:00", "2026-03-02T03:30:00+00:00"),
    ],
)
def test_the_latest_instant_of_a_daily_job(now: str, expected: str) -> None:
    """Today's, or yesterday's while today's has not come."""
    assert latest(time(3, 30), datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


async def test_a_daily_job_catches_up(redis: JoinedRedis) -> None:
    """It runs when a process is elected, for the latest instant that is over; another election, the same instant."""
    job = Job()
    for name in ("p1", "p2"):
        scheduler = Scheduler(LiveStore(redis), name, check_every_s=0.05)
        scheduler.daily("night", time(3, 30), job)
        scheduler.start()
        ran = len(job.instants)
        await until(lambda ran=ran: len(job.instants) > ran, 5, "the daily job")  # type: ignore[misc]
        await scheduler.stop()
    assert {(one.hour, one.minute, one.second) for one in job.instants} == {(3, 30, 0)}
    assert all(one <= datetime.now(UTC) for one in job.instants)
