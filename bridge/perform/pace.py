"""Waiting for one's turn at a limit that all workers share.

A worker has at most one outstanding request per bucket: lines queue here, the most urgent and then the longest
waiting goes next. As every line waits for one turn at a time, conversations are served round-robin.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable

from bridge.adapters.base import Bucket

Take = Callable[[str, float, int], Awaitable[float]]
"""`LaneStore.take`: seconds to wait for a slot of (key, per second, burst)."""


class Pace:
    """Turns at shared buckets. `scale` multiplies every wait; 0 switches pacing off."""

    def __init__(self, take: Take, scale: float) -> None:
        self.scale = scale
        self._take = take
        self._turnstiles: dict[str, _Turnstile] = {}

    def scaled(self, seconds: float) -> float:
        """A wait of `seconds` as it is to be waited here."""
        return seconds * self.scale

    async def turn(self, bucket: Bucket, urgency: int) -> float:
        """Wait for a slot; how long it took, in seconds. A lower `urgency` number goes first."""
        if self.scale == 0:
            return 0.0
        turnstile = self._turnstiles.get(bucket.key)
        if turnstile is None:
            turnstile = self._turnstiles[bucket.key] = _Turnstile(self, bucket)
        return await turnstile.turn(urgency)

    def is_clear(self, bucket: Bucket, within_s: float, *, behind: bool) -> bool:
        """Does nobody in this process wait for a turn, so that the next one may well come within `within_s` seconds?
        `behind`: a turn was just taken.
        """
        interval_s = self.scale / bucket.per_s if behind else 0.0
        return bucket.key not in self._turnstiles and interval_s <= within_s

    async def slot(self, bucket: Bucket) -> float:
        """Take a slot of the shared bucket; seconds until it is ours."""
        return await self._take(bucket.key, bucket.per_s / self.scale, bucket.burst)

    def close(self, bucket: Bucket) -> None:
        """A turnstile has nobody waiting: forget it (there is one per contact for some limits)."""
        self._turnstiles.pop(bucket.key, None)


class _Turnstile:
    """The queue in front of one bucket."""

    def __init__(self, pace: Pace, bucket: Bucket) -> None:
        self._pace = pace
        self._bucket = bucket
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = itertools.count()
        self._task: asyncio.Task[None] | None = None

    async def turn(self, urgency: int) -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        mine: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._queue, (urgency, next(self._ticket), mine))
        if self._task is None:
            self._task = loop.create_task(self._serve())
        await mine
        return loop.time() - started

    async def _serve(self) -> None:
        """One slot after the other, each to whoever is most urgent when it comes."""
        try:
            while self._waiting():
                wait_s = await self._pace.slot(self._bucket)
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                self._admit()
        except Exception as problem:  # noqa: BLE001 - whatever it is, those who wait have to hear of it
            for _, _, waiter in self._queue:
                if not waiter.done():
                    waiter.set_exception(problem)
            self._queue.clear()
        finally:
            self._task = None
            self._pace.close(self._bucket)

    def _waiting(self) -> bool:
        while self._queue and self._queue[0][2].done():
            heapq.heappop(self._queue)
        return bool(self._queue)

    def _admit(self) -> None:
        if self._waiting():
            heapq.heappop(self._queue)[2].set_result(None)
