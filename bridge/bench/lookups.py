"""How long it takes to find whose a message is, by how many are known. One question at a time, over TCP."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec

from bridge.bench.processes import ChildError
from bridge.bench.report import Row, Section, percentile
from bridge.embedded import EmbeddedValkey
from bridge.model import Contact, ContactId, ConversationId, InboxId, Place, Policies, ThreadRef, contact_id
from bridge.store import keys
from bridge.store.commit import version_bytes
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis

ASKED = 3_000
_BATCH = 2_000

Ask = Callable[[LiveInlet, int], Awaitable[object]]
QUESTIONS: dict[str, Ask] = {
    "whose a message is": lambda inlet, n: inlet.claim(_aliases(n)),
    "what a thread stands for": lambda inlet, n: inlet.thread(_place(n)),
    "a contact's state": lambda inlet, n: inlet.contact(_contact(n)),
}


async def measure(few: int, many: int, asked: int = ASKED) -> Section:
    """Median times for an inbound message's contact, a thread's conversation and a contact's state, among few and among
    many: asked in turn, because a shared machine is not equally fast all the time.
    """
    rows: list[Row] = []
    async with _knowing(few) as small, _knowing(many) as large:
        for name, ask in QUESTIONS.items():
            took: dict[int, list[int]] = {few: [], many: []}
            dice = random.Random(7)  # noqa: S311 - whom to ask for is no secret
            for _ in range(asked):
                for inlet, known in ((small, few), (large, many)):
                    took[known].append(await _asked_ns(ask, inlet, dice.randrange(known)))
            p50 = {known: (percentile(sorted(times), 0.5) or 0.0) * 1000 for known, times in took.items()}
            rows += [Row(f"{name}, {known} known: p50", p50[known], "us", 1) for known in (few, many)]
            rows.append(Row(f"  against {few} known", p50[many] / p50[few], "x", 2))
    return Section("look-ups", tuple(rows))


async def _asked_ns(ask: Ask, inlet: LiveInlet, who: int) -> int:
    begun = time.perf_counter_ns()
    answer = await ask(inlet, who)
    took = time.perf_counter_ns() - begun
    if answer is None:
        raise ChildError(f"contact {who} is not known")
    return took


@contextlib.asynccontextmanager
async def _knowing(known: int) -> AsyncIterator[LiveInlet]:
    """A Valkey of its own that knows so many contacts."""
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        valkey = EmbeddedValkey(Path(folder))
        await valkey.start()
        redis = JoinedRedis(valkey.url)
        try:
            await _fill(redis, known)
            yield LiveInlet(redis, Policies())
        finally:
            await redis.aclose()
            await valkey.stop()


async def _fill(redis: JoinedRedis, known: int) -> None:
    """Contacts as they stand in Redis after a first message: two aliases, a state, a thread."""
    pack = msgspec.msgpack.Encoder().encode
    for first in range(0, known, _BATCH):
        commands: list[tuple[str | bytes, ...]] = []
        for n in range(first, min(first + _BATCH, known)):
            contact = _contact(n)
            state = Contact(id=contact, name=f"Contact {n}", phone=f"1650{n:07d}", aliases=_aliases(n))
            ref = ThreadRef(contact=contact, conversation=ConversationId(f"0-{n}"), inbox=InboxId("bench"))
            commands += [("SET", keys.alias(name), contact) for name in _aliases(n)]
            commands.append(("SET", keys.contact(contact), version_bytes(1) + pack(state)))
            commands.append(("SET", keys.thread(_place(n)), pack(ref)))
        await redis.batch(commands)


def _aliases(n: int) -> tuple[str, ...]:
    return f"bsuid:bench:US.{n:012d}", f"phone:bench:1650{n:07d}"


def _contact(n: int) -> ContactId:
    return contact_id(_aliases(n)[0], Policies().shards)


def _place(n: int) -> Place:
    return Place(desk="slack", channel="C0BENCH001", thread=f"17{n:08d}.000001")
