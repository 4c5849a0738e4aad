"""Redis time: asked for, and carried on without asking each time."""

from __future__ import annotations

import time
from typing import Protocol

from bridge.store.connection import Redis


async def now_ms(redis: Redis) -> int:
    """Ask for it: Unix milliseconds."""
    seconds, micros = await redis("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


class Clock(Protocol):
    """What the store asks for the day."""

    def now_s(self) -> float:
        """Unix seconds, Redis time."""


class RedisClock:
    """Redis time, carried on by this process's monotonic clock since Redis last told it.

    A wall clock that jumps here changes nothing; before Redis told anything it is this machine's.
    """

    def __init__(self) -> None:
        self._ahead_s = time.time() - time.monotonic()

    def heard(self, seconds: int, microseconds: int) -> None:
        """Redis said that it is this late now."""
        self._ahead_s = seconds + microseconds / 1e6 - time.monotonic()

    def now_s(self) -> float:
        """Unix seconds, Redis time."""
        return self._ahead_s + time.monotonic()
