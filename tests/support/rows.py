"""Rows of the archive's tables, written there without a journal, for tests that only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert

from bridge.store.archive import index
from bridge.store.archive.database import Database
from bridge.store.archive.tables import contacts, conversations, messages

Rows = Sequence[Mapping[str, Any]]


async def fill(database: Database, *, people: Rows = (), cases: Rows = (), said: Rows = ()) -> None:
    """Write contacts, conversations and messages, and index them."""
    async with database.write() as connection:
        for table, rows in ((contacts, people), (conversations, cases), (messages, said)):
            if rows:
                await connection.execute(insert(table), [dict(row) for row in rows])
        await index.add_messages(connection, said)
        await index.put_contacts(connection, people)


def a_message(seq: int, words: str, **other: Any) -> dict[str, Any]:
    """A row of `messages`."""
    row = {"seq": seq, "id": f"0-m{seq}", "conversation": "0-63", "contact": "0-abc", "inbox": "support"}
    row |= {"direction": "in", "internal": False, "kind": "text", "text": words, "at": seq}
    return {**row, "episode": 1, **other}


def a_contact(seq: int, name: str, **other: Any) -> dict[str, Any]:
    """A row of `contacts`."""
    row = {"seq": seq, "id": f"0-{seq}", "name": name, "username": None, "phone": None, "merged_into": None}
    return {**row, "first_at": 0, "last_at": 0, **other}


def a_conversation(number: int, contact: str, **other: Any) -> dict[str, Any]:
    """A row of `conversations`."""
    row = {"id": f"0-{number}", "number": number, "contact": contact, "inbox": "support", "status": "active"}
    row |= {"priority": "normal", "episode": 1, "opened_at": 0, "status_at": 0, "last_at": 0}
    return {**row, **other}
