"""One benchmark: what is asked for, one after the other, as tables and as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import platform
import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
from rich.console import Console

from bridge.bench import acks as acks_part
from bridge.bench import archiving, limits, lookups, memory, pairs, replies, rest, stalls
from bridge.bench.processes import ChildError
from bridge.bench.report import Figures, Section, report, table
from bridge.embedded import EmbeddedError

PARTS = ("relay", "acks", "replies", "stalls", "limits", "memory", "rest", "lookups", "archive")
"""What can be measured, in the order in which it is."""


LARGE_SEARCHED = 1_000_000
LARGE_OPENED = (1_000, 10_000, 100_000)
LARGE_RESTED = 50_000
LARGE_KNOWN = (1_000, 1_000_000)


@dataclass(frozen=True)
class Options:
    """How much is measured. All of it is bounded by the command line."""

    parts: tuple[str, ...] = PARTS
    load: pairs.Load = field(default_factory=pairs.Load)
    runs: int = 3
    opened: tuple[int, ...] = (200, 1_000)
    """Open conversations after which memory is looked at."""
    rested: int = 5_000
    """Contacts of each form, open and at rest."""
    known: tuple[int, int] = (1_000, 50_000)
    """Known contacts among which is looked up."""
    archived: int = 10_000
    """Messages that the archive takes in."""
    searched: int = 20_000
    """Messages among which is searched."""
    json: Path | None = None


async def bench(options: Options, console: Console | None = None) -> int:
    """Measure and print. 1 when a message was lost, doubled, refused or out of order, or nothing could be measured."""
    console = console or Console()
    _end_when_told()
    results: dict[str, object] = {"conditions": _conditions(options)}
    failed = False
    try:
        if "relay" in options.parts:
            figures = await _relay(options, console)
            results["relay"] = {name: [asdict(one) for one in several] for name, several in figures.items()}
            failed = any(one.wrong for several in figures.values() for one in several)
        for name, measure in _sections(options):
            if name in options.parts:
                console.print(f"  {name} …", style="dim", highlight=False)
                section = await measure()
                console.print(table(section))
                results.setdefault(name, [])
                results[name].append(section.as_json())  # type: ignore[attr-defined]  # the list of the line above
                failed = failed or section.failed
    except (ChildError, EmbeddedError, OSError, TimeoutError) as problem:
        console.print(f"The benchmark broke off: {problem}", style="red")
        return 1
    except asyncio.CancelledError:
        console.print("The benchmark was told to end.", style="red")
        return 1
    finally:
        _write(options.json, results)
    return 1 if failed else 0


def _end_when_told() -> None:
    """SIGTERM ends everything that was started, like Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _sections(options: Options) -> list[tuple[str, Callable[[], Awaitable[Section]]]]:
    given = options.load
    acks = (given.messages, min(given.contacts, given.messages), given.lines, options.runs)
    return [
        ("acks", lambda: acks_part.measure(*acks)),
        ("replies", lambda: replies.measure(given.messages // 4, min(given.contacts, 300), given.lines)),
        ("stalls", lambda: stalls.measure(given.rate_s)),
        ("limits", lambda: limits.burst(1_000)),
        ("limits", lambda: limits.pair(60)),
        ("memory", lambda: memory.measure(options.opened)),
        ("rest", lambda: rest.measure(options.rested)),
        ("lookups", lambda: lookups.measure(*options.known)),
        ("archive", lambda: archiving.measure(options.archived, options.searched)),
    ]


async def _relay(options: Options, console: Console) -> dict[str, list[Figures]]:
    figures: dict[str, list[Figures]] = {subject: [] for subject in pairs.SUBJECTS}
    for run in range(options.runs):
        for subject in pairs.SUBJECTS:
            console.print(f"  run {run + 1} of {options.runs}: {subject} …", style="dim", highlight=False)
            figures[subject].append(await pairs.measure(subject, options.load))
    console.print(*report(figures["floor"], figures["bridge"], options.load.rate))
    console.print(_footnote(options), style="dim", highlight=False)
    return figures


def _footnote(options: Options) -> str:
    given = options.load
    return (
        f"{options.runs} runs, medians (of pairs, for the ratio); {given.messages} messages of {given.contacts} "
        f"contacts over {given.lines} connections; {os.cpu_count()} cores shared by everything; appendfsync always; "
        "pace off; platforms that answer at once."
    )


def _conditions(options: Options) -> dict[str, object]:
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load_average": os.getloadavg(),
        "options": {**asdict(options.load), "runs": options.runs},
    }


def _write(path: Path | None, results: dict[str, object]) -> None:
    if path is not None:
        path.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
