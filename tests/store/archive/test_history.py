"""What the archive tells of single messages, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.journal import AliasesNoted, Fact, PostNoted, unpack
from bridge.model import ContactId, ConversationId, EventId, Post, Recalled, Reference, message_id
from bridge.store.archive.database import Database
from bridge.store.archive.history import ArchiveHistory
from bridge.store.archive.trouble import ArchiveError
from bridge.store.archive.writer import Writer
from bridge.store.base import Told
from tests.support.archive import CONTACT, CONVERSATION, LANE, Journal

OTHER, STRANGERS = ConversationId("3-67"), ConversationId("3-68")


def facts(told: Sequence[Told]) -> list[Fact]:
    """Unpacked."""
    return [unpack(one.fact) for one in told]


async def test_facts_of_a_conversation_since_one_of_its_messages(database: Database, writer: Writer) -> None:
    """In order, with the entries they stood in; those of the contact's other conversation are left out."""
    journal = Journal()
    first, note, last = (
        journal.said("one"),
        journal.answered("two", "3-two", internal=True),
        journal.said("three"),
    )
    elsewhere = journal.said("elsewhere", conversation=OTHER)
    stranger = journal.said("somebody else", contact=ContactId("3-x"), conversation=STRANGERS)
    entries = journal.entries(journal.opened(), first, elsewhere, note, stranger, last)
    await writer.write(entries)
    history = ArchiveHistory(database)
    assert facts(await history.told(CONTACT, CONVERSATION, 1)) == [last]
    assert facts(await history.told(CONTACT, CONVERSATION, 2)) == [note, last]
    told = await history.told(CONTACT, CONVERSATION, 9)
    assert facts(told) == [first, note, last]
    assert [one.entry for one in told] == [entries[at].entry for at in (1, 3, 5)]
    assert facts(await history.told(CONTACT, OTHER, 3)) == [elsewhere]
    assert await history.told(CONTACT, ConversationId("3-99"), 3) == []


async def test_nobody_names_what_another_contact_wrote(database: Database, writer: Writer) -> None:
    """An id of a message of the same shard leads the one who wrote it to it, and whoever is joined with them; another
    contact of the shard, who may have forged it, to nothing.
    """
    journal = Journal()
    stranger = ContactId("3-b")
    named = Reference(platform_id="wamid.secret", cause=EventId("wa:wamid.secret"))
    secret = message_id(LANE, named.cause)
    post = Post(desk="slack", channel="C1", id="7.0")
    await writer.write(
        journal.entries(
            journal.opened(),
            journal.said("my card is 4711", secret),
            PostNoted(**journal.stamp(), post=post, message=secret),
            journal.opened(1060, contact=stranger, conversation=STRANGERS),
            journal.said("hello", contact=stranger, conversation=STRANGERS),
        )
    )
    history = ArchiveHistory(database)
    found = await history.recalled(CONTACT, named)
    assert isinstance(found, Recalled)
    assert (found.message, found.words, found.posts) == (secret, "my card is 4711", (post,))
    assert await history.recalled(stranger, named) is None
    joined = AliasesNoted(
        **journal.stamp(contact=stranger, conversation=STRANGERS), aliases=(), merged=CONTACT
    )
    await writer.write(journal.entries(joined))
    assert await history.recalled(stranger, named) == found
    assert await history.recalled(CONTACT, named) == found


async def test_an_archive_that_is_not_there_says_so(tmp_path: Path) -> None:
    """In words; nothing is made."""
    database = Database(f"sqlite:///{tmp_path / 'nothing.sqlite3'}")
    history = ArchiveHistory(database)
    with pytest.raises(ArchiveError, match="there is no archive"):
        await history.told(CONTACT, CONVERSATION, 1)
    await database.close()
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
