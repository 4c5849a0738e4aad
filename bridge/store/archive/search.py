"""Full-text search over what was said, and over contacts. Newest first; one meaning, two engines.

`query` says what is looked for, `index` what is indexed, `lookup` asks the engine. Where somebody may look is part
of the query, too: marks in the index, so that a common word within a small inbox costs no more than elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlalchemy import BigInteger, RowMapping, Select, bindparam, column, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import BridgeError
from bridge.instants import instant, micros
from bridge.model import ContactId, ConversationId, InboxId
from bridge.store.archive import index
from bridge.store.archive.excerpts import Excerpt, excerpt
from bridge.store.archive.lookup import Bounds, Lookup, newest_contacts, newest_messages
from bridge.store.archive.people import joined_contacts
from bridge.store.archive.query import Clause, Phrase, Query, parse
from bridge.store.archive.tables import contacts, conversations, messages

MOST_HITS = 100
"""Of a page."""
MOST_CONTACTS = 5
LONGEST_S = 2.0
"""Seconds that an engine may work on one search."""
LAG_US = 86_400_000_000
"""Longer than the archive is ever behind, in microseconds: so much out of order are messages by time, at most."""


class SearchTooBroadError(BridgeError):
    """The search was ended because it took too long. Says what helps."""

    def __init__(self, after_s: float) -> None:
        super().__init__(
            f"the search took longer than {after_s:g} seconds and was ended: add a rarer word, or look within"
            " one conversation"
        )


class Reading(Protocol):
    """A database to read from, beside whoever writes to it."""

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that sees one state of everything."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look."""

    inboxes: tuple[InboxId, ...] | None = None
    """Those that the person may see; None: all there are."""
    contact: ContactId | None = None
    """With everybody joined into them."""
    conversation: ConversationId | None = None
    direction: str | None = None
    """`in`, `out`, or `note` for notes only."""
    since: datetime | None = None
    until: datetime | None = None
    """The first instant that does not count any more."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A message or note that was found."""

    seq: int
    message: str
    conversation: str
    number: int | None
    contact: str
    name: str
    inbox: str
    direction: str
    """`in`, `out` or `note`."""
    author: str | None
    at: datetime
    excerpt: Excerpt
    thread: tuple[str, str, str] | None
    """Desk, channel and thread where the conversation is answered now."""


class ContactHit(msgspec.Struct, frozen=True, kw_only=True):
    """A contact whose name, username or number was found."""

    contact: str
    name: str
    username: str | None
    phone: str | None
    last_at: datetime


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, newest first."""

    hits: tuple[Hit, ...]
    before: int | None
    """Ask for what lies before this to go on; None: there is no more."""
    contacts: tuple[ContactHit, ...] = ()
    """On the first page only, the newest contacts first; none within a contact or a conversation."""


class Search:
    """Searches an archive."""

    def __init__(self, database: Reading, *, longest_s: float = LONGEST_S) -> None:
        self._database = database
        self._longest_s = longest_s

    async def find(
        self, typed: str, scope: Scope | None = None, *, before: int | None = None, limit: int = 20
    ) -> Page:
        """Look for what was typed. Raises `QueryError`, `SearchTooBroadError`, and what the database does."""
        query, scope, limit = parse(typed), scope or Scope(), max(1, min(limit, MOST_HITS))
        if scope.inboxes is not None and not scope.inboxes:
            return Page(hits=(), before=None)
        small = scope.contact is not None or scope.conversation is not None
        async with self._database.read() as connection, _ended_after(connection, self._longest_s):
            marked = msgspec.structs.replace(query, wanted=query.wanted + await _within(connection, scope))
            bounds = await _bounds(connection, scope, before)
            dialect = connection.dialect.name
            asked = newest_messages(dialect, marked, bounds, limit + 1, rare=small)
            rows = await _rows(connection, _messages, asked, limit + 1)
            people: Sequence[RowMapping] = ()
            if before is None and not small:
                asked = newest_contacts(dialect, query, scope.inboxes, MOST_CONTACTS)
                people = await _rows(connection, _contacts, asked, MOST_CONTACTS)
        return Page(
            hits=tuple(_hit(row, query) for row in rows[:limit]),
            before=rows[limit - 1]["seq"] if len(rows) > limit else None,
            contacts=tuple(_contact_hit(row) for row in people),
        )

    async def people(
        self, typed: str, inboxes: tuple[InboxId, ...], *, limit: int = 20
    ) -> tuple[ContactHit, ...]:
        """Contacts of these inboxes whose name, username or number begins like each word that was typed, the newest
        first. Raises `QueryError`, `SearchTooBroadError`, and what the database does.
        """
        begun = " ".join(
            word if word.endswith("*") else f"{word}*" for word in typed.replace('"', " ").split()
        )
        query = parse(begun)
        if not inboxes:
            return ()
        async with self._database.read() as connection, _ended_after(connection, self._longest_s):
            asked = newest_contacts(connection.dialect.name, query, inboxes, limit)
            return tuple(_contact_hit(row) for row in await _rows(connection, _contacts, asked, limit))


# ------------------------------------------------------------------------------------------ bounded work


@contextlib.asynccontextmanager
async def _ended_after(connection: AsyncConnection, longest_s: float) -> AsyncIterator[None]:
    """End what the engine does for us after a while, and say so."""
    limit = _interrupted_after if connection.dialect.name == "sqlite" else _timed_out_after
    try:
        async with limit(connection, longest_s):
            yield
    except DBAPIError as problem:
        # 57014: PostgreSQL's code for a statement that was cancelled.
        if getattr(problem.orig, "sqlstate", "") == "57014" or "interrupted" in str(problem.orig):
            raise SearchTooBroadError(longest_s) from None
        raise


@contextlib.asynccontextmanager
async def _timed_out_after(connection: AsyncConnection, longest_s: float) -> AsyncIterator[None]:
    await connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(longest_s * 1000))}"))
    yield


@contextlib.asynccontextmanager
async def _interrupted_after(connection: AsyncConnection, longest_s: float) -> AsyncIterator[None]:
    """Giving up on the task alone would leave the engine's thread at work."""
    driver = (await connection.get_raw_connection()).driver_connection

    async def interrupt() -> None:
        await asyncio.sleep(longest_s)
        while driver is not None:
            # Again and again, because it ends only what is under way at this moment.
            await driver.interrupt()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(interrupt(), name="search.limit")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


# ---------------------------------------------------------------------------------------------- the scope


async def _within(connection: AsyncConnection, scope: Scope) -> tuple[Clause, ...]:
    """What a document has to be marked with."""
    within: list[Clause] = []
    if scope.inboxes is not None:
        within.append(_one_of(index.inbox_mark(one) for one in scope.inboxes))
    if scope.contact is not None:
        everybody = await joined_contacts(connection, scope.contact)
        within.append(_one_of(index.contact_mark(one) for one in everybody))
    if scope.conversation is not None:
        within.append(_one_of([index.conversation_mark(scope.conversation)]))
    if scope.direction is not None:
        within.append(_one_of([index.direction_mark(scope.direction)]))
    return tuple(within)


def _one_of(marks: Iterable[str]) -> Clause:
    return tuple((Phrase((one,)),) for one in marks)


async def _bounds(connection: AsyncConnection, scope: Scope, before: int | None) -> Bounds:
    """Between which messages those of a time lie: their numbers rise with time but for how far the archive lagged,
    so they only narrow the search, and the times are compared as well.
    """
    since = None if scope.since is None else micros(scope.since)
    until = None if scope.until is None else micros(scope.until)
    floor, ceiling = None, before
    if since is not None:
        earlier = select(messages.c.seq).where(messages.c.at < since - LAG_US)
        floor = await connection.scalar(earlier.order_by(messages.c.at.desc()).limit(1))
    if until is not None:
        later = select(messages.c.seq).where(messages.c.at > until + LAG_US)
        first = await connection.scalar(later.order_by(messages.c.at).limit(1))
        if first is not None:
            ceiling = first if before is None else min(first, before)
    return Bounds(floor=floor, ceiling=ceiling, since=since, until=until)


# -------------------------------------------------------------------------------------------------- found

_SEQ = column("seq", BigInteger)
_HIT = (
    *(messages.c.seq, messages.c.id, messages.c.conversation, messages.c.contact, messages.c.inbox),
    *(messages.c.direction, messages.c.internal, messages.c.author, messages.c.text, messages.c.at),
    *(conversations.c.number, conversations.c.desk, conversations.c.channel, conversations.c.thread),
    contacts.c.name,
)


async def _rows(
    connection: AsyncConnection, made: Callable[[str], Select[Any]], asked: Lookup, enough: int
) -> Sequence[RowMapping]:
    rows: Sequence[RowMapping] = ()
    for statement, least in asked.statements:
        if len(rows) < least:
            continue
        rows = (await connection.execute(made(statement), asked.given)).mappings().all()
        if len(rows) >= enough:
            break
    return rows


@functools.lru_cache(maxsize=64)
def _messages(found: str) -> Select[Any]:
    """All that a hit tells, of the messages that a statement finds."""
    seqs = text(found).columns(_SEQ).subquery("hits")
    joined = seqs.join(messages, messages.c.seq == seqs.c.seq)
    joined = joined.outerjoin(conversations, conversations.c.id == messages.c.conversation)
    joined = joined.outerjoin(contacts, contacts.c.id == messages.c.contact)
    return select(*_HIT).select_from(joined).order_by(messages.c.seq.desc())


@functools.lru_cache(maxsize=8)
def _contacts(found: str) -> Select[Any]:
    statement = text(found)
    if ":inboxes" in found:
        statement = statement.bindparams(bindparam("inboxes", expanding=True))
    seqs = statement.columns(_SEQ).subquery("hits")
    joined = seqs.join(contacts, contacts.c.seq == seqs.c.seq)
    return select(contacts).select_from(joined).order_by(contacts.c.seq.desc())


def _hit(row: RowMapping, query: Query) -> Hit:
    return Hit(
        seq=row["seq"],
        message=row["id"],
        conversation=row["conversation"],
        number=row["number"],
        contact=row["contact"],
        name=row["name"] or "",
        inbox=row["inbox"],
        direction="note" if row["internal"] else row["direction"],
        author=row["author"],
        at=instant(row["at"]),
        excerpt=excerpt(row["text"], query),
        thread=(row["desk"], row["channel"], row["thread"]) if row["thread"] else None,
    )


def _contact_hit(row: RowMapping) -> ContactHit:
    return ContactHit(
        contact=row["id"],
        name=row["name"],
        username=row["username"],
        phone=row["phone"],
        last_at=instant(row["last_at"]),
    )
