"""How much an archive holds."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import func, select

from bridge.instants import instant
from bridge.store.archive import tables
from bridge.store.archive.database import Database


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, and the time of the latest fact; None while there is none."""

    facts: int
    messages: int
    """With notes."""
    contacts: int
    latest: datetime | None


async def holdings(database: Database) -> Holdings:
    """Count. Raises `ArchiveError`."""
    journal = tables.journal
    async with database.read() as connection:
        facts, last = (await connection.execute(select(func.count(), func.max(journal.c.at)))).one()
        said = await connection.scalar(select(func.count()).select_from(tables.messages))
        people = await connection.scalar(select(func.count()).select_from(tables.contacts))
    return Holdings(
        facts=facts,
        messages=said or 0,
        contacts=people or 0,
        latest=None if last is None else instant(last),
    )
