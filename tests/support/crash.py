"""Scenarios around a bridge in a process of its own, killed at an exact gap of the road."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from bridge.demo import demo_environment
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from tests.support.process import BridgeProcess
from tests.support.redis_proxy import Args, Matches, RedisProxy, runs_script
from tests.support.stack import SCALE, Stack
from tests.support.valkey import free_port

When = Literal["before", "after"]
SHAPE = struct.Struct(">8s2BIB2H2B")
"""How much of what there is among the commit script's arguments, as far as it is looked at; it is the second of them."""
WRITTEN = 1
"""A new record is among them."""


def commit_args(args: Args) -> list[bytes]:
    """The arguments of a script call, without its keys."""
    return args[3 + int(args[2]) :]


class CommitCall:
    """What a call of the commit script is about."""

    def __init__(self, args: Args) -> None:
        _, shape, *rest = commit_args(args)
        _, record, seen, _, required, added, _, entry, _ = SHAPE.unpack_from(shape)
        if seen:
            rest.pop(0)
        self.result_of = rest.pop(0) if required else None
        """The action whose result it is."""
        self.entry = rest.pop(0) if entry else None
        """The stream entry of an event."""
        if record == WRITTEN:
            rest.pop(0)
        self.marks = [name[1:] for name in rest[: 2 * added : 2] if name.startswith(b"!")]
        """The actions that it marks as attempted; marks stand among what is added to the pending actions."""


class Steps:
    """Recognises the steps of the road in the traffic with Redis, for contacts' shards only."""

    def __init__(self) -> None:
        self.marked: set[bytes] = set()
        self._append = runs_script("append", keys_contain=b"{s")
        self._commit = runs_script("commit", keys_contain=b"{s")
        self._mark = runs_script("mark", keys_contain=b"{s")

    def append(self, args: Args) -> bool:
        """An event is stored."""
        alone = args[0].upper() == b"XADD" and args[1].startswith(b"{s") and args[1].endswith(b":in")
        return alone or self._append(args)

    def commit(self, args: Args) -> bool:
        """The decision on an event is committed."""
        return self._commit(args) and CommitCall(args).entry is not None

    def mark(self, args: Args) -> bool:
        """An attempt is about to be made: it is recorded, alone or with the commit that asks for it."""
        if self._mark(args):
            found = {arg for arg in commit_args(args) if b"/" in arg}
        else:
            found = set(CommitCall(args).marks) if self._commit(args) else set()
        self.marked |= found
        return bool(found)

    def result(self, args: Args) -> bool:
        """What came of a marked action is committed."""
        self.mark(args)
        return self._commit(args) and CommitCall(args).result_of in self.marked

    def named(self, step: str) -> Matches:
        """The step with this name."""
        return {"append": self.append, "commit": self.commit, "mark": self.mark, "result": self.result}[step]


class CrashStack(Stack):
    """Like `Stack`, with the bridge in a process behind a proxy to Redis."""

    def __init__(self, sandbox: Sandbox, redis_url: str, port: int, proxy: RedisProxy) -> None:
        super().__init__(sandbox, redis_url, port, {})
        self.proxy = proxy
        environment = demo_environment(sandbox, proxy.url, self.archive_url, port) | {
            "THREADLINE_PACE__SCALE": str(1 / sandbox.clock.scale),
            "THREADLINE_ENGINE__HOLD_TTL_S": "3",
            "THREADLINE_ENGINE__SEND_TIMEOUT_S": "1",
            "THREADLINE_LOG__LEVEL": "info",
        }
        self.process = BridgeProcess(environment, port)

    async def killed_at(self, step: str, when: When, act: Callable[[], Awaitable[Any]]) -> None:
        """Have `act` done, kill the bridge in the gap, and start it again."""
        stop = self.proxy.stop_at(Steps().named(step), when)
        acting = asyncio.ensure_future(act())
        async with asyncio.timeout(10):
            await stop.reached.wait()
        await self.process.kill()
        self.proxy.go_on()
        await self.process.start()
        await acting


@contextlib.asynccontextmanager
async def crash_stack(redis_url: str, *, scale: float = SCALE) -> AsyncIterator[CrashStack]:
    """A sandbox, and a bridge in a process that can be killed."""
    config = SandboxConfig(port=0, scale=scale)
    port = free_port()
    config.whatsapp.webhook_url = f"http://127.0.0.1:{port}/webhooks/whatsapp"
    # A process that takes long to come back on a busy machine is not made to wait for ever longer.
    config.whatsapp.longest_retry_s = 10.0
    sandbox = await Sandbox.start(config)
    proxy = RedisProxy(redis_url)
    await proxy.start()
    stack = CrashStack(sandbox, redis_url, port, proxy)
    try:
        await stack.process.start()
        yield stack
        await stack.process.stop()
    finally:
        await stack.process.kill()
        await proxy.aclose()
        await sandbox.stop()
        stack.process.remove()
