"""One deployment in several processes of `threadline serve`: one that listens to the platforms, and workers."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from bridge.demo import demo_environment
from bridge.model import DESK_LANE, LaneId, shard_lane
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from bridge.store import keys
from bridge.store.joined import JoinedRedis
from tests.support.process import BridgeProcess
from tests.support.talk import PACE, Shop
from tests.support.valkey import free_port
from tests.support.waiting import until

LANES = (*(shard_lane(shard) for shard in range(16)), DESK_LANE)
HOLD_S = 3
"""How long a worker that falls silent keeps its lanes; the shortest that settings allow."""
SCALE = 5.0
"""Slack's three seconds are 0.6 real ones, in which a process of its own has to store and answer."""
START_S = 60.0
MOVE_S = 30.0
"""Long, for a loaded machine: what is waited for is that holds move, not how fast this machine is."""


class Workforce(Shop):
    """A shop whose bridge is several processes."""

    patience_s = MOVE_S

    def __init__(self, sandbox: Sandbox, redis_url: str, port: int) -> None:
        super().__init__(sandbox, redis_url, port, {})
        self.workers: list[BridgeProcess] = []
        self.front = self._process(redis_url, port, "web,scheduler")
        self._redis = JoinedRedis(redis_url)

    def _process(self, redis_url: str, port: int, roles: str) -> BridgeProcess:
        environment = demo_environment(self.sandbox, redis_url, self.archive_url, port) | {
            "THREADLINE_ROLES": roles,
            "THREADLINE_PACE__SCALE": str(PACE),
            "THREADLINE_ENGINE__HOLD_TTL_S": str(HOLD_S),
            "THREADLINE_ENGINE__SEND_TIMEOUT_S": "1",
            "THREADLINE_LOG__LEVEL": "info",
        }
        return BridgeProcess(environment, port)

    async def hire(self, redis_url: str | None = None) -> BridgeProcess:
        """Start one more worker; it may reach Redis by an address of its own."""
        worker = self._process(redis_url or self.redis_url, free_port(), "worker")
        self.workers.append(worker)
        await worker.launch()
        await worker.ready(START_S)
        return worker

    async def shares(self) -> Counter[int]:
        """How many lanes each process holds, by its id."""
        holders = [await self.holder(lane) for lane in LANES]
        return Counter(pid for pid in holders if pid is not None)

    async def holder(self, lane: LaneId) -> int | None:
        """The process that holds a lane."""
        value = await self._redis("GET", keys.hold(lane))
        # `<host>-<process>-<random>:<fence>`
        return None if value is None else int(value.decode().rpartition(":")[0].split("-")[-2])

    async def shared_by(self, *workers: BridgeProcess) -> None:
        """Wait until exactly these hold all lanes, none of them more than its share."""
        share = -(-len(LANES) // len(workers))
        wanted = {worker.pid for worker in workers}

        async def shared() -> bool:
            shares = await self.shares()
            return set(shares) == wanted and shares.total() == len(LANES) and max(shares.values()) <= share

        await until(shared, MOVE_S, f"{len(workers)} workers to share the lanes")

    async def aclose(self) -> None:
        """End all processes."""
        for process in (self.front, *self.workers):
            if process.is_running:
                process.resume()
                await process.kill()
            process.remove()
        await self._redis.aclose()


@contextlib.asynccontextmanager
async def a_workforce(redis_url: str) -> AsyncIterator[Workforce]:
    """A sandbox and a process that listens; workers are hired by the test."""
    config = SandboxConfig(port=0, scale=SCALE)
    port = free_port()
    config.whatsapp.webhook_url = f"http://127.0.0.1:{port}/webhooks/whatsapp"
    config.whatsapp.rate_limits = config.slack.rate_limits = False
    sandbox = await Sandbox.start(config)
    force = Workforce(sandbox, redis_url, port)
    try:
        await force.front.launch()
        yield force
    finally:
        await force.aclose()
        await sandbox.stop()
