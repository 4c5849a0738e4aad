"""Contacts at rest, on a real Valkey: what stays there, how they come back, and what waits for the archive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bridge import journal
from bridge.errors import BridgeError
from bridge.events import ContactArchived, ContactIdle, StubOutlived, ThreadVanished
from bridge.journal import ContactStored, MessageNoted
from bridge.markup import bare
from bridge.model import (
    Contact,
    ContactId,
    Conversation,
    EventId,
    Status,
    lane_of,
)
from bridge.store import keys, stub
from bridge.store.base import Stored, StoredLine
from tests.support.waiting import until
from tests.support.workers import Town, contact_of

ANA, BO = contact_of(1), contact_of(5)
"""Both in the same shard."""


class JournalShelf:
    """An archive made of nothing but the journals in Redis. `away`: it does not answer; `gate`: it answers late."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[ContactId] = []

    async def state(self, contact: ContactId) -> Stored | None:
        """See `store.base.Shelf`."""
        self.asked.append(contact)
        await self.gate.wait()
        if self.away:
            raise BridgeError("the database is away")
        facts = [fact for fact in await self.facts(contact) if fact.contact == contact]
        stored = [fact for fact in facts if isinstance(fact, ContactStored)]
        lines = tuple(
            StoredLine(
                conversation=fact.conversation,
                at=fact.at,
                direction=fact.direction,
                author=fact.author,
                text=bare(fact.body),
                internal=fact.internal,
            )
            for fact in facts
            if isinstance(fact, MessageNoted)
        )
        return Stored(state=stored[-1].state, lines=lines) if stored else None

    async def facts(self, contact: ContactId) -> list[journal.AnyFact]:
        """All facts of the contact's shard."""
        entries = await self.town.redis("XRANGE", keys.journal(lane_of(contact)), "-", "+")
        return [journal.unpack(fact) for _, fields in entries for fact in fields[1::2]]


@pytest.fixture
def shelf(town: Town) -> JournalShelf:
    """An archive that answers."""
    return JournalShelf(town)


async def kept(town: Town, contact: ContactId) -> Contact | stub.Stub | stub.Shelved:
    """What Redis has of a contact."""
    record = await town.store.load(lane_of(contact), contact)
    assert record.data is not None
    return stub.unpack(record.data)


async def talked(town: Town, contact: ContactId) -> Conversation:
    """A conversation in which both sides said something, then resolved, as committed."""
    await town.writes(contact, f"hello from {contact}")
    await town.conversation(contact)
    await town.replies(contact, f"hello {contact}")
    await town.settled()
    await town.replies(contact, "!resolve")
    await town.settled()
    found = await town.conversation(contact)
    assert found.status is Status.RESOLVED
    return found


async def goes_idle(town: Town, contact: ContactId) -> datetime:
    """The archive says that a contact was quiet for long; when that was."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    await town.append(
        contact,
        ContactIdle(id=EventId(f"idle:{contact}"), at=at, contact=contact, since=at + timedelta(hours=1)),
    )
    await town.settled()
    return at


async def is_archived(town: Town, contact: ContactId, stored: datetime) -> None:
    """The archive has it."""
    event = ContactArchived(
        id=EventId(f"archived:{contact}"), at=datetime.now(UTC), contact=contact, stored=stored
    )
    await town.append(contact, event)
    await town.settled()


async def is_outlived(town: Town, contact: ContactId, stored: datetime) -> None:
    """And has had it for long."""
    event = StubOutlived(
        id=EventId(f"outlived:{contact}"), at=datetime.now(UTC), contact=contact, stored=stored
    )
    await town.append(contact, event)
    await town.settled()


async def rests(town: Town, contact: ContactId, *, shelved: bool = False) -> Conversation:
    """A contact that talked and is at rest now; the conversation as it was."""
    conversation = await talked(town, contact)
    stored = await goes_idle(town, contact)
    await is_archived(town, contact, stored)
    if shelved:
        await is_outlived(town, contact, stored)
    assert isinstance(await kept(town, contact), stub.Shelved if shelved else stub.Stub)
    return conversation


async def test_a_contact_at_rest_leaves_a_stub_and_ways_to_it(town: Town, shelf: JournalShelf) -> None:
    """Recent history is gone; its number and its thread still lead to it."""
    await town.worker(shelf=shelf)
    conversation = await rests(town, ANA)
    lane = lane_of(ANA)
    assert await town.store.recent(lane, conversation.id, 20) == []
    assert conversation.thread is not None
    assert await town.inlet.thread(conversation.thread) is not None
    assert await town.inlet.numbered(conversation.number) is not None
    assert await town.redis("EXISTS", keys.actions(lane, ANA)) == 0
    shown = await town.inlet.contact(ANA)
    assert shown is not None
    assert shown.conversations[conversation.inbox].thread == conversation.thread


async def test_a_message_finds_the_conversation_of_a_contact_at_rest(town: Town, shelf: JournalShelf) -> None:
    """It re-opens, in its thread, with all that was known; and what was said is there again."""
    await town.worker(shelf=shelf)
    was = await rests(town, ANA)
    await town.writes(ANA, "me again")
    await town.settled()
    assert town.desk.words()[-1] == "me again"
    now = await town.conversation(ANA)
    assert (now.id, now.thread, now.status) == (was.id, was.thread, Status.ACTIVE)
    found = await kept(town, ANA)
    assert isinstance(found, Contact)
    assert (found.resting, found.partial) == (None, None)
    lines = await town.store.recent(lane_of(ANA), now.id, 20)
    texts = [msgspec.msgpack.decode(line)[3] for line in lines]
    assert texts[:2] == [f"hello from {ANA}", f"hello {ANA}"]
    assert texts[-1] == "me again"
    await town.replies(ANA, "welcome back")
    await town.settled()
    assert town.channel.sent[-1] == (f"to-{ANA}", "welcome back")


async def test_a_thread_made_anew_after_a_rest_recaps_what_was_said(town: Town, shelf: JournalShelf) -> None:
    """The old one was deleted meanwhile."""
    await town.worker(shelf=shelf)
    was = await rests(town, ANA)
    assert was.thread is not None
    vanished = ThreadVanished(
        id=EventId("gone"),
        at=datetime.now(UTC),
        contact=ANA,
        conversation=was.id,
        place=was.thread,
        reason="it was deleted",
    )
    await town.append(ANA, vanished)
    await town.writes(ANA, "me again")
    await town.settled()
    now = await town.conversation(ANA)
    assert now.thread is not None
    assert now.thread != was.thread
    first, *_ = town.desk.cards[now.thread.thread or ""]
    assert [line.text for line in first.recap][:2] == [f"hello from {ANA}", f"hello {ANA}"]


async def test_without_the_archive_the_stub_goes_on_at_once_and_is_completed_later(
    town: Town, shelf: JournalShelf
) -> None:
    """The message is shown and answered; the rest comes when the archive does."""
    await town.worker(shelf=shelf)
    conversation = await talked(town, ANA)
    await town.replies(ANA, "!tag parcel")
    await town.settled()
    await is_archived(town, ANA, await goes_idle(town, ANA))
    shelf.away = True
    await town.writes(ANA, "me again")
    await town.settled()
    assert town.desk.words()[-1] == "me again"
    partial = await town.conversation(ANA)
    assert (partial.id, partial.thread, partial.tags) == (conversation.id, conversation.thread, ())
    await town.replies(ANA, "welcome back")
    await town.settled()
    assert town.channel.sent[-1] == (f"to-{ANA}", "welcome back")
    shelf.away = False

    async def is_whole() -> bool:
        return (await town.conversation(ANA)).tags == ("parcel",)

    await until(is_whole, 15, "the tags from the archive")
    found = await kept(town, ANA)
    assert isinstance(found, Contact)
    assert found.partial is None


async def test_an_archive_that_hangs_delays_a_stub_for_a_moment_only(town: Town, shelf: JournalShelf) -> None:
    """It is asked, and after that it is taken for away."""
    await town.worker(shelf=shelf)
    await rests(town, ANA)
    shelf.gate.clear()
    await town.writes(ANA, "me again")
    await town.settled()
    assert town.desk.words()[-1] == "me again"
    assert ANA in shelf.asked


async def test_who_only_the_archive_knows_waits_for_it_and_delays_nobody(
    town: Town, shelf: JournalShelf
) -> None:
    """Another contact of the same shard goes on; nothing is in memory of the one that waits; then all of it comes, in
    order, once.
    """
    worker = await town.worker(shelf=shelf)
    was = await rests(town, ANA, shelved=True)
    assert was.thread is not None
    assert await town.inlet.thread(was.thread) is None
    assert await town.inlet.numbered(was.number) is None
    shelf.away = True
    await town.writes(ANA, *(f"word {number}" for number in range(40)))
    await town.writes(BO, "and me?")
    await until(lambda: "and me?" in town.desk.words(), 10, "the other contact's words")
    await until(lambda: worker.engine.in_hand() == 0, 10, "nothing to be in hand")
    assert not any(words.startswith("word") for words in town.desk.words())
    assert await town.redis("XLEN", keys.stream(lane_of(ANA))) == 40
    shelf.away = False
    await town.settled(30)
    shown = [words for words in town.desk.words() if words.startswith("word")]
    assert shown == [f"word {number}" for number in range(40)]
    now = await town.conversation(ANA)
    assert (now.id, now.thread) == (was.id, was.thread)
    assert await town.inlet.thread(was.thread) is not None
    assert await town.inlet.numbered(was.number) is not None
    assert await town.dead(ANA) == 0


async def test_waiting_for_the_archive_is_no_failed_try(town: Town, shelf: JournalShelf) -> None:
    """However many workers take the lane meanwhile."""
    first = await town.worker("w0", shelf=shelf)
    await rests(town, ANA, shelved=True)
    shelf.away = True
    await town.writes(ANA, "me again")
    await until(lambda: ANA in shelf.asked, 10, "the archive to be asked")
    await first.stop()
    for number in range(1, 6):
        shelf.asked.clear()
        worker = await town.worker(f"w{number}", shelf=shelf)
        await until(lambda: ANA in shelf.asked, 10, "the archive to be asked")
        await worker.stop()
    shelf.away = False
    await town.worker("last", shelf=shelf)
    await town.settled()
    assert town.desk.words()[-1] == "me again"
    assert await town.dead(ANA) == 0


async def test_a_number_passed_on_does_not_join_a_stranger_at_rest(town: Town, shelf: JournalShelf) -> None:
    """Whose a number is can be told from what little Redis has."""
    await town.worker(shelf=shelf)
    await town.redis("SET", keys.alias("id:p:ana"), ANA)
    await town.redis("SET", keys.alias("phone:p:1"), ANA)
    received = msgspec.structs.replace(town.received(ANA, "hello"), aliases=("id:p:ana", "phone:p:1"))
    await town.append(ANA, received)
    await town.settled()
    await rests(town, ANA, shelved=True)
    claim = await town.inlet.claim(("id:p:new", "phone:p:1"))
    assert claim.contact != ANA
    assert claim.joins is None
    assert (await town.inlet.claim(("id:p:ana",))).contact == ANA


Step = Callable[[Town, ContactId, datetime], Awaitable[None]]


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_message_that_arrives_between_two_steps_wins(
    town: Town, shelf: JournalShelf, after: int
) -> None:
    """Stored; archived; outlived: after each the contact writes, and the rest of the steps comes too late."""
    await town.worker(shelf=shelf)
    was = await talked(town, ANA)
    stored = await goes_idle(town, ANA)
    steps: list[Step] = [is_archived, is_outlived]
    for step in steps[: after - 1]:
        await step(town, ANA, stored)
    await town.writes(ANA, "me again")
    for step in steps[after - 1 :]:
        await step(town, ANA, stored)
    await town.settled()
    assert town.desk.words()[-1] == "me again"
    assert isinstance(await kept(town, ANA), Contact)
    now = await town.conversation(ANA)
    assert (now.id, now.thread, now.status) == (was.id, was.thread, Status.ACTIVE)
