"""`make soak`: rounds with random seeds until the time is over, and a table of what was survived.

Odd seeds have their archive on PostgreSQL, where its server is there; even ones on SQLite.
"""

from __future__ import annotations

import asyncio
import logging
import pprint
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaign.record import Kind
from tests.campaign.round import Outcome, play
from tests.campaign.script import Size, draw
from tests.support.postgres import find_postgresql

SIZE = Size(talks=30, seconds=40.0, messages=330, replies=220, faults=60, workers=3)
FOLDER = Path("var/soak").resolve()
ROUND_S = 600.0
"""A round that has not ended by then never will."""


@dataclass
class Tally:
    """All rounds together. `failing` are the seeds of rounds in which something was wrong."""

    rounds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrongs: Counter[Kind] = field(default_factory=Counter)
    failing: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count a round in."""
        self.rounds += 1
        self.faults += outcome.faults
        self.wrongs.update(one.kind for one in outcome.wrongs)
        for name, count in _counts(outcome):
            self.counts[name] += count


def _counts(outcome: Outcome) -> Iterator[tuple[str, int]]:
    yield "messages of customers", outcome.written
    yield "messages of staff", outcome.typed
    yield "  of which internal", outcome.internal
    yield "replies taken by WhatsApp", outcome.sent
    yield "replies shown as failed, with Retry", outcome.failed
    yield "replies shown as in doubt, with a question", outcome.doubted
    yield "contacts that turned out to be one person", outcome.joined
    yield "posts that show several messages", outcome.merged
    yield "calls of the platforms", outcome.calls
    yield "events that Slack gave up bringing", outcome.given_up
    yield "  of which messages of staff", outcome.unheard
    yield "dead letters", outcome.dead
    yield "starts in vain while Valkey was away", outcome.ended_by_themselves
    yield "stack traces in logs", outcome.traces


async def soak(minutes: float, seed: int | None, rounds: int | None, size: Size = SIZE) -> int:
    """Play rounds until the time is over, or so many of them. The exit code: 1 when anything was wrong."""
    # The sandbox cuts connections on purpose, of which its server would tell.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    console = Console(highlight=False)
    tally = Tally()
    deadline = time.monotonic() + minutes * 60
    _stop_in_good_order()
    for number in _seeds(seed):
        if tally.rounds and (time.monotonic() > deadline or (rounds is not None and tally.rounds >= rounds)):
            break
        mine = replace(size, postgresql=number % 2 == 1 and find_postgresql() is not None)
        console.print(f"seed {number}{' on PostgreSQL' if mine.postgresql else ''} …", end=" ")
        try:
            problem = await _round(number, mine, tally, console)
        except asyncio.CancelledError:
            console.print("broken off")
            break
        if problem:
            tally.failing.append(number)
            console.print(f"[red]{problem}[/red]; kept in {FOLDER / f'seed-{number}'}")
    console.print(_table(tally))
    for number in tally.failing:
        console.print(f"[red]make soak SEED={number} ROUNDS=1[/red] plays that round's script again")
    return 1 if tally.failing else 0


def _stop_in_good_order() -> None:
    """When told to stop, end the round's processes, too, and still show the table."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _seeds(first: int | None) -> Iterator[int]:
    """The seed that is wished for and those after it; else random ones."""
    if first is not None:
        while True:
            yield first
            first += 1
    dice = random.SystemRandom()
    while True:
        yield dice.randrange(1, 10**6)


async def _round(seed: int, size: Size, tally: Tally, console: Console) -> str:
    """Play a round and count it in. What was wrong with it, in a few words; its folder stays then."""
    folder = FOLDER / f"seed-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    script = draw(seed, size)
    (folder / "script.txt").write_text(pprint.pformat(script, width=150), encoding="utf-8")
    try:
        async with asyncio.timeout(ROUND_S):
            outcome = await play(script, folder)
    except (AssertionError, TimeoutError, RuntimeError, OSError) as broken:
        tally.rounds += 1
        (folder / "broken.txt").write_text(repr(broken), encoding="utf-8")
        return f"broke off: {type(broken).__name__}"
    tally.add(outcome)
    told = f"{outcome.written} + {outcome.typed} messages, {outcome.faults.total()} faults, {outcome.seconds:.0f} s"
    if not outcome.wrongs:
        console.print(told)
        shutil.rmtree(folder)
        return ""
    lines = [f"{one.kind} {one.token}: {one.words}" for one in outcome.wrongs]
    (folder / "wrong.txt").write_text("\n".join(lines), encoding="utf-8")
    return f"{told}; {len(lines)} wrong: {lines[0][:160]}"


def _table(tally: Tally) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("rounds", str(tally.rounds), style="bold")
    for name, count in tally.counts.items():
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("faults that took effect", str(tally.faults.total()), style="bold")
    for name, count in sorted(tally.faults.items()):
        table.add_row(f"  {name}", str(count))
    table.add_section()
    for kind in Kind:
        count = tally.wrongs[kind]
        table.add_row(kind.value, str(count), style="red" if count else "green")
    return table
