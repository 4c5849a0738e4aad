"""Lanes among workers: fair shares, orderly release, expiry, and holders that come back too late."""

from __future__ import annotations

import asyncio

from bridge.events import pack
from bridge.model import lane_of
from bridge.store import keys
from tests.support.waiting import until
from tests.support.workers import Town, contact_of

CONTACTS = [contact_of(number) for number in range(12)]


def shared(town: Town) -> bool:
    """Every lane is held by exactly one worker."""
    held = [lane for worker in town.workers for lane in worker.engine.held()]
    return sorted(held) == sorted(town.lanes)


async def test_lanes_move_to_a_second_worker_and_back_and_nothing_is_lost(town: Town) -> None:
    """1, 2, 1 workers while contacts write: each takes its fair share, every word is shown once and in order."""
    first = await town.worker("w1")

    async def write() -> None:
        for number in range(25):
            for contact in CONTACTS:
                await town.writes(contact, f"{contact} says {number:03}")

    writing = asyncio.create_task(write())
    second = await town.worker("w2", all_lanes=False)
    await second.holds(2)
    await first.holds(3)
    assert shared(town)
    await second.stop()
    await first.holds(5)
    await writing
    await town.settled(30)
    shown = town.desk.words()
    for contact in CONTACTS:
        own = [words for words in shown if words.startswith(f"{contact} ")]
        assert own == [f"{contact} says {number:03}" for number in range(25)]


async def test_a_worker_gives_up_no_more_than_its_surplus(town: Town) -> None:
    """While lanes are still being drained, they count as given up already: the worker keeps its own share."""
    first = await town.worker("w1")
    stalls = [town.desk.fault("open_thread", contact, stall=True) for contact in CONTACTS[:4]]
    for contact in CONTACTS[:4]:
        await town.writes(contact, "hello")
    for stall in stalls:
        await stall.reached.wait()
    second = await town.worker("w2", all_lanes=False)
    await until(lambda: any(run.closing for run in first.engine._runs.values()), 5, "the surplus")
    # Several rounds of balancing pass while the drained lanes wait for their calls.
    for _ in range(3):
        beat = await town.redis("ZSCORE", keys.WORKERS, "w1")
        await until(lambda before=beat: _moved(town, before), 5, "another round")  # type: ignore[misc]
    assert sum(1 for run in first.engine._runs.values() if not run.closing) == 3
    for stall in stalls:
        stall.go.set()
    await first.holds(3)
    await second.holds(2)
    await town.settled()
    assert town.desk.count("open_thread") == 4


async def _moved(town: Town, before: bytes) -> bool:
    return bool(await town.redis("ZSCORE", keys.WORKERS, "w1") != before)


async def test_a_lane_of_a_dead_worker_is_taken_when_its_hold_expires(town: Town) -> None:
    """What it had in hand is done by the next one."""
    first = await town.worker("w1", hold_s=0.6)
    first.store.commits[CONTACTS[0]] = asyncio.Event()
    await town.writes(CONTACTS[0], "are you there?")
    await until(lambda: first.store.commits_waiting[CONTACTS[0]], 5, "the decision")
    await first.crash()
    second = await town.worker("w2", all_lanes=False)
    await second.holds(5)
    await town.settled()
    assert town.desk.words() == ["are you there?"]


async def test_an_orderly_release_hands_lanes_over_before_they_expire(town: Town) -> None:
    """With holds of a minute the next worker still gets every lane at once."""
    first = await town.worker("w1", hold_s=60.0)
    await first.stop()
    assert first.engine.held() == ()
    assert await town.redis("EXISTS", *(keys.hold(lane) for lane in town.lanes), keys.WORKERS) == 0
    await town.worker("w2", hold_s=60.0)


async def test_a_holder_that_was_frozen_commits_nothing(town: Town) -> None:
    """Its hold ran out in the middle of a commit and another worker decided: the late commit is refused."""
    frozen = await town.worker("w1", hold_s=0.5, engine={"renew_every_s": 1000.0, "balance_every_s": 1000.0})
    contact = CONTACTS[1]
    gate = frozen.store.commits[contact] = asyncio.Event()
    await town.writes(contact, "hello")
    await until(lambda: frozen.store.commits_waiting[contact], 5, "the decision")
    second = await town.worker("w2", all_lanes=False)
    await second.holds(5)
    await town.settled()
    record = await town.redis("GET", keys.unit(lane_of(contact), contact))
    gate.set()
    lane = lane_of(contact)
    await until(lambda: frozen.engine.hold(lane) is None, 5, "the loss to be noticed")
    assert await town.redis("GET", keys.unit(lane, contact)) == record
    assert town.desk.words() == ["hello"]
    assert town.desk.count("open_thread") == 1


async def test_a_hold_ends_in_time_although_redis_is_silent(town: Town) -> None:
    """A worker that cannot renew takes its lanes for lost by its own clock."""
    worker = await town.worker("w1", hold_s=0.6, url=town.url)
    await worker.redis.aclose()
    await until(
        lambda: all(worker.engine.hold(lane) is None for lane in town.lanes), 5, "the end of the holds"
    )
    assert worker.engine.held() == ()


async def test_numbers_are_never_given_twice_over_restarts(town: Town) -> None:
    """Conversations opened by one worker after the other all have numbers of their own."""
    for name in ("w1", "w2", "w3"):
        worker = await town.worker(name)
        for number in range(8):
            await town.writes(contact_of(int(name[1]) * 100 + number), "hello")
        await town.settled()
        await worker.stop()
    numbers = []
    for lane in town.lanes:
        numbers += await town.redis("KEYS", f"{{{lane}}}:num:*")
    assert len(set(numbers)) == len(numbers) == 24


async def test_numbers_rise_even_when_commits_change_places(town: Town) -> None:
    """The counter keeps the highest number when an earlier one is committed later."""
    worker = await town.worker("w1")
    early, late = contact_of(4), contact_of(8)
    gate = worker.store.commits[early] = asyncio.Event()
    await town.writes(early, "first")
    await until(lambda: worker.store.commits_waiting[early], 5, "the first decision")
    await town.writes(late, "second")
    await town.conversation(late)
    gate.set()
    await town.settled()
    await worker.stop()
    await town.worker("w2")
    third = contact_of(12)
    await town.writes(third, "third")
    numbers = [(await town.conversation(one)).number for one in (early, late, third)]
    assert len(set(numbers)) == 3


async def test_a_stopping_worker_takes_nothing_in(town: Town) -> None:
    """What arrives after the stop began waits in Redis for the next worker."""
    worker = await town.worker("w1")
    await worker.engine.stop()
    await town.writes(CONTACTS[0], "anybody?")
    entries = await town.store.range(lane_of(CONTACTS[0]), "0-0", 10)
    assert len(entries) == 1
    assert entries[0].event.startswith(pack(town.received(CONTACTS[0], "anybody?"))[:1])
    await town.worker("w2")
    await town.settled()
    assert town.desk.words() == ["anybody?"]


async def test_a_lane_whose_call_outlasts_the_drain_stays_taken_until_the_hold_runs_out(town: Town) -> None:
    """Who took it at once would look for the post, not find it yet, and make it again."""
    first = await town.worker("w1", engine={"drain_s": 0.1})
    slow, idle = CONTACTS[1], CONTACTS[2]
    await town.writes(slow, "hello")
    await town.settled()
    stall = town.desk.fault("relay", "more", stall=True)
    await town.writes(slow, "more")
    await stall.reached.wait()
    await first.engine.stop()
    assert await town.redis("EXISTS", keys.hold(lane_of(slow)), keys.hold(lane_of(idle))) == 1
    assert await town.redis("PTTL", keys.hold(lane_of(slow))) > 0
