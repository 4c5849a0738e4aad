"""What a lane has decided: 64-bit hashes of events, in sets of integers that stay small.

A small set of integers takes eight bytes for each, a large one forty. So the hashes of a period are spread over sets, and
how many there are is settled when the period begins, by what the one before it took in. Should they grow too large
nothing is wrong but their size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bridge.model import LaneId
from bridge.store import keys
from bridge.store.connection import Redis

DAY_S = 86_400
PERIOD_S = 8 * DAY_S
"""Two sets of eight days to look at cost less than exact days."""
LIFE_S = 17 * DAY_S
"""From a set's first event on: its own days, eight more, and one to spare."""
LOOK_AHEAD_S = 600
"""So long before a period begins its sets count, too: the lane's last holder may have been a little ahead."""
FIRST_SETS = 16
MOST_SETS = 1 << 16
AIM = 200
"""Hashes that a set shall take in, so that one that gets twice as many is still small (512, by Redis's default)."""
_LOOKED_AT = 8


def event_hash(event_id: str) -> int:
    """What is remembered of a decided event: a signed 64-bit integer."""
    digest = hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def period_of(now_s: float) -> int:
    """The number of the period that takes the events decided at `now_s` (Redis time)."""
    return int(now_s) // PERIOD_S


def others(now_s: float) -> list[int]:
    """The other periods whose events count as decided at `now_s`."""
    own, ahead = period_of(now_s), period_of(now_s + LOOK_AHEAD_S)
    return [own - 1] if ahead == own else [ahead, own - 1]


def sets_for(events: float) -> int:
    """Over how many sets (a power of two) so many events of a period are spread."""
    wanted = max(1, int(events / AIM))
    return min(1 << (wanted - 1).bit_length(), MOST_SETS)


class Decided:
    """Which sets the events of lanes are in. What is known of a lane holds while nobody else works it: see `forget`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._spread: dict[LaneId, dict[int, int]] = {}
        """How many sets each period has, 0 where it has none."""

    def forget(self, lane: LaneId) -> None:
        """The lane was somebody else's meanwhile."""
        self._spread.pop(lane, None)

    def known(self, lane: LaneId, digest: int, now_s: float) -> list[bytes] | None:
        """Where an event with this hash is looked for; the first set takes it. None: `begin` has to be asked first."""
        spread = self._spread.get(lane)
        if spread is None or not spread.get(period_of(now_s)):
            return None
        return _names(lane, digest, now_s, spread)

    async def begin(self, lane: LaneId, now_s: float) -> None:
        """Learn, or settle, how many sets there are."""
        own = period_of(now_s)
        spread = await self._read(lane, now_s)
        if not spread[own]:
            await self._redis(
                "SET", keys.seen(lane, own), await self._wanted(lane, own - 1, spread), "NX", "EX", LIFE_S
            )
            spread = await self._read(lane, now_s)
        self._spread[lane] = spread

    async def find(self, lane: LaneId, digest: int, now_s: float) -> Sequence[bytes]:
        """Where an event with this hash may be; writes nothing."""
        return _names(lane, digest, now_s, await self._read(lane, now_s))

    async def _read(self, lane: LaneId, now_s: float) -> dict[int, int]:
        periods = [period_of(now_s), *others(now_s)]
        found = await self._redis.batch([("GET", keys.seen(lane, one)) for one in periods])
        return {one: int(sets or 0) for one, sets in zip(periods, found, strict=True)}

    async def _wanted(self, lane: LaneId, before: int, spread: dict[int, int]) -> int:
        """Over how many sets a new period is spread, by some sets of the one before."""
        if not spread[before]:
            return FIRST_SETS
        looked_at = range(min(spread[before], _LOOKED_AT))
        sizes = await self._redis.batch([("SCARD", keys.seen_set(lane, before, one)) for one in looked_at])
        return sets_for(sum(sizes) / len(sizes) * spread[before])


def _names(lane: LaneId, digest: int, now_s: float, spread: dict[int, int]) -> list[bytes]:
    periods = [period_of(now_s), *others(now_s)]
    found = [(one, spread[one]) for one in periods if spread.get(one)]
    return [keys.seen_set(lane, one, digest % sets).encode() for one, sets in found]
