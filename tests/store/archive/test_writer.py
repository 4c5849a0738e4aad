"""A batch is written once, whole, in order; what cannot be read stays in the journal and stops nobody."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import delete, text

from bridge.instants import micros
from bridge.journal import AliasesNoted, ContactNoted, DeliveryNoted, PartFate, StatusNoted, pack
from bridge.markup import Text
from bridge.model import AgentId, ContactId, Fate, LaneId, MessageId, Status
from bridge.store.archive import tables
from bridge.store.archive.database import Database
from bridge.store.archive.facts import UNREADABLE, JournalEntry
from bridge.store.archive.writer import Writer, Written
from tests.support.archive import CONTACT, CONVERSATION, LANE, Journal, everything, rows


async def test_a_batch_that_comes_again_changes_nothing(database: Database, writer: Writer) -> None:
    """Alone, or with something new behind it, or twice in one batch."""
    journal = Journal()
    first = journal.entries(journal.opened(), journal.said("hello"))
    more = journal.entries(journal.said("are you there?"))
    assert await writer.write(first) == Written(facts=2, unreadable=0)
    assert await writer.write(first) == Written(facts=0, unreadable=0)
    assert await writer.write([*first, *more, *more]) == Written(facts=1, unreadable=0)
    assert [row["text"] for row in await rows(database, "messages")] == ["hello", "are you there?"]
    assert [row["seq"] for row in await rows(database, "journal")] == [1, 2, 3]


async def test_the_journal_keeps_facts_as_they_came(database: Database, writer: Writer) -> None:
    """With what they are found by: when, why, whose, and where they stood."""
    journal = Journal()
    (entry,) = journal.entries(journal.said("hello"))
    await writer.write([entry])
    (row,) = await rows(database, "journal")
    assert (row["lane"], row["entry"], bytes(row["data"])) == (entry.lane, entry.entry, entry.data)
    assert (row["kind"], row["at"]) == ("MessageNoted", micros(journal.now))
    assert (row["cause"], row["contact"], row["conversation"]) == ("test:s3:1", CONTACT, CONVERSATION)


async def test_the_watermark_of_each_lane_moves_to_its_last_entry(database: Database, writer: Writer) -> None:
    """In the same transaction as the facts."""
    other = LaneId("s4")
    await writer.write([JournalEntry(LANE, "5-0", b"x"), JournalEntry(other, "7-1", b"y")])
    await writer.write([JournalEntry(LANE, "6-3", b"z")])
    assert {row["lane"]: row["entry"] for row in await rows(database, "watermarks")} == {
        LANE: "6-3",
        other: "7-1",
    }


async def test_what_cannot_be_read_is_kept_and_stops_nobody(database: Database, writer: Writer) -> None:
    """Broken bytes, and a later release's kind of fact, which says at least whose it is."""
    journal = Journal()
    said = journal.said("hello")
    strange = msgspec.msgpack.decode(pack(journal.said("from the future"))) | {"type": "FutureNoted"}
    good = journal.entries(journal.opened(), said)
    odd = [
        JournalEntry(LANE, "8-0", b"\xc1 no msgpack"),
        JournalEntry(LANE, "9-0", msgspec.msgpack.encode(strange)),
    ]
    assert await writer.write([good[0], *odd, good[1]]) == Written(facts=4, unreadable=2)
    kept = await rows(database, "journal")
    assert [row["kind"] for row in kept] == ["ConversationOpened", UNREADABLE, "FutureNoted", "MessageNoted"]
    assert [bytes(row["data"]) for row in kept[1:3]] == [one.data for one in odd]
    assert (kept[1]["at"], kept[1]["contact"]) == (8_000, "")
    assert (kept[2]["contact"], kept[2]["conversation"]) == (CONTACT, CONVERSATION)
    assert [row["text"] for row in await rows(database, "messages")] == ["hello"]


async def test_what_cannot_be_projected_stops_nobody(database: Database, writer: Writer) -> None:
    """A number that no column holds: that fact alone is left out, now and in a rebuild."""
    journal = Journal()
    impossible = journal.opened(number=2**63, conversation="3-67")
    facts = [journal.opened(), journal.said("before"), impossible, journal.said("after")]
    assert await writer.write(journal.entries(*facts)) == Written(facts=4, unreadable=1)
    async with database.read() as connection:
        found = await everything(connection)
    assert [row["text"] for row in await rows(database, "messages")] == ["before", "after"]
    assert [row["id"] for row in await rows(database, "conversations")] == [CONVERSATION]
    await writer.rebuild()
    async with database.read() as connection:
        assert await everything(connection) == found


async def test_text_is_stored_as_received(database: Database, writer: Writer) -> None:
    """Every script and emoji; a NUL, which nobody sees and PostgreSQL cannot keep, stays in the journal."""
    journal = Journal()
    contents = [
        "Grüße, ça va?",
        "你好，世界",
        "👩‍👩‍👧‍👦 🇵🇹",
        "שלום \u202eabc",
        "a\0b",
        " two  spaces\n\nand lines ",
    ]
    said = [replace(journal.said(""), body=(Text(one),)) for one in contents]
    await writer.write(journal.entries(*said))
    stored = [row["text"] for row in await rows(database, "messages")]
    assert stored == [one.replace("\0", "") for one in contents]


async def test_instants_keep_their_microseconds(database: Database, writer: Writer) -> None:
    """Exactly."""
    journal = Journal()
    at = journal.now.replace(microsecond=123_457)
    await writer.write(journal.entries(journal.said("hello", at=at)))
    (row,) = await rows(database, "messages")
    assert row["at"] == micros(at)
    assert row["at"] % 1_000_000 == 123_457


async def test_a_join_comes_out_alike_in_either_order(database: Database, writer: Writer) -> None:
    """The lanes of the two contacts are archived independently."""
    winner, loser = ContactId("3-winner"), ContactId("9-loser")
    own = Journal(LaneId("s9"))
    known = own.entries(
        AliasesNoted(**own.stamp(contact=loser, conversation=""), aliases=("phone:p:1",)),
        ContactNoted(**own.stamp(contact=loser, conversation=""), name="Ana"),
    )
    theirs = Journal()
    theirs.now = own.now
    joined = theirs.entries(
        AliasesNoted(**theirs.stamp(contact=winner, conversation=""), aliases=("phone:p:1",), merged=loser)
    )
    await writer.write(joined)
    await writer.write(known)
    late = [_without_seq(row) for row in await rows(database, "contacts")]
    aliases = await rows(database, "aliases")
    async with database.write() as connection:
        for table in (tables.journal, tables.contacts, tables.aliases):
            await connection.execute(delete(table))
    await writer.write(known)
    await writer.write(joined)
    assert [_without_seq(row) for row in await rows(database, "contacts")] == late
    assert await rows(database, "aliases") == aliases
    assert {row["id"]: row["merged_into"] for row in late} == {winner: None, loser: winner}
    assert [row["contact"] for row in aliases] == [winner]


def _without_seq(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "seq"}


async def test_what_a_colleague_wrote_on_the_phone_is_an_answer(database: Database, writer: Writer) -> None:
    """By nobody that is known."""
    journal = Journal()
    wrote = journal.answered("it ships today", "3-p", None)
    part = PartFate(part=0, fate=Fate.ACCEPTED, platform_id="wamid.p")
    seen = DeliveryNoted(
        **journal.stamp(), message=MessageId("3-p"), fate=Fate.ACCEPTED, parts=(part,), total=1
    )
    facts = [journal.opened(), journal.said("hello?"), replace(wrote, sent_at=wrote.at), seen]
    await writer.write(journal.entries(*facts))
    (episode,) = await rows(database, "episodes")
    assert (episode["first_answer_at"], episode["first_answer_by"]) == (micros(seen.at), None)


async def test_an_episode_is_answered_by_whoever_was_accepted_first(
    database: Database, writer: Writer
) -> None:
    """A failed send does not stop the clock, nor does a note, nor what nobody wrote."""
    journal = Journal()

    def fate(message: str, fate: Fate) -> DeliveryNoted:
        part = PartFate(part=0, fate=fate, platform_id=f"wamid.{message}")
        return DeliveryNoted(**journal.stamp(), message=MessageId(message), fate=fate, parts=(part,), total=1)

    facts = [
        *(journal.opened(), journal.said("hello?")),
        journal.answered("a note", "3-n", "lea", internal=True),
        *(journal.answered("we are closed", "3-bot", None), fate("3-bot", Fate.ACCEPTED)),
        *(journal.answered("hi", "3-a", "ana"), fate("3-a", Fate.FAILED)),
        journal.answered("hello", "3-b", "ben"),
        StatusNoted(**journal.stamp(), before=Status.ACTIVE, after=Status.RESOLVED, by=AgentId("ben")),
    ]
    resolved = journal.now
    accepted = fate("3-b", Fate.ACCEPTED)
    facts += [accepted, fate("3-b", Fate.READ)]
    facts += [
        StatusNoted(**journal.stamp(), before=Status.RESOLVED, after=Status.ACTIVE),
        journal.said("one more thing"),
    ]
    for entry in journal.entries(*facts):
        await writer.write([entry])
    first, second = await rows(database, "episodes")
    assert (first["first_answer_at"], first["first_answer_by"]) == (micros(accepted.at), "ben")
    assert (first["ended_at"], first["ended_by"]) == (micros(resolved), "ben")
    assert (second["episode"], second["first_inbound_at"]) == (2, micros(journal.now))
    assert (second["ended_at"], second["first_answer_at"]) == (None, None)
    deliveries = {row["message"]: row for row in await rows(database, "deliveries")}
    assert deliveries["3-b"]["accepted_at"] == micros(accepted.at)
    assert deliveries["3-b"]["read_at"] is not None
    assert deliveries["3-a"]["failed_at"] is not None


async def test_a_rebuild_gives_the_same_rows(database: Database, writer: Writer) -> None:
    """Progress is told on the way, and what others wrote into a projection is gone."""
    journal = Journal()
    await writer.write(journal.entries(journal.opened(), journal.said("hello"), journal.said("again")))
    async with database.read() as connection:
        before = await everything(connection, journal=True)
    async with database.write() as connection:
        await connection.execute(text("UPDATE messages SET text = 'forged'"))
        await connection.execute(text("DELETE FROM contacts"))
    told: list[tuple[int, int]] = []
    assert await writer.rebuild(lambda done, total: told.append((done, total))) == 3
    assert told[-1] == (3, 3)
    async with database.read() as connection:
        assert await everything(connection, journal=True) == before


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_how_facts_are_cut_into_batches_makes_no_difference(
    database: Database, writer: Writer, size: int
) -> None:
    """A message noted again within its batch, or later, has its latest words and its first place."""
    journal = Journal()
    facts = [
        journal.opened(),
        journal.answered("kept in", "3-m", internal=True),
        journal.said("hello"),
        journal.answered("sent after all", "3-m"),
    ]
    entries = journal.entries(*facts)
    for start in range(0, len(entries), size):
        await writer.write(entries[start : start + size])
    found = await rows(database, "messages")
    assert [(row["seq"], row["text"], row["internal"]) for row in found] == [
        (2, "sent after all", False),
        (3, "hello", False),
    ]
