"""From a `Commit` to the keys and arguments of `scripts/commit.lua`. Pure."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence

import msgspec

from bridge.errors import BridgeError
from bridge.model import RECENT_KEPT, LaneId
from bridge.store import keys, records
from bridge.store.base import Commit
from bridge.store.connection import Arg
from bridge.store.decided import event_hash

VERSION_BYTES = 8
MOST_OF_A_KIND = 1_000
"""Lua hands a list's items to a command at once, and cannot do so with many thousands."""
_SHAPE = struct.Struct(">8s2BIB2H2BHI3HB")
"""The version; record as it was, written or gone; seen sets, and the life of the first where it is a new one; whether an
action must be pending, and is all that ends; actions added and ended; whether there is an entry, and tries of it were
counted; fields of message records, and the life of their hash where it is a new one; recent lines, and how many are kept;
facts; whether there is more.
"""
_MORE = struct.Struct(">5HB")
"""Timers, timers cleared, keys dropped, rows removed, rows written, whether there is a number."""
_AS_IT_WAS, _WRITTEN, _GONE = range(3)
_MAY_BE_ANYTHING, _PENDING, _ENDS = range(3)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is kept, and for how long."""

    recent_lines: int = RECENT_KEPT
    message_s: int = 48 * 3600


class CommitTooLargeError(BridgeError):
    """One decision wants to write more than a script can take at once: a mistake of ours."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the moment of a commit puts what lives for a time, and for how long (seconds) where the key may be new."""

    seen: Sequence[bytes] = ()
    """Sets to look for the event in; the first takes it."""
    seen_s: int = 0
    messages: bytes = b""
    messages_s: int = 0
    dropped: Sequence[str] = ()
    """Hashes of message records that go."""


def version_bytes(version: int) -> bytes:
    """A version as it stands before the state; none for a record that is not there yet."""
    return version.to_bytes(VERSION_BYTES, "big") if version else b""


def hold_value(owner: str, fence: int) -> str:
    """What stands in the lane's hold."""
    return f"{owner}:{fence}"


@functools.lru_cache(maxsize=256)
def _fixed(lane: LaneId) -> dict[str, bytes]:
    names = (keys.hold, keys.busy, keys.stream, keys.due, keys.timers, keys.tries, keys.journal)
    return {name.__name__: name(lane).encode() for name in names}


def arrange(commit: Commit, places: Places, bounds: Bounds) -> tuple[list[Arg], list[Arg]]:
    """Keys and arguments in the script's order. Raises CommitTooLargeError."""
    _check_size(commit)
    hold, unit = commit.hold, commit.unit
    lane = hold.lane
    fixed = _fixed(lane)
    added, ended = len(commit.actions) + len(commit.marks), commit.done
    required = _required(commit)
    fields = _fields(commit)
    more_keys, more = _more(commit, places)
    names: list[Arg] = [fixed["hold"], keys.unit(lane, unit)]
    args: list[Arg] = [hold_value(hold.owner, hold.fence), b""]
    if commit.event_id is not None:
        names += places.seen
        args.append(event_hash(commit.event_id))
    acts = bool(required or added or ended)
    if acts:
        names.append(keys.actions(lane, unit))
    if required:
        args.append(commit.requires or "")
        ended = () if required == _ENDS else ended
    if commit.entry is not None:
        names += (fixed["stream"], fixed["tries"]) if commit.tried else (fixed["stream"],)
        args.append(commit.entry)
    record = _GONE if commit.gone else _AS_IT_WAS
    if commit.state is not None and not commit.gone:
        record = _WRITTEN
        args.append(version_bytes(commit.version + 1) + commit.state)
    for pairs, sign in ((commit.actions, ""), (commit.marks, "!")):
        args += [part for action, data in pairs for part in (sign + action, data)]
    args += ended
    if acts:
        names.append(fixed["busy"])
        args.append(unit)
    if fields:
        names.append(places.messages)
        args += [part for pair in fields for part in pair]
    names += [keys.recent(lane, line.conversation) for line in commit.recent]
    if commit.journal:
        names.append(fixed["journal"])
    names += more_keys
    args += more
    args += [line.data for line in commit.recent]
    args += commit.journal
    args[1] = _SHAPE.pack(
        commit.version.to_bytes(VERSION_BYTES, "big"),
        record,
        len(places.seen) if commit.event_id is not None else 0,
        places.seen_s,
        required,
        added,
        len(ended),
        commit.entry is not None,
        commit.tried,
        len(fields),
        places.messages_s,
        len(commit.recent),
        bounds.recent_lines,
        len(commit.journal),
        bool(more),
    )
    return names, args


def _required(commit: Commit) -> int:
    """What becomes of the action that must be pending."""
    if commit.requires is None:
        return _MAY_BE_ANYTHING
    alone = commit.done == (commit.requires,) and commit.event_id is None
    again = any(action == commit.requires for action, _ in (*commit.actions, *commit.marks))
    return _ENDS if alone and not again else _PENDING


def _fields(commit: Commit) -> list[tuple[bytes, Arg]]:
    """Message records and the platform ids that lead to them."""
    found: list[tuple[bytes, Arg]] = []
    for message in commit.messages:
        found += records.split(message.id, message.data)
        found += [(records.lead_field(name), message.id) for name in message.platform_ids]
    return found


def _more(commit: Commit, places: Places) -> tuple[list[Arg], list[Arg]]:
    """Keys and values of what few decisions do; nothing where one does none of it."""
    lane = commit.hold.lane
    removals = [row for row in commit.rows if row.data is None or row.before != row.after]
    writes = [(row, row.data) for row in commit.rows if row.data is not None]
    dropped: list[Arg] = [keys.recent(lane, one) for one in commit.forgotten]
    dropped += [keys.number(lane, one) for one in commit.unnumbered]
    dropped += places.dropped
    timers, number = len(commit.timers), commit.number
    if not (timers or commit.cleared or dropped or commit.rows or number):
        return [], []
    names: list[Arg] = []
    if timers or commit.cleared:
        names += (_fixed(lane)["due"], _fixed(lane)["timers"])
    names += dropped
    names += [keys.rows(row.before, lane) for row in removals]
    names += [keys.rows(row.after, lane) for row, _ in writes]
    args: list[Arg] = [
        _MORE.pack(timers, len(commit.cleared), len(dropped), len(removals), len(writes), number is not None)
    ]
    for timer in commit.timers:
        args += (timer.due_ms, timer.token, commit.unit.encode() + b"\0" + timer.event)
    args += commit.cleared
    args += [row.field for row in removals]
    args += [part for row, data in writes for part in (row.field, data)]
    if number is not None:
        names += (keys.counter(lane), keys.number(lane, number.conversation))
        args += (number.counter, number.data)
    return names, args


def _check_size(commit: Commit) -> None:
    lists = (
        *(commit.actions, commit.marks, commit.done, commit.timers, commit.cleared),
        *(commit.messages, commit.recent, commit.journal, commit.rows),
        (*commit.forgotten, *commit.unnumbered),
    )
    if any(len(one) > MOST_OF_A_KIND for one in lists):
        raise CommitTooLargeError(f"a decision on {commit.unit} writes more than {MOST_OF_A_KIND} of a kind")
