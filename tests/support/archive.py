"""Archive databases of tests, and facts to fill them with."""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.journal import ConversationOpened, Fact, MessageNoted, pack
from bridge.markup import text
from bridge.model import (
    AgentId,
    ContactId,
    ConversationId,
    Direction,
    EventId,
    InboxId,
    LaneId,
    MessageId,
)
from bridge.store.archive import tables
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry
from bridge.store.archive.schema import migrate
from tests.support.waiting import aside

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LANE = LaneId("s3")
CONTACT = ContactId("3-abcdef")
CONVERSATION = ConversationId("3-66")
INBOX = InboxId("support")


class Journal:
    """Makes facts and the entries they stand in, as a lane's commits would: later ones have later times."""

    def __init__(self, lane: LaneId = LANE) -> None:
        self.lane = lane
        self.now = START
        self._count = itertools.count(1)

    def stamp(self, **changes: Any) -> dict[str, Any]:
        """What every fact says; a second after the one before."""
        self.now += timedelta(seconds=1)
        return {
            "at": self.now,
            "cause": EventId(f"test:{self.lane}:{next(self._count)}"),
            "contact": CONTACT,
            "conversation": CONVERSATION,
            "inbox": INBOX,
        } | changes

    def opened(self, number: int = 1059, **changes: Any) -> ConversationOpened:
        """A conversation began."""
        return ConversationOpened(**self.stamp(**changes), number=number, name="")

    def said(self, words: str, message: str | None = None, **changes: Any) -> MessageNoted:
        """The contact said something."""
        stamp = self.stamp(**changes)
        return MessageNoted(
            **stamp,
            message=MessageId(message or f"3-{stamp['cause']}"),
            direction=Direction.INBOUND,
            body=text(words),
            platform_id=f"wamid.{stamp['cause']}",
        )

    def answered(
        self, words: str, message: str, author: str | None = "ben", *, internal: bool = False
    ) -> MessageNoted:
        """Staff said something, to the contact or among themselves."""
        return MessageNoted(
            **self.stamp(),
            message=MessageId(message),
            direction=Direction.OUTBOUND,
            body=text(words),
            author=None if author is None else AgentId(author),
            internal=internal,
        )

    def entries(self, *facts: Fact) -> list[JournalEntry]:
        """Each fact in an entry of its own."""
        return [
            JournalEntry(self.lane, f"{int(one.at.timestamp() * 1000)}-{next(self._count)}", pack(one))
            for one in facts
        ]


@functools.cache
def _template() -> Path:
    """A migrated SQLite file without a row, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="threadline-archive-"))
    path = folder / "template.sqlite3"

    async def make() -> None:
        database = Database(f"sqlite:///{path}")
        await migrate(database)
        await database.close()

    aside(make())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return path


def new_sqlite(folder: Path) -> str:
    """A migrated, empty SQLite archive in `folder`: its address. Much quicker than to migrate one."""
    path = folder / "archive.sqlite3"
    shutil.copyfile(_template(), path)
    return f"sqlite:///{path}"


def temporary_sqlite() -> str:
    """A migrated, empty SQLite archive that is deleted when the tests end: its address."""
    return new_sqlite(Path(tempfile.mkdtemp(dir=_template().parent)))


async def everything(
    connection: AsyncConnection, *, journal: bool = False
) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the projections (and of the journal) by table, in the order of their keys."""
    found = {}
    for table in (*tables.PROJECTIONS, *((tables.journal,) if journal else ())):
        rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
        found[table.name] = [tuple(row) for row in rows]
    return found


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    """All rows of a table in the order of their keys."""
    of = tables.metadata.tables[table]
    async with database.read() as connection:
        found = await connection.execute(select(of).order_by(*of.primary_key.columns))
        return [dict(row) for row in found.mappings()]


def lock(path: Path) -> sqlite3.Connection:
    """Keep a SQLite archive locked until the connection is closed."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def in_batches(entries: Sequence[JournalEntry], size: int) -> list[list[JournalEntry]]:
    """The entries in batches of `size`."""
    return [list(entries[start : start + size]) for start in range(0, len(entries), size)]
