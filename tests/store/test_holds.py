"""Holds, fences and who is alive, over every connection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import pytest

from bridge.errors import FenceLostError
from bridge.model import ActionId, LaneId
from bridge.store.base import Commit, Entry, Hold
from bridge.store.connection import Redis
from bridge.store.live import LiveStore
from tests.store.conftest import Database, everything, servers
from tests.support.waiting import until

LANE = LaneId("s1")

Write = Callable[[LiveStore, Hold], Awaitable[object]]

WRITES: dict[str, Write] = {
    "commit": lambda store, hold: store.commit(
        Commit(hold=hold, unit="u", version=1, state=b"new", event_id="e2", entry="1-1", journal=(b"f",))
    ),
    "repeated commit": lambda store, hold: store.commit(
        Commit(hold=hold, unit="u", version=0, state=b"new", event_id="e1", entry="1-1")
    ),
    "mark": lambda store, hold: store.mark(hold, "u", [ActionId("e1/0")], b"m"),
    "park": lambda store, hold: store.park(hold, "u", "thread", 1.0),
    "sweep": lambda store, hold: store.sweep(hold, 10),
    "count_try": lambda store, hold: store.count_try(hold, "1-1"),
    "bury": lambda store, hold: store.bury(hold, Entry(lane=LANE, id="1-1", unit="u", event=b"e"), "why"),
}


async def test_a_lane_has_one_holder(store: LiveStore) -> None:
    """Nobody else gets a held lane; other lanes are free; after a release the fence is higher."""
    first = await store.acquire(LANE, "a")
    assert first is not None
    assert await store.acquire(LANE, "b") is None
    assert await store.acquire(LANE, "a") is None
    assert await store.acquire(LaneId("desk"), "b") is not None
    await store.release(first)
    second = await store.acquire(LANE, "b")
    assert second is not None
    assert second.fence > first.fence
    assert second.owner == "b"


async def test_many_who_ask_at_once_get_one_hold(store: LiveStore) -> None:
    """Of twenty concurrent requests exactly one is granted."""
    holds = await asyncio.gather(*[store.acquire(LANE, f"w{n}") for n in range(20)])
    assert len([hold for hold in holds if hold is not None]) == 1


async def test_a_hold_ends_on_redis_time_and_renewing_prolongs_it(redis: Redis) -> None:
    """Without renewal it ends within its life; `until` never promises more than Redis does."""
    store, brief, other = LiveStore(redis, hold_s=60.0), LiveStore(redis, hold_s=0.3), LiveStore(redis)
    hold = await _acquire(store, LANE, "a")
    assert hold.until <= time.monotonic() + 60.0
    for _ in range(3):
        ends_ms = await redis("PEXPIRETIME", "{s1}:hold")
        await until(lambda: _at_most_left(redis, 59_990), what="some of its life to pass")
        hold = (await store.renew([hold]))[LANE]
        assert await redis("PEXPIRETIME", "{s1}:hold") > ends_ms
        left_ms = await redis("PTTL", "{s1}:hold")
        assert hold.until - time.monotonic() <= left_ms / 1000 + 0.001
        assert await other.acquire(LANE, "b") is None
    hold = (await brief.renew([hold]))[LANE]
    await until(lambda: other.acquire(LANE, "b"), what="the hold's end")
    assert await store.renew([hold]) == {}


async def _at_most_left(redis: Redis, most_ms: int) -> bool:
    """Is no more than that left of the hold, by Redis time?"""
    return bool(await redis("PTTL", "{s1}:hold") <= most_ms)


async def test_renewing_tells_lost_holds_from_kept_ones(store: LiveStore, redis: Redis) -> None:
    """The answer holds exactly those that are still ours."""
    holds = [await _acquire(store, LaneId(f"s{n}"), "a") for n in range(4)]
    await redis("DEL", "{s2}:hold")
    assert set(await store.renew(holds)) == {"s0", "s1", "s3"}
    assert await store.renew([]) == {}


async def test_a_late_release_does_not_take_the_successors_hold(store: LiveStore, redis: Redis) -> None:
    """Releasing a lost hold is harmless."""
    old = await _acquire(store, LANE, "a")
    await redis("DEL", "{s1}:hold")
    new = await _acquire(store, LANE, "a")
    await store.release(old)
    assert set(await store.renew([new])) == {LANE}


@pytest.mark.parametrize("successor", [True, False], ids=["taken over", "expired"])
@pytest.mark.parametrize("name", WRITES)
async def test_who_lost_the_lane_writes_nothing(
    name: str, successor: bool, redis: Redis, database: Database
) -> None:
    """A paused holder that wakes up after its hold's end is refused, and not one key changes."""
    store = LiveStore(redis)
    hold = await _prepared(store, redis)
    await redis("DEL", "{s1}:hold")
    if successor:
        assert await store.acquire(LANE, "a") is not None
    before = everything(database)
    with pytest.raises(FenceLostError):
        await WRITES[name](store, hold)
    assert everything(database) == before


@pytest.mark.parametrize("name", WRITES)
async def test_the_holder_may_do_each_of_these(name: str, store: LiveStore, redis: Redis) -> None:
    """The same calls succeed under a hold that stands, so the refusals above are the fence's."""
    await WRITES[name](store, await _prepared(store, redis))


async def test_a_database_that_lost_its_data_does_not_revive_old_holds(
    store: LiveStore, database: Database
) -> None:
    """Fences begin anew then, so the owner is compared as well."""
    old = await _acquire(store, LANE, "a")
    for server in servers(database):
        with contextlib.closing(server.client()) as client:
            client.flushall()
    new = await _acquire(store, LANE, "b")
    assert new.fence == old.fence
    with pytest.raises(FenceLostError):
        await store.sweep(old, 1)


async def test_workers_are_alive_until_they_leave_or_fall_silent(redis: Redis) -> None:
    """`beat` counts those who beat within their time on Redis's clock; `leave` takes one out at once."""
    store = LiveStore(redis, alive_s=0.1)
    patient = LiveStore(redis)
    assert await patient.beat("a") == 1
    assert await store.beat("b") == 2
    assert await patient.beat("c") == 3
    await patient.leave("c")
    await until(lambda: _alive_is(patient, 1), what="b to be given up")


async def _alive_is(store: LiveStore, count: int) -> bool:
    return await store.beat("a") == count


async def _acquire(store: LiveStore, lane: LaneId, owner: str) -> Hold:
    hold = await store.acquire(lane, owner)
    assert hold is not None
    return hold


async def _prepared(store: LiveStore, redis: Redis) -> Hold:
    """A lane with a unit at version 1, two pending actions (one marked), a due timer, a parked line, an entry."""
    hold = await _acquire(store, LANE, "a")
    await redis("XADD", "{s1}:in", "1-1", "u", "u", "e", "e")
    actions = ((ActionId("e1/0"), b"A"), (ActionId("e1/1"), b"B"))
    await store.commit(Commit(hold=hold, unit="u", version=0, state=b"s", event_id="e1", actions=actions))
    await store.mark(hold, "u", [ActionId("e1/1")], b"m")
    await store.park(hold, "u", "contact", 0)
    await redis("ZADD", "{s1}:due", 1, "t")
    await redis("HSET", "{s1}:timers", "t", b"u\0tick")
    return hold
