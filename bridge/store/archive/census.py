"""What the archive knows of a deployment: whose it is, how far it goes, and its contacts, to rebuild Redis from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.instants import micros
from bridge.model import (
    AgentId,
    Contact,
    ContactId,
    ConversationId,
    Fate,
    InboxId,
    LaneId,
    MessageId,
    OpenConversation,
    Status,
    shard_lane,
)
from bridge.store.archive import tables
from bridge.store.archive.database import Database
from bridge.store.archive.remembered import as_stored, rebuilt, waiting_since
from bridge.store.deployment import ArchiveSide

PAGE = 200
DEPLOYMENT = "deployment"
"""The setting that names the deployment."""
SHARDS = "shards"
NUMBERS = "numbers"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as the archive knows it."""

    contact: Contact
    stored: bool
    """It is at rest: `contact` is its whole state."""
    aliases: tuple[str, ...]
    """Those that lead to it."""


class Census:
    """Reads one archive. Every method raises `ArchiveError`."""

    def __init__(self, database: Database, shards: int, windows_s: Mapping[InboxId, float]) -> None:
        self._database = database
        self._shards = shards
        self._windows_s = windows_s

    async def side(self, *, counters: bool = True) -> ArchiveSide:
        """Whose the archive is, and how far it goes; without `counters` in a moment, however many conversations."""
        settings, watermarks = tables.settings, tables.watermarks
        number = tables.conversations.c.number
        highest = select(func.max(number)).group_by(number % self._shards)
        async with self._database.read() as connection:
            named = await connection.execute(select(settings.c.name, settings.c.value))
            values = {one.name: one.value for one in named.all()}
            marks = (await connection.execute(select(watermarks.c.lane, watermarks.c.entry))).all()
            numbers = (await connection.execute(highest)).scalars().all() if counters else ()
        shards = values.get(SHARDS)
        return ArchiveSide(
            id=values.get(DEPLOYMENT),
            numbers=tuple(values.get(NUMBERS, "").split()),
            shards=int(shards) if shards else None,
            counters={shard_lane(one % self._shards): one // self._shards for one in numbers},
            watermarks={LaneId(lane): entry for lane, entry in marks},
            where=self._database.where,
        )

    async def sign(self, deployment: str, numbers: Sequence[str]) -> None:
        """Write whose the archive is, where that is not known yet, and which numbers it answers now."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        first = {DEPLOYMENT: deployment, SHARDS: str(self._shards), NUMBERS: ""}
        rows = [{"name": name, "value": value} for name, value in first.items()]
        made = insert(tables.settings).values(rows).on_conflict_do_nothing(index_elements=["name"])
        of_numbers = update(tables.settings).where(tables.settings.c.name == NUMBERS)
        async with self._database.write() as connection:
            await connection.execute(made)
            await connection.execute(of_numbers.values(value=" ".join(numbers)))

    async def count(self, lane: LaneId, since: datetime | None) -> int:
        """How many contacts of a shard something happened to since then."""
        found = select(func.count()).select_from(tables.contacts).where(*_of_shard(lane, since))
        async with self._database.read() as connection:
            return (await connection.execute(found)).scalar() or 0

    async def contacts(self, lane: LaneId, since: datetime | None = None) -> AsyncIterator[list[Known]]:
        """The contacts of a shard, page by page; with `since` those to whom something happened since then."""
        contacts = tables.contacts
        last = ""
        while True:
            page = (
                select(contacts)
                .where(*_of_shard(lane, since), contacts.c.id > last)
                .order_by(contacts.c.id)
                .limit(PAGE)
            )
            async with self._database.read() as connection:
                rows = (await connection.execute(page)).all()
                found = await self._known(connection, rows)
            if found:
                yield found
            if len(rows) < PAGE:
                return
            last = rows[-1].id

    async def causes(self, lane: LaneId, since: datetime) -> list[str]:
        """Events of a lane that were decided since then, as far as they left a fact."""
        journal = tables.journal
        found = (
            select(journal.c.cause).where(journal.c.lane == lane, journal.c.at >= micros(since)).distinct()
        )
        async with self._database.read() as connection:
            return list((await connection.execute(found)).scalars().all())

    async def active(self) -> list[OpenConversation]:
        """Every active conversation, as the desk lane's lists show it."""
        contacts, conversations = tables.contacts, tables.conversations
        found = (
            select(conversations, contacts.c.name)
            .select_from(conversations.join(contacts, contacts.c.id == conversations.c.contact))
            .where(conversations.c.status == Status.ACTIVE.value)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        return [
            OpenConversation(
                id=ConversationId(row.id),
                contact=ContactId(row.contact),
                number=row.number,
                inbox=InboxId(row.inbox),
                name=row.name,
                status=Status.ACTIVE,
                assignee=AgentId(row.assignee) if row.assignee else None,
                waiting_since=waiting_since(row),
            )
            for row in rows
        ]

    async def sent(self, messages: Collection[MessageId]) -> set[MessageId]:
        """Those of these messages that the contact's platform has taken, or that failed."""
        table = tables.messages
        found = select(table.c.id).where(table.c.id.in_(messages), table.c.fate >= int(Fate.ACCEPTED))
        async with self._database.read() as connection:
            return set(map(MessageId, (await connection.execute(found)).scalars().all()))

    async def shown(self, messages: Collection[MessageId]) -> set[MessageId]:
        """Those of these messages that stand on the desk."""
        table = tables.posts
        found = select(table.c.message).where(table.c.message.in_(messages), table.c.ours)
        async with self._database.read() as connection:
            return set(map(MessageId, (await connection.execute(found)).scalars().all()))

    async def threaded(
        self, conversations: Collection[ConversationId], since: datetime
    ) -> set[ConversationId]:
        """Those of these conversations that got a thread since then."""
        table = tables.threads
        found = select(table.c.conversation).where(
            table.c.conversation.in_(conversations), table.c.at >= micros(since)
        )
        async with self._database.read() as connection:
            return set(map(ConversationId, (await connection.execute(found)).scalars().all()))

    # ------------------------------------------------------------------------------------------- one page

    async def _known(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Known]:
        ids = [row.id for row in rows]
        if not ids:
            return []
        conversations = await _grouped(connection, tables.conversations, ids)
        threads = await _grouped(connection, tables.threads, ids)
        tags = await _grouped(connection, tables.tags, ids)
        aliases = await _grouped(connection, tables.aliases, ids)
        states = await _grouped(connection, tables.contact_states, ids)
        known = []
        for row in rows:
            names = tuple(one.alias for one in sorted(aliases[row.id], key=lambda one: (one.at, one.alias)))
            stored = as_stored(row, states[row.id])
            contact = stored or rebuilt(
                row, names, conversations[row.id], threads[row.id], tags[row.id], self._windows_s
            )
            known.append(Known(contact=contact, stored=stored is not None, aliases=names))
        return known


def _of_shard(lane: LaneId, since: datetime | None) -> tuple[ColumnElement[bool], ...]:
    contacts = tables.contacts
    of_shard = contacts.c.id.like(f"{lane[1:]}-%")
    return (of_shard,) if since is None else (of_shard, contacts.c.last_at >= micros(since))


async def _grouped(
    connection: AsyncConnection, table: Table, contacts: Sequence[str]
) -> dict[str, list[Row[Any]]]:
    """The rows of a page's contacts, by contact."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(select(table).where(table.c.contact.in_(contacts)))).all():
        found[row.contact].append(row)
    return found
