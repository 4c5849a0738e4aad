"""From the contact to the thread: floor and bridge in turn, each on a fresh Valkey, under the same load."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bridge.bench import conversations, load
from bridge.bench.report import Figures, percentile
from bridge.bench.stand import SECRET, Stand, standing

SUBJECTS = ("floor", "bridge")


@dataclass(frozen=True)
class Load:
    """What both subjects get."""

    messages: int = 6000
    rate: float = 500.0
    """Webhooks a second while latency is measured."""
    rate_s: float = 5.0
    contacts: int = 1000
    lines: int = 32
    drain_s: float = 60.0


async def measure(subject: str, given: Load) -> Figures:
    """Warm up, then capacity, then latency at half of it and at a fixed rate."""
    async with standing(subject) as stand:
        dice = conversations.dice()
        warm = await _drive(stand, max(10, given.messages // 10), given, dice, None)
        if warm.lost == warm.sent:
            raise stand.subject.failed("carried nothing")
        await stand.forget_commands()
        before = stand.clocks()
        full = await _drive(stand, given.messages, given, dice, None)
        after = stand.clocks()
        commands = await stand.commands()
        half_rate = max(10.0, full.per_s / 2)
        half = await _drive(stand, max(1, int(half_rate * given.rate_s)), given, dice, half_rate)
        begun = stand.clocks()
        even = await _drive(stand, max(1, int(given.rate * given.rate_s)), given, dice, given.rate)
        ended = stand.clocks()
    steady = [_per_message(a, b, even.sent) for a, b in zip(begun, ended, strict=True)]
    spent = [_per_message(a, b, given.messages) for a, b in zip(before, after, strict=True)]
    runs = (full, half, even)
    return Figures(
        capacity=full.per_s,
        cpu_ms=spent[0],
        redis_cpu_ms=spent[1],
        commands=sum(commands.values()) / given.messages,
        scripts=commands.get("evalsha", 0) / given.messages,
        full_ack_ms=(percentile(full.acks, 0.5), percentile(full.acks, 0.99)),
        half_relay_ms=(percentile(half.relays, 0.5), percentile(half.relays, 0.99)),
        relay_ms=(percentile(even.relays, 0.5), percentile(even.relays, 0.99)),
        ack_ms=(percentile(even.acks, 0.5), percentile(even.acks, 0.99)),
        even_cpu_ms=steady[0],
        even_redis_cpu_ms=steady[1],
        calls=sum(full.calls.values()) / given.messages,
        lost=sum(one.lost for one in runs),
        doubled=sum(one.doubled for one in runs),
        out_of_order=sum(one.out_of_order for one in runs),
        refused=sum(one.refused for one in runs),
    )


def _per_message(before: float | None, after: float | None, messages: int) -> float | None:
    return None if before is None or after is None else (after - before) * 1000 / messages


async def _drive(
    stand: Stand, count: int, given: Load, dice: random.Random, rate: float | None
) -> load.Outcome:
    hooks = load.webhooks(count, given.contacts, conversations.tag(), SECRET, dice)
    return await load.drive(*stand.ports, hooks, lines=given.lines, rate=rate, drain_s=given.drain_s)
