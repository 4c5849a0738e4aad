"""Standing for election: of all processes that want to, one does something. The others take over when it dies.

The election is a hold like a lane's, on Redis time. Whoever is elected may be so a moment longer by its own clock than
by Redis's, so what it does has to bear a second one doing the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.store.base import Hold

log = structlog.get_logger(__name__)


class Election(Protocol):
    """The part of the store that decides who is elected."""

    async def acquire(self, lane: LaneId, owner: str) -> Hold | None:
        """Take the hold if nobody has it."""

    async def renew(self, holds: list[Hold]) -> dict[LaneId, Hold]:
        """Prolong it."""

    async def release(self, hold: Hold) -> None:
        """Give it up."""


class Candidate:
    """Stands for one election. `begin` is called when elected, `end` when that is over; both return at once."""

    def __init__(
        self,
        election: Election,
        office: LaneId,
        owner: str,
        begin: Callable[[], None],
        end: Callable[[], None],
        *,
        check_every_s: float = 2.0,
    ) -> None:
        self._election = election
        self._office = office
        self._owner = owner
        self._begin = begin
        self._end = end
        self._check_every_s = check_every_s
        self._hold: Hold | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def elected(self) -> bool:
        """Whether this process is elected now."""
        return self._hold is not None

    def start(self) -> None:
        """Stand for election until `stop`."""
        self._task = asyncio.create_task(self._stand(), name=self._office)

    async def stop(self) -> None:
        """Stand no longer; `end` is called if elected. `resign` lets another process be elected."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._hold is not None:
            self._end()

    async def resign(self) -> None:
        """Give the office up, once what was begun has come to its end."""
        if self._hold is not None:
            with contextlib.suppress(StoreUnavailableError):
                await self._election.release(self._hold)
            self._hold = None

    async def _stand(self) -> None:
        while True:
            try:
                await self._check()
            except StoreUnavailableError as problem:
                log.warning("election.no_store", office=self._office, problem=str(problem))
            except Exception:
                # Whatever it was: without this loop nobody would stand for election here any more.
                log.exception("election.check_failed", office=self._office)
            self._end_in_time()
            await asyncio.sleep(self._check_every_s)

    async def _check(self) -> None:
        if self._hold is not None:
            renewed = await self._election.renew([self._hold])
            self._hold = renewed.get(self._office)
            if self._hold is None:
                self._end()
            return
        self._hold = await self._election.acquire(self._office, self._owner)
        if self._hold is not None:
            log.info("election.won", office=self._office, owner=self._owner)
            self._begin()

    def _end_in_time(self) -> None:
        """A hold that could not be renewed is over by our own clock, too: another process may be elected now."""
        if self._hold is not None and time.monotonic() >= self._hold.until:
            self._hold = None
            self._end()
