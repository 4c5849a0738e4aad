"""One benchmark: floor and bridge in turn, each on a fresh Valkey, under the same load."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bridge.bench import load
from bridge.bench.processes import Child, ChildError, cpu_s, free_port
from bridge.bench.report import Figures, percentile, report
from bridge.embedded import EmbeddedError, EmbeddedValkey

SECRET = "bench-app-secret"  # noqa: S105 - signs made-up webhooks on loopback
SUBJECTS = ("floor", "bridge")
_LIFE_S = 600.0


@dataclass(frozen=True)
class Options:
    """How much is measured. All of it is bounded by the command line."""

    messages: int = 6000
    runs: int = 3
    rate: float = 300.0
    """Webhooks a second while latency is measured."""
    rate_s: float = 5.0
    contacts: int = 1000
    lines: int = 32
    drain_s: float = 60.0


@dataclass(frozen=True)
class Stand:
    """Everything that one measurement runs on."""

    subject: Child
    valkey: EmbeddedValkey
    platforms: Child


async def bench(options: Options, console: Console | None = None) -> int:
    """Measure and print. 1 when a message was lost, doubled, refused or out of order, or nothing could be measured."""
    console = console or Console()
    figures: dict[str, list[Figures]] = {subject: [] for subject in SUBJECTS}
    try:
        for run in range(options.runs):
            for subject in SUBJECTS:
                console.print(f"  run {run + 1} of {options.runs}: {subject} …", style="dim", highlight=False)
                figures[subject].append(await measure(subject, options))
    except (ChildError, EmbeddedError, OSError) as problem:
        console.print(f"The benchmark broke off: {problem}", style="red")
        return 1
    console.print(*report(figures["floor"], figures["bridge"], options.rate))
    console.print(_conditions(options), style="dim", highlight=False)
    return 1 if any(one.wrong for several in figures.values() for one in several) else 0


def _conditions(options: Options) -> str:
    return (
        f"{options.runs} runs, medians (of pairs, for the ratio); {options.messages} messages of "
        f"{options.contacts} contacts over {options.lines} connections; {os.cpu_count()} cores shared by everything; "
        "appendfsync always; pace off; platforms that answer at once."
    )


async def measure(subject: str, options: Options) -> Figures:
    """Warm up, then capacity, then latency at a fixed rate."""
    async with standing(subject) as stand:
        dice = random.Random(7)  # noqa: S311 - the same load for both
        warm = await _drive(stand, max(10, options.messages // 10), options, dice, None)
        if warm.lost == warm.sent:
            raise stand.subject.failed("carried nothing")
        before = _clocks(stand)
        full = await _drive(stand, options.messages, options, dice, None)
        after = _clocks(stand)
        count = max(1, int(options.rate * options.rate_s))
        even = await _drive(stand, count, options, dice, options.rate)
    spent = [_per_message(a, b, options.messages) for a, b in zip(before, after, strict=True)]
    return Figures(
        capacity=full.per_s,
        cpu_ms=spent[0],
        redis_cpu_ms=spent[1],
        full_ack_ms=(percentile(full.acks, 0.5), percentile(full.acks, 0.99)),
        relay_ms=(percentile(even.relays, 0.5), percentile(even.relays, 0.99)),
        ack_ms=(percentile(even.acks, 0.5), percentile(even.acks, 0.99)),
        calls=sum(full.calls.values()) / options.messages,
        lost=full.lost + even.lost,
        doubled=full.doubled + even.doubled,
        out_of_order=full.out_of_order + even.out_of_order,
        refused=full.refused + even.refused,
    )


def _clocks(stand: Stand) -> tuple[float | None, float | None]:
    return cpu_s(stand.subject.pid), cpu_s(stand.valkey.pid)


def _per_message(before: float | None, after: float | None, messages: int) -> float | None:
    return None if before is None or after is None else (after - before) * 1000 / messages


async def _drive(
    stand: Stand, count: int, options: Options, dice: random.Random, rate: float | None
) -> load.Outcome:
    hooks = load.webhooks(count, options.contacts, secrets.token_hex(4), SECRET, dice)
    ports = (stand.subject.port, stand.platforms.port)
    return await load.drive(*ports, hooks, lines=options.lines, rate=rate, drain_s=options.drain_s)


# ------------------------------------------------------------------------------------------- processes


@contextlib.asynccontextmanager
async def standing(subject: str) -> AsyncIterator[Stand]:
    """Start everything for one measurement and end it again. Raises `ChildError`, `EmbeddedError`."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="threadline-bench-")))
        valkey = EmbeddedValkey(folder / "valkey")
        await valkey.start()
        stack.push_async_callback(valkey.stop)
        port = free_port()
        life = f"{_LIFE_S:g}"
        platforms = await Child.start(
            "platforms", ("bridge.bench.platforms", str(port), life), port, folder, _environment()
        )
        stack.push_async_callback(platforms.stop)
        await platforms.listening()
        tried = await _start_subject(subject, folder, platforms.port, valkey.port)
        stack.push_async_callback(tried.stop)
        await tried.listening()
        yield Stand(tried, valkey, platforms)


async def _start_subject(subject: str, folder: Path, platforms: int, redis: int) -> Child:
    port = free_port()
    if subject == "floor":
        words = (str(port), str(platforms), str(redis), SECRET, f"{_LIFE_S:g}")
        return await Child.start(subject, ("bridge.bench.floor", *words), port, folder, _environment())
    environment = _environment() | bridge_environment(port, platforms, redis)
    return await Child.start(subject, ("bridge", "serve"), port, folder, environment)


def _environment() -> dict[str, str]:
    """Ours without settings of a bridge, and with a path on which a checkout finds itself from elsewhere."""
    mine = {name: value for name, value in os.environ.items() if not name.upper().startswith("THREADLINE_")}
    here = str(Path(__file__).parents[2])
    return mine | {"PYTHONPATH": os.pathsep.join(filter(None, (here, mine.get("PYTHONPATH"))))}


def bridge_environment(port: int, platforms: int, redis: int) -> dict[str, str]:
    """Settings of the bridge: everything as shipped but for addresses, made-up secrets and the pace."""
    settings = {
        "WHATSAPP__API_URL": f"http://127.0.0.1:{platforms}/whatsapp",
        "WHATSAPP__ACCESS_TOKEN": "bench",
        "WHATSAPP__APP_SECRET": SECRET,
        "WHATSAPP__VERIFY_TOKEN": "bench",
        "SLACK__API_URL": f"http://127.0.0.1:{platforms}/api/",
        "SLACK__BOT_TOKEN": "xoxb-bench",
        "SLACK__MODE": "http",
        "SLACK__SIGNING_SECRET": "bench",
        "REDIS__URL": f"redis://127.0.0.1:{redis}/0",
        "WEB__PORT": str(port),
        "PACE__SCALE": "0",
        "LOG__LEVEL": "warning",
        "INBOXES__BENCH__NAME": "Bench",
        "INBOXES__BENCH__PHONE_NUMBER_ID": load.PHONE_NUMBER_ID,
        "INBOXES__BENCH__WABA_ID": load.WABA_ID,
        "INBOXES__BENCH__CHANNEL": "C0BENCH001",
    }
    return {f"THREADLINE_{name}": value for name, value in settings.items()}
