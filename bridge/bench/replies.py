"""The other direction: an agent writes in a thread, the contact's platform gets it."""

from __future__ import annotations

from bridge.bench import conversations, load
from bridge.bench.report import Row, Section, percentile
from bridge.bench.stand import standing


async def measure(count: int, contacts: int, lines: int) -> Section:
    """Capacity, then latency at half of it. Nothing to compare with: a floor for this does not exist."""
    async with standing("bridge") as stand:
        threads = await conversations.opened(stand, contacts)
        dice = conversations.dice()

        async def drive(messages: int, rate: float | None) -> load.Outcome:
            hooks = conversations.replies(threads, [dice.randrange(contacts) for _ in range(messages)])
            return await load.drive(*stand.ports, hooks, lines=lines, rate=rate, drain_s=60.0)

        await drive(max(10, count // 10), None)
        await stand.forget_commands()
        before = stand.clocks()
        full = await drive(count, None)
        after = stand.clocks()
        commands = await stand.commands()
        half = await drive(max(10, count // 2), full.per_s / 2)
    spent = [
        None if a is None or b is None else (b - a) * 1000 / count for a, b in zip(before, after, strict=True)
    ]
    wrong = full.wrong + half.wrong
    rows = (
        Row("capacity, replies/s", full.per_s, "", 0),
        Row("CPU per reply at capacity", spent[0], "ms", 3),
        Row("CPU of Redis per reply", spent[1], "ms", 3),
        Row("commands of Redis per reply, in scripts too", sum(commands.values()) / count, "", 1),
        Row("calls of the platforms per reply", sum(full.calls.values()) / count, "", 2),
        Row("Slack's event answered at capacity: p50", percentile(full.acks, 0.5), "ms", 1),
        Row("  p99", percentile(full.acks, 0.99), "ms", 1),
        Row("event to contact's platform at half of capacity: p50", percentile(half.relays, 0.5), "ms", 1),
        Row("  p99", percentile(half.relays, 0.99), "ms", 1),
        Row("lost, doubled or out of order", wrong, "", 0),
    )
    return Section("from the thread to the contact", rows, failed=bool(wrong))
