"""The webhook's answer alone: the bridge's web role beside a bare ingress (verify, parse, one append, 200) in turn.

No worker runs, so the events stay in Redis, where they are counted: an answer without an event would be a lost message.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bridge.bench import conversations, load
from bridge.bench.report import Row, Section, percentile
from bridge.bench.stand import SECRET, Stand, standing
from bridge.store.archive.database import Database
from bridge.store.archive.schema import migrate

SHARDS = 16


@dataclass(frozen=True)
class _Run:
    cpu_ms: float | None
    p50_ms: float | None
    p99_ms: float | None
    wrong: int
    """Webhooks that were refused, or answered and not kept."""


async def measure(messages: int, contacts: int, lines: int, runs: int) -> Section:
    """Each contact writes once before the measured time, so that nobody is new in it."""
    bare: list[_Run] = []
    ours: list[_Run] = []
    for _ in range(runs):
        bare.append(await _run("ingress", messages, contacts, lines))
        ours.append(await _run("bridge", messages, contacts, lines))
    pairs = [b.cpu_ms / a.cpu_ms for a, b in zip(bare, ours, strict=True) if a.cpu_ms and b.cpu_ms]
    wrong = sum(one.wrong for one in (*bare, *ours))
    rows = (
        Row("CPU per webhook, bare ingress", _median([one.cpu_ms for one in bare]), "ms", 3),
        Row("CPU per webhook, Threadline", _median([one.cpu_ms for one in ours]), "ms", 3),
        Row("ratio", statistics.median(pairs) if pairs else None, "", 2),
        Row("bare ingress answered: p50", _median([one.p50_ms for one in bare]), "ms", 1),
        Row("  p99", _median([one.p99_ms for one in bare]), "ms", 1),
        Row("Threadline answered: p50", _median([one.p50_ms for one in ours]), "ms", 1),
        Row("  p99", _median([one.p99_ms for one in ours]), "ms", 1),
        Row("refused, or answered and not kept", wrong, "", 0),
    )
    title = f"the webhook's answer alone ({messages} webhooks)"
    return Section(title, rows, failed=bool(wrong))


async def _run(subject: str, messages: int, contacts: int, lines: int) -> _Run:
    async with _archive() as url, _stand(subject, url) as stand:
        before, tag, dice = conversations.tag(), conversations.tag(), conversations.dice()
        greetings = [load.written(load.reference_of(before, n), n, SECRET) for n in range(contacts)]
        warm = await load.acknowledged(stand.subject.port, greetings, lines)
        hooks = load.webhooks(messages, contacts, tag, SECRET, dice)
        began, _ = stand.clocks()
        done = await load.acknowledged(stand.subject.port, hooks, lines)
        ended, _ = stand.clocks()
        kept = sum([await stand.redis("XLEN", f"{{s{shard}}}:in") for shard in range(SHARDS)])
    refused = warm.refused + done.refused
    return _Run(
        cpu_ms=None if began is None or ended is None else (ended - began) * 1000 / messages,
        p50_ms=percentile(done.acks, 0.5),
        p99_ms=percentile(done.acks, 0.99),
        wrong=refused + abs(messages + contacts - refused - kept),
    )


def _stand(subject: str, archive_url: str) -> contextlib.AbstractAsyncContextManager[Stand]:
    return standing(subject, {"ROLES": "web", "ARCHIVE__URL": archive_url}, works=False)


@contextlib.asynccontextmanager
async def _archive() -> AsyncIterator[str]:
    """An empty one, as a worker would have made it: without one nothing is taken in."""
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'archive.sqlite3'}"
        database = Database(url)
        try:
            await migrate(database)
        finally:
            await database.close()
        yield url


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
