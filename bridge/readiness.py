"""What `/readyz` asks of a process: whether what it relies on is there, and nothing waits for too long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from bridge.errors import StoreUnavailableError
from bridge.model import LaneId, Roster
from bridge.spans import spell
from bridge.store import keys
from bridge.store.archive.archiver import Archiver
from bridge.store.archive.lag import Lag
from bridge.store.connection import Redis
from bridge.store.entries import written_ms
from bridge.store.guard import Guard
from bridge.store.live import LiveStore
from bridge.web import Check

STREAM_LAG_S = 60.0
"""A lane whose oldest event has waited longer makes the process not ready."""
ARCHIVE_LAG_S = 60.0
"""A journal whose oldest fact has waited longer is told by `/readyz`, which stays ready: the road goes on without."""


class Readiness:
    """Looks at the parts of one process that do not depend on the platforms."""

    def __init__(
        self,
        redis: Redis,
        store: LiveStore,
        guard: Guard,
        lag: Lag,
        lanes: Sequence[LaneId],
        *,
        roster: Callable[[], Roster],
        archiver: Callable[[], Archiver | None],
    ) -> None:
        """`archiver` is this process's, once there is one: it knows why the archive is behind."""
        self._redis = redis
        self._store = store
        self._guard = guard
        self._lag = lag
        self._lanes = tuple(lanes)
        self._roster = roster
        self._archiver = archiver

    def checks(self) -> dict[str, Check]:
        """What makes the process not ready, by name."""
        return {
            "redis": self.redis_problem,
            "deployment": self.deployment_problem,
            "streams": self.streams_problem,
            "people": self.people_problem,
        }

    def warnings(self) -> dict[str, Check]:
        """What is told and leaves the process ready, by name."""
        return {"archive": self.archive_problem}

    async def redis_problem(self) -> str | None:
        """Every lane's place has to answer: in a cluster they are on several servers."""
        try:
            await asyncio.gather(*[self._redis("EXISTS", keys.hold(lane)) for lane in self._lanes])
        except StoreUnavailableError as problem:
            return str(problem)
        return None

    async def deployment_problem(self) -> str | None:
        """Whose Redis it is, and whether it holds what it should."""
        return self._guard.problem

    async def streams_problem(self) -> str | None:
        """Events that wait too long: nobody holds the lane, or whoever does is stuck."""
        waiting = []
        with contextlib.suppress(StoreUnavailableError):  # the check of Redis says so
            now_ms = await self._store.now_ms()
            for lane in self._lanes:
                for entry in await self._store.range(lane, "0-0", 1):
                    age_s = (now_ms - written_ms(entry.id)) / 1000
                    if age_s > STREAM_LAG_S:
                        waiting.append(f"{lane} since {spell(age_s)}")
        return f"events wait: {', '.join(waiting)}" if waiting else None

    async def people_problem(self) -> str | None:
        """Without the roster everybody is a viewer, and nobody's words go out."""
        return None if self._roster().agents else "the people of the desk have not been read yet"

    async def archive_problem(self) -> str | None:
        """What is not in the archive yet, once it is noticeable, and why, where this process knows."""
        archiver = self._archiver()
        trouble = archiver.trouble if archiver is not None else None
        lag_s = 0.0
        with contextlib.suppress(StoreUnavailableError):  # the check of Redis says so
            lag_s = (await self._lag.behind()).lag_s
        if trouble is None and lag_s < ARCHIVE_LAG_S:
            return None
        late = f"behind by {spell(lag_s)}"
        return f"{late}: {trouble}" if trouble else late
