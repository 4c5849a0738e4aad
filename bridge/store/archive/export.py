"""Everything that the archive knows of a contact, or of all, line by line: what `threadline export` writes.

Contact by contact, conversation by conversation, in the order in which things were decided. However much there is, only
a page of it is in memory. The shape of the lines is a promise (docs/privacy.md): keys are only ever added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, RowMapping, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.instants import instant, micros
from bridge.markup import Node
from bridge.model import ContactId, Fate
from bridge.store.archive import tables
from bridge.store.archive.changes import unpacked_body, unpacked_content

FORMAT = 1
"""Goes up when a reader of the lines would have to change."""
CONTACTS_A_PAGE = 200
MESSAGES_A_PAGE = 2_000
_KEYS_A_QUESTION = 1_000

Line = dict[str, Any]
Row = RowMapping

_CHANGES: dict[str, tuple[Table, tuple[str, ...]]] = {
    "assignment": (tables.assignments, ("before", "after", "by")),
    "status": (tables.status_changes, ("before", "after", "by")),
    "priority": (tables.priority_changes, ("before", "after", "by")),
    "tags": (tables.tag_changes, ("added", "removed", "by")),
    "command": (tables.commands, ("command", "args", "by", "account")),
    "reaction": (tables.reactions, ("platform_id", "emoji")),
    "verdict": (tables.verdicts, ("message", "verdict", "part", "by", "account")),
}
"""Kinds of lines about what was done to a conversation: the table, and the columns that a line repeats."""


async def lines(
    connection: AsyncConnection, contacts: Sequence[ContactId] | None = None, since: datetime | None = None
) -> AsyncGenerator[Line]:
    """Every line, the first says what it is and the last how many there were. `contacts`: these only; None: all.

    With `since`, what happened before it is left out, and so are contacts of whom nothing was heard since.
    """
    counted: dict[str, int] = defaultdict(int)
    yield {
        "kind": "export",
        "format": FORMAT,
        "at": _iso(micros(datetime.now(UTC))),
        "contacts": list(contacts) if contacts is not None else None,
        "since": None if since is None else _iso(micros(since)),
    }
    async for page in _contacts(connection, contacts, since):
        async for line in _Page(connection, page, since).lines():
            counted[line["kind"]] += 1
            yield line
    yield {"kind": "end", "lines": dict(counted)}


async def expected(
    connection: AsyncConnection, contacts: Sequence[ContactId] | None = None, since: datetime | None = None
) -> int:
    """How many messages and notes there are to export, to show how far it is."""
    counted = select(func.count()).select_from(tables.messages)
    if contacts is not None:
        counted = counted.where(tables.said_by(contacts))
    if since is not None:
        counted = counted.where(tables.messages.c.at >= micros(since))
    return int(await connection.scalar(counted) or 0)


async def _contacts(
    connection: AsyncConnection, contacts: Sequence[ContactId] | None, since: datetime | None
) -> AsyncIterator[list[Row]]:
    """Rows of contacts, in pages."""
    key = tables.contacts.c.seq
    statement = select(tables.contacts).order_by(key).limit(CONTACTS_A_PAGE)
    if contacts is not None:
        statement = statement.where(tables.contacts.c.id.in_(contacts))
    if since is not None:
        statement = statement.where(tables.contacts.c.last_at >= micros(since))
    page = await _rows(connection, statement)
    while page:
        yield page
        page = await _rows(connection, statement.where(key > page[-1]["seq"]))


class _Page:
    """Contacts with all that belongs to them."""

    def __init__(self, connection: AsyncConnection, page: Sequence[Row], since: datetime | None) -> None:
        self._connection = connection
        self._page = page
        self._ids = [row["id"] for row in page]
        self._since = None if since is None else micros(since)

    async def lines(self) -> AsyncIterator[Line]:
        """Their lines, contact by contact."""
        aliases = await self._by_contact(tables.aliases)
        dropped = await self._by_contact(tables.dropped)
        touches = await self._by_contact(tables.touches)
        cases = await self._by_contact(tables.conversations)
        for row in self._page:
            yield _contact(row, aliases[row["id"]])
            for letter in dropped[row["id"]]:
                if self._counts(letter):
                    yield _dropped(letter)
            for touch in touches[row["id"]]:
                if self._counts(touch):
                    yield _touch(touch)
            owned = sorted(cases[row["id"]], key=lambda case: (case["opened_at"], case["number"]))
            for group in await self._groups(owned):
                async for line in self._conversations(group):
                    yield line

    def _counts(self, row: Row) -> bool:
        return self._since is None or row["at"] >= self._since

    async def _by_contact(self, table: Table) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        statement = select(table).where(table.c.contact.in_(self._ids)).order_by(*table.primary_key.columns)
        for row in await _rows(self._connection, statement):
            found[row["contact"]].append(row)
        return found

    async def _groups(self, owned: Sequence[Row]) -> list[list[Row]]:
        """Conversations in groups of about a page of messages; a longer one is a group of its own."""
        sizes = await self._sizes([row["id"] for row in owned])
        groups: list[list[Row]] = []
        room = 0
        for row in owned:
            size = sizes.get(row["id"], 0)
            if not groups or size > room:
                groups.append([])
                room = MESSAGES_A_PAGE
            groups[-1].append(row)
            room -= size
        return groups

    async def _sizes(self, conversations: Sequence[str]) -> dict[str, int]:
        said = tables.messages
        sizes: dict[str, int] = {}
        for some in _chunks(conversations):
            counted = select(said.c.conversation, func.count()).where(said.c.conversation.in_(some))
            for row in await self._connection.execute(counted.group_by(said.c.conversation)):
                sizes[row[0]] = row[1]
        return sizes

    async def _conversations(self, group: Sequence[Row]) -> AsyncIterator[Line]:
        """Lines of a few conversations, or of one long one, page by page."""
        ids = [row["id"] for row in group]
        heads = await self._heads(ids)
        first, low = True, -1
        while True:
            said = await self._messages(ids, low)
            last = len(said) < MESSAGES_A_PAGE or len(ids) > 1
            high = None if last else said[-1]["seq"]
            items = await self._items(ids, said, low, high)
            for row in group:
                if first:
                    for line in heads.of(row):
                        yield line
                for _seq, line in sorted(items[row["id"]], key=lambda item: item[0]):
                    yield line
                if last:
                    for line in heads.notices[row["id"]]:
                        yield line
            if high is None:
                return
            first, low = False, high

    async def _heads(self, ids: Sequence[str]) -> _Heads:
        heads = _Heads()
        for table, into in (
            (tables.threads, heads.threads),
            (tables.tags, heads.tags),
            (tables.episodes, heads.episodes),
        ):
            statement = select(table).where(table.c.conversation.in_(ids))
            for row in await _rows(self._connection, statement.order_by(*table.primary_key.columns)):
                into[row["conversation"]].append(row)
        posts = tables.posts
        notices = select(posts).where(
            posts.c.contact.in_(self._ids), posts.c.conversation.in_(ids), posts.c.message == ""
        )
        for row in await _rows(self._connection, notices.order_by(posts.c.at, posts.c.post)):
            if self._counts(row):
                heads.notices[row["conversation"]].append(_notice(row))
        return heads

    async def _messages(self, ids: Sequence[str], low: int) -> list[Row]:
        said = tables.messages
        statement = select(said).where(self._within(said, ids, low, None)).order_by(said.c.seq)
        if len(ids) == 1:
            statement = statement.limit(MESSAGES_A_PAGE)
        return await _rows(self._connection, statement)

    async def _items(
        self, ids: Sequence[str], said: Sequence[Row], low: int, high: int | None
    ) -> dict[str, list[tuple[int, Line]]]:
        """Lines with their numbers, by conversation."""
        items: dict[str, list[tuple[int, Line]]] = defaultdict(list)
        messages = [row["id"] for row in said]
        parts = await self._of_messages(tables.deliveries, messages)
        posts = await self._of_messages(tables.posts, messages)
        for row in said:
            line = _message(row, parts[row["id"]], posts[row["id"]])
            items[row["conversation"]].append((row["seq"], line))
        for kind, (table, columns) in _CHANGES.items():
            for row in await _rows(
                self._connection, select(table).where(self._within(table, ids, low, high))
            ):
                items[row["conversation"]].append((row["seq"], _change(kind, row, columns)))
        return items

    def _within(self, table: Table, ids: Sequence[str], low: int, high: int | None) -> ColumnElement[bool]:
        conditions = [table.c.conversation.in_(ids), table.c.seq > low]
        if high is not None:
            conditions.append(table.c.seq <= high)
        if self._since is not None:
            conditions.append(table.c.at >= self._since)
        return and_(*conditions)

    async def _of_messages(self, table: Table, messages: Sequence[str]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for some in _chunks(messages):
            statement = select(table).where(table.c.message.in_(some)).order_by(*table.primary_key.columns)
            for row in await _rows(self._connection, statement):
                found[row["message"]].append(row)
        return found


class _Heads:
    """What stands before and after a conversation's items, by conversation."""

    def __init__(self) -> None:
        self.threads: dict[str, list[Row]] = defaultdict(list)
        self.tags: dict[str, list[Row]] = defaultdict(list)
        self.episodes: dict[str, list[Row]] = defaultdict(list)
        self.notices: dict[str, list[Line]] = defaultdict(list)

    def of(self, row: Row) -> Iterable[Line]:
        """The conversation's own line, and its episodes'."""
        yield _conversation(row, self.threads[row["id"]], self.tags[row["id"]])
        for episode in self.episodes[row["id"]]:
            yield _episode(episode)


async def _rows(connection: AsyncConnection, statement: Any) -> list[Row]:  # noqa: ANN401 - any SELECT
    return list((await connection.execute(statement)).mappings())


def _chunks(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _KEYS_A_QUESTION] for start in range(0, len(keys), _KEYS_A_QUESTION))


# ------------------------------------------------------------------------------------------------- lines


def _iso(stored: int) -> str:
    return instant(stored).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _maybe(stored: int | None) -> str | None:
    return None if stored is None else _iso(stored)


def _fate(stored: int | None) -> str | None:
    return None if stored is None else Fate(stored).name.lower()


def _contact(row: Row, aliases: Sequence[Row]) -> Line:
    return {
        "kind": "contact",
        "id": row["id"],
        "name": row["name"],
        "username": row["username"],
        "phone": row["phone"],
        "aliases": [one["alias"] for one in aliases],
        "merged_into": row["merged_into"],
        "first_at": _iso(row["first_at"]),
        "last_at": _iso(row["last_at"]),
    }


def _dropped(row: Row) -> Line:
    return {
        "kind": "dropped",
        "at": _iso(row["at"]),
        "contact": row["contact"],
        "conversation": row["conversation"] or None,
        "event": row["kind"],
        "arrived_at": _iso(row["arrived_at"]),
        "message": row["message"],
        "reason": row["reason"],
    }


def _touch(row: Row) -> Line:
    return {
        "kind": "touch",
        "at": _iso(row["at"]),
        "contact": row["contact"],
        "conversation": row["conversation"] or None,
        "inbox": row["inbox"],
        "touch": row["kind"],
        "name": row["name"],
        "campaign": row["campaign"],
        "platform_id": row["platform_id"] or None,
        "sent_at": _iso(row["sent_at"]),
        "answer": row["answer"],
    }


def _conversation(row: Row, threads: Sequence[Row], tags: Sequence[Row]) -> Line:
    return {
        "kind": "conversation",
        "id": row["id"],
        "number": row["number"],
        "contact": row["contact"],
        "inbox": row["inbox"],
        "status": row["status"],
        "assignee": row["assignee"],
        "priority": row["priority"],
        "tags": [one["tag"] for one in tags],
        "previous": row["previous"],
        "threads": [
            {
                "desk": one["desk"],
                "channel": one["channel"],
                "thread": one["thread"],
                "card": one["card"],
                "at": _iso(one["at"]),
            }
            for one in sorted(threads, key=lambda one: (one["at"], one["thread"]))
        ],
        "opened_at": _iso(row["opened_at"]),
        "status_at": _iso(row["status_at"]),
        "last_at": _iso(row["last_at"]),
        "last_inbound_at": _maybe(row["last_inbound_at"]),
        "last_outbound_at": _maybe(row["last_outbound_at"]),
    }


def _episode(row: Row) -> Line:
    return {
        "kind": "episode",
        "conversation": row["conversation"],
        "episode": row["episode"],
        "started_at": _iso(row["started_at"]),
        "ended_at": _maybe(row["ended_at"]),
        "ended_by": row["ended_by"],
        "first_inbound_at": _maybe(row["first_inbound_at"]),
        "first_answer_at": _maybe(row["first_answer_at"]),
        "first_answer_by": row["first_answer_by"],
    }


def _message(row: Row, parts: Sequence[Row], posts: Sequence[Row]) -> Line:
    """A message, or a note: the same keys, and of a note what the contact's platform knows is empty."""
    return {
        "kind": "note" if row["internal"] else "message",
        "at": _iso(row["at"]),
        "id": row["id"],
        "conversation": row["conversation"],
        "episode": row["episode"],
        "direction": row["direction"],
        "content": row["kind"],
        "author": row["author"],
        "account": row["account"],
        "text": row["text"],
        "formatted": None if row["body"] is None else msgspec.to_builtins(unpacked_body(row["body"])),
        "details": None if row["content"] is None else _named(unpacked_content(row["content"])),
        "platform_id": row["platform_id"],
        "sent_at": _maybe(row["sent_at"]),
        "fate": _fate(row["fate"]),
        "parts": row["parts"],
        "code": row["code"],
        "problem": row["problem"],
        "deliveries": [_delivery(one) for one in parts],
        "posts": [
            {
                "desk": one["desk"],
                "channel": one["channel"],
                "post": one["post"],
                "ours": bool(one["ours"]),
                "at": _iso(one["at"]),
            }
            for one in sorted(posts, key=lambda one: (one["at"], one["post"]))
        ],
    }


def _named(value: object) -> object:
    """What is packed as arrays, with the names of its fields; what has its default is left out."""
    if isinstance(value, msgspec.Struct) and not isinstance(value, Node):
        fields = structs.fields(value)
        said = {field.name: getattr(value, field.name) for field in fields}
        return {field.name: _named(said[field.name]) for field in fields if said[field.name] != field.default}
    if isinstance(value, tuple):
        return [_named(one) for one in value]
    return msgspec.to_builtins(value)


def _delivery(row: Row) -> Line:
    return {
        "part": row["part"],
        "platform_id": row["platform_id"] or None,
        "fate": _fate(row["fate"]),
        "at": _iso(row["at"]),
        "accepted_at": _maybe(row["accepted_at"]),
        "delivered_at": _maybe(row["delivered_at"]),
        "read_at": _maybe(row["read_at"]),
        "failed_at": _maybe(row["failed_at"]),
    }


def _change(kind: str, row: Row, columns: Iterable[str]) -> Line:
    line = {"kind": kind, "at": _iso(row["at"]), "conversation": row["conversation"]}
    return line | {name: row[name] for name in columns}


def _notice(row: Row) -> Line:
    """A post of ours that shows no message: something that staff were told."""
    return {
        "kind": "notice",
        "at": _iso(row["at"]),
        "conversation": row["conversation"],
        "desk": row["desk"],
        "channel": row["channel"],
        "post": row["post"],
    }
