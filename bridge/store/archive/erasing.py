"""Taking rows out of the archive for good: of a contact that is forgotten, and of what was too old to be kept.

The journal says what was taken out and when (`ErasureNoted`, `PruningNoted`), so a rebuild takes out the same. Facts of
a forgotten contact stay as husks, nothing but the hash by which a fact is known: a batch that is written again after a
crash finds them there, and brings nothing back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.instants import instant, micros
from bridge.journal import PruningNoted, Tally
from bridge.model import InboxId
from bridge.store.archive import index, tables
from bridge.store.archive.database import Database

ERASED = "erased"
"""The kind of a husk in the journal."""
SAID = (
    "MessageNoted",
    "PostNoted",
    "DeliveryNoted",
    "VerdictNoted",
    "CommandNoted",
    "ReactionNoted",
    "TouchNoted",
)
"""Kinds of facts that are pruned: what was said, and what became of it."""
_PAGE = 1_000
_MERGED_PAGES = 500


# -------------------------------------------------------------------------------------------- a contact


async def erase(connection: AsyncConnection, contact: str, before: int) -> tuple[Tally, ...]:
    """Take out everything about a contact, and of the journal what stands there before the fact `before`; what there
    was, in numbers. Everything that the projections have of the contact was decided before that.
    """
    tallies = await tallies_of(connection, contact)
    if connection.dialect.name == "sqlite":
        # Overwrites what it takes out instead of only forgetting where it was.
        await connection.execute(text("PRAGMA secure_delete = ON"))
    await _take_out_messages(connection, tables.said_by([contact]))
    person = (
        await connection.execute(select(tables.contacts.c.seq).where(tables.contacts.c.id == contact))
    ).all()
    await index.remove_contacts(connection, [row.seq for row in person])
    # Of those joined into this one nothing may be left but that they were.
    joined = select(tables.contacts.c.seq).where(tables.contacts.c.merged_into == contact)
    await index.remove_contacts(connection, list((await connection.execute(joined)).scalars()))
    cases = list(
        (
            await connection.execute(
                select(tables.conversations.c.id).where(tables.conversations.c.contact == contact)
            )
        ).scalars()
    )
    for table in tables.PROJECTIONS:
        condition = _of_contact(table, contact, cases)
        if condition is not None:
            await connection.execute(delete(table).where(condition))
    journal = tables.journal
    husk = {"kind": ERASED, "cause": "", "contact": "", "conversation": "", "data": b""}
    await connection.execute(
        update(journal).where(journal.c.contact == contact, journal.c.seq < before).values(**husk)
    )
    return tallies


def _of_contact(table: Table, contact: str, cases: Sequence[str]) -> ColumnElement[bool] | None:
    """Which rows of a table are about the contact; None: none can be."""
    if table is tables.contacts:
        return (table.c.id == contact) | (table.c.merged_into == contact)
    if table is tables.messages or "contact" not in table.c:
        return None
    has_index = (
        any("contact" in one.columns for one in table.indexes) or "contact" in table.primary_key.columns
    )
    if has_index or "conversation" not in table.c:
        return table.c.contact == contact
    return and_(table.c.conversation.in_(cases), table.c.contact == contact)


async def tallies_of(connection: AsyncConnection, contact: str) -> tuple[Tally, ...]:
    """How much there is of a contact, by inbox; one for no inbox where there is no conversation."""
    found: dict[str, dict[str, Any]] = {}

    def add(inbox: str, **counts: int) -> None:
        known = found.setdefault(inbox, {})
        for name, count in counts.items():
            known[name] = known.get(name, 0) + count

    cases, episodes, said, gone = tables.conversations, tables.episodes, tables.messages, tables.pruned
    times = func.min(cases.c.opened_at), func.max(cases.c.last_at)
    counted = (
        select(cases.c.inbox, func.count(), *times).where(cases.c.contact == contact).group_by(cases.c.inbox)
    )
    for inbox, count, first, last in await connection.execute(counted):
        add(inbox, conversations=count)
        found[inbox] |= {"first_at": instant(first), "last_at": instant(last)}
    mine = select(cases.c.id).where(cases.c.contact == contact)
    counted = select(episodes.c.inbox, func.count()).where(episodes.c.conversation.in_(mine))
    for inbox, count in await connection.execute(counted.group_by(episodes.c.inbox)):
        add(inbox, episodes=count)
    sorts = (said.c.inbox, said.c.internal, said.c.direction)
    counted = select(*sorts, func.count()).where(tables.said_by([contact])).group_by(*sorts)
    for inbox, internal, direction, count in await connection.execute(counted):
        add(inbox, **{_sort(internal=internal, direction=direction): count})
    earlier = select(gone.c.inbox, gone.c.messages_in, gone.c.messages_out, gone.c.notes)
    for row in await connection.execute(earlier.where(gone.c.conversation.in_(mine))):
        add(row.inbox, messages_in=row.messages_in, messages_out=row.messages_out, notes=row.notes)
    if not found:
        found[""] = {}
    return tuple(Tally(inbox=InboxId(inbox), **counts) for inbox, counts in sorted(found.items()))


def _sort(*, internal: bool, direction: str) -> str:
    return "notes" if internal else f"messages_{direction}"


async def tidy(database: Database) -> None:
    """Clear what was taken out from where SQLite still keeps it: the index's older parts, and the log of changes. In
    short steps, so that nobody waits for long. PostgreSQL does the like by itself (autovacuum). Raises `ArchiveError`.
    """
    if not database.is_sqlite:
        return
    for table in ("message_words", "contact_words"):
        # Negative: parts of every age, as the first step of putting all of them together.
        pages, before = -_MERGED_PAGES, -1
        while True:
            async with database.write() as connection:
                merge = f"INSERT INTO {table}({table}, rank) VALUES ('merge', {pages})"  # noqa: S608 - ours
                await connection.execute(text(merge))
                changes = int(await connection.scalar(text("SELECT total_changes()")) or 0)
            if changes - before < 2:
                break  # So FTS5 says that there was nothing left to do.
            pages, before = _MERGED_PAGES, changes
    await database.shorten()


# ------------------------------------------------------------------------------------------ what is old


async def prune(connection: AsyncConnection, fact: PruningNoted) -> None:
    """Take out what was said in a conversation before `fact.until`, but for the journal's facts about it."""
    until = micros(fact.until)
    said, posts = tables.messages, tables.posts
    await _take_out_messages(connection, and_(said.c.conversation == fact.conversation, said.c.at < until))
    await connection.execute(
        delete(posts).where(
            posts.c.contact == fact.contact, posts.c.conversation == fact.conversation, posts.c.at < until
        )
    )
    for table in (tables.commands, tables.verdicts, tables.reactions, tables.touches):
        await connection.execute(
            delete(table).where(table.c.conversation == fact.conversation, table.c.at < until)
        )
    # News may come after the message it is about was pruned.
    known = select(said.c.id).where(said.c.id == tables.deliveries.c.message)
    await connection.execute(
        delete(tables.deliveries).where(tables.deliveries.c.contact == fact.contact, ~known.exists())
    )


async def prune_journal(connection: AsyncConnection, fact: PruningNoted) -> int:
    """Take the facts about it out of the journal; how many there were. The one that made the contact stays: its
    number is the contact's.
    """
    journal = tables.journal
    made = select(tables.contacts.c.seq).where(tables.contacts.c.id == fact.contact)
    gone = await connection.execute(
        delete(journal).where(
            journal.c.contact == fact.contact,
            journal.c.conversation == fact.conversation,
            journal.c.kind.in_(SAID),
            journal.c.at < micros(fact.until),
            journal.c.seq.not_in(made),
        )
    )
    return int(gone.rowcount)


async def _take_out_messages(connection: AsyncConnection, condition: ColumnElement[bool]) -> None:
    """Messages with their place in the index and their deliveries, a page at a time."""
    said = tables.messages
    page = select(said).where(condition).order_by(said.c.seq).limit(_PAGE)
    while rows := (await connection.execute(page)).mappings().all():
        await index.remove_messages(connection, rows)
        ids = [row["id"] for row in rows]
        await connection.execute(delete(tables.deliveries).where(tables.deliveries.c.message.in_(ids)))
        await connection.execute(delete(said).where(said.c.seq.in_([row["seq"] for row in rows])))
