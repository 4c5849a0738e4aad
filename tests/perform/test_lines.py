"""Lines: in order each, independent of each other, bounded in memory, never overtaken by newer work."""

from __future__ import annotations

import asyncio

from bridge.actions import Line, OpenThread, Relay
from bridge.content import Words
from bridge.errors import FailureKind
from bridge.markup import text
from bridge.model import ActionId, ConversationId, InboxId, LaneId, MessageId, lane_of
from bridge.perform.lines import LineKey, LineRun, Mark, order_of
from bridge.store import keys
from tests.support.platforms import failure
from tests.support.waiting import until
from tests.support.workers import Town, contact_of

ANA, BO = contact_of(1), contact_of(5)
LANE = lane_of(ANA)
KEY = LineKey(LANE, ANA, "1-251", Line.THREAD)


def relay(seq: int) -> Relay:
    """A message to show."""
    return Relay(
        id=ActionId(f"e{seq}/0"),
        seq=seq,
        contact=ANA,
        inbox=InboxId("support"),
        conversation=ConversationId("1-251"),
        message=MessageId(f"1-{seq}"),
        author="Ana",
        content=Words(text(str(seq))),
    )


def opening(seq: int) -> OpenThread:
    """A thread to open."""
    return OpenThread(
        id=ActionId(f"o{seq}/0"),
        seq=seq,
        contact=ANA,
        inbox=InboxId("support"),
        conversation=ConversationId("1-251"),
    )


def order(run: LineRun) -> list[int]:
    """What is in memory, by number."""
    return [work.action.seq for work in run.waiting()]


def pending(*actions: Relay | OpenThread) -> list[tuple[Relay | OpenThread, Mark]]:
    """As read from Redis: in order, never tried."""
    return [(one, Mark(at=0.0, tries=0, open=False)) for one in sorted(actions, key=order_of)]


# --------------------------------------------------------------------------------------------- a line alone


def test_a_full_line_takes_nothing_newer_until_redis_was_read() -> None:
    """What spilled is older than what comes now, even when there is room again."""
    run = LineRun(KEY, 2, behind=False)
    for seq in (1, 2, 3):
        run.add(relay(seq))
    run.end([ActionId("e1/0")])
    run.add(relay(4))
    assert order(run) == [2]
    assert run.behind
    run.end([ActionId("e2/0")])
    run.begin_reading()
    run.take(pending(relay(3), relay(4)), ())
    assert order(run) == [3, 4]
    assert not run.behind


def test_an_opening_goes_ahead_of_everything_even_in_a_full_line() -> None:
    """Nothing can be posted without a thread."""
    run = LineRun(KEY, 2, behind=False)
    for seq in (1, 2, 3):
        run.add(relay(seq))
    run.add(opening(9))
    assert order(run) == [9, 1, 2]


def test_what_ended_while_redis_was_read_does_not_come_back() -> None:
    """The look was taken before it ended."""
    run = LineRun(KEY, 9, behind=True)
    run.begin_reading()
    run.take(pending(relay(1), relay(2)), {ActionId("e1/0")})
    assert order(run) == [2]


def test_what_came_while_redis_was_read_waits_for_what_is_older() -> None:
    """A newer one of the same look does not overtake it either, and the line has to be read once more."""
    run = LineRun(KEY, 9, behind=True)
    run.begin_reading()
    run.add(relay(2))
    run.take(pending(relay(1), relay(2), relay(3)), {ActionId("e2/0")})
    assert order(run) == [1]
    assert run.behind
    run.begin_reading()
    run.take(pending(relay(1), relay(2), relay(3)), ())
    assert order(run) == [1, 2, 3]
    assert not run.behind


def test_memory_follows_redis() -> None:
    """What has ended there goes, what changed there changes, and a mark that memory knows better stays."""
    run = LineRun(KEY, 9, behind=False)
    for seq in (1, 2, 3):
        run.add(relay(seq))
    work = run.waiting()[1]
    work.mark = Mark(at=1.0, tries=1, open=True)
    changed = Relay(
        **{name: getattr(relay(2), name) for name in Relay.__struct_fields__} | {"author": "Anna"}
    )
    run.begin_reading()
    run.take(pending(changed, relay(3)), ())
    assert order(run) == [2, 3]
    assert work.action == changed
    assert work.changed.is_set()
    assert work.mark.open


# ------------------------------------------------------------------------------------------------ in town


async def test_each_thread_is_in_order_and_a_stalled_one_delays_no_other(town: Town) -> None:
    """100 conversations whose posts hang delay nobody else's."""
    await town.worker()
    stalled = [contact_of(100 + number) for number in range(100)]
    faults = [town.desk.fault("relay", contact, stall=True) for contact in stalled]
    for contact in stalled:
        await town.writes(contact, f"{contact} 1", f"{contact} 2")
    await until(lambda: town.desk.under_way["relay"] == 100, 10, "all to hang")
    words = [f"word {number}" for number in range(30)]
    await town.writes(ANA, *words)
    await until(lambda: len(town.desk.words()) == 30, 10, "the other contact's words")
    assert town.desk.words() == words
    for fault in faults:
        fault.go.set()
    await town.settled(30)
    shown = town.desk.words()
    for contact in stalled:
        assert [one for one in shown if one.startswith(contact)] == [f"{contact} 1", f"{contact} 2"]


async def test_a_stalled_thread_does_not_delay_replies_to_the_same_contact(town: Town) -> None:
    """The contact's line is another one."""
    await town.worker()
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    stall = town.desk.fault("relay", "more", stall=True)
    await town.writes(ANA, "more")
    await stall.reached.wait()
    await town.replies(ANA, "a reply", "and another")
    await until(lambda: len(town.channel.sent) == 2, 5, "the replies")
    assert [words for _, words in town.channel.sent] == ["a reply", "and another"]
    stall.go.set()
    await town.settled()


async def test_relays_wait_for_the_thread(town: Town) -> None:
    """Nothing is posted before the thread stands, and then in order."""
    await town.worker()
    stall = town.desk.fault("open_thread", stall=True)
    await town.writes(ANA, "one", "two", "three")
    await stall.reached.wait()
    await until(lambda: _counted(town, 4), 5, "the relays to be pending")
    assert town.desk.count("relay") == 0
    stall.go.set()
    await town.settled()
    assert town.desk.words() == ["one", "two", "three"]


async def _counted(town: Town, least: int) -> bool:
    return await town.pending(ANA) >= least


async def test_300_pending_actions_are_done_in_order_with_few_in_memory(town: Town) -> None:
    """The rest stays in Redis; new ones that come meanwhile go to the end."""
    worker = await town.worker(perform={"line_limit": 16})
    stall = town.desk.fault("open_thread", stall=True)
    words = [f"word {number:03}" for number in range(300)]
    await town.writes(ANA, *words[:280])
    await until(lambda: _counted(town, 281), 15, "all to be pending")
    most = 0

    def in_memory() -> int:
        lines = worker.performer._units.get((LANE, ANA), {})
        return max((len(run) for key, run in lines.items() if key.line is Line.THREAD), default=0)

    assert in_memory() <= 17
    stall.go.set()
    late = asyncio.ensure_future(town.writes(ANA, *words[280:]))
    while not await town.is_settled() or not late.done():
        most = max(most, in_memory())
        await asyncio.sleep(0)
    assert town.desk.words() == words
    assert most <= 17


async def test_a_new_holder_does_the_old_work_before_the_new(town: Town) -> None:
    """What a dead worker left pending comes before what is decided while it is still being read."""
    first = await town.worker("w1", hold_s=20.0)
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    stall = town.desk.fault("relay", "old", stall=True)
    await town.writes(ANA, "old 1", "old 2", "old 3")
    await stall.reached.wait()
    await until(lambda: _counted(town, 3), 5, "the old ones")
    await first.crash()
    await town.redis("DEL", keys.WORKERS, *(keys.hold(lane) for lane in town.lanes))
    second = await town.worker("w2", all_lanes=False)
    second.store.pending_go.clear()
    await second.holds(5)
    await town.writes(ANA, "new 1", "new 2")
    await until(lambda: _counted(town, 5), 5, "the new ones")
    second.store.pending_go.set()
    await town.settled()
    assert town.desk.words() == ["hello", "old 1", "old 2", "old 3", "new 1", "new 2"]


async def test_parked_lines_leave_memory_and_come_back_in_order(town: Town) -> None:
    """A long pause that the desk asked for: nothing of the line is in memory, and newer words queue behind."""
    worker = await town.worker(perform={"longest_nap_s": 0.05})
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    town.desk.fault("relay", "one", problem=failure(FailureKind.LIMITED, retry_after_s=0.6))
    asked_at = asyncio.get_running_loop().time()
    await town.writes(ANA, "one")
    await until(lambda: len(worker.performer._parked) == 1, 5, "the line to be parked")
    assert not worker.performer._units
    await town.writes(ANA, "two", "three")
    await until(lambda: _counted(town, 3), 5, "the new ones")
    assert not worker.performer._units
    await town.settled()
    assert town.desk.words() == ["hello", "one", "two", "three"]
    again = [at for at, (kind, _) in zip(town.desk.instants, town.desk.calls, strict=True) if kind == "relay"]
    assert again[2] - asked_at >= 0.55, "the pause was kept"
    assert not worker.performer._parked
    assert not worker.performer._units


async def test_parked_lines_are_taken_up_by_the_next_worker(town: Town) -> None:
    """Whoever takes the lane takes them up."""
    first = await town.worker("w1", perform={"longest_nap_s": 0.05})
    town.desk.fault("open_thread", problem=failure(FailureKind.RETRY, retry_after_s=1.0))
    await town.writes(ANA, "one", "two")
    await until(lambda: first.performer._parked, 5, "the line to be parked")
    await first.stop()
    await town.worker("w2")
    await town.settled()
    assert town.desk.words() == ["one", "two"]


async def test_a_parked_line_goes_on_although_the_answer_that_named_it_was_lost(town: Town) -> None:
    """The sweep took it out of Redis and the connection broke: it is taken up again by our own clock."""
    worker = await town.worker(perform={"longest_nap_s": 0.05})
    town.desk.fault("open_thread", problem=failure(FailureKind.RETRY, retry_after_s=0.3))
    await town.writes(ANA, "one")
    await until(lambda: worker.performer._parked, 5, "the line to be parked")
    assert await town.redis("DEL", keys.parked(LANE)) == 1
    due = next(iter(worker.performer._parked.values()))
    worker.performer.wake(LANE)
    assert worker.performer._parked, "not before its time"
    await until(lambda: asyncio.get_running_loop().time() >= due, 5, "its time")
    worker.performer.wake(LANE)
    await town.settled()
    assert town.desk.words() == ["one"]


async def test_one_failed_sweep_loses_no_other_lanes_lines(town: Town) -> None:
    """Lines of a lane that was swept go on although the sweep of another lane is refused; so do that one's."""
    worker = await town.worker(perform={"longest_nap_s": 0.05})
    contacts = [contact_of(number) for number in range(4)]
    for contact in contacts:
        town.desk.fault("open_thread", contact, problem=failure(FailureKind.RETRY, retry_after_s=0.3))
    await town.redis("SET", keys.due(LaneId("s0")), "not a sorted set")
    for contact in contacts:
        await town.writes(contact, str(contact))
    await until(lambda: sorted(town.desk.words()) == sorted(contacts), 10, "everybody's words")
    await town.redis("DEL", keys.due(LaneId("s0")))
    await town.settled()
    assert worker.metrics.errors["engine", "sweep"] > 0


async def test_an_opening_wakes_a_line_that_waits_for_it(town: Town) -> None:
    """A parked line goes on as soon as a thread is on its way, with everything that waits, in order."""
    worker = await town.worker(scale=1.0, perform={"decoration_wait_s": 0.01, "stopped_s": 60.0})
    await town.writes(ANA, "hello")
    conversation = await town.conversation(ANA)
    await town.settled()
    assert conversation.thread is not None
    assert conversation.thread.thread is not None
    town.desk.fault("open_thread", problem=failure(FailureKind.STOP))
    town.desk.gone.add(conversation.thread.thread)
    await town.writes(ANA, "one", "two")
    await until(lambda: worker.performer._parked, 5, "the line to be parked")
    worker.performer.resume(LANE, ANA, next(iter(worker.performer._parked)).local())
    await town.settled()
    assert town.desk.words() == ["hello", "one", "two"]
    assert len(town.desk.threads()) == 2


async def test_a_line_of_a_lane_that_was_lost_and_taken_again_starts_nothing_more(town: Town) -> None:
    """Its call ends, its result counts, and its successor does the rest, each once."""
    worker = await town.worker("w1")
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    stall = town.desk.fault("relay", "one", stall=True, effect=True)
    await town.writes(ANA, "one", "two", "three")
    await stall.reached.wait()
    await until(lambda: _counted(town, 3), 5, "all to be pending")
    former = worker.engine.hold(LANE)
    assert former is not None
    await town.redis("DEL", keys.hold(LANE))

    def ours_again() -> bool:
        hold = worker.engine.hold(LANE)
        return hold is not None and hold.fence != former.fence

    await until(ours_again, 10, "the lane to be lost and ours again")
    stall.go.set()
    await town.settled()
    shown = town.desk.words()
    assert shown.count("two") == shown.count("three") == 1
    assert [one for one in shown if one in {"two", "three"}] == ["two", "three"]


async def test_a_post_that_was_made_too_late_is_taken_back(town: Town) -> None:
    """Its worker slept past its hold and somebody else showed the message: what is written stands, the other goes."""
    worker = await town.worker("w1")
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    stall = town.desk.fault("relay", "one", stall=True, effect=True)
    (one,) = await town.writes(ANA, "one")
    await stall.reached.wait()
    await town.redis("DEL", keys.hold(LANE))
    await until(lambda: "one" in town.desk.words(), 15, "the next holder to show it")
    await town.settled()
    stall.go.set()
    await until(lambda: town.desk.count("remove"), 15, "the late post to be taken back")
    await until(lambda: town.desk.words() == ["hello", "one"], 5, "one post to be left")
    assert town.desk.posts[-1].post in (await town.record(one)).posts
    await worker.stop()


async def test_a_late_post_that_nobody_else_made_stays(town: Town) -> None:
    """The next holder finds it by its marker: nothing is deleted that is written to show the message."""
    worker = await town.worker("w1")
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    stall = town.desk.fault("relay", "one", late=True)
    (one,) = await town.writes(ANA, "one")
    await stall.reached.wait()
    await town.redis("DEL", keys.hold(LANE))
    await town.settled()
    stall.go.set()
    looked = worker.store.reads
    await until(lambda: worker.store.reads > looked, 15, "the late worker to look which post counts")
    assert town.desk.words() == ["hello", "one"]
    assert not town.desk.count("remove")
    assert town.desk.posts[-1].post in (await town.record(one)).posts
    await worker.stop()


async def test_stopping_finishes_what_is_under_way_and_starts_nothing(town: Town) -> None:
    """The post on its way is finished and noted; those that wait stay for the next worker."""
    worker = await town.worker("w1")
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    stall = town.desk.fault("relay", "one", stall=True)
    await town.writes(ANA, "one", "two")
    await stall.reached.wait()
    await until(lambda: _counted(town, 2), 5, "both to be pending")
    stopping = asyncio.create_task(worker.stop())
    await until(lambda: LANE in worker.performer._quiet, 5, "the stop")
    stall.go.set()
    await stopping
    assert town.desk.words() == ["hello", "one"]
    assert await town.pending(ANA) == 1
    await town.worker("w2")
    await town.settled()
    assert town.desk.words() == ["hello", "one", "two"]
    assert town.desk.count("find") == 0, "nothing was left in doubt"


async def test_stopping_does_not_wait_for_lines_that_only_wait(town: Town) -> None:
    """A long pause in memory and a fate that is waited for do not hold a stop up."""
    worker = await town.worker("w1", scale=1.0, perform={"longest_nap_s": 300.0})
    town.desk.fault("open_thread", problem=failure(FailureKind.RETRY, retry_after_s=200.0))
    await town.writes(ANA, "one")
    await until(lambda: worker.metrics.errors["desk", "retry"], 5, "the refusal")
    async with asyncio.timeout(3):
        await worker.stop()


async def test_nothing_is_left_in_memory_when_all_is_done(town: Town) -> None:
    """Lines, readings and turnstiles of a hundred contacts are gone once their work is done."""
    worker = await town.worker()
    contacts = [contact_of(number) for number in range(100)]
    for contact in contacts:
        await town.writes(contact, "hello")
    for contact in contacts:
        await town.conversation(contact)
        await town.replies(contact, "hi")
    await town.settled()
    performer = worker.performer
    await until(lambda: not performer._tasks, 5, "the tasks to end")
    kept = (
        performer._units,
        performer._parked,
        performer._readings,
        performer._unread,
        worker.pace._turnstiles,
    )
    assert not any(kept)


async def test_an_unreadable_action_keeps_nothing_else_from_being_done(town: Town) -> None:
    """It stays pending, where it can be looked at; the contact's other actions and other contacts go on."""
    first = await town.worker("w1")
    town.desk.fault("open_thread", problem=failure(FailureKind.RETRY, retry_after_s=2.0))
    await town.writes(ANA, "one")
    await until(lambda: town.desk.count("open_thread"), 5, "the try")
    await first.stop()
    await town.redis("HSET", keys.actions(LANE, ANA), "future/0", b"\x81\xa4type\xa6Future")
    worker = await town.worker("w2")
    await until(lambda: town.desk.words() == ["one"], 5, "the word")
    assert worker.metrics.errors["bridge", "unreadable"] >= 1
    await town.writes(BO, "two")
    await until(lambda: town.desk.words() == ["one", "two"], 5, "the other contact")
    await until(lambda: _only_the_unreadable(town), 5, "the rest to be done")


async def test_a_contact_whose_pending_actions_cannot_be_read_keeps_no_other_waiting(town: Town) -> None:
    """The others of the lane are read and served by its next holder."""
    first = await town.worker("w1")
    others = [contact_of(1 + 4 * number) for number in range(40)]
    town.desk.fault("open_thread", problem=failure(FailureKind.RETRY, retry_after_s=60.0), times=99)
    for contact in others:
        await town.writes(contact, str(contact))
    await until(lambda: town.desk.count("open_thread") == 40, 5, "the tries")
    await first.stop()
    town.desk.faults.clear()
    for broken in (contact_of(401 + 4 * number) for number in range(5)):
        await town.redis("SADD", keys.busy(LANE), broken)
        await town.redis("SET", keys.actions(LANE, broken), "not a hash")
    await town.worker("w2")
    await until(lambda: sorted(town.desk.words()) == sorted(others), 15, "the others' words")


async def _only_the_unreadable(town: Town) -> bool:
    return [one.id for one in await town.store.pending(LANE, ANA)] == ["future/0"]


async def test_a_lane_lost_just_as_it_is_given_up_acts_again_once_it_is_ours(town: Town) -> None:
    """The quiet belongs to the hold that ends; the next one must not inherit it."""
    worker = await town.worker()
    hold = worker.engine.hold(LANE)
    assert hold is not None
    worker.performer.drop_lane(LANE)
    await worker.performer.quiesce(LANE, 1.0)
    worker.performer.take_lane(hold)
    await town.writes(ANA, "one")
    await until(lambda: town.desk.words() == ["one"], 5, "the word")


async def test_a_line_emptied_while_its_call_is_under_way_is_still_one_line(town: Town) -> None:
    """What comes next waits for the call, and is carried out by the same line."""
    worker = await town.worker()
    await town.writes(ANA, "one")
    await town.settled()
    stall = town.desk.fault("relay", "two", stall=True)
    await town.writes(ANA, "two")
    await stall.reached.wait()
    relays = [one.id for one in await town.store.pending(LANE, ANA) if b"Relay" in one.action]
    worker.performer.end(LANE, ANA, relays)
    await town.writes(ANA, "three")
    await until(lambda: _counted(town, len(relays) + 1), 5, "the next one to be pending")
    await until(lambda: town.desk.under_way["update_card"] == 0, 5)
    assert town.desk.count("relay", "three") == 0
    stall.go.set()
    await town.settled()
    assert town.desk.words() == ["one", "two", "three"]
    await until(lambda: not (worker.performer._units or worker.performer._tasks), 5, "the lines to end")


async def test_what_comes_while_an_empty_line_reads_is_taken_in_by_it(town: Town) -> None:
    """Else the line that reads would go on reading for ever, for what another one has done."""
    worker = await town.worker()
    await town.writes(ANA, "one")
    await town.settled()
    conversation = await town.conversation(ANA)
    await until(lambda: not worker.performer._tasks, 5, "the lines to end")
    worker.store.pending_go.clear()
    worker.performer.resume(LANE, ANA, f"{conversation.id}|{Line.THREAD}")
    await town.writes(ANA, "two")
    await until(lambda: _counted(town, 1), 5, "the next one to be pending")
    worker.store.pending_go.set()
    await town.settled()
    assert town.desk.words() == ["one", "two"]
    await until(lambda: not (worker.performer._units or worker.performer._tasks), 5, "the lines to end")
