"""The schedule by which contacts come to rest: asks the archive, and tells the contacts' shards.

It decides nothing (`routing.rest` does): it may tell a thing twice, late, or of somebody who wrote a moment ago. What
the archive has is followed by the number of the fact, and how far is kept in the archive: so nobody is forgotten when
the process dies between the archive's commit and the telling, and the archiver needs to know nothing of all this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

import structlog

from bridge.adapters.base import Placed
from bridge.events import ContactArchived, ContactEvent, ContactIdle, StubOutlived
from bridge.model import EventId, lane_of
from bridge.store.archive.shelf import ArchiveShelf, Quiet, StoredAt
from bridge.store.archive.trouble import ArchiveError

log = structlog.get_logger(__name__)

AT_ONCE = 2_000
"""Contacts that one firing tells something, of each kind."""
EVERY_S = 60.0
"""How often the schedule fires."""
ASK_AGAIN = timedelta(hours=6)
"""How often those are asked again that the archive takes for quiet, but that did not rest."""
_ARCHIVED = "rest.archived"
_OUTLIVED = "rest.outlived"

Append = Callable[[Sequence[Placed]], Awaitable[None]]
"""Stores events durably. Raises `StoreUnavailableError`."""


class Resting:
    """One schedule; its state is a place to read on from, lost with the process without harm."""

    def __init__(
        self,
        shelf: ArchiveShelf,
        append: Append,
        *,
        rest_after: timedelta,
        stub_for: timedelta,
        at_once: int = AT_ONCE,
    ) -> None:
        self._shelf = shelf
        self._append = append
        self._rest_after = rest_after
        self._stub_for = stub_for
        self._at_once = at_once
        self._asked: Quiet | None = None
        self._began: datetime | None = None

    async def fire(self, instant: datetime) -> None:
        """Tell who is archived, who has rested for long, and who is quiet. Without the archive: next time."""
        try:
            archived = await self._tell_archived()
            outlived = await self._tell_outlived(instant)
            quiet = await self._ask_quiet(instant)
        except ArchiveError as problem:
            log.warning("rest.not_now", trouble=problem.trouble.value, problem=str(problem))
            return
        if archived or outlived or quiet:
            log.info("rest.told", quiet=quiet, archived=archived, outlived=outlived)

    async def _tell_archived(self) -> int:
        stored = await self._shelf.stored(await self._shelf.reached(_ARCHIVED), self._at_once)
        return await self._tell(_ARCHIVED, stored, _archived)

    async def _tell_outlived(self, instant: datetime) -> int:
        stored = await self._shelf.stored(await self._shelf.reached(_OUTLIVED), self._at_once)
        long_ago = list(takewhile(lambda one: one.at < instant - self._stub_for, stored))
        return await self._tell(_OUTLIVED, long_ago, _outlived)

    async def _tell(
        self, name: str, stored: Sequence[StoredAt], event: Callable[[StoredAt], ContactEvent]
    ) -> int:
        if stored:
            await self._append([_placed(event(one)) for one in stored])
            await self._shelf.reach(name, stored[-1].seq)
        return len(stored)

    async def _ask_quiet(self, instant: datetime) -> int:
        """The next of the quiet ones, in the order in which they became quiet; once in a while all of them again."""
        if self._began is None or instant >= self._began + ASK_AGAIN:
            self._asked, self._began = None, instant
        since = instant - self._rest_after
        quiet, self._asked = await self._ask(instant, since)
        return quiet

    async def _ask(self, instant: datetime, since: datetime) -> tuple[int, Quiet | None]:
        quiet, end = await self._shelf.quiet(since, self._asked, self._at_once)
        if quiet:
            await self._append([_placed(_idle(one, instant, since)) for one in quiet])
        # At the end of the list: whoever becomes quiet next stands behind the last one.
        return len(quiet), end or (quiet[-1] if quiet else self._asked)


def _placed(event: ContactEvent) -> Placed:
    return Placed(lane=lane_of(event.contact), unit=event.contact, event=event)  # type: ignore[arg-type]


def _idle(quiet: Quiet, instant: datetime, since: datetime) -> ContactIdle:
    event_id = EventId(f"idle:{quiet.contact}:{instant.timestamp():.0f}")
    return ContactIdle(id=event_id, at=instant, contact=quiet.contact, since=since)


def _archived(stored: StoredAt) -> ContactArchived:
    event_id = EventId(f"archived:{stored.contact}:{stored.at.timestamp():.0f}")
    return ContactArchived(id=event_id, at=stored.at, contact=stored.contact, stored=stored.at)


def _outlived(stored: StoredAt) -> StubOutlived:
    event_id = EventId(f"outlived:{stored.contact}:{stored.at.timestamp():.0f}")
    return StubOutlived(id=event_id, at=stored.at, contact=stored.contact, stored=stored.at)
