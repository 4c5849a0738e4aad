"""What a round runs on: the sandbox, a Valkey with its data on disk, and worker processes of `threadline serve`.

WhatsApp has one address for its webhook, so a relay in front shares it among the processes. Each process reaches Valkey
through a relay of its own, so that its connection alone can be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from bridge.demo import demo_environment
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from bridge.sandbox.slack.config import ChannelConfig
from bridge.sandbox.whatsapp.config import NumberConfig
from tests.campaign.archive import Archive, PostgresArchive, SqliteArchive
from tests.campaign.backing import Backing, Cluster, OneServer, Wire
from tests.campaign.script import INBOXES, PEOPLE, SEND_TIMEOUT_S, Script
from tests.support.process import BridgeProcess
from tests.support.relay import Relay
from tests.support.valkey import free_port

READY_S = 150.0
WATCH_EVERY_S = 0.1
WEBHOOK_TIMEOUT_S = 2.0
"""Real seconds that WhatsApp waits for an answer: soon enough to come again after a process was paused."""
LONGEST_RETRY_S = 60.0
"""WhatsApp's seconds between tries to deliver, at most: an unlucky message would hold a round up for minutes."""
ACK_S = 1.5
"""Real seconds that Slack waits for an answer: a fraction of its three at this pace would be too few for a busy machine."""
NUMBERS = {name: f"20030040050060{index}" for index, name in enumerate(INBOXES)}
"""Phone number ids by inbox."""


class Worker:
    """One process with a port of its own, kept alive as a service manager would while it is `wanted`."""

    def __init__(self, port: int, redis: Wire, process: BridgeProcess) -> None:
        self.port = port
        self.redis = redis
        self.process = process
        self.wanted = False
        self.ended_by_itself = 0
        """How often it was found dead although nobody had killed it, as when it starts while Valkey is down."""
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Have it run."""
        async with self._lock:
            self.wanted = True
            if not self.process.is_running:
                await self.process.launch()

    async def kill(self) -> None:
        """`kill -9`; it stays dead until `start`."""
        async with self._lock:
            self.wanted = False
            if self.process.is_running:
                await self.process.kill()

    async def kill_while(self, condition: Callable[[], Awaitable[bool]]) -> bool:
        """`kill -9`, if the condition holds now and still does once the process is frozen; it stays dead until `start`."""
        async with self._lock:
            if not self.process.is_running or not await condition():
                return False
            self.process.pause()
            if not await condition():
                self.process.resume()
                return False
            self.wanted = False
            await self.process.kill()
            return True

    async def stop(self) -> None:
        """Ask it to go; it stays away until `start`."""
        async with self._lock:
            self.wanted = False
            if self.process.is_running:
                await self.process.stop()

    async def revive(self) -> None:
        """Start it again if it died by itself."""
        async with self._lock:
            if self.wanted and not self.process.is_running:
                self.ended_by_itself += 1
                await self.process.launch()


class Stage:
    """Everything that runs in a round. `door` is where WhatsApp delivers."""

    def __init__(
        self, sandbox: Sandbox, valkey: Backing, archive: Archive, door: Relay, workers: list[Worker]
    ) -> None:
        self.sandbox = sandbox
        self.valkey = valkey
        self.archive = archive
        self.door = door
        self.workers = workers

    async def ready(self) -> None:
        """Wait until every process that is wanted says that it is well. Raises AssertionError."""
        await asyncio.gather(*(one.process.ready(READY_S) for one in self.workers if one.wanted))

    async def keep_alive(self) -> None:
        """Start again what died by itself, until cancelled."""
        while True:
            for worker in self.workers:
                await worker.revive()
            await asyncio.sleep(WATCH_EVERY_S)


def sandbox_config(script: Script) -> SandboxConfig:
    """A sandbox with a number and a channel for every inbox."""
    config = SandboxConfig(port=0, scale=script.scale, seed=script.seed)
    config.whatsapp.rate_limits = config.slack.rate_limits = script.limits
    config.whatsapp.webhook_timeout_s = WEBHOOK_TIMEOUT_S
    config.whatsapp.longest_retry_s = LONGEST_RETRY_S
    config.whatsapp.app_secret = secrets.token_hex()  # no other round's webhooks are taken for this one's
    config.slack.ack_s = ACK_S * script.scale
    config.whatsapp.customers = []
    config.whatsapp.numbers = [
        NumberConfig(number, f"+1 555-010-020{index}", f"Fixture {name}")
        for index, (name, number) in enumerate(NUMBERS.items())
    ]
    config.slack.channels = [
        ChannelConfig(f"C0{name.upper()}1", name, private=True, members=list(PEOPLE[name]))
        for name in INBOXES
    ]
    return config


def environment(
    script: Script, sandbox: Sandbox, redis_url: str, archive_url: str, port: int
) -> dict[str, str]:
    """Variables of a worker: short holds and time-outs, so that a round sees many of them pass."""
    variables = demo_environment(sandbox, redis_url, archive_url, port) | {
        "THREADLINE_SHARDS": str(script.shards),
        "THREADLINE_PACE__SCALE": str(1 / script.scale),
        "THREADLINE_ENGINE__HOLD_TTL_S": "3",
        "THREADLINE_ENGINE__SEND_TIMEOUT_S": str(SEND_TIMEOUT_S),
        "THREADLINE_ENGINE__DRAIN_S": "3",
        "THREADLINE_REDIS__TIMEOUT_S": "1",
        "THREADLINE_LOG__LEVEL": "info",
        "THREADLINE_LOG__FORMAT": "json",
    }
    for index, settings in enumerate(INBOXES.values()):
        variables |= {f"THREADLINE_INBOXES__{index}__{name}": value for name, value in settings.items()}
    if not script.limits:
        for name in (
            "SLACK_POSTS_PER_S",
            "SLACK_POSTS_BURST",
            "WHATSAPP_MESSAGES_PER_S",
            "WHATSAPP_PAIR_BURST",
        ):
            variables[f"THREADLINE_PACE__{name}"] = "10000"
    return variables


@contextlib.asynccontextmanager
async def staged(script: Script, folder: Path, *, cluster: bool = False) -> AsyncIterator[Stage]:
    """Everything running and ready, with data and logs in `folder`; all of it ends with the block."""
    async with contextlib.AsyncExitStack() as stack:
        valkey: Backing = (Cluster if cluster else OneServer)(folder / "valkey")
        stack.push_async_callback(valkey.close)
        await valkey.open()
        archive: Archive = PostgresArchive() if script.size.postgresql else SqliteArchive(folder)
        stack.push_async_callback(archive.close)
        await archive.open()
        ports = [free_port() for _ in range(script.workers)]
        door = Relay(*ports, listen=False)
        await door.open()
        stack.push_async_callback(door.close)
        config = sandbox_config(script)
        config.whatsapp.webhook_url = f"http://127.0.0.1:{door.port}/webhooks/whatsapp"
        sandbox = await Sandbox.start(config)
        stack.push_async_callback(sandbox.stop)
        workers = []
        for number, port in enumerate(ports):
            wire, url = await valkey.wire()
            log = folder / f"worker-{number}.log"
            variables = environment(script, sandbox, url, archive.url, port) | valkey.variables
            process = BridgeProcess(variables, port, log)
            workers.append(Worker(port, wire, process))
            stack.push_async_callback(workers[-1].kill)
        stage = Stage(sandbox, valkey, archive, door, workers)
        for worker in workers:
            await worker.start()
        await stage.ready()
        keeper = asyncio.create_task(stage.keep_alive(), name="keep alive")
        stack.callback(keeper.cancel)
        yield stage
