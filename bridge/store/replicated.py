"""Making sure that what was written survives the primary's end."""

from __future__ import annotations

import msgspec

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.store import keys
from bridge.store.connection import Redis


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """How many replicas have to have something before it counts."""

    replicas: int = 0
    """0: nobody waits for any."""
    within_s: float = 1.0


async def replicated(redis: Redis, lane: LaneId, copies: Copies) -> None:
    """Wait until the replicas have what was written into a lane so far. Raises StoreUnavailableError when too few
    have it in time; then it may be lost.
    """
    if not copies.replicas:
        return
    within_ms = max(1, int(copies.within_s * 1000))
    # WAIT looks at what its own connection wrote last, so something is written first.
    barrier = ("SET", keys.barrier(lane), "")
    _, have = await redis.batch([barrier, ("WAIT", copies.replicas, within_ms)])
    if have < copies.replicas:
        raise StoreUnavailableError(
            f"only {have} of {copies.replicas} Redis replicas had what was written within {within_ms} ms"
        )
