"""From figures to a table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

Pair = tuple[float | None, float | None]


@dataclass(frozen=True)
class Figures:
    """One run of one subject. None: not known here, or nothing arrived."""

    capacity: float
    """Messages a second, from the first webhook to the last post, as fast as they are taken."""
    cpu_ms: float | None
    """Processor time of the process tree per message, at capacity."""
    redis_cpu_ms: float | None
    commands: float
    """Commands of Redis per message, those in scripts too, at capacity."""
    scripts: float
    """Scripts per message among them."""
    full_ack_ms: Pair
    """Webhook answered at capacity: median and 99th percentile."""
    half_relay_ms: Pair
    """Webhook due to post arrived, at half of the subject's own capacity."""
    relay_ms: Pair
    """Webhook due to post arrived, at the fixed rate."""
    ack_ms: Pair
    even_cpu_ms: float | None
    """Processor time per message at the fixed rate: with fewer messages at a time each costs more, on both sides."""
    even_redis_cpu_ms: float | None
    calls: float
    """Calls of the platforms per message."""
    lost: int
    doubled: int
    out_of_order: int
    refused: int

    @property
    def wrong(self) -> int:
        """Messages that fared badly."""
        return self.lost + self.doubled + self.out_of_order + self.refused


@dataclass(frozen=True)
class Row:
    """One figure of a section; None: not known here."""

    name: str
    value: float | None
    unit: str
    digits: int


@dataclass(frozen=True)
class Section:
    """Figures that belong together. `failed`: a message fared badly."""

    title: str
    rows: tuple[Row, ...]
    failed: bool = False

    def as_json(self) -> dict[str, object]:
        """Title and figures; a name that begins with spaces belongs to the row above it."""
        named: dict[str, float | None] = {}
        owner = ""
        for row in self.rows:
            owner = owner if row.name.startswith(" ") else row.name
            name = f"{owner}, {row.name.strip()}" if row.name.startswith(" ") else row.name
            named[f"{name} ({row.unit})" if row.unit else name] = row.value
        return {"title": self.title, "figures": named}


def table(section: Section) -> Group:
    """A section for people. Its title may be wider than its figures: a table's own would be broken at their width."""
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    shown.add_column("")
    shown.add_column("", justify="right")
    shown.add_column("")
    for row in section.rows:
        value = "-" if row.value is None else f"{row.value:.{row.digits}f}"
        shown.add_row(row.name, value, row.unit)
    return Group(Text(section.title, style="italic"), shown)


def percentile(ordered: Sequence[int], share: float) -> float | None:
    """A percentile in milliseconds of nanoseconds in rising order; None of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6 if ordered else None


def report(floor: Sequence[Figures], bridge: Sequence[Figures], rate: float) -> tuple[Table, Text]:
    """The table, and a line about what went wrong."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    for title in ("floor", "threadline", "ratio"):
        table.add_column(title, justify="right")
    for name, figure, digits in rows(rate):
        table.add_row(name, *_cells([figure(one) for one in floor], [figure(one) for one in bridge], digits))
    return table, _fate(bridge, "threadline") + _fate(floor, "floor")


def rows(rate: float) -> list[tuple[str, Callable[[Figures], float | None], int]]:
    """Name, figure and digits after the point of each row."""
    at_rate = f"at {rate:g}/s, ms"
    return [
        ("capacity, messages/s", lambda one: one.capacity, 0),
        ("CPU per message at capacity, ms", lambda one: one.cpu_ms, 3),
        ("CPU of Redis per message, ms", lambda one: one.redis_cpu_ms, 3),
        ("commands of Redis per message, in scripts too", lambda one: one.commands, 1),
        ("scripts of Redis per message", lambda one: one.scripts, 1),
        ("calls of the platforms per message", lambda one: one.calls, 2),
        ("webhook answered at capacity, ms: p50", lambda one: one.full_ack_ms[0], 1),
        ("  p99", lambda one: one.full_ack_ms[1], 1),
        ("webhook to post at half of its capacity, ms: p50", lambda one: one.half_relay_ms[0], 1),
        ("  p99", lambda one: one.half_relay_ms[1], 1),
        (f"webhook to post {at_rate}: p50", lambda one: one.relay_ms[0], 1),
        ("  p99", lambda one: one.relay_ms[1], 1),
        (f"webhook answered {at_rate}: p50", lambda one: one.ack_ms[0], 1),
        ("  p99", lambda one: one.ack_ms[1], 1),
        (f"CPU per message {at_rate}", lambda one: one.even_cpu_ms, 3),
        (f"CPU of Redis per message {at_rate}", lambda one: one.even_redis_cpu_ms, 3),
    ]


def _cells(
    floor: Sequence[float | None], bridge: Sequence[float | None], digits: int
) -> tuple[str, str, str]:
    pairs = [(below, above) for below, above in zip(floor, bridge, strict=True) if below and above]
    ratio = f"{statistics.median(above / below for below, above in pairs):.2f}" if pairs else "-"
    return _median(floor, digits), _median(bridge, digits), ratio


def _median(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.{digits}f}" if known else "-"


def _fate(runs: Sequence[Figures], name: str) -> Text:
    worst = {
        "lost": max(one.lost for one in runs),
        "doubled": max(one.doubled for one in runs),
        "out of order": max(one.out_of_order for one in runs),
        "refused": max(one.refused for one in runs),
    }
    words = ", ".join(f"{count} {what}" for what, count in worst.items())
    return Text(f"\n{name}: {words}", style="red" if any(worst.values()) else "")
