"""Contacts at rest, as the archive has them: who may rest, whose state is stored, and the state itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Select, exists, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.instants import instant, micros
from bridge.model import RECENT_KEPT, AgentId, Contact, ContactId, ConversationId, Direction, Status
from bridge.store.archive import tables
from bridge.store.archive.database import Database
from bridge.store.base import Stored, StoredLine

SCANNED = 20_000
"""Contacts that one look for quiet ones goes through."""
_contact = msgspec.msgpack.Decoder(Contact).decode


class Quiet(msgspec.Struct, frozen=True):
    """A contact that was quiet for long; `last_at` and `contact` are where to read on."""

    contact: ContactId
    last_at: int


class StoredAt(msgspec.Struct, frozen=True):
    """Whose state was stored when; `seq` is where to read on."""

    contact: ContactId
    at: datetime
    seq: int


class ArchiveShelf:
    """See `store.base.Shelf`. Every method raises `ArchiveError`."""

    def __init__(self, database: Database, *, scanned: int = SCANNED) -> None:
        """`scanned`: how many contacts one look for quiet ones goes through."""
        self._database = database
        self._scanned = scanned

    async def state(self, contact: ContactId) -> Stored | None:
        """A contact's state as it was stored last, with what was said in its conversations."""
        states = tables.contact_states
        async with self._database.read() as connection:
            packed = (
                await connection.execute(select(states.c.state).where(states.c.contact == contact))
            ).scalar()
            if packed is None:
                return None
            lines: list[StoredLine] = []
            for conversation in _conversations(packed):
                lines += await _lines(connection, conversation)
        return Stored(state=packed, lines=tuple(lines))

    async def quiet(
        self, before: datetime, after: Quiet | None, limit: int
    ) -> tuple[list[Quiet], Quiet | None]:
        """Contacts of whom nothing was heard since `before`, who have no active conversation and whose state is not
        stored as it is now; those that were quiet longest first, behind `after`. And where to read on: None at the end.

        Looks at so many contacts at most (`scanned`), because most of a long list may rest already.
        """
        contacts = tables.contacts
        page = (
            select(contacts.c.id, contacts.c.last_at)
            .where(contacts.c.last_at < micros(before))
            .order_by(contacts.c.last_at, contacts.c.id)
        )
        if after is not None:
            page = page.where(
                tuple_(contacts.c.last_at, contacts.c.id) > tuple_(after.last_at, str(after.contact))
            )
        async with self._database.read() as connection:
            end = (await connection.execute(page.offset(self._scanned - 1).limit(1))).first()
            rows = (await connection.execute(_wanted(page, end).limit(limit))).all()
        found = [Quiet(ContactId(contact), last_at) for contact, last_at in rows]
        if len(found) == limit:
            return found, found[-1]
        return found, None if end is None else Quiet(ContactId(end.id), end.last_at)

    async def stored(self, after: int, limit: int) -> list[StoredAt]:
        """Whose state was stored by facts behind number `after`, in their order."""
        states = tables.contact_states
        found = (
            select(states.c.contact, states.c.at, states.c.seq)
            .where(states.c.seq > after)
            .order_by(states.c.seq)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        return [StoredAt(ContactId(contact), instant(at), seq) for contact, at, seq in rows]

    async def reached(self, name: str) -> int:
        """How far somebody who follows the stored states has come (`reach`); 0 at first."""
        settings = tables.settings
        async with self._database.read() as connection:
            value = (
                await connection.execute(select(settings.c.value).where(settings.c.name == name))
            ).scalar()
        return int(value) if value else 0

    async def reach(self, name: str, seq: int) -> None:
        """Remember how far somebody has come."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        made = insert(tables.settings).values(name=name, value=str(seq))
        async with self._database.write() as connection:
            await connection.execute(
                made.on_conflict_do_update(index_elements=["name"], set_={"value": str(seq)})
            )


def _wanted(page: Select[str, int], end: Row[str, int] | None) -> Select[str, int]:
    """Those of the contacts of `page`, up to `end`, that may rest and do not."""
    contacts, states, conversations = tables.contacts, tables.contact_states, tables.conversations
    known = conversations.c.contact == contacts.c.id
    active = exists().where(known, conversations.c.status == Status.ACTIVE.value)
    stored = exists().where(states.c.contact == contacts.c.id, states.c.at > contacts.c.last_at)
    wanted = page.where(exists().where(known), ~active, ~stored)
    if end is None:
        return wanted
    return wanted.where(tuple_(contacts.c.last_at, contacts.c.id) <= tuple_(end.last_at, end.id))


def _conversations(packed: bytes) -> Sequence[ConversationId]:
    """The current conversations of a stored state; none of one that cannot be read."""
    try:
        return [one.id for one in _contact(packed).conversations.values()]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()


async def _lines(connection: AsyncConnection, conversation: ConversationId) -> list[StoredLine]:
    messages = tables.messages
    found = (
        select(
            messages.c.at,
            messages.c.direction,
            messages.c.author,
            messages.c.text,
            messages.c.internal,
        )
        .where(messages.c.conversation == conversation)
        .order_by(messages.c.seq.desc())
        .limit(RECENT_KEPT)
    )
    rows = (await connection.execute(found)).all()
    return [
        StoredLine(
            conversation=conversation,
            at=instant(at),
            direction=Direction(direction),
            author=AgentId(author) if author else None,
            text=said,
            internal=internal,
        )
        for at, direction, author, said, internal in reversed(rows)
    ]
