"""The schedule of nudges: asks the archive who waits for an answer while the time for free text runs out.

It decides nothing (`routing.nudges` does). An event's id follows from the contact's latest message, so that looking twice
at the same message, by another process or after a restart, says nothing twice. A message is looked at when its time comes
and for `AGAIN` after that, because the archive may have it late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select, tuple_

from bridge.adapters.base import Placed
from bridge.events import WindowClosing
from bridge.instants import micros
from bridge.model import ContactId, ConversationId, EventId, InboxPolicy, Status, lane_of
from bridge.store.archive import tables
from bridge.store.archive.database import Database
from bridge.store.archive.trouble import ArchiveError

log = structlog.get_logger(__name__)

EVERY_S = 60.0
"""How often the schedule fires."""
AGAIN = timedelta(minutes=15)
AT_ONCE = 1_000
"""Conversations that are told of in one step."""

Append = Callable[[Sequence[Placed]], Awaitable[None]]
"""Stores events durably. Raises `StoreUnavailableError`."""


class Closing:
    """One schedule; what it remembers is lost with the process without harm."""

    def __init__(
        self, database: Database, append: Append, inboxes: Iterable[InboxPolicy], *, at_once: int = AT_ONCE
    ) -> None:
        self._at_once = at_once
        self._database = database
        self._append = append
        self._inboxes = [one for one in inboxes if one.nudge_s > 0]
        self._reached: dict[str, datetime] = {}

    async def fire(self, instant: datetime) -> None:
        """Tell the shards of whom it is time to speak. Without the archive: next time."""
        for inbox in self._inboxes:
            try:
                told = await self._tell(inbox, instant)
            except ArchiveError as problem:
                log.warning("nudges.not_now", trouble=problem.trouble.value, problem=str(problem))
                return
            if told:
                log.info("nudges.told", inbox=inbox.id, conversations=told)

    async def _tell(self, inbox: InboxPolicy, instant: datetime) -> int:
        oldest = instant - timedelta(seconds=inbox.window_s)
        # Whoever wrote last before this has so little time left that a word is due.
        due = oldest + timedelta(seconds=inbox.nudge_s)
        begin = max(oldest, self._reached.get(inbox.id, oldest) - AGAIN)
        told, after = 0, (micros(begin), "")
        while found := await self._waiting(inbox, after, micros(due)):
            await self._append([_placed(*one, instant) for one in found])
            told += len(found)
            conversation, _, last_at = found[-1]
            after = (last_at, conversation)
        self._reached[inbox.id] = due
        return told

    async def _waiting(
        self, inbox: InboxPolicy, after: tuple[int, str], end: int
    ) -> list[tuple[str, str, int]]:
        """The next of them: conversation, contact, and when they wrote last."""
        one = tables.conversations.c
        # `last_at` is no earlier than the contact's last message, and the table is indexed by it.
        query = (
            select(one.id, one.contact, one.last_inbound_at)
            .where(
                one.status == Status.ACTIVE.value,
                one.last_at >= after[0],
                one.inbox == inbox.id,
                tuple_(one.last_inbound_at, one.id) > tuple_(*after),
                one.last_inbound_at <= end,
                or_(one.last_outbound_at.is_(None), one.last_outbound_at < one.last_inbound_at),
            )
            .order_by(one.last_inbound_at, one.id)
            .limit(self._at_once)
        )
        async with self._database.read() as connection:
            return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


def _placed(conversation: str, contact: str, last_at: int, instant: datetime) -> Placed:
    event = WindowClosing(
        id=EventId(f"closing:{conversation}:{last_at}"),
        at=instant,
        contact=ContactId(contact),
        conversation=ConversationId(conversation),
    )
    return Placed(lane=lane_of(event.contact), unit=event.contact, event=event)
