"""What others feel while a platform lets some calls hang: nothing, if conversations are apart."""

from __future__ import annotations

import itertools

from bridge.bench import conversations, load
from bridge.bench.load import reference_of
from bridge.bench.platforms import STALL, STALL_S
from bridge.bench.report import Row, Section
from bridge.bench.stand import SECRET, standing

LATE_S = 0.2
RATE = 60.0
OTHERS = 200
TITLE = f"others while posts hang for {STALL_S:g} s"


async def measure(seconds: float, stalled: tuple[int, ...] = (0, 1, 100)) -> Section:
    """Steady messages of `OTHERS` contacts; at once, messages of so many others that hang."""
    rows = []
    for hanging in stalled:
        async with standing("bridge") as stand:
            await conversations.opened(stand, OTHERS + max(stalled))
            name = conversations.tag()
            numbers = itertools.count()
            words = f" {STALL.decode()}"
            stuck = [
                load.written(reference_of(name, next(numbers)), OTHERS + n, SECRET, words)
                for n in range(hanging)
            ]
            steady = [
                load.written(reference_of(name, next(numbers)), n % OTHERS, SECRET)
                for n in range(int(RATE * seconds))
            ]
            outcome = await load.drive(
                *stand.ports, [*stuck, *steady], lines=OTHERS + max(stalled), rate=RATE, drain_s=30.0
            )
        slow = conversations.late(outcome, steady, LATE_S)
        rows.append(
            Row(
                f"{hanging} hang: others that took over {LATE_S * 1000:g} ms",
                100 * slow / len(steady),
                "%",
                2,
            )
        )
        rows.append(Row("  lost, doubled or out of order", outcome.wrong, "", 0))
    return Section(f"{TITLE} ({RATE:g} messages/s)", tuple(rows), failed=any(row.value for row in rows[1::2]))
