"""What `threadline check` says of whose Redis and archive are, and of what is missing in them. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bridge.errors import Finding, StoreUnavailableError
from bridge.model import LaneId
from bridge.store import deployment
from bridge.store.archive.census import Census
from bridge.store.archive.trouble import ArchiveError
from bridge.store.connection import Redis
from bridge.store.deployment import ArchiveSide, ForeignError, RedisSide, UnsureError
from bridge.store.guard import ARCHIVE_S

NAME = "deployment"


async def inspect(
    redis: Redis, census: Census, numbers: Sequence[str], shards: int, lanes: Sequence[LaneId]
) -> list[Finding]:
    """One finding; none where Redis does not answer, because its own check says so."""
    try:
        async with asyncio.timeout(ARCHIVE_S):
            archive = await census.side()
    except (ArchiveError, TimeoutError):
        archive = None  # its own check says why
    try:
        found = await deployment.look(redis, lanes)
    except StoreUnavailableError:
        return []
    except ForeignError as problem:
        return [_foreign(problem)]
    return [_judged(found, archive, numbers, shards, lanes)]


def _foreign(problem: ForeignError) -> Finding:
    return Finding.error(NAME, str(problem), "each deployment has a redis.url and an archive.url of its own")


def _judged(
    redis: RedisSide,
    archive: ArchiveSide | None,
    numbers: Sequence[str],
    shards: int,
    lanes: Sequence[LaneId],
) -> Finding:
    try:
        judgement = deployment.judge(redis, archive, numbers, lanes)
    except ForeignError as problem:
        return _foreign(problem)
    except UnsureError as problem:
        if redis.marker is None and not redis.begun and redis.shards is None:
            return Finding.ok(NAME, "Redis is empty; the first `threadline serve` begins it")
        return Finding.warning(NAME, str(problem), "see that the archive answers")
    return _missing(judgement, archive, numbers, shards, lanes)


def _missing(
    judgement: deployment.Judgement,
    archive: ArchiveSide | None,
    numbers: Sequence[str],
    shards: int,
    lanes: Sequence[LaneId],
) -> Finding:
    known = archive.shards if archive is not None else None
    if known is not None and known != shards:
        words = f"the archive was begun with {known} shards, the settings say {shards}"
        return Finding.error(NAME, words, f"set shards to {known}")
    if judgement.broken:
        words = f"Redis does not hold what it held, in {len(judgement.broken)} of {len(lanes)} lanes"
        return Finding.warning(NAME, words, "`threadline serve` rebuilds it from the archive; find out why")
    if judgement.archive_new:
        words = "the archive is empty, and Redis worked with another one before"
        return Finding.warning(NAME, words, "correct archive.url, unless history is to begin anew")
    return Finding.ok(NAME, f"business numbers: {len(numbers)}")
