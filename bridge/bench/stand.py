"""What a measurement runs on: a Valkey that writes every append to disk, pretended platforms, and what is measured."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.bench import load
from bridge.bench.http1 import Line, request
from bridge.bench.platforms import CHANNEL
from bridge.bench.processes import Child, cpu_s, free_port, resident_bytes
from bridge.embedded import EmbeddedValkey
from bridge.store.joined import JoinedRedis

SECRET = "bench-app-secret"  # noqa: S105 - signs made-up webhooks on loopback
LIFE_S = 1800.0
READY_S = 30.0


@dataclass(frozen=True)
class Stand:
    """Everything that one measurement runs on; each is a process of its own."""

    subject: Child
    valkey: EmbeddedValkey
    platforms: Child
    redis: JoinedRedis
    """To look at the Valkey with."""

    @property
    def ports(self) -> tuple[int, int]:
        """Those of the subject and of the platforms."""
        return self.subject.port, self.platforms.port

    def clocks(self) -> tuple[float | None, float | None]:
        """Processor seconds of the subject's process tree and of the Valkey."""
        return cpu_s(self.subject.pid), cpu_s(self.valkey.pid)

    def resident(self) -> int | None:
        """Resident bytes of the subject's process."""
        return resident_bytes(self.subject.pid)

    async def used_bytes(self) -> int:
        """What the Valkey uses for its data."""
        info = await self.redis("INFO", "memory")
        return int(_field(info, b"used_memory:"))

    async def forget_commands(self) -> None:
        """Begin to count commands anew."""
        await self.redis("CONFIG", "RESETSTAT")

    async def commands(self) -> dict[str, int]:
        """How often each command ran since then; those that scripts run count, too."""
        info: bytes = await self.redis("INFO", "commandstats")
        lines = [line for line in info.decode().splitlines() if line.startswith("cmdstat_")]
        split = (line.removeprefix("cmdstat_").partition(":calls=") for line in lines)
        return {name: int(rest.partition(",")[0]) for name, _, rest in split}


async def _ready(bridge: Child) -> None:
    """Wait until it has read who works on the desk: before, nobody's words go out. Raises `ChildError`."""
    line = await Line.open(bridge.port)
    try:
        async with asyncio.timeout(READY_S):
            while (await line.ask(request("/readyz")))[0] != 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise bridge.failed(f"is not ready after {READY_S:g} s") from None
    finally:
        line.close()


def _field(info: bytes, name: bytes) -> bytes:
    return next(line.removeprefix(name) for line in info.splitlines() if line.startswith(name))


@contextlib.asynccontextmanager
async def standing(
    subject: str, settings: Mapping[str, str] | None = None, *, works: bool = True
) -> AsyncIterator[Stand]:
    """Start everything for one measurement and end it again; `subject` is `floor`, `ingress` (the floor's webhook alone) or `bridge`, `settings` are more of
    the bridge's, by the name of their variable. Without a worker among its roles (`works` false) it is never ready, and need not be. Raises `ChildError`, `EmbeddedError`.
    """
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="threadline-bench-")))
        valkey = EmbeddedValkey(folder / "valkey")
        await valkey.start()
        stack.push_async_callback(valkey.stop)
        redis = JoinedRedis(valkey.url)
        stack.push_async_callback(redis.aclose)
        port = free_port()
        life = f"{LIFE_S:g}"
        platforms = await Child.start(
            "platforms", ("bridge.bench.platforms", str(port), life), port, folder, _environment()
        )
        stack.push_async_callback(platforms.stop)
        await platforms.listening()
        tried = await _start_subject(subject, folder, platforms.port, valkey.port, settings or {})
        stack.push_async_callback(tried.stop)
        await tried.listening()
        if subject == "bridge" and works:
            await _ready(tried)
        yield Stand(tried, valkey, platforms, redis)


async def _start_subject(
    subject: str, folder: Path, platforms: int, redis: int, settings: Mapping[str, str]
) -> Child:
    port = free_port()
    if subject != "bridge":
        words = [str(port), str(platforms), str(redis), SECRET, f"{LIFE_S:g}"]
        if subject == "ingress":
            words.append(subject)
        return await Child.start(subject, ("bridge.bench.floor", *words), port, folder, _environment())
    mine = bridge_environment(port, platforms, redis) | {
        f"THREADLINE_{name}": value for name, value in settings.items()
    }
    return await Child.start(subject, ("bridge", "serve"), port, folder, _environment() | mine)


def _environment() -> dict[str, str]:
    """Ours without settings of a bridge, and with a path on which a checkout finds itself from elsewhere."""
    mine = {name: value for name, value in os.environ.items() if not name.upper().startswith("THREADLINE_")}
    here = str(Path(__file__).parents[2])
    return mine | {"PYTHONPATH": os.pathsep.join(filter(None, (here, mine.get("PYTHONPATH"))))}


def bridge_environment(port: int, platforms: int, redis: int) -> dict[str, str]:
    """Settings of the bridge: everything as shipped but for addresses, made-up secrets, the pace, and that every
    agent's words go out, so that replies need no assignment first.
    """
    settings = {
        "WHATSAPP__API_URL": f"http://127.0.0.1:{platforms}/whatsapp",
        "WHATSAPP__ACCESS_TOKEN": "bench",
        "WHATSAPP__APP_SECRET": SECRET,
        "WHATSAPP__VERIFY_TOKEN": "bench",
        "SLACK__API_URL": f"http://127.0.0.1:{platforms}/api/",
        "SLACK__BOT_TOKEN": "xoxb-bench",
        "SLACK__MODE": "http",
        "SLACK__SIGNING_SECRET": SECRET,
        "REDIS__URL": f"redis://127.0.0.1:{redis}/0",
        "WEB__PORT": str(port),
        "PACE__SCALE": "0",
        "INBOXES__BENCH__NAME": "Bench",
        "INBOXES__BENCH__PHONE_NUMBER_ID": load.PHONE_NUMBER_ID,
        "INBOXES__BENCH__WABA_ID": load.WABA_ID,
        "INBOXES__BENCH__CHANNEL": CHANNEL,
        "INBOXES__BENCH__MODE": "everyone",
    }
    return {f"THREADLINE_{name}": value for name, value in settings.items()}
