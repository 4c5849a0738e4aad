"""What the archive tells of single messages: `base.History` in SQL."""

from __future__ import annotations

from sqlalchemy import select

from bridge.model import ContactId, ConversationId
from bridge.store.archive.database import Database
from bridge.store.archive.schema import check_version
from bridge.store.archive.tables import journal, messages
from bridge.store.base import Told

MOST_FACTS = 5_000
"""Read of one conversation; the latest ones."""


class ArchiveHistory:
    """See `base.History`; everything raises `ArchiveError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def told(self, contact: ContactId, conversation: ConversationId, back: int) -> list[Told]:
        """Everything about a conversation since its `back`-th last message, in order."""
        in_order = (
            select(messages.c.seq)
            .where(messages.c.conversation == conversation)
            .order_by(messages.c.seq.desc())
            .limit(max(1, back))
        )
        async with self._database.read() as connection:
            await check_version(connection, self._database.where)
            seqs = (await connection.execute(in_order)).scalars().all()
            if not seqs:
                return []
            # Facts are indexed by contact, of whom there is little else at that time.
            wanted = (
                select(journal.c.entry, journal.c.data)
                .where(journal.c.contact == contact, journal.c.seq >= seqs[-1])
                .where(journal.c.conversation == conversation)
                .order_by(journal.c.seq.desc())
                .limit(MOST_FACTS)
            )
            rows = (await connection.execute(wanted)).all()
        return [Told(entry=entry, fact=data) for entry, data in reversed(rows)]
