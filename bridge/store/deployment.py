"""Whose Redis database this is, and whether it still holds what it held.

Two things go wrong in silence otherwise. Two deployments that share a database by mistake take each other's messages.
And a Redis that lost its data, or came back with older data, looks like a new one: numbers would be given twice, and
customers would start from nothing. So the deployment has an id, which stands in Redis (beside the numbers it answers)
and in the archive, and each lane carries it: a lane without it may not be worked (`scripts/acquire.lua`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from bridge.errors import BridgeError
from bridge.model import LaneId
from bridge.store import keys
from bridge.store.connection import Redis, RedisReplyError
from bridge.store.entries import stream_key

SEVERAL = 3
"""Numbers that a message names; the rest are counted."""


class ForeignError(BridgeError):
    """The Redis database, or the archive, belongs to another deployment. The words say which and what to do."""


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """Whose the database is."""

    id: str
    numbers: tuple[str, ...]
    """Ids of the business numbers that the deployment answers."""
    begun_at: datetime


class RedisSide(msgspec.Struct, frozen=True, kw_only=True):
    """What Redis says."""

    marker: Marker | None
    shards: int | None
    begun: Mapping[LaneId, str]
    """The lanes that have been begun, and by which deployment."""
    counters: Mapping[LaneId, int]
    """The last conversation counter of each shard that has one."""
    journaled: Mapping[LaneId, str]
    """Where each lane's journal ends, of those that have one."""


class ArchiveSide(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive says."""

    id: str | None
    numbers: tuple[str, ...]
    """Ids of the business numbers that the deployment answered when it was last started; none: not known."""
    shards: int | None
    counters: Mapping[LaneId, int]
    """The highest conversation counter of each shard that has one."""
    watermarks: Mapping[LaneId, str]
    """Up to where each lane is archived."""
    where: str
    """Which database it is, without its password."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What to make of both sides, when they are this deployment's."""

    id: str
    """The deployment's id; a new one when there was none."""
    lost: tuple[LaneId, ...] = ()
    """Lanes whose data is not there although the archive knows of some."""
    older: tuple[LaneId, ...] = ()
    """Lanes whose data is older than what the archive has."""
    new: tuple[LaneId, ...] = ()
    """Lanes that are to be begun as they are."""
    archive_new: bool = False
    """The archive is another one than before, and empty."""

    @property
    def broken(self) -> tuple[LaneId, ...]:
        """Lanes that have to be rebuilt."""
        return (*self.lost, *self.older)


class UnsureError(BridgeError):
    """Redis may have lost its data, and the archive, which could say so and from which it is rebuilt, does not answer."""


def judge(
    redis: RedisSide, archive: ArchiveSide | None, numbers: Sequence[str], lanes: Sequence[LaneId]
) -> Judgement:
    """Whose both sides are, and what is missing. `archive` None: it does not answer. Pure.

    Raises `ForeignError`, `UnsureError`.
    """
    marker = redis.marker
    _check_owner(marker, archive, numbers)
    missing = [lane for lane in lanes if lane not in redis.begun]
    if archive is None:
        if marker is None or missing:
            raise UnsureError(
                "Redis lacks what it should hold, or is new, and the archive, which could tell, does not answer: nothing "
                "is taken in or worked until it does"
            )
        return Judgement(id=marker.id)
    remembered = bool(archive.watermarks or archive.counters)
    # Begun by a release that knew no markers: what is there is there.
    earlier = marker is None and redis.shards is not None and not redis.begun
    lost = [] if earlier or not (marker or remembered) else missing
    if not remembered and len(lost) == len(lanes):
        # A first start that was cut short: the marker is written before anything else.
        lost = []
    older = [lane for lane in lanes if lane not in lost and _is_older(lane, redis, archive)]
    return Judgement(
        id=marker.id if marker else archive.id or _stray(redis) or secrets.token_hex(8),
        lost=tuple(lost),
        older=tuple(older),
        new=tuple(lane for lane in missing if lane not in lost and lane not in older),
        archive_new=marker is not None and archive.id is None and not remembered,
    )


def _check_owner(marker: Marker | None, archive: ArchiveSide | None, numbers: Sequence[str]) -> None:
    if marker is not None and not set(marker.numbers) & set(numbers):
        raise ForeignError(
            f"this Redis database belongs to another deployment ({_named(marker.numbers)}, since "
            f"{marker.begun_at.date().isoformat()}), and these settings name {_named(numbers)}: give this deployment a "
            f"Redis database of its own (redis.url: another database number, or another server). {_EXCHANGED}"
        )
    if archive is None:
        return
    if archive.numbers and not set(archive.numbers) & set(numbers):
        raise ForeignError(
            f"the archive ({archive.where}) belongs to another deployment ({_named(archive.numbers)}), and these settings "
            f"name {_named(numbers)}: give this deployment an archive of its own (archive.url). {_EXCHANGED}"
        )
    if marker is not None and archive.id is not None and archive.id != marker.id:
        raise ForeignError(
            f"the archive ({archive.where}; {_named(archive.numbers)}) and this Redis database "
            f"({_named(marker.numbers)}) were begun by two deployments: correct archive.url or redis.url. Every deployment "
            "has a Redis database and an archive of its own"
        )


_EXCHANGED = (
    "If it is the same deployment and all of its numbers were exchanged, start it once with one of the former "
    "[[inboxes]] still listed"
)


def _named(numbers: Sequence[str]) -> str:
    if not numbers:
        return "no number"
    shown = ", ".join(numbers[:SEVERAL])
    more = f" and {len(numbers) - SEVERAL} more" if len(numbers) > SEVERAL else ""
    return f"{'numbers' if len(numbers) > 1 else 'number'} {shown}{more}"


def _stray(redis: RedisSide) -> str | None:
    """The deployment whose id the lanes carry, where the marker itself is gone."""
    return next(iter(redis.begun.values()), None)


def _is_older(lane: LaneId, redis: RedisSide, archive: ArchiveSide) -> bool:
    """The archive is always behind a lane, never ahead of it; unless the lane went back."""
    if archive.counters.get(lane, 0) > redis.counters.get(lane, 0):
        return True
    watermark = archive.watermarks.get(lane)
    return watermark is not None and stream_key(watermark) > stream_key(redis.journaled.get(lane, "0-0"))


# ------------------------------------------------------------------------------------------------- in Redis

_encode = msgspec.msgpack.Encoder().encode
_marker = msgspec.msgpack.Decoder(Marker).decode


async def look(redis: Redis, lanes: Sequence[LaneId]) -> RedisSide:
    """What Redis says. Raises `StoreUnavailableError`, `ForeignError` for a marker that cannot be read."""
    packed, shards, begun, counters, ends = await asyncio.gather(
        redis("GET", keys.DEPLOYMENT),
        redis("GET", keys.SHARDS),
        asyncio.gather(*[redis("GET", keys.begun(lane)) for lane in lanes]),
        asyncio.gather(*[redis("GET", keys.counter(lane)) for lane in lanes]),
        asyncio.gather(*[_journal_end(redis, lane) for lane in lanes]),
    )
    return RedisSide(
        marker=None if packed is None else _read(packed),
        shards=None if shards is None else int(shards),
        begun={lane: own.decode() for lane, own in zip(lanes, begun, strict=True) if own is not None},
        counters={lane: int(one) for lane, one in zip(lanes, counters, strict=True) if one is not None},
        journaled={lane: end for lane, end in zip(lanes, ends, strict=True) if end is not None},
    )


async def _journal_end(redis: Redis, lane: LaneId) -> str | None:
    """The id of the last entry that there has been; None without a journal."""
    try:
        pairs = await redis("XINFO", "STREAM", keys.journal(lane))
    except RedisReplyError:
        return None
    found = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return str(found[b"last-generated-id"].decode())


def _read(packed: bytes) -> Marker:
    try:
        return _marker(packed)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ForeignError(
            f"the key {keys.DEPLOYMENT} of this Redis database was not written by this release: use a database of this "
            "deployment's own"
        ) from None


async def claim(redis: Redis, deployment: str, numbers: Sequence[str]) -> Marker:
    """Write the marker where there is none, and the numbers of today into one of our own; the marker as it is now.

    Of two deployments that claim at once one gets the other's marker.
    """
    ours = Marker(id=deployment, numbers=tuple(numbers), begun_at=datetime.now(UTC).replace(microsecond=0))
    before = await redis("SET", keys.DEPLOYMENT, _encode(ours), "NX", "GET")
    if before is None:
        return ours
    found = _read(before)
    if found.id != deployment or not set(found.numbers) & set(numbers):
        return found
    if set(found.numbers) != set(numbers):
        found = msgspec.structs.replace(found, numbers=tuple(numbers))
        await redis("SET", keys.DEPLOYMENT, _encode(found))
    return found


async def begin(redis: Redis, lanes: Sequence[LaneId], deployment: str) -> None:
    """Let lanes be worked."""
    await asyncio.gather(*[redis("SET", keys.begun(lane), deployment) for lane in lanes])


async def is_whole(redis: Redis, lanes: Sequence[LaneId]) -> bool:
    """Whether every lane has been begun, and whose the database is can be told."""
    names = (keys.DEPLOYMENT, *map(keys.begun, lanes))
    return all(await asyncio.gather(*[redis("EXISTS", name) for name in names]))
