"""How fast the archive takes facts in, beside bare aiosqlite with a full-text index; and how long a search takes.

The bare one writes rows of the same texts in batches of the same size, and its index; no journal table, no projection,
no check whether a fact is known.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import aiosqlite
import msgspec

from bridge.bench import search
from bridge.bench.report import Row, Section
from bridge.journal import ConversationOpened, Fact, MessageNoted, pack
from bridge.markup import text
from bridge.model import ContactId, ConversationId, Direction, EventId, InboxId, LaneId, MessageId
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry
from bridge.store.archive.schema import migrate
from bridge.store.archive.writer import Writer

BATCH = 500
"""Entries that the archiver writes in one transaction."""
TURN = 2
"""Batches that are written one way before it is the other one's turn."""
MESSAGES_A_CONTACT = 50
SEARCHES = 100
_START = datetime(2026, 1, 1, tzinfo=UTC)
_BARE = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "CREATE TABLE m (id INTEGER PRIMARY KEY, ref TEXT UNIQUE, conv TEXT, at INTEGER, text TEXT)",
    "CREATE INDEX m_conv ON m (conv, at)",
    "CREATE INDEX m_at ON m (at)",
    "CREATE VIRTUAL TABLE f USING fts5 (text, content='m', content_rowid='id')",
)


class _Spent(msgspec.Struct, frozen=True):
    """What some messages took."""

    messages: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Processor time a message."""
        return self.cpu_s / self.messages * 1e6


async def measure(facts: int, searched: int, searches: int = SEARCHES) -> Section:
    """Write `facts` messages both ways, some batches in turn, then search among `searched`, so many `searches` of each
    kind.
    """
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        said = list(search.texts(facts, search.vocabulary()))
        bare, ours = await _in_turn(Path(folder), said)
        speed = [ours_once.rate / bare_once.rate for bare_once, ours_once in zip(bare, ours, strict=True)]
        cost = [ours_once.cpu_us / bare_once.cpu_us for bare_once, ours_once in zip(bare, ours, strict=True)]
        rows = [
            Row("bare aiosqlite + FTS5: messages/s", median(one.rate for one in bare), "", 0),
            Row("archive: messages/s", median(one.rate for one in ours), "", 0),
            Row("  against bare", median(speed), "x", 2),
            Row("bare aiosqlite + FTS5: CPU a message", median(one.cpu_us for one in bare), "us", 0),
            Row("archive: CPU a message", median(one.cpu_us for one in ours), "us", 0),
            Row("  against bare", median(cost), "x", 2),
        ]
        database = await _opened(Path(folder) / "searched.sqlite3")
        try:
            await search.fill(database, searched)
            for timing in await search.measure(database, searched, searches):
                rows.append(Row(f"search of {searched}, {timing.kind}: p50", timing.p50_ms, "ms", 2))
                rows.append(Row("  p99", timing.p99_ms, "ms", 2))
        finally:
            await database.close()
    return Section("the archive (SQLite)", tuple(rows))


async def _in_turn(folder: Path, said: Sequence[str]) -> tuple[list[_Spent], list[_Spent]]:
    """What the bare one and the archive's writer take for the same messages, `TURN` batches each in turn."""
    bare: list[_Spent] = []
    ours: list[_Spent] = []
    database = await _opened(folder / "archive.sqlite3")
    try:
        async with aiosqlite.connect(folder / "bare.sqlite3") as connection:
            for statement in _BARE:
                await connection.execute(statement)
            writer = Writer(database)
            for first in range(0, len(said), TURN * BATCH):
                some = range(first, min(first + TURN * BATCH, len(said)))
                rows = [(n, f"wamid.{n}", f"c{n % 997}", n, said[n]) for n in some]
                bare.append(await _spent(_write_bare(connection, rows), len(some)))
                entries = list(_entries(said, some))
                ours.append(await _spent(_write(writer, entries), len(some)))
    finally:
        await database.close()
    return bare, ours


async def _spent(work: Coroutine[None, None, None], messages: int) -> _Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return _Spent(messages, time.perf_counter() - wall, time.process_time() - cpu)


async def _opened(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    await migrate(database)
    return database


async def _write(writer: Writer, entries: Sequence[JournalEntry]) -> None:
    """As the archiver hands them to its writer."""
    for first in range(0, len(entries), BATCH):
        await writer.write(entries[first : first + BATCH])


async def _write_bare(
    connection: aiosqlite.Connection, rows: Sequence[tuple[int, str, str, int, str]]
) -> None:
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        await connection.executemany("INSERT INTO m VALUES (?, ?, ?, ?, ?)", some)
        await connection.executemany(
            "INSERT INTO f (rowid, text) VALUES (?, ?)", [(row[0], row[4]) for row in some]
        )
        await connection.commit()


def _entries(said: Sequence[str], some: Iterable[int]) -> Iterator[JournalEntry]:
    """What commits journal: a conversation's opening with its first message, then messages."""
    people = max(1, len(said) // MESSAGES_A_CONTACT)
    for n in some:
        who = n % people
        at = _START + timedelta(seconds=n)
        facts = [_opening(at, who)] if n < people else []
        for fact in (*facts, _message(at, who, n, said[n])):
            yield JournalEntry(
                lane=LaneId(f"s{who % 16}"), entry=f"{int(at.timestamp() * 1000)}-0", data=pack(fact)
            )


def _opening(at: datetime, who: int) -> Fact:
    return ConversationOpened(
        at=at,
        cause=EventId(f"wa:wamid.opening{who}"),
        contact=ContactId(f"{who % 16}-c{who}"),
        conversation=ConversationId(f"{who % 16}-{who}"),
        inbox=InboxId("bench"),
        number=who,
        name=f"Contact {who}",
    )


def _message(at: datetime, who: int, n: int, words: str) -> Fact:
    return MessageNoted(
        at=at,
        cause=EventId(f"wa:wamid.bench{n}"),
        contact=ContactId(f"{who % 16}-c{who}"),
        conversation=ConversationId(f"{who % 16}-{who}"),
        inbox=InboxId("bench"),
        message=MessageId(f"{who % 16}-m{n}"),
        direction=Direction.INBOUND,
        body=text(words),
        platform_id=f"wamid.bench{n}",
    )
