"""Streams, timers, parked lines and pace, over every connection."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence

import pytest

from bridge.model import ContactId, ConversationId, InboxId, LaneId, Place, ThreadRef
from bridge.store import keys
from bridge.store.base import Commit, Entry, Hold, TimerWrite
from bridge.store.connection import Redis
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis
from bridge.store.live import LiveStore
from tests.store.conftest import POLICIES, Database, servers
from tests.support.library_redis import LibraryRedis
from tests.support.waiting import until

S1, S2 = LaneId("s1"), LaneId("s2")


@pytest.fixture
async def hold(store: LiveStore) -> Hold:
    """The lane, held."""
    held = await store.acquire(S1, "me")
    assert held is not None
    return held


async def first_of_each(store: LiveStore, lanes: Sequence[LaneId], count: int) -> list[Entry]:
    """What the first read that brings anything of a lane brings, for each; several lanes may come one by one."""
    after, found = dict.fromkeys(lanes, "0"), []
    while after:
        some = await store.read(after, count, 5.0)
        assert some, f"nothing of {list(after)}"
        found += some
        for lane in {one.lane for one in some}:
            del after[lane]
    return found


async def test_a_read_gives_what_stands_behind_the_given_ids(store: LiveStore) -> None:
    """Entries come per lane in order, bounded in number, and those before the given id never."""
    for index in range(5):
        await store.emit(S1, f"u{index}", b"\x00\xff%d" % index)
        await store.emit(S2, "u", b"e")
    found = await first_of_each(store, (S1, S2), 3)
    assert [one.unit for one in found if one.lane == S1] == ["u0", "u1", "u2"]
    assert {one.event for one in found} == {b"\x00\xff0", b"\x00\xff1", b"\x00\xff2", b"e"}
    assert len([one for one in found if one.lane == S2]) == 3
    last = [one.id for one in found if one.lane == S1][-1]
    assert [one.unit for one in await store.read({S1: last}, 10, 5.0)] == ["u3", "u4"]
    assert [one.unit for one in await store.range(S1, last, 1)] == ["u3"]


def _waiting(database: Database) -> int:
    """How many clients wait at a server for something to come."""
    count = 0
    for server in servers(database):
        with contextlib.closing(server.client()) as client:
            count += client.info("clients")["blocked_clients"]
    return count


async def test_a_read_waits_for_the_first_entry_and_no_longer(store: LiveStore, database: Database) -> None:
    """It ends as soon as something comes, or when its time is over."""
    reading = asyncio.create_task(store.read({S1: "0", S2: "0"}, 10, 600.0))
    await until(lambda: _waiting(database), what="the read to wait at the server")
    assert not reading.done()
    await store.emit(S2, "u", b"e")
    async with asyncio.timeout(30):
        assert [one.lane for one in await reading] == [S2]
    assert await store.read({S1: "0"}, 10, 0.02) == []
    assert await store.read({}, 10, 0.02) == []


async def test_due_timers_become_entries_in_the_order_of_their_time(store: LiveStore, hold: Hold) -> None:
    """Only what is due by Redis time, at most `limit` at once, each once."""
    now = await store.now_ms()
    timers = (
        TimerWrite(token="late", due_ms=now + 60_000, event=b"late"),
        TimerWrite(token="b", due_ms=now - 1, event=b"b"),
        TimerWrite(token="a", due_ms=now - 2, event=b"a"),
        TimerWrite(token="c", due_ms=now, event=b"c"),
    )
    await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", timers=timers))
    await store.sweep(hold, 2)
    assert [one.event for one in await store.range(S1, "0", 10)] == [b"a", b"b"]
    for _ in range(3):
        await store.sweep(hold, 2)
    found = await store.range(S1, "0", 10)
    assert [(one.unit, one.event) for one in found] == [("u", b"a"), ("u", b"b"), ("u", b"c")]


async def test_parked_lines_come_back_once_their_time_has_come(store: LiveStore, hold: Hold) -> None:
    """Each is returned once; parking again moves its time; a lane's lines are its own."""
    await store.park(hold, "u", "thread", 0)
    await store.park(hold, "u", "contact", 1.0)
    await store.park(hold, "v", "thread", 60)

    async def swept() -> list[tuple[str, str]]:
        return list((await store.sweep(hold, 10)).lines)

    assert await swept() == [("u", "thread")]
    assert await swept() == []
    await store.park(hold, "v", "thread", 0)
    assert await swept() == [("v", "thread")]
    assert await until(swept, 30, "the parked line") == [("u", "contact")]


async def test_a_sweep_says_when_the_next_is_worth_it(store: LiveStore, hold: Hold) -> None:
    """The next timer's time or the next parked line's, whichever is earlier; also what one sweep left over."""
    assert (await store.sweep(hold, 10)).next_ms is None
    now = await store.now_ms()
    timers = tuple(TimerWrite(token=f"{n}", due_ms=now + n, event=b"") for n in (-2, -1, 90_000))
    await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", timers=timers))
    assert (await store.sweep(hold, 1)).next_ms == now - 1
    assert (await store.sweep(hold, 1)).next_ms == now + 90_000
    await store.park(hold, "u", "thread", 60)
    assert now + 59_000 < ((await store.sweep(hold, 1)).next_ms or 0) < now + 90_000


async def test_a_limit_is_shared_fairly_and_kept(redis_url: str) -> None:
    """Two workers get the slots of one bucket in the order they asked, evenly spaced, whoever asks more."""
    one, two = JoinedRedis(redis_url), LibraryRedis(redis_url)
    stores = [LiveStore(one), LiveStore(two)]

    async def used_until_us() -> int:
        return int(await one("GET", keys.pace("b")))

    begin_us = await stores[0].now_ms() * 1000  # cut off to whole milliseconds, here and below
    ends = []
    for index in range(20):
        assert await stores[index % 2].take("b", 20, 1) <= index * 0.05
        ends.append(await used_until_us())
    assert all(later - earlier >= 50_000 for earlier, later in itertools.pairwise(ends))
    waits = await asyncio.gather(*[stores[index % 2].take("b", 20, 1) for index in range(20)])
    assert max(waits) >= (await used_until_us() - await stores[0].now_ms() * 1000 - 51_000) / 1e6
    assert await used_until_us() - begin_us >= 40 * 50_000
    await one.aclose()
    await two.aclose()


async def test_a_burst_goes_at_once_and_comes_back_with_time(store: LiveStore) -> None:
    """`burst` slots are free, the next waits one interval; an idle bucket fills up again and ends in Redis."""
    waits = [await store.take("b", 2, 3) for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= 0.5
    await until(lambda: _gone(store, keys.pace("b")), 30, "the bucket's end")
    assert [await store.take("b", 2, 3) for _ in range(3)] == [0, 0, 0]
    assert await store.take("other", 0.01, 1) == 0
    assert 90 < await store.take("other", 0.01, 1) <= 100


async def test_threads_numbers_and_aliases_lead_where_they_were_pointed(redis: Redis) -> None:
    """A remembered thread is found by its place only; moved aliases lead to the new contact."""
    store, inlet = LiveStore(redis), LiveInlet(redis, POLICIES)
    ref = ThreadRef(contact=ContactId("1-a"), conversation=ConversationId("1-64"), inbox=InboxId("support"))
    place = Place(desk="slack", channel="C1", thread="1.2")
    await store.remember_thread(place, ref)
    assert await inlet.thread(place) == ref
    assert await inlet.thread(Place(desk="slack", channel="C2", thread="1.2")) is None
    old = await inlet.claim(["phone:p:1", "bsuid:p:1"])
    await store.move_aliases(ContactId("5-winner"), ["phone:p:1", "bsuid:p:1"])
    claim = await inlet.claim(["phone:p:1", "bsuid:p:1"])
    assert (claim.contact, claim.joins) == ("5-winner", None)
    assert claim.contact != old.contact


async def _gone(store: LiveStore, key: str) -> bool:
    return bool(await store._redis("EXISTS", key) == 0)
