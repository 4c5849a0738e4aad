"""The full-text index: one document a message and one a contact, beside the tables, in each engine's own way.

Whoever writes `messages` and `contacts` keeps it up to date in the same transaction. SQLite: FTS5, without a copy
of the words, which is why what is taken out has to be told with the words it was put in with. PostgreSQL: a
`tsvector` and GIN. Both get the tokens of `words` and make none themselves: the `tsvector` is written as such, so the
parser and the dictionaries of PostgreSQL have no say.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, RowMapping, Select, TextClause, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.archive import words
from bridge.store.archive.bulk import Bulk, Step
from bridge.store.archive.tables import contacts, messages, settings

Row = Mapping[str, Any] | RowMapping
"""A row of `messages` or `contacts`, by column names."""

VERSION_SETTING = "words"
"""The row of `settings` that says with which version of `words` the index was made."""
FILL_BATCH = 2_000
_SLICE = 32
"""Documents that are made before others on the event loop get their turn."""
_BULK = {"sqlite": Bulk(), "postgresql": Bulk()}
_ADD_MESSAGE = {
    "sqlite": text("INSERT INTO message_words(rowid, words) VALUES (:seq, :words)"),
    "postgresql": text(
        "INSERT INTO message_words(seq, words) VALUES (:seq, CAST(CAST(:words AS text) AS tsvector))"
    ),
}
_ADD_CONTACT = {
    "sqlite": text("INSERT INTO contact_words(rowid, words) VALUES (:seq, :words)"),
    "postgresql": text(
        "INSERT INTO contact_words(seq, words) VALUES (:seq, CAST(CAST(:words AS text) AS tsvector))"
    ),
}
_TAKE_OUT = text("INSERT INTO message_words(message_words, rowid, words) VALUES ('delete', :seq, :words)")
_FORGET_CONTACT = {
    "sqlite": text("DELETE FROM contact_words WHERE rowid = :seq"),
    "postgresql": text("DELETE FROM contact_words WHERE seq = :seq"),
}
_FORGET_MESSAGE = text("DELETE FROM message_words WHERE seq = :seq")


# -------------------------------------------------------------------------------------------- documents


def message_marks(row: Row) -> tuple[str, ...]:
    """Of everything that a message is looked for within. They are indexed with its words."""
    direction = "note" if row["internal"] else row["direction"]
    return _marks(row["contact"], row["conversation"], row["inbox"], direction)


@functools.lru_cache(maxsize=8192)
def _marks(contact: str, conversation: str, inbox: str, direction: str) -> tuple[str, ...]:
    return (
        contact_mark(contact),
        conversation_mark(conversation),
        inbox_mark(inbox),
        direction_mark(direction),
    )


def _message_document(dialect: str, row: Row) -> str:
    return _DOCUMENT[dialect]((row["text"],), message_marks(row))


def _contact_document(dialect: str, row: Row) -> str:
    """What is indexed of a contact: name, username, and number with and without the country's code."""
    number = f"+{row['phone']}" if row["phone"] else ""
    return _DOCUMENT[dialect]((row["name"], row["username"] or "", number), ())


def _vector(texts: Sequence[str], marks: Iterable[str]) -> str:
    """A document as PostgreSQL reads a `tsvector`. No token has a quote or a backslash."""
    places: dict[str, list[str]] = {}
    for place, token in enumerate(words.document(texts, marks), 1):
        places.setdefault(token, []).append(str(place))
    return " ".join(f"'{token}':{','.join(found)}" for token, found in places.items())


_DOCUMENT: Mapping[str, Callable[[Sequence[str], Iterable[str]], str]] = {
    "sqlite": words.spelled,
    "postgresql": _vector,
}


def contact_mark(contact: str) -> str:
    """Of the messages and notes of a contact."""
    return words.mark("c", contact)


def conversation_mark(conversation: str) -> str:
    """Of the messages and notes of a conversation."""
    return words.mark("v", conversation)


def inbox_mark(inbox: str) -> str:
    """Of the messages and notes of an inbox."""
    return words.mark("i", inbox)


def direction_mark(direction: str) -> str:
    """Of what came `in`, went `out`, or is a `note`."""
    return words.mark("d", direction)


# ---------------------------------------------------------------------------------------------- writing


async def messages_added(dialect: str, rows: Iterable[Row]) -> Step:
    """What indexes messages (rows of the table) that are not in the index yet."""
    return await _indexed(_ADD_MESSAGE[dialect], rows, functools.partial(_message_document, dialect))


async def messages_removed(dialect: str, rows: Iterable[Row]) -> Step:
    """What takes messages out of the index; `rows` as they are in the table, from which they may then be deleted."""
    if dialect == "sqlite":
        return await _indexed(_TAKE_OUT, rows, functools.partial(_message_document, dialect))
    return Step(_FORGET_MESSAGE, [{"seq": row["seq"]} for row in rows])


async def contacts_put(dialect: str, rows: Sequence[Row]) -> tuple[Step, Step]:
    """What indexes contacts (rows of the table) as they are now, whatever the index holds of them."""
    added = await _indexed(_ADD_CONTACT[dialect], rows, functools.partial(_contact_document, dialect))
    return _contacts_removed(dialect, [row["seq"] for row in rows]), added


def _contacts_removed(dialect: str, seqs: Iterable[int]) -> Step:
    return Step(_FORGET_CONTACT[dialect], [{"seq": seq} for seq in seqs])


async def _indexed(statement: TextClause, rows: Iterable[Row], document: Callable[[Row], str]) -> Step:
    made: list[dict[str, Any]] = []
    for row in rows:
        made.append({"seq": row["seq"], "words": document(row)})
        if len(made) % _SLICE == 0:
            await asyncio.sleep(0)
    return Step(statement, made)


async def add_messages(connection: AsyncConnection, rows: Iterable[Row]) -> None:
    """Do what `messages_added` says."""
    await _do(connection, await messages_added(connection.dialect.name, rows))


async def remove_messages(connection: AsyncConnection, rows: Iterable[Row]) -> None:
    """Do what `messages_removed` says."""
    await _do(connection, await messages_removed(connection.dialect.name, rows))


async def put_contacts(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Do what `contacts_put` says."""
    await _do(connection, *await contacts_put(connection.dialect.name, rows))


async def remove_contacts(connection: AsyncConnection, seqs: Iterable[int]) -> None:
    """Take contacts out of the index."""
    await _do(connection, _contacts_removed(connection.dialect.name, seqs))


async def _do(connection: AsyncConnection, *steps: Step) -> None:
    await _BULK[connection.dialect.name].run(connection, steps)


# ------------------------------------------------------------------------------------------ making anew


async def clear(connection: AsyncConnection) -> None:
    """Empty the index, for a rebuild that adds everything again; says with which words it is then made."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text("INSERT INTO message_words(message_words) VALUES ('delete-all')"))
        await connection.execute(text("DELETE FROM contact_words"))
    else:
        await connection.execute(text("TRUNCATE message_words, contact_words"))
    await connection.execute(delete(settings).where(settings.c.name == VERSION_SETTING))
    await connection.execute(insert(settings).values(name=VERSION_SETTING, value=str(words.VERSION)))


async def is_current(connection: AsyncConnection) -> bool:
    """Whether the index was made with the words of this release; if not, `fill` it before anything is written."""
    made_with = select(settings.c.value).where(settings.c.name == VERSION_SETTING)
    return (await connection.execute(made_with)).scalar_one_or_none() == str(words.VERSION)


async def fill(connection: AsyncConnection, batch: int = FILL_BATCH) -> int:
    """Index everything anew, in the transaction of `connection`; how many messages there are."""
    await clear(connection)
    count = 0
    async for rows in _pages(connection, select(messages), messages.c.seq, batch):
        await add_messages(connection, rows)
        count += len(rows)
    async for rows in _pages(connection, select(contacts), contacts.c.seq, batch):
        await put_contacts(connection, rows)
    return count


async def _pages(
    connection: AsyncConnection, statement: Select[Any], key: Column[Any], batch: int
) -> AsyncIterator[Sequence[RowMapping]]:
    page = statement.order_by(key).limit(batch)
    found = (await connection.execute(page)).mappings().all()
    while found:
        yield found
        found = (await connection.execute(page.where(key > found[-1][key.name]))).mappings().all()
