"""Memory per open conversation: the process's, and Redis's by what it is for."""

from __future__ import annotations

import collections
import random

from bridge.bench import conversations, load
from bridge.bench.load import reference_of
from bridge.bench.report import Row, Section
from bridge.bench.stand import SECRET, Stand, standing
from bridge.model import DESK_LANE, RECENT_KEPT, shard_lane
from bridge.store.archive.lag import Lag

ARCHIVED_S = 60.0
"""How long the archive may take to reach what was said."""
_SCANNED = 1_000
_LANES = (*(shard_lane(shard) for shard in range(16)), DESK_LANE)
"""Of the bridge as shipped."""
_KINDS = {
    "u": "state",
    "a": "pending actions",
    "r": "recent history",
    "m": "message records (48 h)",
    "num": "number",
    "seen": "decided events (8 days)",
    "journal": "journal (until archived)",
    "l": "rows of the lists",
}


async def measure(steps: tuple[int, ...]) -> Section:
    """After so many conversations with one message each; with `RECENT_KEPT` messages each at the first step."""
    rows: list[Row] = []
    async with standing("bridge") as stand:
        await conversations.opened(stand, 1, first=10_000_000)
        empty, resident = await stand.used_bytes(), stand.resident()
        opened = 0
        for step in steps:
            await conversations.opened(stand, step - opened, first=opened)
            opened = step
            rows.append(
                Row(
                    f"Redis, {step} conversations: bytes each",
                    (await stand.used_bytes() - empty) / step,
                    "B",
                    0,
                )
            )
            now = stand.resident()
            if resident is not None and now is not None:
                rows.append(Row("  process: bytes each", (now - resident) / step, "B", 0))
                rows.append(Row("  process: resident", now / 1e6, "MB", 0))
            if step == steps[0]:
                rows += await _with_history(stand, step, empty)
    return Section("memory per open conversation", tuple(rows))


async def _with_history(stand: Stand, conversations_open: int, empty: int) -> list[Row]:
    name = conversations.tag()
    dice = random.Random(7)  # noqa: S311 - only an order
    who = [contact for contact in range(conversations_open) for _ in range(RECENT_KEPT - 1)]
    dice.shuffle(who)
    hooks = [load.written(reference_of(name, n), contact, SECRET) for n, contact in enumerate(who)]
    outcome = await load.drive(*stand.ports, hooks, lines=16, rate=None, drain_s=120.0)
    if outcome.wrong:
        raise stand.subject.failed(f"{outcome.wrong} messages fared badly")
    # What waits to be archived depends on the load, not on how many conversations are open.
    archived = await Lag(stand.redis, _LANES).caught_up(ARCHIVED_S)
    total = (await stand.used_bytes() - empty) / conversations_open
    shares = await by_kind(stand)
    late = "" if archived else ", not all archived"
    rows = [
        Row(
            f"Redis, {conversations_open} of them with {RECENT_KEPT} messages{late}: bytes each",
            total,
            "B",
            0,
        )
    ]
    rows += [
        Row(f"  {kind}", size / conversations_open, "B", 0)
        for kind, size in sorted(shares.items(), key=lambda one: -one[1])
    ]
    return rows


async def by_kind(stand: Stand) -> dict[str, int]:
    """Bytes of all keys, by what they are for."""
    sizes: collections.Counter[str] = collections.Counter()
    cursor = b"0"
    while True:
        cursor, keys = await stand.redis("SCAN", cursor, "COUNT", _SCANNED)
        found = await stand.redis.batch([("MEMORY", "USAGE", key, "SAMPLES", 20) for key in keys])
        for key, size in zip(keys, found, strict=True):
            sizes[kind_of(key.decode())] += size or 0
        if cursor == b"0":
            return dict(sizes)


def kind_of(key: str) -> str:
    """What a key is for."""
    if key.startswith("{"):
        return _KINDS.get(key.partition("}:")[2].partition(":")[0], "streams and the rest")
    return {"alias": "aliases", "thread": "threads"}.get(key.partition(":")[0], "streams and the rest")
