"""The full-text index is what its tables say, whatever came and went; the same on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.archive import index
from bridge.store.archive.database import Database
from bridge.store.archive.tables import contacts, messages, settings
from tests.support.rows import a_contact, a_message

LOOK = {
    ("message_words", "sqlite"): "SELECT rowid FROM message_words WHERE message_words MATCH :word",
    ("contact_words", "sqlite"): "SELECT rowid FROM contact_words WHERE contact_words MATCH :word",
    ("message_words", "postgresql"): (
        "SELECT seq FROM message_words WHERE words @@ CAST(CAST(:word AS text) AS tsquery)"
    ),
    ("contact_words", "postgresql"): (
        "SELECT seq FROM contact_words WHERE words @@ CAST(CAST(:word AS text) AS tsquery)"
    ),
}


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction on an empty archive, of each engine."""
    async with database.write() as opened:
        yield opened


async def found(connection: AsyncConnection, table: str, word: str) -> set[int]:
    """The documents with a word."""
    statement = LOOK[table, connection.dialect.name]
    asked = f'"{word}"' if connection.dialect.name == "sqlite" else word
    return set((await connection.execute(text(statement), {"word": asked})).scalars())


async def test_messages_come_and_go(connection: AsyncConnection) -> None:
    """What was added is found, what was taken out is not, and the rest still is."""
    rows = [a_message(1, "Hola mundo 👍"), a_message(2, "hola otra vez"), a_message(3, "")]
    await connection.execute(insert(messages), rows)
    await index.add_messages(connection, rows)
    assert await found(connection, "message_words", "hola") == {1, 2}
    assert await found(connection, "message_words", "👍") == {1}
    assert await found(connection, "message_words", index.contact_mark("0-abc")) == {1, 2, 3}
    assert await found(connection, "message_words", index.direction_mark("in")) == {1, 2, 3}
    stored = (await connection.execute(select(messages).where(messages.c.seq == 1))).mappings().all()
    await index.remove_messages(connection, stored)
    assert await found(connection, "message_words", "hola") == {2}
    assert await found(connection, "message_words", "👍") == set()
    if connection.dialect.name == "sqlite":
        # Fails when what was taken out is not what had been put in.
        check = "INSERT INTO message_words(message_words) VALUES ('integrity-check')"
        await connection.execute(text(check))


async def test_a_contact_is_found_by_its_latest_name(connection: AsyncConnection) -> None:
    """A new name replaces the old one; the number is found with and without the country's code."""
    row = a_contact(-7, "Ana", phone="34600111222", username="ana_g")
    await connection.execute(insert(contacts), [row])
    await index.put_contacts(connection, [row])
    for word in ("ana", "34600111222", "600111222", "g"):
        assert await found(connection, "contact_words", word) == {-7}
    await connection.execute(update(contacts).values(name="Berta"))
    await index.put_contacts(connection, (await connection.execute(select(contacts))).mappings().all())
    assert await found(connection, "contact_words", "berta") == {-7}
    await index.remove_contacts(connection, [-7])
    assert await found(connection, "contact_words", "berta") == set()


async def test_it_is_made_anew(connection: AsyncConnection) -> None:
    """An index of other words than this release's is known as such, and filled from the tables in pages."""
    await connection.execute(insert(messages), [a_message(one, f"word{one % 2}") for one in range(1, 9)])
    await connection.execute(insert(contacts), [a_contact(one, "Ana") for one in (-1, 3, 5, 7)])
    await index.add_messages(connection, [a_message(99, "stale")])
    assert await index.fill(connection, batch=3) == 8
    assert await index.is_current(connection)
    assert await found(connection, "message_words", "stale") == set()
    assert await found(connection, "message_words", "word1") == {1, 3, 5, 7}
    assert await found(connection, "contact_words", "ana") == {-1, 3, 5, 7}
    await connection.execute(delete(settings))
    assert not await index.is_current(connection)
