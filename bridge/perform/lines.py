"""Lines: the actions of one conversation for one destination, in order. Data only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

from bridge.actions import AnyAction, ContactAction, Line, OpenThread
from bridge.model import ActionId, LaneId


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of the latest attempt at an action; stored beside it before the attempt is made."""

    at: float
    """Unix seconds, Redis time."""
    tries: int
    open: bool
    """True while its outcome is not known; a refusal closes it."""
    part: int = 0
    note: str = ""
    """What the desk calls a file that was uploaded for it."""
    size: int = 0
    """That file's bytes."""


NO_MARK = Mark(at=0.0, tries=0, open=False)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Mark)


def pack_mark(mark: Mark) -> bytes:
    """The mark as it stands in Redis."""
    return _encoder.encode(mark)


def unpack_mark(data: bytes | None) -> Mark:
    """The inverse of `pack_mark`; no data is no attempt."""
    return _decoder.decode(data) if data else NO_MARK


class LineKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """Names a line within the deployment."""

    lane: LaneId
    unit: str
    conversation: str
    line: Line

    def local(self) -> str:
        """The line's name within its unit, as it is parked in Redis."""
        return f"{self.conversation}|{self.line.value}"

    @classmethod
    def parse(cls, lane: LaneId, unit: str, local: str) -> LineKey:
        """The inverse of `local`."""
        conversation, _, line = local.rpartition("|")
        return cls(lane, unit, conversation, Line(line))


def key_of(lane: LaneId, unit: str, action: AnyAction) -> LineKey:
    """The line that an action belongs to."""
    conversation = action.conversation if isinstance(action, ContactAction) else ""
    return LineKey(lane, unit, conversation, action.line)


class Work:
    """One pending action in memory."""

    __slots__ = ("action", "begun", "changed", "mark", "since")

    def __init__(self, action: AnyAction, mark: Mark = NO_MARK, begun: Mark | None = None) -> None:
        self.action = action
        self.mark = mark
        self.begun = begun
        """The mark that was written with the action, of the attempt that is about to be made."""
        self.changed = asyncio.Event()
        """Set when the action ended or was replaced from elsewhere (a status webhook settled it)."""
        self.since = time.monotonic()
        """When it came into memory."""

    def is_untried(self) -> bool:
        """Is there no mark of it anywhere?"""
        return self.mark is NO_MARK and self.begun is None

    def order(self) -> tuple[bool, int]:
        """See `order_of`."""
        return order_of(self.action)


def order_of(action: AnyAction) -> tuple[bool, int]:
    """`OpenThread` goes ahead of everything else in its line: nothing can be posted without a thread."""
    return (not isinstance(action, OpenThread), action.seq)


class LineRun:
    """A line's work in memory: the first of what is pending, in order, at most `limit` of it (and `OpenThread`s).

    While `behind`, more of it may be pending in Redis, so new actions are not taken in here: they would overtake
    those. They are read from Redis once everything here is done.
    """

    def __init__(self, key: LineKey, limit: int, *, behind: bool) -> None:
        self.key = key
        self.behind = behind
        self.dropped = False
        """Set when the lane was given up: whatever still runs for this line must start nothing."""
        self.acting = False
        """True while a call is under way, or what it brought is being committed."""
        self.task: asyncio.Task[None] | None = None
        self._limit = limit
        self._missed: set[ActionId] = set()
        """Not taken in since Redis was last read."""
        self._works: dict[ActionId, Work] = {}
        self._order: list[Work] = []

    def add(self, action: AnyAction, begun: Mark | None = None) -> None:
        """Take in a new action, or the changed form of one that is there."""
        known = self._works.get(action.id)
        if known is not None:
            known.action = action
            known.changed.set()
        elif isinstance(action, OpenThread) or not (self.behind or len(self._works) >= self._limit):
            self._insert(Work(action, begun=begun))
        else:
            self.behind = True
            self._missed.add(action.id)

    def begin_reading(self) -> None:
        """What is pending is about to be read from Redis."""
        self._missed.clear()

    def take(self, pending: Sequence[tuple[AnyAction, Mark]], touched: Container[ActionId]) -> None:
        """All that is pending for this line, in order, as just read; but `touched` changed while it was read, and
        what was heard of those meanwhile is newer.
        """
        ids = {action.id for action, _ in pending}
        self.end([one for one in self._works if one not in ids and one not in touched])
        full = False
        for action, mark in pending:
            known = self._works.get(action.id)
            if action.id in self._missed:
                full = True  # what follows must not overtake it
            elif action.id in touched:
                continue
            elif known is not None:
                if known.action != action:
                    known.action = action
                    known.changed.set()
            elif isinstance(action, OpenThread) or not (full or len(self._works) >= self._limit):
                self._insert(Work(action, mark))
            else:
                full = True
        self.behind = full or bool(self._missed)

    def _insert(self, work: Work) -> None:
        self._works[work.action.id] = work
        self._order.append(work)
        if len(self._order) > 1 and self._order[-2].order() > work.order():
            self._order.sort(key=Work.order)

    def end(self, actions: Iterable[ActionId]) -> None:
        """These are no longer pending."""
        for action in actions:
            work = self._works.pop(action, None)
            if work is not None:
                self._order.remove(work)
                work.changed.set()

    def after(self, ended: Container[ActionId]) -> Work | None:
        """What comes next once `ended` are done, if the first in line is among them."""
        if not self._order or self._order[0].action.id not in ended:
            return None
        return next((work for work in self._order if work.action.id not in ended), None)

    def begin(self, begun: Mapping[ActionId, Mark]) -> None:
        """These marks were written for actions that will be attempted at once."""
        for action, mark in begun.items():
            work = self._works.get(action)
            if work is not None:
                work.begun = mark

    def head(self) -> Work | None:
        """What comes next."""
        return self._order[0] if self._order else None

    def waiting(self) -> list[Work]:
        """Everything in memory, in order."""
        return list(self._order)

    def __len__(self) -> int:
        return len(self._order)
