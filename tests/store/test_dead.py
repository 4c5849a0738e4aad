"""Dead letters in Redis: taken out by one script, so once, whoever comes at the same time."""

from __future__ import annotations

import asyncio

import pytest

from bridge.model import EventId, LaneId, shard_lane
from bridge.store import keys
from bridge.store.connection import Redis
from bridge.store.dead import PAGE, DeadLetters, Letter, Retried
from bridge.store.decided import Decided, event_hash

LANES = (shard_lane(0), shard_lane(7), LaneId("desk"))
LANE = LANES[1]


@pytest.fixture
def dead(redis: Redis) -> DeadLetters:
    """Those of three lanes, which are in different slots."""
    return DeadLetters(redis, LANES)


async def bury(redis: Redis, lane: LaneId, *events: str, entry: str = "5-0") -> None:
    """Put events among a lane's dead letters."""
    for event in events:
        fields = ("u", "7-ana", "e", event, "id", entry, "why", "a test")
        await redis("XADD", keys.dead(lane), "*", *fields)


async def waiting(redis: Redis, lane: LaneId = LANE) -> list[str]:
    """The events in a lane's stream, in order."""
    return [fields[3].decode() for _, fields in await redis("XRANGE", keys.stream(lane), "-", "+")]


async def test_all_of_all_lanes_are_read(redis: Redis, dead: DeadLetters) -> None:
    """Over several pages, each with where it stood and why it is here."""
    await bury(redis, LANE, *(str(number) for number in range(PAGE + 2)))
    await bury(redis, LANES[0], "other")
    assert await dead.waiting() == {LANES[0]: 1, LANE: PAGE + 2, LANES[2]: 0}
    first, *rest = await dead.all()
    assert (first.lane, first.event, first.unit, first.entry, first.reason) == (
        LANES[0],
        b"other",
        "7-ana",
        "5-0",
        "a test",
    )
    assert [int(one.event) for one in rest] == list(range(PAGE + 2))
    assert await dead.get(LANE, rest[3].id) == rest[3]
    assert await dead.get(LANES[0], rest[3].id) is None, "ids are a lane's own"


async def test_they_go_back_in_the_order_given(redis: Redis, dead: DeadLetters) -> None:
    """Behind what waits already; and are no dead letters any more."""
    await redis("XADD", keys.stream(LANE), "*", "u", "7-bo", "e", "before")
    await bury(redis, LANE, *"abc")
    a, b, c = await dead.all()
    entries = await dead.retry([c, a, b])
    assert await waiting(redis) == ["before", "c", "a", "b"]
    assert list(entries) == [c.id, a.id, b.id]
    assert await dead.all() == []


async def test_of_several_who_take_one_only_one_gets_it(redis: Redis, dead: DeadLetters) -> None:
    """Whether they retry or drop it."""
    await bury(redis, LANE, *(str(number) for number in range(20)))
    letters = await dead.all()

    async def drop(letter: Letter) -> bool:
        return await dead.drop(letter, b"fact")

    *retried, dropped = await asyncio.gather(
        dead.retry(letters),
        dead.retry(letters),
        asyncio.gather(*[drop(one) for one in letters]),
    )
    taken = sum(len(one) for one in retried) + sum(dropped)
    assert taken == 20
    assert len(await waiting(redis)) == 20 - sum(dropped)
    assert await redis("XLEN", keys.journal(LANE)) == sum(dropped)


async def test_what_became_of_them_is_told(redis: Redis, dead: DeadLetters) -> None:
    """Waiting, decided, or here again."""
    await bury(redis, LANE, *"abc")
    entries = await dead.retry(await dead.all())
    first, second, third = entries.values()
    await redis("XDEL", keys.stream(LANE), second, third)
    await bury(redis, LANE, "c", entry=third)
    assert await dead.retried(LANE, entries.values()) == {
        first: Retried.WAITING,
        second: Retried.DECIDED,
        third: Retried.BURIED,
    }


async def test_an_event_that_was_decided_is_known(redis: Redis, dead: DeadLetters) -> None:
    """By its id, in the lane's own sets."""
    seconds, _ = await redis("TIME")
    decided, digest = Decided(redis), event_hash("wa:1")
    await decided.begin(LANE, int(seconds))
    found = decided.known(LANE, digest, int(seconds))
    assert found
    await redis("SADD", found[0], digest)
    assert await dead.decided(LANE, EventId("wa:1"))
    assert not await dead.decided(LANE, EventId("wa:2"))
    assert not await dead.decided(LANES[0], EventId("wa:1"))
