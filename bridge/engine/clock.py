"""The time that decisions see: Redis time, carried on between readings by this process's monotonic clock.

Deadlines of one conversation are judged by several machines and outlive each of them, so they cannot depend on
one machine's wall clock; a clock that jumps (NTP, a resumed virtual machine) moves nothing here.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SharedClock:
    """Redis time without a round trip per look. Never runs backwards."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()
        self._last_s = 0.0

    def set(self, redis_ms: int) -> None:
        """Take a reading of Redis time (Unix milliseconds), made just now."""
        self._offset_s = redis_ms / 1000 - time.monotonic()

    def now(self) -> datetime:
        """The time, aware, UTC."""
        now_s = max(self._last_s, time.monotonic() + self._offset_s)
        self._last_s = now_s
        return datetime.fromtimestamp(now_s, UTC)
