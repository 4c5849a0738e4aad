"""Lines: the actions of one conversation for one destination, in order. Data only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from bridge.actions import AnyAction, ContactAction, Line, OpenThread
from bridge.model import ActionId, LaneId


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the latest attempt at an action; stored beside it before the attempt is made."""

    at: float
    """Unix seconds, Redis time."""
    tries: int
    open: bool
    """True while its outcome is not known; a refusal closes it."""
    part: int = 0


NO_MARK = Mark(at=0.0, tries=0, open=False)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Mark)


def pack_mark(mark: Mark) -> bytes:
    """The mark as it stands in Redis."""
    return _encoder.encode(mark)


def unpack_mark(data: bytes | None) -> Mark:
    """The inverse of `pack_mark`; no data is no attempt."""
    return _decoder.decode(data) if data else NO_MARK


class LineKey(msgspec.Struct, frozen=True, order=True):
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

    __slots__ = ("action", "changed", "mark")

    def __init__(self, action: AnyAction, mark: Mark = NO_MARK) -> None:
        self.action = action
        self.mark = mark
        self.changed = asyncio.Event()
        """Set when the action ended or was replaced from elsewhere (a status webhook settled it)."""

    def order(self) -> tuple[bool, int]:
        """`OpenThread` goes ahead of everything else in its line: nothing can be posted without a thread."""
        return (not isinstance(self.action, OpenThread), self.action.seq)


class LineRun:
    """A line's work in memory, bounded; what does not fit stays in Redis (`spilled`)."""

    def __init__(self, key: LineKey, limit: int) -> None:
        self.key = key
        self.spilled = False
        self.task: asyncio.Task[None] | None = None
        self._limit = limit
        self._works: dict[ActionId, Work] = {}
        self._order: list[Work] = []

    def add(self, action: AnyAction, mark: Mark = NO_MARK) -> None:
        """Take in a new action, or the changed form of one that is there."""
        known = self._works.get(action.id)
        if known is not None:
            known.action = action
            known.changed.set()
            return
        if len(self._works) >= self._limit and not isinstance(action, OpenThread):
            self.spilled = True
            return
        work = self._works[action.id] = Work(action, mark)
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

    def head(self) -> Work | None:
        """What comes next."""
        return self._order[0] if self._order else None

    def waiting(self) -> list[Work]:
        """Everything in memory, in order."""
        return list(self._order)

    def has(self, action: ActionId) -> bool:
        """Is it in memory?"""
        return action in self._works

    def __len__(self) -> int:
        return len(self._order)
