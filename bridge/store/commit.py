"""From a `Commit` to the keys and arguments of `scripts/commit.lua`. Pure."""

from __future__ import annotations

import functools
import hashlib
import struct

import msgspec

from bridge.errors import BridgeError
from bridge.model import RECENT_KEPT, LaneId
from bridge.store import keys
from bridge.store.base import Commit
from bridge.store.connection import Arg

VERSION_BYTES = 8
MOST_OF_A_KIND = 1_000
"""Lua hands a list's items to a command at once, and cannot do so with many thousands."""
DAY_S = 86_400
SEEN_PERIOD_S = 4 * DAY_S
"""Decided events are kept in sets of four days; few sets to look at cost less than exact days."""
SEEN_SETS = 3
"""The current one and those of the eight days before it."""
_GONE = b"-"
"""Shorter than any record, which begins with its version."""
_LOOK_AHEAD_S = 600
"""So long before its beginning the next set counts too: the lane's last holder may have been a little ahead."""
_SHAPE = struct.Struct(">13H2IH")
"""Twelve counts, whether tries were counted, seconds that seen sets and kept keys live, length of recent history."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is kept, and for how long."""

    recent_lines: int = RECENT_KEPT
    message_s: int = 48 * 3600
    seen_s: int = 13 * DAY_S
    """From a set's first event on: its own days, eight more, and one to spare."""


class CommitTooLargeError(BridgeError):
    """One decision wants to write more than a script can take at once: a mistake of ours."""


def event_hash(event_id: str) -> bytes:
    """What is remembered of a decided event."""
    return hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=VERSION_BYTES).digest()


def version_bytes(version: int) -> bytes:
    """A version as it stands before the state; none for a record that is not there yet."""
    return version.to_bytes(VERSION_BYTES, "big") if version else b""


def seen_period(now_s: float) -> int:
    """The number of the set that takes the events decided now."""
    return int(now_s + _LOOK_AHEAD_S) // SEEN_PERIOD_S


@functools.lru_cache(maxsize=256)
def seen_keys(lane: LaneId, period: int) -> tuple[bytes, ...]:
    """The sets whose events count as decided in `period`, its own first."""
    return tuple(keys.seen(lane, one).encode() for one in range(period, period - SEEN_SETS, -1))


@functools.lru_cache(maxsize=256)
def _fixed_keys(lane: LaneId) -> tuple[bytes, ...]:
    names = (keys.busy, keys.stream, keys.due, keys.timers, keys.tries, keys.journal)
    return tuple(name(lane).encode() for name in names)


def hold_value(owner: str, fence: int) -> str:
    """What stands in the lane's hold."""
    return f"{owner}:{fence}"


def arrange(commit: Commit, bounds: Bounds, period: int, *, new_set: bool) -> tuple[list[Arg], list[Arg]]:
    """Keys and arguments in the script's order.

    The event goes into the seen set of `period`; with `new_set` that one gets its expiry. Raises
    CommitTooLargeError.
    """
    _check_size(commit)
    hold, unit = commit.hold, commit.unit
    lane = hold.lane
    names: list[Arg] = [keys.hold(lane), keys.unit(lane, unit), keys.actions(lane, unit), *_fixed_keys(lane)]
    seen = () if commit.event_id is None else seen_keys(lane, period)
    names += seen
    kept = _kept(commit)
    removals = [row for row in commit.rows if row.data is None or row.before != row.after]
    writes = [(row, row.data) for row in commit.rows if row.data is not None]
    dropped = [keys.recent(lane, one) for one in commit.forgotten]
    dropped += [keys.number(lane, one) for one in commit.unnumbered]
    names += [key for key, _ in kept]
    names += dropped
    names += [keys.recent(lane, line.conversation) for line in commit.recent]
    names += [keys.rows(row.before, lane) for row in removals]
    names += [keys.rows(row.after, lane) for row, _ in writes]
    shape = _SHAPE.pack(
        len(seen),
        len(commit.actions) + len(commit.marks),
        len(commit.done),
        len(commit.timers),
        len(commit.cleared),
        len(kept),
        len(dropped),
        len(commit.recent),
        len(commit.journal),
        len(removals),
        len(writes),
        commit.number is not None,
        commit.tried,
        bounds.seen_s if new_set else 0,
        bounds.message_s,
        bounds.recent_lines,
    )
    args: list[Arg] = [
        hold_value(hold.owner, hold.fence),
        version_bytes(commit.version),
        _record(commit),
        unit,
        event_hash(commit.event_id) if commit.event_id is not None else b"",
        commit.entry or b"",
        commit.requires or b"",
        shape,
    ]
    args += [part for action in commit.actions for part in action]
    args += [part for action, mark in commit.marks for part in ("!" + action, mark)]
    args += [part for action in commit.done for part in (action, "!" + action)]
    for timer in commit.timers:
        args += (timer.due_ms, timer.token, unit.encode() + b"\0" + timer.event)
    args += commit.cleared
    args += [value for _, value in kept]
    args += [line.data for line in commit.recent]
    args += [part for fact in commit.journal for part in ("f", fact)]
    args += [row.field for row in removals]
    args += [part for row, data in writes for part in (row.field, data)]
    if commit.number is not None:
        names += (keys.counter(lane), keys.number(lane, commit.number.conversation))
        args += (commit.number.counter, commit.number.data)
    return names, args


def _record(commit: Commit) -> bytes:
    """The record as it is written: nothing leaves it as it was, and `_GONE` takes it away."""
    if commit.gone:
        return _GONE
    return b"" if commit.state is None else version_bytes(commit.version + 1) + commit.state


def _kept(commit: Commit) -> list[tuple[str, Arg]]:
    """Message records and the platform ids that lead to them, by key."""
    lane = commit.hold.lane
    found: list[tuple[str, Arg]] = []
    for message in commit.messages:
        found.append((keys.message(lane, message.id), message.data))
        found += [(keys.platform(lane, name), message.id) for name in message.platform_ids]
    return found


def _check_size(commit: Commit) -> None:
    lists = (
        *(commit.actions, commit.marks, commit.done, commit.timers, commit.cleared),
        *(commit.messages, commit.recent, commit.journal, commit.rows),
        (*commit.forgotten, *commit.unnumbered),
    )
    if any(len(one) > MOST_OF_A_KIND for one in lists):
        raise CommitTooLargeError(f"a decision on {commit.unit} writes more than {MOST_OF_A_KIND} of a kind")
