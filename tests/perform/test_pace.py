"""Turns at shared limits: urgent ones first, then in order, whoever leaves the queue or breaks it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bridge.adapters.base import Bucket
from bridge.content import Attachment, MediaKind, described
from bridge.errors import StoreUnavailableError
from bridge.markup import bare
from bridge.perform.pace import Pace
from bridge.store.joined import JoinedRedis
from bridge.store.live import LiveStore
from tests.support.platforms import NO_ANSWER
from tests.support.waiting import until
from tests.support.workers import Town, contact_of

BUCKET = Bucket(key="b", per_s=1.0)


class Grants:
    """Stands for the store: gives one slot each time the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.rates: list[tuple[str, float, int]] = []
        self._slots: asyncio.Queue[Exception | float] = asyncio.Queue()

    def give(self, slot: Exception | float = 0.0) -> None:
        """The next slot comes after so many seconds, or is refused."""
        self._slots.put_nowait(slot)

    async def take(self, key: str, per_s: float, burst: int) -> float:
        """See `LaneStore.take`."""
        self.asked += 1
        self.rates.append((key, per_s, burst))
        slot = await self._slots.get()
        if isinstance(slot, Exception):
            raise slot
        return slot


async def queue(pace: Pace, done: list[str], *who: tuple[str, int]) -> list[asyncio.Task[None]]:
    """Let people queue in this order, with these urgencies."""

    async def wait(name: str, urgency: int) -> None:
        await pace.turn(BUCKET, urgency)
        done.append(name)

    tasks = []
    for name, urgency in who:
        tasks.append(asyncio.create_task(wait(name, urgency)))
        await asyncio.sleep(0)
    return tasks


async def test_urgent_ones_go_first_and_equals_in_turn() -> None:
    """Whoever is most urgent when the slot comes gets it."""
    grants, done = Grants(), list[str]()
    pace = Pace(grants.take, 1.0)
    tasks = await queue(pace, done, ("a", 2), ("b", 1), ("c", 1), ("d", 0))
    for _ in tasks:
        grants.give()
    await asyncio.gather(*tasks)
    assert done == ["d", "b", "c", "a"]
    assert not pace._turnstiles


async def test_one_request_for_a_slot_is_outstanding_at_a_time() -> None:
    """However many wait."""
    grants, done = Grants(), list[str]()
    pace = Pace(grants.take, 1.0)
    tasks = await queue(pace, done, *((str(number), 0) for number in range(10)))
    assert grants.asked == 1
    for number in range(10):
        grants.give()
        await until(lambda wanted=number + 1: len(done) == wanted, 5, "a turn")  # type: ignore[misc]
        assert grants.asked <= number + 2
    await asyncio.gather(*tasks)


async def test_a_slot_is_not_given_to_somebody_who_left() -> None:
    """The one behind gets it."""
    grants, done = Grants(), list[str]()
    pace = Pace(grants.take, 1.0)
    first, second = await queue(pace, done, ("first", 0), ("second", 0))
    first.cancel()
    grants.give()
    await second
    assert done == ["second"]
    assert not pace._turnstiles


async def test_when_all_leave_nothing_is_kept() -> None:
    """Their turnstile is gone once its slot came, and a later one starts afresh."""
    grants, done = Grants(), list[str]()
    pace = Pace(grants.take, 1.0)
    for task in await queue(pace, done, ("a", 0), ("b", 0)):
        task.cancel()
    grants.give()
    await until(lambda: not pace._turnstiles, 5, "the turnstile to go")
    (task,) = await queue(pace, done, ("c", 0))
    grants.give()
    await task
    assert done == ["c"]


async def test_a_redis_that_fails_is_felt_by_all_who_wait_and_by_nobody_later() -> None:
    """They hear of it, and the next one asks anew."""
    grants, done = Grants(), list[str]()
    pace = Pace(grants.take, 1.0)
    tasks = await queue(pace, done, ("a", 0), ("b", 1))
    grants.give(StoreUnavailableError("gone"))
    problems = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(problem) for problem in problems] == [StoreUnavailableError] * 2
    (task,) = await queue(pace, done, ("c", 0))
    grants.give()
    await task
    assert done == ["c"]


@pytest.mark.parametrize("scale, per_s", [(1.0, 1.0), (0.02, 50.0), (2.0, 0.5)])
async def test_limits_scale_with_all_other_waits(scale: float, per_s: float) -> None:
    """Half the wait is twice the rate."""
    grants = Grants()
    pace = Pace(grants.take, scale)
    grants.give()
    await pace.turn(BUCKET, 0)
    ((key, rate, burst),) = grants.rates
    assert (key, burst) == ("b", 1)
    assert rate == pytest.approx(per_s)
    assert pace.scaled(3.0) == pytest.approx(3.0 * scale)


async def test_scaled_to_nothing_there_are_no_limits() -> None:
    """Redis is not even asked."""
    grants = Grants()
    assert await Pace(grants.take, 0.0).turn(BUCKET, 0) == 0.0
    assert grants.asked == 0


async def test_workers_share_a_limit(redis_url: str) -> None:
    """Two of them together are no faster than the limit."""
    redis = JoinedRedis(redis_url)
    store = LiveStore(redis)
    paces = [Pace(store.take, 1.0), Pace(store.take, 1.0)]
    bucket = Bucket(key="shared", per_s=50.0)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(pace.turn(bucket, 0) for pace in paces for _ in range(8)))
    assert loop.time() - started >= 15 / 50 - 0.01
    await redis.aclose()


# ------------------------------------------------------------------------------------------------ in town


async def test_conversations_take_turns_at_a_full_channel(town: Town) -> None:
    """One with many messages does not keep the others waiting for long, and new threads come first."""
    worker = await town.worker()
    contacts = [contact_of(number) for number in range(4)]
    for contact in contacts:
        await town.writes(contact, "hello")
    await town.settled()
    worker.pace.scale = 1.0
    town.desk._bucket = (25.0, 1)
    town.desk._merges = 1
    before = len(town.desk.words())
    await town.writes(contacts[0], *(f"many {number}" for number in range(12)))
    for contact in contacts[1:]:
        await town.writes(contact, f"few of {contact}")
    await until(lambda: town.desk.count("relay", "many"), 5, "the first of many")
    await town.settled()
    shown = town.desk.words()[before:]
    places = [shown.index(f"few of {contact}") for contact in contacts[1:]]
    assert max(places) <= 7, shown
    assert [one for one in shown if one.startswith("many")] == [f"many {number}" for number in range(12)]


async def test_messages_share_posts_when_a_channel_is_saturated(town: Town) -> None:
    """Fewer posts than messages, all words in order, and every message is known by its post."""
    worker = await town.worker()
    contact = contact_of(1)
    await town.writes(contact, "hello")
    await town.settled()
    worker.pace.scale = 1.0
    town.desk._bucket = (3.0, 1)
    town.desk._merges = 10
    words = [f"word {number:02}" for number in range(20)]
    await town.writes(contact, *words)
    await town.settled(20)
    assert town.desk.words() == ["hello", *words]
    posts = [one for one in town.desk.posts if one.place.thread is not None]
    assert len(posts) <= 6
    merged = [one for one in posts if len(one.actions) > 1]
    assert merged
    assert all(len(one.words.split("\n")) == len(one.actions) for one in posts)
    assert await town.pending(contact) == 0
    assert worker.metrics.sends["relay", "merged"] == len(merged)


async def test_a_file_without_bytes_is_shown_in_a_saturated_channel(town: Town) -> None:
    """In words, in its turn, in a post of its own."""
    worker = await town.worker()
    contact = contact_of(1)
    await town.writes(contact, "hello")
    await town.settled()
    worker.pace.scale = 1.0
    town.desk._bucket = (3.0, 1)
    file = Attachment(kind=MediaKind.DOCUMENT, media="", name="offer.pdf")
    await town.writes(contact, "one")
    with capture_logs() as logs:
        await town.append(contact, replace(town.received(contact, ""), content=file))
        await town.append(contact, replace(town.received(contact, ""), content=file))
        await town.writes(contact, "two", "three")
        await town.settled(20)
    assert [one for one in logs if "exc_info" in one] == []
    said = bare(described(file))
    assert town.desk.words() == ["hello", "one", said, said, "two", "three"]
    assert [len(one.actions) for one in town.desk.posts if one.words == said] == [1, 1]


async def test_messages_of_a_shared_post_of_unknown_fate_are_all_found(town: Town) -> None:
    """The post stands, its answer was lost: each of its messages finds it, and none is shown twice."""
    worker = await town.worker()
    contact = contact_of(1)
    await town.writes(contact, "hello")
    await town.settled()
    worker.pace.scale = 1.0
    town.desk._bucket = (2.5, 1)
    words = [f"word {number:02}" for number in range(8)]
    town.desk.fault("relay", "\n", problem=NO_ANSWER, effect=True)
    written = await town.writes(contact, *words)
    await town.settled(30)
    assert town.desk.words() == ["hello", *words]
    assert town.desk.count("find") >= 2
    for event in written:
        (post,) = (await town.record(event)).posts
        standing = next(one for one in town.desk.posts if one.post == post)
        assert bare(described(event.content)) in standing.words.split("\n")
