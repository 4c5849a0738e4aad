"""Rate limits: tiers per method and minute, one message a second and channel, a ceiling for the workspace."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

TIERS: dict[int, int] = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}
"""Calls a minute by tier; 5 stands for Slack's "special" tier of several hundred a minute."""

POST_BURST = 5
"""How many posts one channel takes at once before the one a second applies."""

POSTS_PER_MINUTE = 300
"""The workspace's ceiling for posts ("several hundred a minute")."""

EVENTS_PER_HOUR = 30_000
"""Events per hour and workspace that Slack delivers to one app."""


@dataclass(slots=True)
class Window:
    """At most `limit` calls within any `length` seconds of platform time."""

    limit: int
    length: float
    taken: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until a call would be let through; 0 when it would be now."""
        while self.taken and self.taken[0] <= now - self.length:
            self.taken.popleft()
        return 0.0 if len(self.taken) < self.limit else self.taken[0] + self.length - now


@dataclass(slots=True)
class Bucket:
    """`rate` a second in the long run, `burst` at once; seconds of platform time."""

    rate: float
    burst: int
    level: float = 0.0
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call would be let through; 0 when it would be now."""
        self.level = max(0.0, self.level - (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level <= self.burst - 1 else (self.level - (self.burst - 1)) / self.rate


class Limits:
    """All windows and buckets of one app in one workspace."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        """Take a monotonic count of platform seconds."""
        self._ticks = ticks
        self._methods: dict[str, Window] = {}
        self._posts: dict[tuple[str, str], Bucket] = {}
        self._ceiling = Window(POSTS_PER_MINUTE, 60.0)
        self._events = Window(EVENTS_PER_HOUR, 3600.0)

    def call(self, method: str, tier: int) -> float:
        """Count a call of a tiered method; returns the seconds to wait when it is over the limit, else 0."""
        limit = TIERS[tier]
        window = self._methods.get(method)
        if window is None:
            # Slack tolerates short bursts above the published figure; a tenth is what is allowed here.
            window = self._methods[method] = Window(limit + limit // 10, 60.0)
        now = self._ticks()
        wait = window.wait(now)
        if wait == 0:
            window.taken.append(now)
        return wait

    def post(self, method: str, channel: str) -> float:
        """Count a post to a channel; returns the seconds to wait when it is over the limit, else 0."""
        now = self._ticks()
        bucket = self._posts.setdefault((method, channel), Bucket(1.0, POST_BURST, at=now))
        wait = max(bucket.wait(now), self._ceiling.wait(now))
        if wait == 0:
            bucket.level += 1
            self._ceiling.taken.append(now)
        return wait

    def event(self) -> bool:
        """Count an event; False when the hour's events are used up."""
        now = self._ticks()
        if self._events.wait(now) > 0:
            return False
        self._events.taken.append(now)
        return True
