"""What Redis is rebuilt from, on both engines: whose the archive is, how far it goes, and its contacts."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from bridge.journal import (
    AliasesNoted,
    AssigneeNoted,
    ContactNoted,
    ContactStored,
    ConversationOpened,
    DeliveryNoted,
    Fact,
    PostNoted,
    StatusNoted,
    TagsNoted,
    ThreadNoted,
)
from bridge.model import (
    AgentId,
    Contact,
    ContactId,
    ConversationId,
    Fate,
    InboxId,
    MessageId,
    Place,
    Post,
    Status,
)
from bridge.store.archive.census import PAGE, Census, Known
from bridge.store.archive.database import Database
from bridge.store.archive.writer import Writer
from tests.support.archive import CONTACT, CONVERSATION, INBOX, LANE, START, Journal

SHARDS = 16
THREAD = Place(desk="slack", channel="C1", thread="17.1")
OLD = Place(desk="slack", channel="C1", thread="16.1")


def census(database: Database) -> Census:
    """With a service window of an hour."""
    return Census(database, SHARDS, {INBOX: 3600.0})


def post(place: Place) -> Post:
    """A thread's root."""
    return Post(desk=place.desk, channel=place.channel, id=place.thread or "")


async def known(database: Database) -> dict[ContactId, Known]:
    """Everybody of the lane."""
    pages = [page async for page in census(database).contacts(LANE)]
    return {one.contact.id: one for page in pages for one in page}


async def test_the_archive_is_signed_once_and_its_numbers_follow(database: Database, writer: Writer) -> None:
    """Whoever signs later changes nothing but the numbers."""
    one = census(database)
    assert (await one.side()).id is None
    await one.sign("first", ["1", "2"])
    await one.sign("second", ["2", "3"])
    side = await one.side()
    assert (side.id, side.numbers, side.shards) == ("first", ("2", "3"), SHARDS)
    assert (dict(side.counters), dict(side.watermarks)) == ({}, {})
    journal = Journal()
    entries = journal.entries(
        journal.opened(number=66 * SHARDS + 3),
        journal.opened(number=70 * SHARDS + 3, conversation=ConversationId("3-70")),
    )
    await writer.write(entries)
    side = await one.side()
    assert dict(side.counters) == {LANE: 70}
    assert dict(side.watermarks) == {LANE: entries[-1].entry}
    assert dict((await one.side(counters=False)).counters) == {}


async def test_a_contact_is_rebuilt_as_people_know_it(database: Database, writer: Writer) -> None:
    """Name, number, address, aliases; thread, card, former threads, status, assignee, tags, window."""
    journal = Journal()
    own = {"conversation": ConversationId(""), "inbox": InboxId("")}
    said = journal.said("hello")
    facts = [
        journal.opened(),
        ContactNoted(**journal.stamp(**own), name="Carla", phone="491", address="phone:+491"),
        AliasesNoted(**journal.stamp(**own), aliases=("bsuid:p:c", "phone:p:491")),
        ThreadNoted(**journal.stamp(), place=OLD, card=post(OLD)),
        ThreadNoted(**journal.stamp(), place=THREAD, card=post(THREAD)),
        said,
        AssigneeNoted(**journal.stamp(), before=None, after=AgentId("ben")),
        TagsNoted(**journal.stamp(), before=(), after=("parcel",)),
    ]
    await writer.write(journal.entries(*facts))
    found = (await known(database))[CONTACT]
    assert (found.stored, found.aliases) == (False, ("bsuid:p:c", "phone:p:491"))
    contact = found.contact
    assert (contact.name, contact.phone, contact.address) == ("Carla", "491", "phone:+491")
    one = contact.conversations[INBOX]
    assert (one.id, one.number, one.status, one.assignee) == (CONVERSATION, 1059, Status.ACTIVE, "ben")
    assert (one.thread, one.card, one.former, one.tags) == (THREAD, post(THREAD), (OLD,), ("parcel",))
    assert one.waiting_since == one.last_inbound_at == said.at
    assert one.window_until == said.at + timedelta(hours=1)
    (row,) = await census(database).active()
    assert (row.id, row.contact, row.name, row.assignee) == (CONVERSATION, CONTACT, "Carla", "ben")


async def test_the_latest_conversation_of_an_inbox_is_the_current_one(
    database: Database, writer: Writer
) -> None:
    """Those before it have ended."""
    journal = Journal()
    facts: list[Fact] = []
    for counter in range(66, 74):
        one = ConversationId(f"3-{counter}")
        stamp = journal.stamp(conversation=one)
        facts.append(ConversationOpened(**stamp, number=counter * SHARDS + 3, name=""))
        facts.append(
            StatusNoted(**journal.stamp(conversation=one), before=Status.ACTIVE, after=Status.CLOSED)
        )
    await writer.write(journal.entries(*facts))
    contact = (await known(database))[CONTACT].contact
    assert contact.conversations[INBOX].id == "3-73"
    assert [one.id for one in contact.ended] == [f"3-{counter}" for counter in range(68, 73)]
    assert await census(database).active() == []


async def test_a_contact_at_rest_is_its_stored_state(database: Database, writer: Writer) -> None:
    """Until something happens to it."""
    journal = Journal()
    await writer.write(journal.entries(journal.opened(), journal.said("hello")))
    at = journal.now + timedelta(days=8)
    state = Contact(id=CONTACT, name="As stored", seq=7, resting=at)
    stamp = journal.stamp(conversation=ConversationId(""), inbox=InboxId("")) | {"at": at}
    await writer.write(journal.entries(ContactStored(**stamp, state=msgspec.msgpack.encode(state))))
    assert (await known(database))[CONTACT].contact == state
    journal.now = at + timedelta(days=1)
    await writer.write(journal.entries(journal.said("me again")))
    assert not (await known(database))[CONTACT].stored


async def test_a_joined_contact_leads_on(database: Database, writer: Writer) -> None:
    """Its aliases lead to the one that goes on."""
    journal = Journal()
    other = ContactId("3-other")
    await writer.write(
        journal.entries(
            journal.opened(),
            journal.opened(number=2000, contact=other, conversation=ConversationId("3-99")),
            AliasesNoted(**journal.stamp(), aliases=("phone:p:2",), merged=other),
        )
    )
    found = await known(database)
    assert found[other].contact.redirect == CONTACT
    assert found[CONTACT].aliases == ("phone:p:2",)


async def test_pages_lose_nobody_and_only_of_the_shard(database: Database, writer: Writer) -> None:
    """More than one page, and those since a time only."""
    journal = Journal()
    names = [ContactId(f"3-{number:04d}") for number in range(PAGE + 30)]
    facts = [journal.said("hello", contact=name) for name in names]
    facts.append(journal.said("elsewhere", contact=ContactId("13-0000")))
    await writer.write(journal.entries(*facts))
    assert sorted(await known(database)) == names
    late = facts[-31].at
    assert await census(database).count(LANE, late) == 30
    pages = [page async for page in census(database).contacts(LANE, late)]
    assert sorted(one.contact.id for page in pages for one in page) == names[-30:]


async def test_what_is_done_is_known(database: Database, writer: Writer) -> None:
    """Events decided, replies that the platform has, messages that stand on the desk, threads that exist."""
    journal = Journal()
    inbound = journal.said("hello", "3-in")
    sent, pending = journal.answered("yes", "3-sent"), journal.answered("no", "3-pending")
    await writer.write(
        journal.entries(
            journal.opened(),
            inbound,
            PostNoted(**journal.stamp(), post=post(THREAD), message=inbound.message),
            sent,
            pending,
            DeliveryNoted(**journal.stamp(), message=sent.message, fate=Fate.ACCEPTED),
            ThreadNoted(**journal.stamp(), place=THREAD, card=post(THREAD)),
        )
    )
    one = census(database)
    assert await one.sent([sent.message, pending.message]) == {sent.message}
    assert await one.shown([inbound.message, MessageId("3-unknown")]) == {inbound.message}
    assert await one.threaded([CONVERSATION], START) == {CONVERSATION}
    assert await one.threaded([CONVERSATION], journal.now + timedelta(hours=1)) == set()
    assert inbound.cause in await one.causes(LANE, START)
    assert await one.causes(LANE, journal.now + timedelta(hours=1)) == []
