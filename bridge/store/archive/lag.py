"""How far the archive has come, told from Redis alone: an entry leaves a lane's journal only when it is archived.

So any process can ask, also one that has no business with the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from bridge.model import LaneId
from bridge.store import keys
from bridge.store.clock import now_ms
from bridge.store.connection import Redis
from bridge.store.entries import written_ms

LOOK_EVERY_S = 0.02


class Behind(msgspec.Struct, frozen=True):
    """What waits to be archived."""

    waiting: int
    """Entries (commits)."""
    lag_s: float
    """Age of the oldest one; 0 when none waits."""


class Lag:
    """Looks at the journals of `lanes`. Every method raises `StoreUnavailableError`."""

    def __init__(self, redis: Redis, lanes: Sequence[LaneId]) -> None:
        self._redis = redis
        self._lanes = tuple(lanes)

    async def behind(self) -> Behind:
        """How much waits, and since when."""
        now, *looks = await asyncio.gather(
            now_ms(self._redis),
            *[self._redis("XLEN", keys.journal(lane)) for lane in self._lanes],
            *[self._redis("XRANGE", keys.journal(lane), "-", "+", "COUNT", 1) for lane in self._lanes],
        )
        lengths, firsts = looks[: len(self._lanes)], looks[len(self._lanes) :]
        oldest = [written_ms(entry.decode()) for found in firsts for entry, _fields in found]
        if not oldest:
            return Behind(0, 0.0)
        return Behind(sum(map(int, lengths)), max(now - min(oldest), 0) / 1000)

    async def reached(self, lane: LaneId, entry: str, within_s: float) -> bool:
        """Wait until everything up to an entry of a lane's journal is archived. False: not within that time."""
        return await self._reached({lane: entry}, within_s)

    async def caught_up(self, within_s: float, lanes: Sequence[LaneId] | None = None) -> bool:
        """Wait until everything that these lanes (all, unless some are named) have journaled by now is archived.

        False: not within that time; `behind` says how old a list made now would be.
        """
        named = self._lanes if lanes is None else tuple(lanes)
        lasts = await asyncio.gather(
            *[self._redis("XREVRANGE", keys.journal(lane), "+", "-", "COUNT", 1) for lane in named]
        )
        ends = {lane: found[0][0].decode() for lane, found in zip(named, lasts, strict=True) if found}
        return await self._reached(ends, within_s)

    async def _reached(self, ends: Mapping[LaneId, str], within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        left = dict(ends)
        while True:
            found = await asyncio.gather(
                *[
                    self._redis("XRANGE", keys.journal(lane), "-", entry, "COUNT", 1)
                    for lane, entry in left.items()
                ]
            )
            left = {lane: left[lane] for lane, still in zip(tuple(left), found, strict=True) if still}
            if not left:
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
