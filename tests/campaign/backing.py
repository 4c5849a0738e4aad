"""What a round keeps its live state in: one Valkey, or a cluster of three primaries, each with a replica."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import redis.asyncio
from redis.asyncio.cluster import RedisCluster

from tests.support.relay import Relay
from tests.support.valkey import ValkeyServer
from tests.support.valkey_cluster import ValkeyCluster

TAKE_OVER_S = 40.0


class Wire(Protocol):
    """What a worker's commands go over."""

    def hold_answers(self) -> None:
        """Keep what the server says from now on."""

    def pass_answers(self) -> None:
        """Let held answers go."""

    def cut(self) -> None:
        """Break every connection, at once."""


class Backing(Protocol):
    """Where the live state is. What is synchronous returns when the effect is there, so call it in a thread."""

    variables: dict[str, str]
    """What workers have to be told beside the address."""

    async def open(self) -> None:
        """Have it run."""

    async def close(self) -> None:
        """End everything."""

    async def wire(self) -> tuple[Wire, str]:
        """What one more worker's commands go over, and its address."""

    def watcher(self) -> redis.asyncio.Redis | RedisCluster:
        """A client that looks at everything; the caller closes it."""

    @property
    def is_running(self) -> bool:
        """Whether nothing of it is dead."""

    def kill(self) -> None:
        """End the server, or one primary: then its replica has taken over."""

    def start(self) -> None:
        """Start again what is dead."""

    def pause(self) -> None:
        """Freeze the server, or one primary."""

    def resume(self) -> None:
        """Let it go on."""


class OneServer:
    """One Valkey; each worker's wire is its own."""

    variables: dict[str, str] = {}  # noqa: RUF012 - none, for ever

    def __init__(self, folder: Path) -> None:
        self._server = ValkeyServer(folder)
        self._wires: list[Relay] = []
        self.kill, self.start = self._server.kill, self._server.start
        self.pause, self.resume = self._server.pause, self._server.resume

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._server.is_running

    async def open(self) -> None:
        """See `Backing`."""
        self._server.start()

    async def close(self) -> None:
        """See `Backing`."""
        for wire in self._wires:
            await wire.close()
        self._server.kill()

    async def wire(self) -> tuple[Wire, str]:
        """See `Backing`."""
        relay = Relay(self._server.port, listen=False)
        await relay.open()
        self._wires.append(relay)
        return relay, f"redis://127.0.0.1:{relay.port}/0"

    def watcher(self) -> redis.asyncio.Redis | RedisCluster:
        """See `Backing`."""
        return redis.asyncio.Redis(port=self._server.port)


class _All:
    """The wires to all nodes, as one."""

    def __init__(self, wires: Sequence[Relay]) -> None:
        self._wires = wires

    def hold_answers(self) -> None:
        for wire in self._wires:
            wire.hold_answers()

    def pass_answers(self) -> None:
        for wire in self._wires:
            wire.pass_answers()

    def cut(self) -> None:
        for wire in self._wires:
            wire.cut()


class Cluster:
    """Six nodes. Each gives out the address of a relay as its own, so that everybody's wires to it are in hand; they
    carry what the replicas are told, too.
    """

    def __init__(self, folder: Path) -> None:
        self.variables = {"THREADLINE_REDIS__CLUSTER": "true", "THREADLINE_REDIS__REPLICAS": "1"}
        self._cluster = ValkeyCluster(folder, replicas=True, node_timeout_ms=2_000)
        self._wires = [Relay(server.port, listen=False) for server in self._cluster.servers]
        self._turns = itertools.count()
        self._paused: ValkeyServer | None = None

    @property
    def is_running(self) -> bool:
        """Whether all nodes live."""
        return all(server.is_running for server in self._cluster.servers)

    async def open(self) -> None:
        """See `Backing`."""
        for wire in self._wires:
            await wire.open()
        self._cluster.announce([wire.port for wire in self._wires])
        await asyncio.to_thread(self._cluster.start)

    async def close(self) -> None:
        """See `Backing`."""
        for wire in self._wires:
            await wire.close()
        self._cluster.remove()

    async def wire(self) -> tuple[Wire, str]:
        """See `Backing`."""
        return _All(self._wires), f"redis://127.0.0.1:{self._wires[0].port}"

    def watcher(self) -> redis.asyncio.Redis | RedisCluster:
        """See `Backing`."""
        alive = next(server for server in self._cluster.servers if server.is_running)
        return RedisCluster("127.0.0.1", alive.port)

    def kill(self) -> None:
        """See `Backing`."""
        self._next().kill()
        deadline = time.monotonic() + TAKE_OVER_S
        while len(self._cluster.primaries()) < len(self._cluster.servers) // 2:
            if time.monotonic() > deadline:
                raise RuntimeError("no replica took over")
            time.sleep(0.05)

    def start(self) -> None:
        """See `Backing`."""
        for server in self._cluster.servers:
            if not server.is_running:
                server.start()
        self._cluster.wait_for_replicas()

    def pause(self) -> None:
        """See `Backing`."""
        self._paused = self._next()
        self._paused.pause()

    def resume(self) -> None:
        """See `Backing`."""
        if self._paused is not None:
            self._paused.resume()
            self._paused = None

    def _next(self) -> ValkeyServer:
        primaries = self._cluster.primaries()
        return primaries[next(self._turns) % len(primaries)]
