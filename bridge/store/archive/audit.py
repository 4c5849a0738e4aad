"""What the ledger of a period needs of the archive, quickly also where it holds millions of messages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.ledger import Sent, Shown, Twice, Undecided
from bridge.model import ACCEPTED_FATES, ContactId, ConversationId, Direction, Fate, MessageId, Status
from bridge.store.archive.database import Database
from bridge.store.archive.schema import check_version
from bridge.store.archive.tables import conversations, deliveries, dropped, messages, posts, verdicts

AT_ONCE = 5_000
ACCEPTED = tuple(map(int, ACCEPTED_FATES))
AGAIN = ("retry", "resend")


class Audit:
    """Reads the rows of a period; `since` and `until` in microseconds since 1970, the latter excluded.

    Made by `audit`, so that all is read from one state of the archive. Everything raises `ArchiveError`.
    """

    def __init__(self, connection: AsyncConnection, since: int, until: int, at_once: int) -> None:
        self._connection = connection
        self._at_once = at_once
        self._since = since
        self._until = until

    def _said(self, direction: Direction) -> ColumnElement[bool]:
        """Messages of the period, no notes."""
        at = messages.c.at
        return and_(
            at >= self._since,
            at < self._until,
            messages.c.direction == direction.value,
            messages.c.internal.is_(False),
            messages.c.imported.is_(False),
        )

    async def inbound(self) -> AsyncIterator[list[Shown]]:
        """The contacts' messages with their posts, in the order in which they were decided; some rows at a time."""
        shows = and_(posts.c.message == messages.c.id, posts.c.ours.is_(True))
        fetched = exists().where(verdicts.c.message == messages.c.id, verdicts.c.verdict == "fetch")
        wanted = (
            select(
                messages.c.id,
                messages.c.conversation,
                messages.c.at,
                messages.c.kind == "text",
                posts.c.desk + ":" + posts.c.channel,
                posts.c.post,
                posts.c.at,
                fetched,
            )
            .select_from(messages.outerjoin(posts, shows))
            .where(self._said(Direction.INBOUND))
            .order_by(messages.c.seq, posts.c.at, posts.c.post)
        )
        result = await self._connection.stream(wanted)
        async for rows in result.partitions(self._at_once):
            yield [Shown(*row) for row in rows]

    async def fates(self) -> dict[int, int]:
        """How many replies there are of each fate."""
        wanted = (
            select(messages.c.fate, func.count())
            .where(self._said(Direction.OUTBOUND))
            .group_by(messages.c.fate)
        )
        return {int(fate or 0): count for fate, count in await self._connection.execute(wanted)}

    async def open_replies(self) -> list[Sent]:
        """Replies that may be on their way: pending ones, and those sent again after the latest news of them."""
        columns = (messages.c.id, messages.c.conversation, messages.c.at, messages.c.fate)
        pending = select(*columns).where(self._said(Direction.OUTBOUND), messages.c.fate == int(Fate.PENDING))
        asked = (
            select(verdicts.c.message, func.max(verdicts.c.at).label("at"))
            .where(verdicts.c.verdict.in_(AGAIN))
            .group_by(verdicts.c.message)
            .subquery()
        )
        news = (
            select(func.max(deliveries.c.at)).where(deliveries.c.message == messages.c.id).scalar_subquery()
        )
        again = (
            select(*columns)
            .join(asked, asked.c.message == messages.c.id)
            .where(self._said(Direction.OUTBOUND))
            .where(messages.c.fate.in_((int(Fate.FAILED), int(Fate.UNCERTAIN))))
            .where(asked.c.at > func.coalesce(news, 0))
        )
        found = [*await self._connection.execute(pending), *await self._connection.execute(again)]
        return [Sent(*row) for row in found]

    async def twice(self) -> list[Twice]:
        """Parts of replies that the platform accepted more than once although nobody had them sent again."""
        taken = and_(deliveries.c.fate.in_(ACCEPTED), deliveries.c.platform_id != "")
        wanted = (
            select(messages.c.id, messages.c.conversation, messages.c.at, deliveries.c.part)
            .join(deliveries, deliveries.c.message == messages.c.id)
            .where(self._said(Direction.OUTBOUND), taken)
            .group_by(messages.c.id, messages.c.conversation, messages.c.at, deliveries.c.part)
            .having(func.count() > 1)
        )
        found = (await self._connection.execute(wanted)).all()
        return [
            Twice(MessageId(message), ConversationId(conversation), at, part, await self._ids(message, part))
            for message, conversation, at, part in found
            if not await self._sent_again(message, part)
        ]

    async def _ids(self, message: str, part: int) -> tuple[str, ...]:
        wanted = (
            select(deliveries.c.platform_id)
            .where(deliveries.c.message == message, deliveries.c.part == part)
            .where(deliveries.c.fate.in_(ACCEPTED), deliveries.c.platform_id != "")
            .order_by(deliveries.c.at, deliveries.c.platform_id)
        )
        return tuple((await self._connection.execute(wanted)).scalars())

    async def _sent_again(self, message: str, part: int) -> bool:
        wanted = (
            select(verdicts.c.seq)
            .where(verdicts.c.message == message, verdicts.c.part <= part)
            .where(verdicts.c.verdict.in_(AGAIN))
            .limit(1)
        )
        return (await self._connection.execute(wanted)).first() is not None

    async def dropped(self) -> list[Undecided | None]:
        """Dead letters that were dropped in the period; None for each that was no message of a contact."""
        in_period = and_(dropped.c.at >= self._since, dropped.c.at < self._until)
        wanted = select(dropped.c.message, dropped.c.arrived_at).where(in_period)
        return [
            Undecided(MessageId(message), at) if message else None
            for message, at in await self._connection.execute(wanted)
        ]

    async def active(self) -> Sequence[ContactId]:
        """Contacts with an active conversation: what is held or waits for a choice is theirs."""
        wanted = (
            select(conversations.c.contact).where(conversations.c.status == Status.ACTIVE.value).distinct()
        )
        return [ContactId(contact) for contact in (await self._connection.execute(wanted)).scalars()]


@contextlib.asynccontextmanager
async def audit(
    database: Database, since: int, until: int, *, at_once: int = AT_ONCE
) -> AsyncIterator[Audit]:
    """An `Audit` over one state of the archive. Raises `ArchiveError`."""
    async with database.read() as connection:
        await check_version(connection, database.where)
        yield Audit(connection, since, until, at_once)
