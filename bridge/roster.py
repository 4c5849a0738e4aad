"""Reading who works at a desk, and handing it to the desk's lane as an event."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from bridge.adapters.base import Desk, Inlet, Placed
from bridge.errors import PlatformError, StoreUnavailableError
from bridge.events import RosterRead
from bridge.model import DESK_LANE, DESK_UNIT, EventId

log = structlog.get_logger(__name__)

RETRY_S = 10.0
SETTLE_S = 1.0
"""Several changes within this time are read once."""


class RosterReader:
    """Reads one desk's roster."""

    def __init__(self, desk: Desk, inlet: Inlet) -> None:
        self._desk = desk
        self._inlet = inlet

    async def read(self) -> None:
        """Read it; where that fails, soon again: without people nobody's answer goes out."""
        while not await self._try():  # noqa: ASYNC110 - no platform tells when it can be asked again
            await asyncio.sleep(RETRY_S)

    async def follow(self, changed: asyncio.Event) -> None:
        """Read it again whenever the desk says that people changed, until cancelled. One that fails is left to `read`."""
        while True:
            await changed.wait()
            await asyncio.sleep(SETTLE_S)
            changed.clear()
            await self._try()

    async def _try(self) -> bool:
        instant = datetime.now(UTC).replace(microsecond=0)
        try:
            event = RosterRead(
                id=EventId(f"roster:{self._desk.name}:{instant.timestamp():.0f}"),
                at=instant,
                desk=self._desk.name,
                agents=await self._desk.read_roster(),
            )
            await self._inlet.append([Placed(lane=DESK_LANE, unit=DESK_UNIT, event=event)])
        except (PlatformError, StoreUnavailableError) as problem:
            log.warning("roster.not_read", problem=str(problem))
            return False
        return True
