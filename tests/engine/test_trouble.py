"""Poison, crashes and a Redis that goes away: nothing is lost, nothing is done twice, and people are told."""

from __future__ import annotations

import asyncio

import pytest

from bridge.engine.chain import kind_of
from bridge.errors import StoreUnavailableError
from bridge.events import EventBuried, pack, unpack
from bridge.model import DESK_LANE, EventId, lane_of
from bridge.store import keys
from tests.support.crash import CommitCall, commit_args
from tests.support.redis_proxy import RedisProxy, runs_script
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until
from tests.support.workers import Town, a_town, contact_of

ANA, BO = contact_of(1), contact_of(5)
LANE = lane_of(ANA)


async def test_an_event_nobody_can_read_is_put_aside_and_people_are_told(town: Town) -> None:
    """The events behind it go on, and the contact's thread says that something is missing."""
    worker = await town.worker()
    await town.writes(ANA, "before")
    await town.conversation(ANA)
    await town.store.emit(LANE, ANA, b"\x81\xa4type\xa7Unheard")
    await town.writes(ANA, "after")
    await town.settled()
    assert await town.dead(ANA) == 1
    assert worker.metrics.errors["engine", "event"] == 3, "it was tried three times"
    assert worker.metrics.dead_letters == 1
    words = town.desk.words()
    assert [one for one in words if one in {"before", "after"}] == ["before", "after"]
    assert sum("nothing is lost" in one for one in words) == 1
    assert town.desk.count("alert") == 1
    assert await town.redis("EXISTS", keys.tries(LANE)) == 0


async def test_a_record_that_cannot_be_decided_on_harms_no_other_contact(town: Town) -> None:
    """Every event of a broken contact is put aside, its farewells too, and those lead to no further ones."""
    worker = await town.worker()
    await town.redis("SET", keys.unit(LANE, ANA), b"\0\0\0\0\0\0\0\1\xc1broken")
    await town.writes(ANA, "one", "two")
    await town.writes(BO, "hello")
    await town.settled()
    assert town.desk.words() == ["hello"]
    assert worker.metrics.dead_letters == 4, "two messages and what should have told of them"
    assert await town.dead(ANA) == 4


async def test_what_is_told_of_a_dead_letter_names_its_kind(town: Town) -> None:
    """The event and its notice change places in one step, under ids that a second burial would repeat."""
    hold = await town.store.acquire(LANE, "test")
    assert hold is not None
    await town.writes(ANA, "hello")
    (entry,) = await town.store.range(LANE, "0-0", 10)
    told = EventBuried(id=EventId(f"buried:{entry.id}"), at=town.received(ANA, "x").at, contact=ANA, kind="X")
    await town.store.bury(hold, entry, "why", pack(told))
    await town.store.bury(hold, entry, "why", pack(told))
    (notice,) = await town.store.range(LANE, "0-0", 10)
    assert (notice.unit, unpack(notice.event)) == (ANA, told)
    assert await town.dead(ANA) == 1
    assert kind_of(entry.event) == "MessageReceived"


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x01", b"\x81\xa4type\x01", b"\x81\xa4type\xa3a b", b"\x81\xa4type\xa2\xff\xff"]
)
def test_the_kind_of_what_cannot_be_read_is_empty(data: bytes) -> None:
    """No bytes make it fail."""
    assert kind_of(data) == ""


async def test_tries_are_kept_across_holders(town: Town) -> None:
    """An event that two holders died of is tried once more by the third, and then put aside."""
    await town.store.emit(LANE, ANA, b"poison")
    await town.store.emit(DESK_LANE, "desk", b"poison")
    (entry,) = await town.store.range(LANE, "0-0", 10)
    hold = await town.store.acquire(LANE, "died")
    assert hold is not None
    assert [await town.store.count_try(hold, entry.id) for _ in range(2)] == [1, 2]
    await town.store.release(hold)
    worker = await town.worker()
    await until(lambda: worker.metrics.dead_letters == 2, 5, "both to be put aside")
    assert worker.metrics.errors["engine", "event"] == 1 + 3
    await town.settled()
    assert await town.redis("XLEN", keys.dead(DESK_LANE)) == 1
    assert worker.metrics.events["EventBuried"] == 1, "the desk lane has nobody to tell"


async def test_a_redis_that_dies_and_comes_back_loses_and_doubles_nothing(
    restartable_valkey: ValkeyServer,
) -> None:
    """Killed twice in the middle of the work; every word is shown once and in order."""
    async with a_town(restartable_valkey.url) as town:
        await town.worker(hold_s=20.0)
        contacts = [contact_of(number) for number in range(6)]
        words = [f"word {number:02}" for number in range(20)]
        for contact in contacts:
            await town.writes(contact, *(f"{contact} {one}" for one in words))
        for goal in (10, 60):
            await until(lambda goal=goal: len(town.desk.words()) >= goal, 20, "some words")  # type: ignore[misc]
            restartable_valkey.kill()
            restartable_valkey.start()

        async def settled() -> bool:
            try:
                return await town.is_settled()
            except StoreUnavailableError:
                return False

        await until(settled, 40, "everything to be done")
        shown = town.desk.words()
        for contact in contacts:
            assert [one for one in shown if one.startswith(contact)] == [f"{contact} {one}" for one in words]
        assert len(town.desk.threads()) == len(contacts)


@pytest.mark.parametrize("what", ["the message", "the thread's opening", "the post"])
async def test_a_commit_of_unknown_outcome_is_acted_on_once(town: Town, redis_url: str, what: str) -> None:
    """The connection breaks after the commit took effect: its actions are carried out, exactly once."""
    proxy = RedisProxy(redis_url)
    await proxy.start()
    try:
        worker = await town.worker(url=proxy.url, hold_s=20.0)
        contains = {"the message": b"OpenThread", "the thread's opening": b"/0", "the post": b"/1"}[what]
        matches = runs_script("commit", keys_contain=LANE.encode())

        def hit(args: list[bytes]) -> bool:
            if not matches(args):
                return False
            if what == "the message":
                return any(contains in one for one in commit_args(args))
            return (CommitCall(args).result_of or b"").endswith(contains)

        stop = proxy.stop_at(hit, "after")
        await town.writes(ANA, "hello")
        async with asyncio.timeout(5):
            await stop.reached.wait()
        proxy.go_on()
        assert worker.redis._link is not None
        worker.redis._link.close()
        await town.writes(ANA, "again")
        await town.settled()
        assert town.desk.words() == ["hello", "again"]
        assert len(town.desk.threads()) == 1
        assert town.desk.count("relay") == 2
    finally:
        await town.workers[0].crash()
        await proxy.aclose()


async def test_an_action_that_has_ended_is_not_performed(town: Town) -> None:
    """It ended in Redis and memory does not know, as after a commit of unknown outcome: nothing is sent."""
    worker = await town.worker()
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    stalled = town.channel.fault("send", "first", stall=True)
    _, second, _ = await town.replies(ANA, "first", "second", "third")
    await stalled.reached.wait()

    async def all_pending() -> list[str]:
        found = [one.id for one in await town.store.pending(LANE, ANA)]
        return [one for one in found if one.startswith(second.id)]

    (victim,) = await until(all_pending, 5, "the second reply")
    await town.redis("HDEL", keys.actions(LANE, ANA), victim)
    stalled.go.set()
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["first", "third"]
    assert worker.metrics.errors["bridge", "defect"] == 0
