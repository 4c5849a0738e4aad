"""Sees to it, at the start and ever after, that Redis is this deployment's and holds what it should.

`settle` looks at both sides (`deployment.judge`), begins what is new, and rebuilds what is lost (`restore`), under a
lock, so that of several processes one does it. While something is not right `problem` says so: nothing is taken in,
and no lane can be acquired that has not been begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.store import deployment, keys
from bridge.store.archive.census import Census
from bridge.store.archive.trouble import ArchiveError
from bridge.store.connection import Redis
from bridge.store.deployment import ArchiveSide, ForeignError, Judgement, RedisSide, UnsureError
from bridge.store.health import ShardCountError, claim_shards, same_shards
from bridge.store.restore import Restored, Restorer

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
"""How long it takes to notice that Redis came back empty."""
COMPARE_EVERY_S = 60.0
"""How long it takes to notice that it came back with older data."""
ARCHIVE_S = 5.0
"""How long the archive may take to say what it knows."""
LOCK_MS = 30_000
RENEW_S = 10.0
WAIT_S = 0.5

Tell = Callable[[str], Awaitable[None]]
"""Tells the people with rights something, as well as it can be done."""


class Guard:
    """One process's. `settle` at the start, then `watch`."""

    def __init__(
        self,
        redis: Redis,
        census: Census,
        *,
        numbers: Sequence[str],
        shards: int,
        lanes: Sequence[LaneId],
        owner: str,
    ) -> None:
        self._redis = redis
        self._census = census
        self._numbers = tuple(numbers)
        self._shards = shards
        self._lanes = tuple(lanes)
        self._owner = owner
        self._tell: Tell | None = None
        self._compared = time.monotonic()
        self._archive_problem: str | None = None
        self.problem: str | None = None
        """Why nothing is taken in or worked, for people; None when all is well."""

    def check(self) -> None:
        """Raise `StoreUnavailableError` while something is not right."""
        if self.problem is not None:
            raise StoreUnavailableError(self.problem)

    def telling(self, tell: Tell) -> None:
        """From now on people are told of what was lost."""
        self._tell = tell

    # -------------------------------------------------------------------------------------------- settling

    async def settle(self) -> None:
        """Bring Redis into the state in which lanes can be worked; waits while another process does so.

        Raises `ForeignError`, `ShardCountError`, `StoreUnavailableError`. Where only the archive could tell what has
        to be done, and does not answer, `problem` says so and `watch` goes on.
        """
        while not await self._try():  # noqa: ASYNC110 - another process does it, and tells nobody when it is done
            await asyncio.sleep(WAIT_S)

    async def _try(self) -> bool:
        """False: another process is rebuilding, or something changed meanwhile; look again."""
        archive = await self._archive_side()
        redis = await deployment.look(self._redis, self._lanes)
        try:
            judgement = deployment.judge(redis, archive, self._numbers, self._lanes)
        except UnsureError as problem:
            self._trouble(str(problem))
            return True
        self._check_shards(redis, archive)
        if judgement.broken and archive is not None:
            self._trouble(
                "Redis lost data: it is being rebuilt from the archive, nothing is taken in until then"
            )
            if not await self._rebuild(archive):
                return False
        marker = await deployment.claim(self._redis, judgement.id, self._numbers)
        if marker.id != judgement.id:
            return False
        await claim_shards(self._redis, self._shards)
        await deployment.begin(self._redis, judgement.new, judgement.id)
        await self._sign(judgement, archive)
        if self.problem is not None:
            log.info("redis.well")
        self.problem = None
        return True

    def _trouble(self, words: str) -> None:
        if self.problem != words:
            log.error("redis.not_right", problem=words)
        self.problem = words

    async def _archive_side(self, *, counters: bool = True) -> ArchiveSide | None:
        try:
            async with asyncio.timeout(ARCHIVE_S):
                side = await self._census.side(counters=counters)
        except (ArchiveError, TimeoutError) as problem:
            words = str(problem) or "it did not answer in time"
            # Asked every second while only the archive can tell what to do: said once is enough.
            if words != self._archive_problem:
                log.warning("deployment.archive_away", problem=words)
            self._archive_problem = words
            return None
        self._archive_problem = None
        return side

    def _check_shards(self, redis: RedisSide, archive: ArchiveSide | None) -> None:
        same_shards(redis.shards, self._shards)
        known = archive.shards if archive is not None else None
        if archive is not None and known is not None and known != self._shards:
            raise ShardCountError(
                f"the archive ({archive.where}) was begun with {known} shards and the settings say {self._shards}: "
                f"set shards to {known}; conversations' numbers depend on it"
            )

    async def _sign(self, judgement: Judgement, archive: ArchiveSide | None) -> None:
        if archive is None or (archive.id, set(archive.numbers)) == (judgement.id, set(self._numbers)):
            return
        if judgement.archive_new:
            log.error(
                "archive.begins_anew",
                where=archive.where,
                problem="this archive is empty, and Redis worked with another one before: what was archived there is "
                "in no list or search, and contacts at rest come back from their stubs only. Name the former one in "
                "archive.url if there is one",
            )
        with contextlib.suppress(ArchiveError):
            await self._census.sign(judgement.id, self._numbers)

    # -------------------------------------------------------------------------------------------- rebuilding

    async def _rebuild(self, archive: ArchiveSide) -> bool:
        if await self._redis("SET", keys.RESTORING, self._owner, "NX", "PX", LOCK_MS) is None:
            return False
        renewing = asyncio.create_task(self._renew(), name="restoring")
        try:
            # Another process may have done it while we got hold of the lock.
            redis = await deployment.look(self._redis, self._lanes)
            judgement = deployment.judge(redis, archive, self._numbers, self._lanes)
            if not judgement.broken:
                return False
            log.error(
                "redis.data_lost",
                lost=list(judgement.lost),
                older=list(judgement.older),
                archive=archive.where,
                problem="Redis does not hold what it held: it is rebuilt from the archive. What was not archived is gone",
            )
            began = time.monotonic()
            report = await Restorer(self._redis, self._census, self._shards).restore(
                judgement, redis, archive
            )
        except ArchiveError as problem:
            self._trouble(
                f"Redis lost data, and the archive from which it is rebuilt does not answer: {problem}"
            )
            return False
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
            await self._redis("DEL", keys.RESTORING)
        log.error("redis.rebuilt", after_s=round(time.monotonic() - began, 1), **_numbers_of(report))
        await self._say(judgement, report)
        return True

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(StoreUnavailableError):
                await self._redis("SET", keys.RESTORING, self._owner, "XX", "PX", LOCK_MS)

    async def _say(self, judgement: Judgement, report: Restored) -> None:
        if self._tell is None:
            return
        how = "was empty" if judgement.lost else "came back with older data"
        await self._tell(
            f"Redis {how}. {report.contacts} contacts were rebuilt from the archive, and conversation numbers go on "
            f"{'far ' if judgement.lost else ''}behind the former ones. What was on its way when it happened (replies being "
            "sent, held replies, open questions, modes chosen from chat) may be gone: look at the latest threads, and at "
            "why Redis lost data."
        )

    # --------------------------------------------------------------------------------------------- watching

    async def watch(self) -> None:
        """Look until cancelled. A process whose Redis became somebody else's stops working, and says why."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except StoreUnavailableError:
                continue  # those who need it say so
            except (ForeignError, ShardCountError) as problem:
                self._trouble(str(problem))

    async def _look(self) -> None:
        if self.problem is not None or not await deployment.is_whole(self._redis, self._lanes):
            await self._try()
        elif time.monotonic() >= self._compared + COMPARE_EVERY_S:
            self._compared = time.monotonic()
            await self._compare()

    async def _compare(self) -> None:
        """See that nothing went back; watermarks tell that at once, and cost nothing."""
        archive = await self._archive_side(counters=False)
        if archive is None:
            return
        redis = await deployment.look(self._redis, self._lanes)
        if deployment.judge(redis, archive, self._numbers, self._lanes).broken:
            await self._try()


def _numbers_of(report: Restored) -> dict[str, int]:
    return {
        "contacts": report.contacts,
        "at_rest": report.at_rest,
        "conversations": report.conversations,
        "undone": report.undone,
        "joined": report.joined,
    }
