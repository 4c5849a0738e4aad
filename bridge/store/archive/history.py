"""What the archive tells of single messages: `base.History` in SQL."""

from __future__ import annotations

from sqlalchemy import select

from bridge.model import (
    ContactId,
    ConversationId,
    Direction,
    MessageId,
    Post,
    Recalled,
    Reference,
    lane_of,
    message_id,
)
from bridge.store.archive.database import Database
from bridge.store.archive.people import joined_contacts
from bridge.store.archive.schema import check_version
from bridge.store.archive.tables import deliveries, journal, messages, posts
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

    async def standing(self, contact: ContactId, post: Post) -> str | None:
        """What the contacts' platform calls the latest message that stands in a post, or that was typed there."""
        async with self._database.read() as connection:
            await check_version(connection, self._database.where)
            everybody = await joined_contacts(connection, contact)
            shown = (
                select(messages.c.id, messages.c.platform_id)
                .join(posts, posts.c.message == messages.c.id)
                .where(posts.c.desk == post.desk, posts.c.channel == post.channel, posts.c.post == post.id)
                .where(messages.c.contact.in_(everybody), messages.c.internal.is_(False))
                .order_by(messages.c.seq.desc())
            )
            for row in (await connection.execute(shown)).all():
                if row.platform_id:
                    return str(row.platform_id)
                sent = (
                    select(deliveries.c.platform_id)
                    .where(deliveries.c.message == row.id, deliveries.c.platform_id != "")
                    .order_by(deliveries.c.part)
                )
                found = (await connection.execute(sent)).scalars().first()
                if found:
                    return str(found)
        return None

    async def recalled(self, contact: ContactId, reference: Reference) -> Recalled | None:
        """A message by what the contact's platform calls it."""
        async with self._database.read() as connection:
            await check_version(connection, self._database.where)
            everybody = await joined_contacts(connection, contact)
            # A contact's own message is found by its id, which follows from the platform's; others by their parts.
            own = {message_id(lane_of(one), reference.cause) for one in everybody}
            sent = select(deliveries.c.message).where(
                deliveries.c.contact.in_(everybody), deliveries.c.platform_id == reference.platform_id
            )
            theirs = set((await connection.execute(sent)).scalars())
            # The id of a contact's own message says nothing of the contact, and the reference comes from outside: what
            # somebody else of the shard wrote is not theirs to name.
            wanted = (
                select(messages.c.id, messages.c.conversation, messages.c.direction, messages.c.text)
                .where(messages.c.id.in_(own | theirs))
                .where(messages.c.contact.in_(everybody))
            )
            found = (await connection.execute(wanted)).first()
            if found is None:
                return None
            shown = (
                select(posts.c.desk, posts.c.channel, posts.c.post)
                .where(posts.c.message == found.id)
                .where(posts.c.contact.in_(everybody))
            )
            rows = (await connection.execute(shown.order_by(posts.c.at, posts.c.post))).all()
        return Recalled(
            message=MessageId(found.id),
            conversation=ConversationId(found.conversation),
            direction=Direction(found.direction),
            words=found.text,
            posts=tuple(Post(desk=row.desk, channel=row.channel, id=row.post) for row in rows),
        )
