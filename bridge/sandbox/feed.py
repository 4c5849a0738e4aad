"""What happens in the sandbox, as numbered entries that pages and tests can follow."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

Entry = dict[str, Any]
"""`{"n": running number from 1, "at": Unix seconds, "kind": dotted name, …}`."""


class Feed:
    """Keeps the last entries and wakes whoever waits for one. Bounded: slow readers miss the oldest."""

    def __init__(self, capacity: int = 2_000) -> None:
        """Keep up to `capacity` entries."""
        self._ring: list[Entry] = []
        self._capacity = capacity
        self._last = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._closed = False

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 before the first."""
        return self._last

    def publish(self, kind: str, **data: object) -> None:
        """Add an entry and wake the waiting readers. `data` must be plain JSON values."""
        self._last += 1
        entry = {"n": self._last, "at": time.time(), "kind": kind, **data}
        if len(self._ring) < self._capacity:
            self._ring.append(entry)
        else:
            self._ring[(self._last - 1) % self._capacity] = entry
        self._wake()

    def close(self) -> None:
        """End every subscription: who follows the feed hangs up."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """The kept entries with a number above `since`, oldest first."""
        number = max(since, self._last - len(self._ring)) + 1
        while number <= self._last:
            number = max(number, self._last - self._capacity + 1)
            yield self._ring[(number - 1) % self._capacity]
            number += 1

    async def subscribe(self, since: int | None = None) -> AsyncIterator[Entry]:
        """Every entry after number `since` (None: only what comes from now on), until the feed is closed."""
        cursor = self._last if since is None else min(since, self._last)
        while not self._closed:
            for entry in self.entries(cursor):
                cursor = entry["n"]
                yield entry
            if cursor >= self._last and not self._closed:
                await self._news()

    async def wait(self, predicate: Callable[[Entry], bool], timeout_s: float, since: int = 0) -> Entry:
        """The first entry after number `since` for which `predicate` holds, kept or still to come.

        Raises `TimeoutError` after `timeout_s` real seconds, or when the feed is closed.
        """
        async with asyncio.timeout(timeout_s):
            async for entry in self.subscribe(since):
                if predicate(entry):
                    return entry
        raise TimeoutError("the feed was closed")

    async def until(self, check: Callable[[], T | None], timeout_s: float) -> T:
        """The first true result of `check`, tried at once and again after every entry.

        Raises `TimeoutError` after `timeout_s` real seconds.
        """
        async with asyncio.timeout(timeout_s):
            while not (result := check()):
                await self._news()
        return result

    async def _news(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
