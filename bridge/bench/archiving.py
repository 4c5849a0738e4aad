"""How fast the archive takes facts in, beside bare aiosqlite with a full-text index; and how long a search takes.

The bare one writes rows of the same texts in batches of the same size, and its index; no journal table, no projection,
no check whether a fact is known.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosqlite

from bridge.bench import search
from bridge.bench.report import Row, Section
from bridge.journal import ConversationOpened, Fact, MessageNoted, pack
from bridge.markup import text
from bridge.model import ContactId, ConversationId, Direction, EventId, InboxId, LaneId, MessageId
from bridge.store.archive.database import Database
from bridge.store.archive.schema import migrate
from bridge.store.archive.writer import JournalEntry, Writer

BATCH = 500
"""Entries that the archiver writes in one transaction."""
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


async def measure(facts: int, searched: int, searches: int = SEARCHES) -> Section:
    """Write `facts` messages both ways in turn, then search among `searched`, so many `searches` of each kind."""
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        said = list(search.texts(facts, search.vocabulary()))
        bare = await _bare(Path(folder) / "bare.sqlite3", said)
        ours = await _ours(Path(folder) / "archive.sqlite3", said)
        rows = [
            Row("bare aiosqlite + FTS5: messages/s", bare, "", 0),
            Row("archive: messages/s", ours, "", 0),
            Row("  against bare", ours / bare, "x", 2),
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


async def _opened(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    await migrate(database)
    return database


async def _ours(path: Path, said: Sequence[str]) -> float:
    """Messages a second that the archive's writer takes, as the archiver hands them to it."""
    database = await _opened(path)
    try:
        writer = Writer(database)
        begun = time.perf_counter()
        for batch in _batches(_entries(said)):
            await writer.write(batch)
        return len(said) / (time.perf_counter() - begun)
    finally:
        await database.close()


def _entries(said: Sequence[str]) -> Iterator[JournalEntry]:
    """What commits journal: a conversation's opening with its first message, then messages."""
    people = max(1, len(said) // MESSAGES_A_CONTACT)
    for n, words in enumerate(said):
        who = n % people
        at = _START + timedelta(seconds=n)
        facts = [_opening(at, who)] if n < people else []
        for fact in (*facts, _message(at, who, n, words)):
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


def _batches(entries: Iterator[JournalEntry]) -> Iterator[list[JournalEntry]]:
    while batch := list(itertools.islice(entries, BATCH)):
        yield batch


async def _bare(path: Path, said: Sequence[str]) -> float:
    async with aiosqlite.connect(path) as connection:
        for statement in _BARE:
            await connection.execute(statement)
        begun = time.perf_counter()
        for first in range(0, len(said), BATCH):
            rows = [
                (n, f"wamid.{n}", f"c{n % 997}", n, said[n])
                for n in range(first, min(first + BATCH, len(said)))
            ]
            await connection.executemany("INSERT INTO m VALUES (?, ?, ?, ?, ?)", rows)
            await connection.executemany(
                "INSERT INTO f (rowid, text) VALUES (?, ?)", [(row[0], row[4]) for row in rows]
            )
            await connection.commit()
        return len(said) / (time.perf_counter() - begun)
