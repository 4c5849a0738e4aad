"""Events of contacts: in order for each, side by side for all, results first, bounded in memory."""

from __future__ import annotations

import asyncio

from bridge.model import lane_of
from tests.support.waiting import until
from tests.support.workers import Town, contact_of

ANA, BO = contact_of(1), contact_of(5)
"""Both in the same shard."""


async def test_a_contact_whose_commit_stalls_delays_nobody(town: Town) -> None:
    """Another contact of the same shard is served meanwhile."""
    worker = await town.worker()
    gate = worker.store.commits[ANA] = asyncio.Event()
    await town.writes(ANA, "stalled")
    await until(lambda: worker.store.commits_waiting[ANA], 5, "the stalled commit")
    await town.writes(BO, *(f"word {number}" for number in range(50)))
    await until(lambda: len(town.desk.words()) == 50, 10, "the other contact's words")
    gate.set()
    await town.settled()
    assert town.desk.words()[-1] == "stalled"


async def test_many_events_of_one_contact_are_decided_in_order_with_few_in_memory(town: Town) -> None:
    """500 events for one contact: at most 32 at a time in memory, all decided, in the order they came."""
    worker = await town.worker()
    gate = worker.store.commits[ANA] = asyncio.Event()
    words = [f"word {number:03}" for number in range(500)]
    await town.writes(ANA, *words[:250])
    await until(lambda: worker.engine.in_hand() == 32, 5, "the bound")
    # The reader has gone past everything, and still no more of it is in memory.
    await town.writes(BO, "hello")
    await until(lambda: town.desk.words() == ["hello"], 5, "the reader to have passed")
    assert worker.engine.in_hand() <= 33
    gate.set()
    await town.writes(ANA, *words[250:])
    await town.settled(30)
    (thread,) = [one for one in town.desk.threads() if "word 000" in town.desk.words(one.thread)]
    assert town.desk.words(thread.thread) == words


async def test_an_event_that_comes_while_skipped_ones_are_fetched_is_not_forgotten(town: Town) -> None:
    """The reader meets it between the look into the stream and the use of what was seen there."""
    worker = await town.worker(engine={"max_in_hand_per_unit": 2})
    gate = worker.store.commits[ANA] = asyncio.Event()
    words = [f"word {number}" for number in range(4)]  # two in memory, and two that fill it again
    await town.writes(ANA, *words)
    lane = lane_of(ANA)
    last = (await town.store.range(lane, "0-0", 100))[-1].id
    run = worker.engine._runs[lane]
    await until(lambda: run.cursor == last, 5, "the reader")
    worker.store.ranges_held = 1
    gate.set()
    await worker.store.range_reached.wait()
    await town.writes(ANA, "in between")
    await until(lambda: run.cursor != last, 5, "the reader to pass it")
    worker.store.range_go.set()
    await until(lambda: len(town.desk.words()) == 5, 10, "all words")
    assert town.desk.words() == [*words, "in between"]


async def test_events_in_memory_are_bounded_in_all(town: Town) -> None:
    """However many contacts write, a worker takes in no more than it may; the rest waits in Redis."""
    worker = await town.worker(engine={"max_in_hand": 40, "read_count": 16})
    contacts = [contact_of(number) for number in range(100)]
    gate = asyncio.Event()
    worker.store.commits.update(dict.fromkeys(contacts, gate))
    for contact in contacts:
        await town.writes(contact, "one", "two")
    await until(lambda: worker.engine.in_hand() >= 40, 5, "the bound")
    assert worker.engine.in_hand() <= 40 + len(town.lanes)
    gate.set()
    await town.settled(30)
    assert sorted(town.desk.words()) == ["one"] * 100 + ["two"] * 100


async def test_results_overtake_waiting_events(town: Town) -> None:
    """With a long queue of events, the thread's opening is committed as soon as it happened."""
    worker = await town.worker()
    gate = worker.store.commits[ANA] = asyncio.Event()
    await town.writes(ANA, *(f"word {number}" for number in range(30)))
    lane = lane_of(ANA)
    await until(lambda: worker.engine.in_hand() == 30, 5, "the queue")
    chain = worker.engine._runs[lane]._chains[ANA]
    orders: list[int] = []

    class Watch(asyncio.Event):
        """Lets one commit through at a time, and notes how many events wait by then."""

        async def wait(self) -> bool:  # type: ignore[override]
            orders.append(len(chain.entries))
            await asyncio.sleep(0.01)
            return True

    worker.store.commits[ANA] = Watch()
    gate.set()
    await until(lambda: town.desk.count("relay") >= 1, 5, "the first relay")
    assert orders[-1] > 1, "the thread was opened and the first word shown while events still waited"
    await town.settled()


async def test_how_long_messages_were_on_their_way_is_measured(town: Town) -> None:
    """Each message once, in both directions; our own posts and receipts do not count."""
    worker = await town.worker()
    await town.writes(ANA, "one", "two")
    await town.settled()
    assert len(worker.metrics.shown_after_s) == 2
    await town.replies(ANA, "three")
    await town.settled()
    assert (len(worker.metrics.shown_after_s), len(worker.metrics.sent_after_s)) == (2, 1)
    assert all(0 <= one < 15 for one in (*worker.metrics.shown_after_s, *worker.metrics.sent_after_s))


async def test_a_repeated_event_changes_nothing(town: Town) -> None:
    """The same id three times is one message; what follows goes on."""
    await town.worker()
    event = town.received(ANA, "once", "wa:same")
    await town.append(ANA, event, event)
    await town.settled()
    await town.append(ANA, event)
    await town.writes(ANA, "after")
    await town.settled()
    assert town.desk.words() == ["once", "after"]


async def test_a_timer_fires_once(town: Town) -> None:
    """A held reply goes out when its time has come, and only then, and once; also for the next worker."""
    town.world.__init__(hold_s=0.3)  # type: ignore[misc]
    worker = await town.worker()
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    (reply,) = await town.replies(ANA, "hi there")
    held_at = asyncio.get_running_loop().time()
    await until(lambda: town.channel.sent, 5, "the reply")
    assert asyncio.get_running_loop().time() - held_at > 0.2
    await worker.stop()
    await town.worker("w2")
    await town.settled()
    assert town.channel.sent == [(f"to-{ANA}", "hi there")]
    assert reply.contact == ANA
