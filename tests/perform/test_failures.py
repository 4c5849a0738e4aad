"""What each kind of failure leads to, per kind of action, and what is known after a crash."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from bridge.content import Words
from bridge.errors import FailureKind
from bridge.events import ContactAmended, ContactReacted, StaffEventUnplaced, StaffWrote, pack
from bridge.markup import text
from bridge.model import (
    DESK_LANE,
    DESK_UNIT,
    ContactId,
    ConversationId,
    EventId,
    Fate,
    Place,
    Post,
    Receipt,
    Reference,
    lane_of,
    message_id,
)
from bridge.perform.lines import unpack_mark
from bridge.store import keys
from tests.support.platforms import NO_ANSWER, failure
from tests.support.waiting import until
from tests.support.workers import BEN, INBOX, Town, Worker, contact_of

ANA, BO = contact_of(1), contact_of(5)
LANE = lane_of(ANA)


async def talking(town: Town, worker_name: str = "w1", **options: object) -> Worker:
    """A worker, and a contact whose thread is there."""
    worker = await town.worker(worker_name, **options)  # type: ignore[arg-type]
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    return worker


# ------------------------------------------------------------------------------------------- on the desk


@pytest.mark.parametrize("kind", ["open_thread", "relay", "notice"])
@pytest.mark.parametrize("trouble", [FailureKind.RETRY, FailureKind.LIMITED])
async def test_a_post_that_can_be_tried_again_is_made_once_and_in_order(
    town: Town, kind: str, trouble: FailureKind
) -> None:
    """Refused twice, then made; what comes behind it waits."""
    await town.worker()
    if kind == "notice":
        await talking_about_change(town)
    town.desk.fault(kind, problem=failure(trouble), times=2)
    if kind == "notice":
        await change(town)
    await town.writes(ANA, "one", "two")
    await town.settled()
    assert town.desk.count(kind) >= 3
    assert [one for one in town.desk.words() if one in {"one", "two"}] == ["one", "two"]
    assert town.desk.count("find") == 0, "a refusal leaves no doubt"
    assert len(town.desk.threads()) == 1


async def talking_about_change(town: Town) -> None:
    """The contact's thread stands."""
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()


async def change(town: Town) -> None:
    """Something that makes a notice: a dead letter."""
    await town.store.emit(LANE, ANA, b"poison")


async def test_a_post_that_is_limited_for_good_is_shown_in_other_words(town: Town) -> None:
    """After a few tries the message is not lost: a notice with its words stands in its place, and order holds."""
    await talking(town)
    town.desk.fault("relay", "one", problem=failure(FailureKind.LIMITED), times=99)
    await town.writes(ANA, "one", "two")
    await town.settled()
    words = town.desk.words()
    assert town.desk.count("relay", "one") == 4
    assert "one" in words[1]
    assert words[2] == "two"


async def test_a_post_that_can_never_be_made_is_shown_in_other_words(town: Town) -> None:
    """At once, in its turn."""
    await talking(town)
    town.desk.fault("relay", "one", problem=failure(FailureKind.NEVER), times=99)
    await town.writes(ANA, "one", "two")
    await town.settled()
    words = town.desk.words()
    assert town.desk.count("relay", "one") == 1
    assert "one" in words[1]
    assert words[2] == "two"


async def test_a_thread_that_vanished_is_replaced_and_nothing_is_lost(town: Town) -> None:
    """What could not be posted goes into the new thread, in order."""
    await talking(town)
    conversation = await town.conversation(ANA)
    old = conversation.thread
    assert old is not None
    assert old.thread is not None
    town.desk.gone.add(old.thread)
    await town.writes(ANA, "one", "two")
    await town.settled()
    new = (await town.conversation(ANA)).thread
    assert new != old
    assert isinstance(new, Place)
    assert town.desk.words(new.thread) == ["one", "two"]
    assert town.desk.count("open_thread") == 2


async def test_a_desk_that_stopped_is_waited_for_and_an_operator_is_told(town: Town) -> None:
    """Everything stays pending, in order, until it works again; one alarm, not one a message."""
    await town.worker(perform={"stopped_s": 5.0})
    town.desk.fault("open_thread", problem=failure(FailureKind.STOP), times=3)
    await town.writes(ANA, "one", "two", "three")
    await town.settled()
    assert town.desk.words() == ["one", "two", "three"]
    assert town.desk.count("alert") == 1


async def test_a_thread_that_can_never_be_opened_is_not_hammered(town: Town) -> None:
    """Routing keeps what waits for it and tells people; the next try comes after a pause, not at once."""
    await town.worker(perform={"stopped_s": 20.0})
    town.desk.fault("open_thread", problem=failure(FailureKind.NEVER), times=2)
    asked_at = asyncio.get_running_loop().time()
    await town.writes(ANA, "one")
    await town.settled()
    assert town.desk.words() == ["one"]
    assert town.desk.count("open_thread") == 3
    assert asyncio.get_running_loop().time() - asked_at >= 2 * 20.0 * 0.01


@pytest.mark.parametrize("kind", ["open_thread", "relay"])
@pytest.mark.parametrize("effect", [True, False])
async def test_a_post_of_unknown_fate_is_looked_up(town: Town, kind: str, effect: bool) -> None:
    """It is found, or made again: it stands there once."""
    await town.worker()
    town.desk.fault(kind, problem=NO_ANSWER, effect=effect)
    await town.writes(ANA, "one", "two")
    await town.settled()
    assert town.desk.words() == ["one", "two"]
    assert len(town.desk.threads()) == 1
    assert town.desk.count("find") == 1
    calls = 1 if effect else 2
    assert town.desk.count(kind) == (calls if kind == "open_thread" else calls + 1)


@pytest.mark.parametrize("kind", ["open_thread", "relay"])
@pytest.mark.parametrize("effect", [True, False])
async def test_a_post_that_a_crash_interrupted_is_looked_up_by_the_next_worker(
    town: Town, kind: str, effect: bool
) -> None:
    """The mark tells that it was tried; the desk tells whether it stands."""
    first = await town.worker("w1")
    stall = town.desk.fault(kind, stall=not effect, late=effect)
    await town.writes(ANA, "one")
    await stall.reached.wait()
    await first.crash()
    await town.redis("DEL", keys.WORKERS, *(keys.hold(lane) for lane in town.lanes))
    await town.worker("w2")
    await town.writes(ANA, "two")
    await town.settled()
    assert town.desk.words() == ["one", "two"]
    assert len(town.desk.threads()) == 1
    assert town.desk.count("find") == 1


async def test_a_post_that_is_made_at_once_is_marked_with_its_commit(town: Town) -> None:
    """One round trip less; a reply, of which nobody can be asked whether it was sent, is marked by itself."""
    worker = await talking(town, perform={"fresh_mark_s": 60.0})
    worker.store.marked.clear()
    stall = town.desk.fault("relay", "two", stall=True)
    await town.writes(ANA, "two")
    await until(stall.reached.is_set, 10, "the post to be under way")
    (pending,) = await town.store.pending(LANE, ANA)
    assert unpack_mark(pending.mark).open
    assert worker.store.marked == []
    stall.go.set()
    await town.settled()
    (reply,) = await town.replies(ANA, "three")
    await until(lambda: town.channel.count("send", "three") == 1, 10, "the reply")
    assert [one.startswith(reply.id) for one in worker.store.marked] == [True]


async def test_what_comes_next_in_a_line_is_marked_with_the_end_of_what_came_before(town: Town) -> None:
    """A new thread and the messages that wait for it: each attempt is recorded, and none by itself."""
    worker = await town.worker(perform={"fresh_mark_s": 60.0})
    stall = town.desk.fault("open_thread", stall=True)
    await town.writes(ANA, "one", "two", "three")
    await until(stall.reached.is_set, 10, "the thread to be opened")
    last = town.desk.fault("relay", "three", stall=True)
    stall.go.set()
    await until(last.reached.is_set, 10, "the last post to be under way")
    marks = {one.id.rpartition("/")[2]: one.mark for one in await town.store.pending(LANE, ANA)}
    assert [unpack_mark(mark).open for mark in marks.values() if mark] == [True]
    last.go.set()
    await town.settled()
    assert worker.store.marked == []
    assert [post.words for post in town.desk.posts if post.place.thread] == ["one", "two", "three"]


async def test_a_mark_that_grew_old_before_the_attempt_is_made_anew(town: Town) -> None:
    """It tells when the attempt was made: a look-up that came too early would miss the post."""
    worker = await talking(town, perform={"fresh_mark_s": 0.0})
    worker.store.marked.clear()
    (event,) = await town.writes(ANA, "two")
    await town.settled()
    assert [one.startswith(event.id) for one in worker.store.marked] == [True]
    assert town.desk.count("relay", "two") == 1


# ---------------------------------------------------------------------------------------- to the contact


async def test_parts_go_out_in_order_each_once(town: Town) -> None:
    """Also when one is refused for a while in the middle."""
    await talking(town)
    town.channel.fault("send", "b", problem=failure(FailureKind.RETRY), times=2)
    await town.replies(ANA, "a\nb\nc", "d")
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["a", "b", "c", "d"]
    assert town.channel.count("send") == 6


async def test_each_part_has_its_own_tries(town: Town) -> None:
    """The last of many parts is tried again although the ones before it were tried once each."""
    await talking(town, perform={"give_up_after": 4})
    parts = [f"part {number}" for number in range(6)]
    town.channel.fault("send", "part 5", problem=failure(FailureKind.RETRY), times=2)
    await town.replies(ANA, "\n".join(parts))
    await town.settled()
    assert [words for _, words in town.channel.sent] == parts


@pytest.mark.parametrize(
    "kind, tries",
    [
        (FailureKind.RETRY, 4),
        (FailureKind.LIMITED, 3),
        (FailureKind.WAIT, 1),
        (FailureKind.NEVER, 1),
        (FailureKind.GONE, 1),
        (FailureKind.STOP, 1),
    ],
)
async def test_a_reply_that_cannot_be_sent_fails_visibly(town: Town, kind: FailureKind, tries: int) -> None:
    """After as many tries as its kind deserves; the thread says so, and later replies go on."""
    await talking(town, perform={"give_up_after": 4, "limited_tries": 3})
    town.channel.fault("send", "bad", problem=failure(kind), times=99)
    bad, good = await town.replies(ANA, "bad", "good")
    await town.settled()
    assert town.channel.count("send", "bad") == tries
    assert [words for _, words in town.channel.sent] == ["good"]
    assert any(f"it is {kind.value}" in one for one in town.desk.words()), town.desk.words()
    assert (bad.post.id, 8) in [(post, int(receipt)) for post, receipt in town.desk.receipts]
    assert good.contact == ANA


async def test_a_reply_waits_as_long_as_the_platform_asked(town: Town) -> None:
    """Not shorter, whatever the waits are scaled to."""
    await talking(town)
    town.channel.fault("send", "one", problem=failure(FailureKind.LIMITED, retry_after_s=0.4))
    await town.replies(ANA, "one")
    await town.settled()
    first, second = town.channel.instants
    assert 0.4 <= second - first < 2.0


async def test_a_reply_of_unknown_fate_is_settled_by_a_status(town: Town) -> None:
    """The status carries our id: it counts as sent, is not sent again, and the next part follows."""
    await talking(town, scale=1.0, perform={"decoration_wait_s": 0.01})
    town.channel.fault("send", "one", problem=NO_ANSWER, effect=True)
    (reply,) = await town.replies(ANA, "one\ntwo")
    await until(lambda: town.channel.sent, 5, "the first part")
    await town.status(reply, "sent", "wamid.1")
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["one", "two"]
    assert town.channel.count("send") == 2


async def test_a_reply_of_unknown_fate_that_nothing_settles_is_asked_about(town: Town) -> None:
    """It is not sent again; the thread asks, and later replies go on."""
    worker = await talking(town, perform={"unknown_wait_s": 20.0})
    town.channel.fault("send", "one", problem=NO_ANSWER, effect=True)
    reply, _ = await town.replies(ANA, "one", "two")
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["one", "two"]
    assert town.channel.count("send", "one") == 1
    assert worker.metrics.sends["send", "uncertain"] == 1
    first, second = town.channel.instants
    assert second - first >= 0.9 * 20.0 * 0.01, "a status had its time"
    assert (await town.record(reply)).fate is Fate.UNCERTAIN


async def test_a_reply_that_a_crash_interrupted_is_not_sent_again(town: Town) -> None:
    """It had its effect, nobody knows: the next worker asks instead of repeating it."""
    first = await talking(town, "w1")
    stall = town.channel.fault("send", "one", late=True)
    await town.replies(ANA, "one", "two")
    await stall.reached.wait()
    await first.crash()
    await town.redis("DEL", keys.WORKERS, *(keys.hold(lane) for lane in town.lanes))
    second = await town.worker("w2")
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["one", "two"]
    assert second.metrics.sends["send", "uncertain"] == 1


async def test_a_reply_that_was_not_tried_before_a_crash_is_sent(town: Town) -> None:
    """No mark: it was not tried."""
    first = await talking(town, "w1")
    stall = town.channel.fault("send", "one", stall=True, effect=False, problem=failure(FailureKind.RETRY))
    await town.replies(ANA, "one", "two", "three")
    await stall.reached.wait()
    await first.crash()
    await town.redis("DEL", keys.WORKERS, *(keys.hold(lane) for lane in town.lanes))
    await town.worker("w2")
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["two", "three"]


async def test_a_call_ends_before_the_hold_does(town: Town) -> None:
    """A send that hangs in a lane that is not renewed is given up while its result can still be committed."""
    await talking(town)
    await town.workers[0].stop()
    options = {"renew_every_s": 1000.0}
    taken_at = asyncio.get_running_loop().time()
    worker = await town.worker("w2", hold_s=2.5, engine=options, perform={"send_timeout_s": 30.0})
    stall = town.channel.fault("send", "one", stall=True)
    await town.replies(ANA, "one")
    async with asyncio.timeout(2):
        await stall.reached.wait()
    hold = worker.engine.hold(LANE)
    assert hold is not None
    await until(lambda: worker.metrics.errors["channel", "unknown"], 5, "the call's end")
    ended_at = asyncio.get_running_loop().time()
    assert taken_at + 1.0 < ended_at < hold.until


async def test_nothing_is_begun_in_the_last_moments_of_a_hold(town: Town) -> None:
    """Too little time is left for a call: none is made, until somebody holds the lane for longer."""
    await talking(town)
    await town.workers[0].stop()
    options = {"renew_every_s": 1000.0, "balance_every_s": 1000.0}
    worker = await town.worker("w2", hold_s=1.0, engine=options, perform={"send_timeout_s": 20.0})
    await town.replies(ANA, "one")
    await until(lambda: worker.engine.hold(LANE) is None or _is_over(worker), 5, "the end of the hold")
    assert town.channel.calls == []


def _is_over(worker: Worker) -> bool:
    hold = worker.engine.hold(LANE)
    return hold is None or hold.until < asyncio.get_running_loop().time()


async def test_words_that_came_by_the_desks_lane_need_no_look_up_once_the_thread_is_known(town: Town) -> None:
    """They go to the conversation, in order, and the desk is not asked for the root of each."""
    await talking(town)
    place = (await town.conversation(ANA)).thread
    assert place is not None
    for number in range(3):
        wrote = StaffWrote(
            id=EventId(f"desk:C1:late{number}"),
            at=datetime.now(UTC),
            contact=ContactId(""),
            conversation=ConversationId(""),
            author=BEN.accounts[0],
            author_name="Ben",
            place=place,
            post=Post(desk="desk", channel="C1", id=f"late{number}"),
            body=text(f"late {number}"),
        )
        unplaced = StaffEventUnplaced(id=wrote.id, at=wrote.at, place=place, event=pack(wrote))
        await town.store.emit(DESK_LANE, DESK_UNIT, pack(unplaced))
    await until(lambda: len(town.channel.sent) == 3, 10, "three replies")
    await town.settled()
    assert [words for _, words in town.channel.sent] == ["late 0", "late 1", "late 2"]
    assert town.desk.count("find_thread") == 0


# --------------------------------------------------------------------------------------------- decoration


async def test_bursts_of_card_changes_become_one_call(town: Town) -> None:
    """Ten changes while the card waits: far fewer renderings, the last with the newest state."""
    await talking(town, scale=0.2)
    before = town.desk.count("update_card")
    for number in range(10):
        event = town.received(ANA, f"word {number}")
        named = type(event)(
            **{field: getattr(event, field) for field in event.__struct_fields__} | {"name": f"Ana {number}"}
        )
        await town.append(ANA, named)
    await town.settled()
    assert 1 <= town.desk.count("update_card") - before <= 3
    (views,) = town.desk.cards.values()
    assert views[-1].name.startswith("Ana 9")


async def test_the_furthest_receipt_of_a_post_wins(town: Town) -> None:
    """Sent, delivered and read within a moment: one receipt."""
    await talking(town, scale=0.3)
    (reply,) = await town.replies(ANA, "hi")
    await until(lambda: town.channel.sent, 5, "the reply")
    message = message_id(LANE, reply.id)
    platform_id = f"out-{message}-0-1"
    for status in ("sent", "delivered", "read"):
        await town.status(reply, status, platform_id)
    await town.settled()
    shown = [int(receipt) for post, receipt in town.desk.receipts if post == reply.post.id]
    assert shown[-1] == 7
    assert len(shown) <= 2


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_no_failure_of_decoration_holds_anything_up(town: Town, kind: FailureKind) -> None:
    """Receipts that cannot be shown are dropped, after a few tries at most."""
    await talking(town)
    town.desk.fault("show_receipt", problem=failure(kind), times=999)
    await town.replies(ANA, "one", "two")
    await town.settled()
    assert len(town.channel.sent) == 2
    assert town.desk.count("show_receipt") <= 2 * 6


async def test_tries_of_decoration_are_counted_also_while_its_line_is_parked(town: Town) -> None:
    """Each pause puts the line out of memory, and still it ends after a few tries."""
    await talking(town, scale=0.1, perform={"longest_nap_s": 0.05})
    town.desk.fault("show_receipt", problem=failure(FailureKind.RETRY), times=999)
    await town.replies(ANA, "one")
    await town.settled(20)
    assert town.desk.count("show_receipt") <= 6


async def test_a_receipt_that_comes_at_a_busy_time_is_shown_later(town: Town) -> None:
    """However often the desk asks to slow down: what became of a reply is shown in the end."""
    await talking(town)
    town.desk.fault("show_receipt", problem=failure(FailureKind.RETRY, retry_after_s=0.01), times=20)
    [reply] = await town.replies(ANA, "r1")
    await town.settled()
    shown = [receipt for post, receipt in town.desk.receipts if post == reply.post.id]
    assert shown[-1] is Receipt.ACCEPTED
    assert town.desk.count("show_receipt") > 20


async def test_a_read_receipt_that_fails_is_let_go(town: Town) -> None:
    """One more or less does no harm."""
    town.world.__init__(read_receipts=True)  # type: ignore[misc]
    await talking(town)
    town.channel.fault("mark_read", problem=failure(FailureKind.RETRY), times=99)
    await town.replies(ANA, "one")
    await town.settled()
    assert town.channel.count("mark_read") == 1
    assert town.channel.sent == [(f"to-{ANA}", "one")]


async def test_waits_scaled_to_nothing_do_not_spin(town: Town) -> None:
    """With pace switched off, a desk that refuses for a while is asked a bounded number of times."""
    await town.worker(scale=0.0)
    town.desk.fault("open_thread", problem=failure(FailureKind.RETRY), times=10_000)
    await town.writes(ANA, "one")
    await until(lambda: town.desk.count("open_thread") >= 5, 5, "some tries")
    started, tries = asyncio.get_running_loop().time(), town.desk.count("open_thread")
    await until(lambda: town.desk.count("open_thread") >= tries + 20, 10, "more tries")
    assert asyncio.get_running_loop().time() - started >= 20 * 0.009
    town.desk.faults.clear()
    await town.settled()
    assert town.desk.words() == ["one"]
    assert (await town.contact(ANA)).conversations[INBOX].thread is not None


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_a_reaction_that_cannot_be_put_on_its_message_is_told_of(town: Town, kind: FailureKind) -> None:
    """With the message's words, whatever the desk said; the state has the emoji as shown, so nothing else would tell of it."""
    await town.worker()
    (hello,) = await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    town.desk.fault("react", problem=failure(kind), times=999)
    now = datetime.now(UTC)
    about = Reference(platform_id=hello.platform_id, cause=hello.id)
    await town.append(
        ANA,
        ContactReacted(
            id=EventId("reaction"), at=now, contact=ANA, inbox=INBOX, about=about, emoji="👍", sent_at=now
        ),
    )
    await town.settled(30)
    assert "reacted with 👍 to “hello”" in town.desk.words()[-1]


@pytest.mark.parametrize("kind", [FailureKind.STOP, FailureKind.GONE, FailureKind.WAIT, FailureKind.NEVER])
async def test_an_edit_that_cannot_be_shown_is_told_of_with_what_it_was(
    town: Town, kind: FailureKind
) -> None:
    """Not with what the desk said of it, as if the contact had written that. What stops the old channel is given up once the
    inbox has another one.
    """
    await town.worker()
    (hello,) = await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await town.settled()
    moved = replace(town.world.policies().inboxes[INBOX], channel="C2")
    town.world._policies = replace(town.world.policies(), inboxes={INBOX: moved})
    town.desk.fault("amend", problem=failure(kind), times=999)
    now = datetime.now(UTC)
    await town.append(
        ANA,
        ContactAmended(
            id=EventId("edit"),
            at=now,
            contact=ANA,
            inbox=INBOX,
            about=Reference(platform_id=hello.platform_id, cause=hello.id),
            content=Words(text("hello you")),
            sent_at=now,
        ),
    )
    await town.settled(30)
    assert "edited “hello”. It reads now: hello you" in town.desk.words()[-1]
