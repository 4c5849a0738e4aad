"""Writing facts into the archive: the journal, the projections and the watermarks, a batch in one transaction.

A fact is known by the hash of its packed form, so the same batch may be written any number of times, by anybody, after
any crash: what is there already is left out. What cannot be read (a later release's kind of fact, damaged bytes), or
cannot be projected, stays in the journal as it came and stops nobody; a rebuild tries it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.instants import micros
from bridge.journal import AnyFact, ErasureNoted, PruningNoted, Tally, pack, unpack
from bridge.model import ContactId, EventId, LaneId
from bridge.store.archive import erasing, index, projection, tables
from bridge.store.archive.bulk import Bulk
from bridge.store.archive.changes import Changes, Noted, Row, Stored, Wanted, storable, wanted_by
from bridge.store.archive.database import Database
from bridge.store.archive.statements import Statements
from bridge.store.archive.trouble import explain
from bridge.store.entries import written_ms

log = structlog.get_logger(__name__)
T = TypeVar("T")

UNREADABLE = "unreadable"
"""The kind of a journal row whose bytes say nothing."""
_HASH_BYTES = 16
_REBUILD_ROWS = 1_000
_SLICE = 32
"""Facts that are worked on at a time: the relay runs on the same event loop."""


class JournalEntry(msgspec.Struct, frozen=True):
    """One fact as it stands in a lane's journal. Those of a commit share an entry."""

    lane: LaneId
    entry: str
    """`<ms>-<n>`, on Redis time: the commit."""
    data: bytes


class Written(msgspec.Struct, frozen=True):
    """What came of a batch."""

    facts: int
    """New ones."""
    unreadable: int
    """Of these, those that could not be read or projected."""


class _Read(msgspec.Struct, frozen=True):
    """A fact with what the journal's columns say about it."""

    hash: bytes
    fact: AnyFact | None
    header: Row


class _Header(msgspec.Struct):
    """What every kind of fact says."""

    type: str
    at: datetime
    cause: str
    contact: str
    conversation: str


_header_decoder = msgspec.msgpack.Decoder(_Header)


def fact_hash(data: bytes) -> bytes:
    """By what a packed fact is known."""
    return hashlib.blake2b(data, digest_size=_HASH_BYTES).digest()


class Writer:
    """Writes into one database. One batch at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = Statements(sqlite=database.is_sqlite)
        self._bulk = Bulk()

    async def write(self, entries: Sequence[JournalEntry]) -> Written:
        """Write the facts that are new, in this order, and move the watermark of every lane to its last entry.

        All or nothing. Raises `ArchiveError`. When cancelled it comes to its end first: a driver's thread that is
        left alone with a transaction keeps the database locked.
        """
        writing = asyncio.ensure_future(self._write(entries))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    async def _write(self, entries: Sequence[JournalEntry]) -> Written:
        async with self._database.write() as connection:
            written = await self.append(connection, entries)
            await self._move(connection, entries)
        return written

    async def append(self, connection: AsyncConnection, entries: Sequence[JournalEntry]) -> Written:
        """Write the facts that are new in the transaction of `connection`, and move no watermark: for facts that the
        archive itself notes.
        """
        reads = list((await _read_all(entries)).values())
        known = await self._known(connection, [one.hash for one in reads])
        new = [one for one in reads if one.hash not in known]
        unreadable = await self._append(connection, new) if new else 0
        return Written(facts=len(new), unreadable=unreadable)

    async def rebuild(self, progress: Callable[[int, int], None] = lambda _done, _all: None) -> int:
        """Empty the projections and make them anew from the journal; how many facts there were.

        One transaction: readers see the old ones until it is done, and nothing changes if it breaks off. `progress`
        is told how many of how many facts are done. Raises `ArchiveError`.
        """
        journal = tables.journal
        done, last = 0, 0
        async with self._database.write() as connection:
            total = (await connection.execute(select(func.count()).select_from(journal))).scalar() or 0
            for table in tables.PROJECTIONS:
                await connection.execute(delete(table))
            await index.clear(connection)
            page = select(journal.c.seq, journal.c.data).order_by(journal.c.seq).limit(_REBUILD_ROWS)
            while rows := (await connection.execute(page.where(journal.c.seq > last))).all():
                decoded = ((seq, _decoded(data)) for seq, data in rows)
                await self._project_all(connection, [Noted(seq, fact) for seq, fact in decoded if fact])
                last = rows[-1].seq
                done += len(rows)
                progress(done, total)
        return done

    # -------------------------------------------------------------------------------------- the journal

    async def _known(self, connection: AsyncConnection, hashes: Sequence[bytes]) -> set[bytes]:
        rows = await connection.execute(self._statements.known, {"keys": hashes})
        return {bytes(fact) for (fact,) in rows}

    async def _append(self, connection: AsyncConnection, new: Sequence[_Read]) -> int:
        journal = tables.journal
        last = (await connection.execute(select(func.max(journal.c.seq)))).scalar() or 0
        failed = 0
        for some in _parted(new, _erases):
            if _erases(some[0]):
                some[0] = await _erased(connection, some[0], last + 1)
            rows = [{"seq": seq, **one.header} for seq, one in enumerate(some, last + 1)]
            await self._bulk.run(connection, self._statements.insert(journal), rows)
            noted = [Noted(seq, one.fact) for seq, one in enumerate(some, last + 1) if one.fact is not None]
            failed += len(some) - len(noted) + await self._project_all(connection, noted)
            last += len(some)
        return failed

    async def _move(self, connection: AsyncConnection, entries: Sequence[JournalEntry]) -> None:
        last = {one.lane: one.entry for one in entries}
        now = time.time_ns() // 1000
        rows = [{"lane": lane, "entry": entry, "at": now} for lane, entry in last.items()]
        if rows:
            await connection.execute(self._statements.upsert(tables.watermarks), rows)

    # ----------------------------------------------------------------------------------- the projections

    async def _project_all(self, connection: AsyncConnection, noted: Sequence[Noted]) -> int:
        """Project facts in order; how many could not be. One that cannot be, must not keep out the others."""
        return sum([await self._project_some(connection, some) for some in _parted(noted, _prunes)])

    async def _project_some(self, connection: AsyncConnection, noted: Sequence[Noted]) -> int:
        first = noted[0].fact
        try:
            async with connection.begin_nested():
                if isinstance(first, PruningNoted):
                    await erasing.prune(connection, first)
                await self._project(connection, noted)
        except Exception as error:
            if explain(error, "") is not None:
                raise  # the database's trouble, not this batch's
            if len(noted) > 1:
                return sum([await self._project_some(connection, [one]) for one in noted])
            # In a line: a batch of such facts would else fill the log with stack traces.
            log.error(  # noqa: TRY400
                "archive.fact_not_projected",
                seq=noted[0].seq,
                kind=type(noted[0].fact).__name__,
                error=type(error).__name__,
                problem=str(error).partition("\n")[0][:200],
            )
            return 1
        return 0

    async def _project(self, connection: AsyncConnection, noted: Sequence[Noted]) -> None:
        stored = await self._stored(connection, wanted_by(one.fact for one in noted))
        projector = projection.begin(stored)
        for some in _sliced(noted):
            projector.apply(some)
            await asyncio.sleep(0)
        await self._save(connection, projector.changes())

    async def _stored(self, connection: AsyncConnection, wanted: Wanted) -> Stored:
        contacts = await self._rows(connection, tables.contacts.name, wanted.contacts)
        conversations = await self._rows(connection, tables.conversations.name, wanted.conversations)
        episodes = await self._rows(connection, tables.episodes.name, wanted.conversations)
        messages = await self._rows(connection, tables.messages.name, wanted.messages)
        deliveries = await self._rows(connection, tables.deliveries.name, wanted.sent)
        return Stored(
            contacts={row["id"]: row for row in contacts},
            conversations={row["id"]: row for row in conversations},
            episodes={(row["conversation"], row["episode"]): row for row in episodes},
            messages={row["id"]: row for row in messages},
            deliveries={(row["message"], row["part"], row["platform_id"]): row for row in deliveries},
        )

    async def _rows(self, connection: AsyncConnection, table: str, keys: Iterable[str]) -> list[Row]:
        wanted = self._statements.keys(keys)
        if wanted is None:
            return []
        found = await connection.execute(self._statements.stored[table], {"keys": wanted})
        return [dict(row) for row in found.mappings()]

    async def _save(self, connection: AsyncConnection, changes: Changes) -> None:
        make, many = self._statements, self._bulk.run
        await many(connection, make.upsert(tables.contacts), changes.contacts.values())
        await many(connection, make.heard, changes.heard.values())
        await many(connection, make.put_latest(tables.aliases), changes.aliases.values())
        await many(connection, make.put_latest(tables.contact_states), changes.states.values())
        await many(connection, make.upsert(tables.conversations), changes.conversations.values())
        await many(connection, make.talked, changes.talked.values())
        await many(connection, make.upsert(tables.episodes), changes.episodes.values())
        await many(connection, make.insert(tables.messages), changes.messages.values())
        await many(connection, make.fates, changes.fates.values())
        await many(connection, make.rewrite, changes.rewritten.values())
        await many(connection, make.upsert(tables.deliveries, "contact"), changes.deliveries.values())
        await many(connection, make.insert_new(tables.threads), changes.threads.values())
        await many(connection, make.insert_new(tables.posts), changes.posts.values())
        await many(connection, make.drop_tags, ({"of": conversation} for conversation in changes.tags))
        await many(
            connection, make.insert(tables.tags), (row for rows in changes.tags.values() for row in rows)
        )
        for table, rows in changes.logs.items():
            await many(connection, make.insert(tables.metadata.tables[table]), rows)
        await index.put_contacts(connection, list(changes.renamed.values()))
        await index.remove_messages(connection, [one.before for one in changes.reworded])
        await index.add_messages(connection, [one.after for one in changes.reworded])
        await index.add_messages(connection, changes.messages.values())


# --------------------------------------------------------------------------------------------------- facts


def _sliced(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that keep the event loop busy for a millisecond or so."""
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]


async def _read_all(entries: Sequence[JournalEntry]) -> dict[bytes, _Read]:
    """The facts by their hashes, each once; others get their turn meanwhile."""
    found: dict[bytes, _Read] = {}
    for some in _sliced(entries):
        found |= {one.hash: one for one in map(_read, some)}
        await asyncio.sleep(0)
    return found


def _parted(items: Iterable[T], begins: Callable[[T], bool]) -> Iterator[list[T]]:
    """The items in order, in lists of which each begins with one that changes what was written before it."""
    part: list[T] = []
    for one in items:
        if part and begins(one):
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def _erases(one: _Read) -> bool:
    return isinstance(one.fact, ErasureNoted) and bool(one.fact.contact)


def _prunes(one: Noted) -> bool:
    return isinstance(one.fact, PruningNoted)


async def _erased(connection: AsyncConnection, one: _Read, seq: int) -> _Read:
    """Forget the contact, and of the fact what says who it was. It is known by its hash as before."""
    assert isinstance(one.fact, ErasureNoted)  # noqa: S101 - `_erases` said so
    tallies = await erasing.erase(connection, one.fact.contact, seq)
    kept = msgspec.structs.replace(one.fact, contact=ContactId(""), cause=EventId(""), tallies=tallies)
    log.info("archive.forgotten", by=kept.by, messages=sum(_count(tally) for tally in tallies))
    return _Read(one.hash, kept, one.header | {"contact": "", "cause": "", "data": pack(kept)})


def _count(tally: Tally) -> int:
    return tally.messages_in + tally.messages_out + tally.notes


def _read(source: JournalEntry) -> _Read:
    """A fact and what the journal's columns say about it."""
    digest = fact_hash(source.data)
    fact = _decoded(source.data)
    header: Row = {
        "fact": digest,
        "lane": source.lane,
        "entry": source.entry,
        "kind": UNREADABLE,
        "at": written_ms(source.entry) * 1000,
        "cause": "",
        "contact": "",
        "conversation": "",
        "data": source.data,
    }
    if fact is not None:
        header |= {
            "kind": type(fact).__name__,
            "at": micros(fact.at),
            "cause": storable(fact.cause),
            "contact": storable(fact.contact),
            "conversation": storable(fact.conversation),
        }
    else:
        header |= _told(source.data)
    return _Read(digest, fact, header)


def _decoded(data: bytes) -> AnyFact | None:
    """The fact; None when it is of no kind that this release knows."""
    try:
        return unpack(data)
    except (msgspec.MsgspecError, ValueError):
        return None


def _told(data: bytes) -> Row:
    """What a fact that cannot be read says all the same; so a contact's facts are found by later releases' kinds."""
    try:
        found = _header_decoder.decode(data)
    except (msgspec.MsgspecError, ValueError):
        return {}
    return {
        "kind": storable(found.type) or UNREADABLE,
        "at": micros(found.at),
        "cause": storable(found.cause),
        "contact": storable(found.contact),
        "conversation": storable(found.conversation),
    }
