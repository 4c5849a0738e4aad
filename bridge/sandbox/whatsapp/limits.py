"""Rates as WhatsApp counts them, in the platform's seconds."""

from collections import deque


class RateWindow:
    """At most `limit` uses in any `per_s` seconds; a sliding window, cost per use constant on average."""

    def __init__(self, limit: int, per_s: float) -> None:
        """Start empty."""
        self._limit = limit
        self._per_s = per_s
        self._uses: deque[float] = deque()

    def count(self, ticks: float) -> None:
        """Note a use that cannot be refused."""
        self._uses.append(ticks)
        if len(self._uses) > self._limit:
            self._uses.popleft()

    def take(self, ticks: float) -> bool:
        """Note a use at `ticks` if there is room for it; False when there is none."""
        while self._uses and ticks - self._uses[0] >= self._per_s:
            self._uses.popleft()
        if len(self._uses) >= self._limit:
            return False
        self._uses.append(ticks)
        return True


class PairRate:
    """Messages from one business number to one customer: one per interval, bursts borrowed from the future.

    Within one interval up to `burst` may go; then nothing until as many intervals have passed as messages went
    (WhatsApp: about-the-platform, pair rate limits: 20 at once cost about two minutes).
    """

    __slots__ = ("_burst", "_count", "_interval_s", "_start")

    def __init__(self, interval_s: float, burst: int) -> None:
        """Start without debt."""
        self._interval_s = interval_s
        self._burst = burst
        self._start = float("-inf")
        self._count = 0

    def take(self, ticks: float) -> bool:
        """Note a message at `ticks`; False when it is one too many."""
        since = ticks - self._start
        if since >= self._interval_s * max(self._count, 1):
            self._start, self._count = ticks, 1
            return True
        if since < self._interval_s and self._count < self._burst:
            self._count += 1
            return True
        return False
