"""Writing facts into the archive: the journal, the projections and the watermarks, a batch in one transaction.

A fact is known by the hash of its packed form, so the same batch may be written any number of times, by anybody, after
any crash: what is there already is left out. What cannot be read (a later release's kind of fact, damaged bytes), or
cannot be projected, stays in the journal as it came and stops nobody; a rebuild tries it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy import Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import BridgeError
from bridge.journal import ErasureNoted, PruningNoted, Tally, pack
from bridge.model import ContactId, EventId
from bridge.store.archive import erasing, index, projection, tables
from bridge.store.archive.bulk import Bulk, Statement, Step
from bridge.store.archive.changes import Changes, Noted, Row, Stored, Wanted, wanted_by
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry, Read, decoded, read
from bridge.store.archive.statements import Keys, Statements
from bridge.store.archive.trouble import explain

log = structlog.get_logger(__name__)
T = TypeVar("T")

_REBUILD_ROWS = 1_000
_SLICE = 32
"""Facts that are worked on at a time: the relay runs on the same event loop."""


class Written(msgspec.Struct, frozen=True):
    """What came of a batch."""

    facts: int
    """New ones."""
    unreadable: int
    """Of these, those that could not be read or projected."""


class Writer:
    """Writes into one database. One batch at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = Statements(sqlite=database.is_sqlite)
        self._dialect = "sqlite" if database.is_sqlite else "postgresql"
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
        reads = list((await _read_all(entries)).values())
        if not any(map(_takes_out, reads)):
            try:
                async with self._database.write() as connection:
                    return await self._write_new(connection, reads, entries)
            except BridgeError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the careful way finds it, and the fact it is about
                log.debug("archive.batch_not_new", problem=type(error).__name__)
        async with self._database.write() as connection:
            written = await self._append(connection, reads)
            await self._bulk.run(connection, [self._moved(entries)])
        return written

    async def _write_new(
        self, connection: AsyncConnection, reads: Sequence[Read], entries: Sequence[JournalEntry]
    ) -> Written:
        """Write facts of which none is in the journal and all can be projected, as nearly always: with one question
        and one answer. Raises whatever the database says when it is not so; then nothing may be committed.
        """
        noted, rows, stored = await self._numbered(connection, reads)
        changes = await _projected(stored, noted)
        journal = Step(self._statements.insert(tables.journal), rows)
        await self._bulk.run(connection, [journal, *await self._saved(changes), self._moved(entries)])
        return Written(facts=len(reads), unreadable=len(reads) - len(noted))

    async def append(self, connection: AsyncConnection, entries: Sequence[JournalEntry]) -> Written:
        """Write the facts that are new in the transaction of `connection`, and move no watermark: for facts that the
        archive itself notes.
        """
        return await self._append(connection, list((await _read_all(entries)).values()))

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
                read_again = ((seq, decoded(data)) for seq, data in rows)
                await self._project_all(connection, [Noted(seq, fact) for seq, fact in read_again if fact])
                last = rows[-1].seq
                done += len(rows)
                progress(done, total)
        return done

    # -------------------------------------------------------------------------------------- the journal

    async def _numbered(
        self, connection: AsyncConnection, reads: Sequence[Read]
    ) -> tuple[list[Noted], list[Row], Stored]:
        """The facts that can be read, and all as rows of the journal, with their numbers if all are new; and the stored
        rows they build on.
        """
        wanted = wanted_by(one.fact for one in reads if one.fact is not None)
        (last, *found) = await self._bulk.ask(
            connection, [(self._statements.last, None), *self._questions(wanted)]
        )
        first = (last[0]["seq"] or 0) + 1
        noted, rows = _with_numbers(reads, first)
        return noted, rows, _stored(found)

    async def _append(self, connection: AsyncConnection, reads: Sequence[Read]) -> Written:
        """Write those of the facts that are new, and project as many of them as can be."""
        journal = tables.journal
        known = await connection.execute(
            self._statements.known, {"keys": [one.header["at"] for one in reads]}
        )
        there = {bytes(fact) for (fact,) in known}
        new = [one for one in reads if one.hash not in there]
        last = (await connection.execute(self._statements.last)).scalar() or 0
        failed = 0
        for some in _parted(new, _erases):
            if _erases(some[0]):
                some[0] = await _erased(connection, some[0], last + 1)
            noted, rows = _with_numbers(some, last + 1)
            await self._bulk.run(connection, [Step(self._statements.insert(journal), rows)])
            failed += len(some) - len(noted) + await self._project_all(connection, noted)
            last += len(some)
        return Written(facts=len(new), unreadable=failed)

    def _moved(self, entries: Sequence[JournalEntry]) -> Step:
        last = {one.lane: one.entry for one in entries}
        now = time.time_ns() // 1000
        rows = [{"lane": lane, "entry": entry, "at": now} for lane, entry in last.items()]
        return Step(self._statements.upsert(tables.watermarks), rows)

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
        found = await self._bulk.ask(connection, self._questions(wanted_by(one.fact for one in noted)))
        changes = await _projected(_stored(found), noted)
        await self._bulk.run(connection, await self._saved(changes))

    def _questions(self, wanted: Wanted) -> list[tuple[Select[Any], Keys]]:
        """For the rows that are wanted, in the order in which `_stored` takes the answers."""
        keys, ask = self._statements.keys, self._statements.stored
        conversations, messages = keys(wanted.conversations), keys(wanted.messages)
        return [
            (ask["contacts"], keys(wanted.contacts)),
            (ask["conversations"], conversations),
            (ask["episodes"], conversations),
            (ask["messages"], messages),
            (ask["deliveries"], keys(wanted.sent)),
        ]

    async def _saved(self, changes: Changes) -> list[Step]:
        """What writes the changes."""
        make, dialect = self._statements, self._dialect
        dropped = [{"of": conversation} for conversation in changes.tags]
        tagged = [row for rows in changes.tags.values() for row in rows]
        logs = [Step(make.insert(tables.metadata.tables[name]), rows) for name, rows in changes.logs.items()]
        return [
            _step(make.upsert(tables.contacts), changes.contacts),
            _step(make.heard, changes.heard),
            _step(make.put_latest(tables.aliases), changes.aliases),
            _step(make.put_latest(tables.contact_states), changes.states),
            _step(make.upsert(tables.conversations), changes.conversations),
            _step(make.talked, changes.talked),
            _step(make.upsert(tables.episodes), changes.episodes),
            _step(make.insert(tables.messages), changes.messages),
            _step(make.fates, changes.fates),
            _step(make.rewrite, changes.rewritten),
            _step(make.upsert(tables.deliveries, "contact"), changes.deliveries),
            _step(make.insert_new(tables.threads), changes.threads),
            _step(make.insert_new(tables.posts), changes.posts),
            Step(make.drop_tags, dropped),
            Step(make.insert(tables.tags), tagged),
            *logs,
            *await index.contacts_put(dialect, list(changes.renamed.values())),
            await index.messages_removed(dialect, [one.before for one in changes.reworded]),
            await index.messages_added(dialect, [one.after for one in changes.reworded]),
            await index.messages_added(dialect, changes.messages.values()),
        ]


def _step(statement: Statement, rows: Mapping[Any, Row]) -> Step:
    return Step(statement, list(rows.values()))


def _with_numbers(reads: Sequence[Read], first: int) -> tuple[list[Noted], list[Row]]:
    """Those of the facts that can be read, and all as rows of the journal, numbered from `first`."""
    noted, rows = [], []
    for seq, one in enumerate(reads, first):
        one.header["seq"] = seq
        rows.append(one.header)
        if one.fact is not None:
            noted.append(Noted(seq, one.fact))
    return noted, rows


def _stored(found: Sequence[Sequence[Row]]) -> Stored:
    """The answers to `_questions`, by their keys."""
    contacts, conversations, episodes, messages, deliveries = found
    return Stored(
        contacts={row["id"]: row for row in contacts},
        conversations={row["id"]: row for row in conversations},
        episodes={(row["conversation"], row["episode"]): row for row in episodes},
        messages={row["id"]: row for row in messages},
        deliveries={(row["message"], row["part"], row["platform_id"]): row for row in deliveries},
    )


async def _projected(stored: Stored, noted: Sequence[Noted]) -> Changes:
    """What the facts change, worked out in pieces."""
    projector = projection.begin(stored)
    for some in _sliced(noted):
        await asyncio.sleep(0)
        projector.apply(some)
    await asyncio.sleep(0)
    return projector.changes()


# --------------------------------------------------------------------------------------------------- facts


def _sliced(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that keep the event loop busy for a millisecond or so."""
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]


async def _read_all(entries: Sequence[JournalEntry]) -> dict[bytes, Read]:
    """The facts by their hashes, each once; others get their turn meanwhile."""
    found: dict[bytes, Read] = {}
    for some in _sliced(entries):
        for one in map(read, some):
            found[one.hash] = one
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


def _takes_out(one: Read) -> bool:
    """Whether it deletes what was written before it."""
    return isinstance(one.fact, ErasureNoted | PruningNoted)


def _erases(one: Read) -> bool:
    return isinstance(one.fact, ErasureNoted) and bool(one.fact.contact)


def _prunes(one: Noted) -> bool:
    return isinstance(one.fact, PruningNoted)


async def _erased(connection: AsyncConnection, one: Read, seq: int) -> Read:
    """Forget the contact, and of the fact what says who it was. It is known by its hash as before."""
    assert isinstance(one.fact, ErasureNoted)  # noqa: S101 - `_erases` said so
    tallies = await erasing.erase(connection, one.fact.contact, seq)
    kept = msgspec.structs.replace(one.fact, contact=ContactId(""), cause=EventId(""), tallies=tallies)
    log.info("archive.forgotten", by=kept.by, messages=sum(_count(tally) for tally in tallies))
    return Read(one.hash, kept, one.header | {"contact": "", "cause": "", "data": pack(kept)})


def _count(tally: Tally) -> int:
    return tally.messages_in + tally.messages_out + tally.notes
