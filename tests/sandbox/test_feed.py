"""Numbered entries that can be followed."""

import asyncio

import pytest

from bridge.sandbox.feed import Entry, Feed


def test_entries_are_numbered_and_bounded() -> None:
    """Numbers run from 1; only the newest are kept."""
    feed = Feed(capacity=3)
    for at in range(5):
        feed.publish("tick", value=at)
    assert [(each["n"], each["value"]) for each in feed.entries()] == [(3, 2), (4, 3), (5, 4)]
    assert [each["n"] for each in feed.entries(since=4)] == [5]
    assert list(feed.entries(since=5)) == []


async def test_wait_finds_what_has_happened_and_what_will() -> None:
    """A waiter sees kept entries first, then new ones."""
    feed = Feed()
    feed.publish("past")
    assert (await feed.wait(lambda each: each["kind"] == "past", 1))["n"] == 1
    waiter = asyncio.create_task(feed.wait(lambda each: each["kind"] == "future", 1))
    await asyncio.sleep(0)
    feed.publish("other")
    feed.publish("future", word="now")
    assert (await waiter)["word"] == "now"


async def test_wait_gives_up() -> None:
    """A wait is bounded and says so."""
    with pytest.raises(TimeoutError):
        await Feed().wait(lambda _: True, 0.01)


async def test_since_hides_the_past() -> None:
    """With `since` only later entries count."""
    feed = Feed()
    feed.publish("x")
    with pytest.raises(TimeoutError):
        await feed.wait(lambda _: True, 0.01, since=feed.last)


async def test_subscriber_loses_nothing_while_it_works() -> None:
    """Entries published between two steps of a reader are all seen, in order."""
    feed = Feed()
    seen: list[Entry] = []

    async def follow() -> None:
        async for entry in feed.subscribe(0):
            seen.append(entry)
            await asyncio.sleep(0)
            if len(seen) == 6:
                return

    task = asyncio.create_task(follow())
    for burst in range(3):
        feed.publish("a", burst=burst)
        feed.publish("b", burst=burst)
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await task
    assert [each["n"] for each in seen] == [1, 2, 3, 4, 5, 6]


async def test_slow_subscriber_is_bounded() -> None:
    """Who is slower than the feed misses the oldest entries and goes on with what is kept."""
    feed = Feed(capacity=2)
    reader = feed.subscribe(0)
    feed.publish("first")
    assert (await anext(reader))["n"] == 1
    for _ in range(5):
        feed.publish("later")
    assert [(await anext(reader))["n"] for _ in range(2)] == [5, 6]


async def test_reader_of_an_earlier_run_goes_on_from_now() -> None:
    """A number from before a restart is above all numbers: the reader is not left waiting for it."""
    feed = Feed()
    feed.publish("old")
    waiter = asyncio.create_task(feed.wait(lambda _: True, 1, since=900))
    await asyncio.sleep(0)
    feed.publish("new")
    assert (await waiter)["kind"] == "new"


async def test_until_checks_after_every_entry() -> None:
    """`until` answers at once when the condition holds, else as soon as an entry made it hold."""
    feed = Feed()
    box: list[int] = []
    assert await feed.until(lambda: "yes", 1) == "yes"
    waiter = asyncio.create_task(feed.until(lambda: box[0] if box else None, 1))
    await asyncio.sleep(0)
    feed.publish("nothing")
    await asyncio.sleep(0)
    box.append(42)
    feed.publish("something")
    assert await waiter == 42
