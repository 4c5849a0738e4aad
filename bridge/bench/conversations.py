"""Conversations to measure with: contacts who have written once, and the threads where they are answered."""

from __future__ import annotations

import itertools
import random
import secrets
import time
from collections.abc import Sequence

from bridge.bench import load
from bridge.bench.load import Outcome, Webhook, reference_of
from bridge.bench.stand import SECRET, Stand

_STAMPS = itertools.count()
"""Slack never gives a channel's posts the same `ts` twice, and two loads may begin within a second."""


def dice() -> random.Random:
    """The same throws for everybody who is compared."""
    return random.Random(7)  # noqa: S311 - which contact writes next is no secret


def tag() -> str:
    """Tells the messages of one load from those of all others."""
    return secrets.token_hex(4)


async def opened(stand: Stand, contacts: int, *, first: int = 0, lines: int = 16) -> dict[int, str]:
    """Have so many contacts write for the first time; their threads, by contact."""
    name = tag()
    hooks = [
        load.written(reference_of(name, n), contact, SECRET)
        for n, contact in enumerate(range(first, first + contacts))
    ]
    outcome = await load.drive(*stand.ports, hooks, lines=lines, rate=None, drain_s=60.0)
    if outcome.lost or outcome.refused:
        raise stand.subject.failed(f"lost {outcome.lost} of {contacts} first messages")
    return {hook.contact: outcome.threads[hook.reference] for hook in hooks}


def replies(threads: dict[int, str], contacts: Sequence[int]) -> list[Webhook]:
    """A reply of an agent to each of `contacts`, in that order."""
    name, now = tag(), int(time.time())
    return [
        load.replied(reference_of(name, n), contact, threads[contact], f"{now}.{next(_STAMPS):06d}", SECRET)
        for n, contact in enumerate(contacts)
    ]


def late(outcome: Outcome, hooks: Sequence[Webhook], over_s: float) -> int:
    """How many of `hooks` took longer than `over_s` seconds to arrive, or never did."""
    missing = 1 << 62
    took = (outcome.arrived.get(hook.reference, missing) - outcome.due[hook.reference] for hook in hooks)
    return sum(1 for one in took if one > over_s * 1e9)
