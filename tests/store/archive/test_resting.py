"""Who the archive takes for quiet, whose state it has, and what the schedule tells the shards of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bridge.adapters.base import Placed
from bridge.events import ContactArchived, ContactEvent, ContactIdle, StubOutlived
from bridge.journal import ContactStored, StatusNoted
from bridge.model import (
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    InboxId,
    Status,
    lane_of,
)
from bridge.store.archive.database import Database
from bridge.store.archive.resting import ASK_AGAIN, Resting
from bridge.store.archive.shelf import ArchiveShelf
from bridge.store.archive.writer import Writer
from tests.support.archive import CONTACT, CONVERSATION, INBOX, START, Journal

WEEK = timedelta(days=7)
QUARTER = timedelta(days=90)
MONDAY = datetime(2026, 12, 14, 9, 0, tzinfo=UTC)
"""Three weeks later."""


def state_of(contact: ContactId, conversation: ConversationId, at: datetime) -> bytes:
    """A state as it is stored."""
    one = Conversation(
        id=conversation, number=1, inbox=INBOX, opened_at=START, episode_at=START, status=Status.RESOLVED
    )
    return msgspec.msgpack.encode(Contact(id=contact, conversations={INBOX: one}, resting=at))


class Past:
    """Contacts that talked long ago, and what the archive was told of them since."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.journal = Journal()

    async def talks(self, name: str, *, resolved: bool = True) -> ContactId:
        """A contact with a conversation; resolved unless told otherwise."""
        contact, conversation = ContactId(f"3-{name}"), ConversationId(f"3-{name}")
        own: dict[str, Any] = {"contact": contact, "conversation": conversation}
        facts = [
            self.journal.opened(**own),
            self.journal.said(f"hello from {name}", **own),
        ]
        closing = StatusNoted(**self.journal.stamp(**own), before=Status.ACTIVE, after=Status.RESOLVED)
        await self.writer.write(self.journal.entries(*facts, *((closing,) if resolved else ())))
        return contact

    async def is_stored(self, contact: ContactId, at: datetime) -> None:
        """Its state is in the archive."""
        stamp = self.journal.stamp(contact=contact, conversation="", inbox=InboxId(""))
        fact = ContactStored(**{**stamp, "at": at}, state=state_of(contact, ConversationId(contact), at))
        await self.writer.write(self.journal.entries(fact))


class Told:
    """What the shards were told."""

    def __init__(self) -> None:
        self.events: list[ContactEvent] = []

    async def append(self, events: Sequence[Placed]) -> None:
        """See `Resting`."""
        for placed in events:
            assert isinstance(placed.event, ContactEvent)
            assert placed.lane == lane_of(placed.event.contact)
            self.events.append(placed.event)

    def of(self, kind: type[ContactEvent]) -> list[ContactId]:
        """Who was told something of a kind, and forget it."""
        found = [event.contact for event in self.events if isinstance(event, kind)]
        self.events = [event for event in self.events if not isinstance(event, kind)]
        return found


def resting(database: Database, told: Told, at_once: int = 100) -> Resting:
    """The schedule, as set by default."""
    return Resting(ArchiveShelf(database), told.append, rest_after=WEEK, stub_for=QUARTER, at_once=at_once)


async def test_only_the_quiet_are_asked(database: Database, writer: Writer) -> None:
    """Not those with something open, nor those who wrote lately, nor those at rest already."""
    past = Past(writer)
    quiet = await past.talks("quiet")
    await past.talks("open", resolved=False)
    rested = await past.talks("rested")
    await past.is_stored(rested, MONDAY - timedelta(days=2))
    past.journal.now = MONDAY - timedelta(days=1)
    await past.talks("lately")
    told = Told()
    await resting(database, told).fire(MONDAY)
    (event,) = (one for one in told.events if isinstance(one, ContactIdle))
    assert (event.contact, event.at, event.since) == (quiet, MONDAY, MONDAY - WEEK)


async def test_who_wrote_after_a_rest_is_asked_again(database: Database, writer: Writer) -> None:
    """The stored state is not theirs any more."""
    past = Past(writer)
    contact = await past.talks("carla")
    await past.is_stored(contact, past.journal.now + timedelta(minutes=1))
    past.journal.now += timedelta(hours=1)
    await writer.write(past.journal.entries(past.journal.said("me again", contact=contact)))
    told = Told()
    await resting(database, told).fire(MONDAY)
    assert told.of(ContactIdle) == [contact]


async def test_many_are_asked_in_turns(database: Database, writer: Writer) -> None:
    """Each once, those first that were quiet longest; those that stay are asked again much later."""
    past = Past(writer)
    contacts = [await past.talks(f"c{number}") for number in range(5)]
    told = Told()
    schedule = resting(database, told, at_once=2)
    asked = []
    for minute in range(4):
        await schedule.fire(MONDAY + timedelta(minutes=minute))
        asked.append(told.of(ContactIdle))
    assert asked == [contacts[:2], contacts[2:4], contacts[4:], []]
    late = await past.talks("late")
    await schedule.fire(MONDAY + timedelta(minutes=5))
    assert told.of(ContactIdle) == [late]
    await schedule.fire(MONDAY + ASK_AGAIN)
    assert told.of(ContactIdle) == contacts[:2]


async def test_what_is_archived_is_told_once_and_by_whoever_comes_next(
    database: Database, writer: Writer
) -> None:
    """How far the telling has come is kept in the archive; before the quarter is over nobody is outlived."""
    past = Past(writer)
    first, second = await past.talks("first"), await past.talks("second")
    await past.is_stored(first, MONDAY)
    told = Told()
    await resting(database, told).fire(MONDAY + timedelta(minutes=1))
    (event,) = (one for one in told.events if isinstance(one, ContactArchived))
    assert (event.contact, event.stored) == (first, MONDAY)
    told.events.clear()
    await past.is_stored(second, MONDAY + timedelta(minutes=1))
    await resting(database, told).fire(MONDAY + timedelta(minutes=2))
    assert told.of(ContactArchived) == [second]
    assert told.of(StubOutlived) == []
    await resting(database, told).fire(MONDAY + QUARTER + timedelta(seconds=30))
    assert told.of(StubOutlived) == [first]
    await resting(database, told).fire(MONDAY + QUARTER + timedelta(minutes=5))
    assert told.of(StubOutlived) == [second]


async def test_a_telling_that_fails_is_repeated(database: Database, writer: Writer) -> None:
    """Nobody is forgotten when Redis does not take it."""
    past = Past(writer)
    contact = await past.talks("carla")
    await past.is_stored(contact, MONDAY)
    told = Told()

    async def refuse(_events: Sequence[Placed]) -> None:
        raise ConnectionError

    failing = Resting(ArchiveShelf(database), refuse, rest_after=WEEK, stub_for=QUARTER)
    try:
        await failing.fire(MONDAY + timedelta(minutes=1))
    except ConnectionError:
        await resting(database, told).fire(MONDAY + timedelta(minutes=1))
    assert told.of(ContactArchived) == [contact]


async def test_without_the_archive_the_schedule_waits_for_the_next_time(tmp_path: object) -> None:
    """It says so, and raises nothing."""
    gone = Database(f"sqlite:///{tmp_path}/nowhere.sqlite3")
    told = Told()
    await resting(gone, told).fire(MONDAY)
    assert told.events == []
    await gone.close()


async def test_a_state_comes_back_with_what_was_said(database: Database, writer: Writer) -> None:
    """As it was stored last, and the latest lines of its conversations, oldest first, notes marked."""
    past = Past(writer)
    contact = await past.talks("carla")
    own = {"contact": contact, "conversation": ConversationId(contact)}
    said = [past.journal.said(f"line {number}", **own) for number in range(25)]
    note = msgspec.structs.replace(past.journal.answered("careful", "n", internal=True), **own)
    await writer.write(past.journal.entries(*said, note))
    await past.is_stored(contact, MONDAY - timedelta(days=1))
    await past.is_stored(contact, MONDAY)
    shelf = ArchiveShelf(database)
    found = await shelf.state(contact)
    assert found is not None
    assert found.state == state_of(contact, ConversationId(contact), MONDAY)
    assert [line.text for line in found.lines] == [*(f"line {number}" for number in range(6, 25)), "careful"]
    assert [line.internal for line in found.lines][-2:] == [False, True]
    assert found.lines[-1].author == "ben"
    assert await shelf.state(CONTACT) is None


async def test_a_state_that_cannot_be_read_still_comes_back(database: Database, writer: Writer) -> None:
    """What to make of it is for whoever asked."""
    stamp = Journal().stamp(conversation=CONVERSATION)
    await writer.write(Journal().entries(ContactStored(**stamp, state=b"\xff")))
    found = await ArchiveShelf(database).state(CONTACT)
    assert found is not None
    assert (found.state, found.lines) == (b"\xff", ())


async def test_reading_on_goes_behind_the_last_one(database: Database, writer: Writer) -> None:
    """Also among those that were quiet since the same instant."""
    past = Past(writer)
    for name in "abc":
        past.journal.now = START
        await past.talks(name)
    shelf = ArchiveShelf(database)
    (first, second, third), end = await shelf.quiet(MONDAY, None, 10)
    assert end is None
    assert first.last_at == second.last_at == third.last_at
    assert await shelf.quiet(MONDAY, first, 1) == ([second], second)
    assert await shelf.quiet(MONDAY, first, 10) == ([second, third], None)
    assert await shelf.quiet(MONDAY, third, 10) == ([], None)


async def test_a_look_goes_through_so_many_contacts_only(database: Database, writer: Writer) -> None:
    """And the next one goes on there, whether it found somebody or not."""
    past = Past(writer)
    contacts = [await past.talks(name) for name in "abcde"]
    for contact in contacts[:3]:
        await past.is_stored(contact, MONDAY - timedelta(days=1))
    told = Told()
    shelf = ArchiveShelf(database, scanned=2)
    schedule = Resting(shelf, told.append, rest_after=WEEK, stub_for=QUARTER)
    asked = []
    for minute in range(4):
        await schedule.fire(MONDAY + timedelta(minutes=minute))
        asked.append(told.of(ContactIdle))
    assert asked == [[], contacts[3:4], contacts[4:], []]
