"""Finds a message again that another one is about: in what the live store remembers (48 hours), then in the archive.

Reads only. A post waits for the answer, so the archive has little time for it; then the message counts as older than
what is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
import structlog

from bridge.errors import BridgeError, StoreUnavailableError
from bridge.markup import bare
from bridge.model import (
    RECENT_KEPT,
    Contact,
    ContactId,
    LaneId,
    MessageId,
    MessageRecord,
    Post,
    Recalled,
    Recent,
    Reference,
    lane_of,
    message_id,
)
from bridge.store import records
from bridge.store.base import History, LaneStore

T = TypeVar("T")

ARCHIVE_S = 0.3
"""How long the archive may take."""

log = structlog.get_logger(__name__)

_line = msgspec.msgpack.Decoder(Recent)


class Recall:
    """See `perform.sides.Recall`."""

    def __init__(self, store: LaneStore, history: History, *, archive_s: float = ARCHIVE_S) -> None:
        self._store = store
        self._history = history
        self._archive_s = archive_s

    async def find(self, contact: Contact, reference: Reference) -> Recalled | None:
        """What is known of a message of, or to, `contact` or one that was joined into it."""
        everybody: tuple[ContactId, ...] = (contact.id, *contact.joined)
        for lane in dict.fromkeys(lane_of(one) for one in everybody):
            units = [one for one in everybody if lane_of(one) == lane]
            found = await self._live(lane, units, reference)
            if found is not None:
                return found
        return await self._archived(contact.id, reference)

    async def standing(self, contact: Contact, post: Post) -> str | None:
        """What the contacts' platform calls the message that stands in a post; None where it is not known, or not known
        in time.
        """
        everybody: tuple[ContactId, ...] = (contact.id, *contact.joined)
        for lane in dict.fromkeys(lane_of(one) for one in everybody):
            units = [one for one in everybody if lane_of(one) == lane]
            packed = await self._store.every_record(lane, units)
            found = [records.unpack(MessageId(f"{lane[1:]}-?"), data) for data in packed]
            there = [one for one in found if post in one.posts]
            # The last one of those that share a post.
            for one in sorted(there, key=lambda each: each.at, reverse=True):
                name = one.platform_id or next((part.platform_id for part in one.parts), "")
                if name:
                    return name
        return await self._asked(lambda: self._history.standing(contact.id, post))

    async def _live(self, lane: LaneId, units: Sequence[ContactId], reference: Reference) -> Recalled | None:
        own = message_id(lane, reference.cause)
        found = await self._store.message_records(lane, units, [own], [reference.platform_id])
        if not found:
            return None
        name = own if own in found else MessageId(next(iter(found)))
        record = records.unpack(name, found[name])
        return Recalled(
            message=name,
            conversation=record.conversation,
            direction=record.direction,
            words=bare(record.draft.body) if record.draft else await self._words(lane, record),
            posts=record.posts,
        )

    async def _words(self, lane: LaneId, record: MessageRecord) -> str:
        """What the recent history says of a message that the archive may not have yet."""
        packed = await self._store.recent(lane, record.conversation, RECENT_KEPT)
        lines = (_line.decode(one) for one in packed)
        return next((line.text for line in lines if line.message == record.id), "")

    async def _archived(self, contact: ContactId, reference: Reference) -> Recalled | None:
        return await self._asked(lambda: self._history.recalled(contact, reference))

    async def _asked(self, question: Callable[[], Awaitable[T | None]]) -> T | None:
        """What the archive says, if it says so in time."""
        try:
            async with asyncio.timeout(self._archive_s):
                return await question()
        except StoreUnavailableError:
            raise
        except (BridgeError, TimeoutError) as problem:
            log.warning("archive.not_read", where="recall", problem=str(problem) or "no answer in time")
            return None
