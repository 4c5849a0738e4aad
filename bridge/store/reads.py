"""Waiting for entries of several lanes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.store import keys
from bridge.store.base import Entry
from bridge.store.connection import Redis, Reply

PAUSE_S = 0.3
"""A lane whose read failed is not read again before."""


async def read_together(redis: Redis, after: Mapping[LaneId, str], count: int, block_s: float) -> list[Entry]:
    """See `base.LaneStore.read`; all lanes in one command, where all are on one server."""
    lanes = {keys.stream(lane).encode(): lane for lane in after}
    reply = await _blocking(redis, list(lanes), list(after.values()), count, block_s)
    return [
        entry_of(lanes[name], entry_id, fields) for name, found in reply or () for entry_id, fields in found
    ]


class LaneReads:
    """Reads lanes that may be on different servers, with a command for each.

    A read goes on from one call to the next while its lane is asked for from the same entry on: ending those of
    all other lanes whenever one brings something would cost a connection each.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reads: dict[LaneId, tuple[str, asyncio.Task[Reply]]] = {}
        self._failed: dict[LaneId, tuple[float, StoreUnavailableError]] = {}
        """When a lane may be read again, and why not before."""

    async def read(self, after: Mapping[LaneId, str], count: int, block_s: float) -> list[Entry]:
        """See `base.LaneStore.read`. A lane whose server is away does not keep the others waiting; only where all
        lanes fail, StoreUnavailableError is raised, at the end of the wait.
        """
        until = time.monotonic() + block_s
        for lane in [lane for lane, (cursor, _) in self._reads.items() if after.get(lane) != cursor]:
            del self._reads[lane]  # it ends by itself within its time, and nobody wants what it brings
        while True:
            await self._wait(self._begin(after, count, block_s), after, until)
            found = [entry for lane in after for entry in self._brought(lane, count)]
            if found:
                return found
            if time.monotonic() >= until:
                if all(lane in self._failed for lane in after):
                    raise self._failed[next(iter(after))][1]
                return []

    def _begin(self, after: Mapping[LaneId, str], count: int, block_s: float) -> list[asyncio.Task[Reply]]:
        """Read every lane that is not being read and may be; all reads under way."""
        now = time.monotonic()
        for lane, cursor in after.items():
            if lane in self._reads or (lane in self._failed and self._failed[lane][0] > now):
                continue
            reading = _blocking(self._redis, [keys.stream(lane)], [cursor], count, block_s)
            task = asyncio.get_running_loop().create_task(reading)
            task.add_done_callback(_look_at)
            self._reads[lane] = (cursor, task)
        return [self._reads[lane][1] for lane in after if lane in self._reads]

    async def _wait(
        self, reads: Sequence[asyncio.Task[Reply]], after: Mapping[LaneId, str], until: float
    ) -> None:
        """Wait until a read has ended, a lane may be read again, or the time is over."""
        instants = [
            self._failed[lane][0] for lane in after if lane in self._failed and lane not in self._reads
        ]
        left_s = max(0.0, min([until, *instants]) - time.monotonic())
        if reads:
            await asyncio.wait(reads, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(left_s)

    def _brought(self, lane: LaneId, count: int) -> list[Entry]:
        """What a lane's read has brought, if it has ended."""
        if lane not in self._reads or not self._reads[lane][1].done():
            return []
        _, task = self._reads.pop(lane)
        try:
            reply = task.result()
        except StoreUnavailableError as problem:
            self._failed[lane] = (time.monotonic() + PAUSE_S, problem)
            return []
        self._failed.pop(lane, None)
        found = [entry_of(lane, entry_id, fields) for _, every in reply or () for entry_id, fields in every]
        return found[:count]


def entry_of(lane: LaneId, entry_id: bytes, fields: Sequence[bytes]) -> Entry:
    """An entry as it stands in a stream."""
    return Entry(lane=lane, id=entry_id.decode(), unit=fields[1].decode(), event=fields[3])


async def _blocking(
    redis: Redis, streams: Sequence[str | bytes], after: Sequence[str], count: int, block_s: float
) -> Reply:
    block_ms = max(1, int(block_s * 1000))
    command = ("XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", *streams, *after)
    return await redis.blocking(*command, wait_s=block_s)


def _look_at(task: asyncio.Task[Reply]) -> None:
    """A read whose end nobody waits for any more may end as it likes."""
    if not task.cancelled():
        task.exception()
