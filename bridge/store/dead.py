"""Dead letters: events that could not be decided, kept aside in each lane until an operator says what to do."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterable, Sequence

from bridge.model import EventId, LaneId
from bridge.store import keys
from bridge.store.base import Value
from bridge.store.clock import now_ms
from bridge.store.connection import Redis, script_source
from bridge.store.decided import Decided, event_hash

PAGE = 200
"""Letters read, or put back, with one command."""


class Letter(Value, frozen=True, kw_only=True):
    """One dead letter as it is stored."""

    lane: LaneId
    id: str
    """Its id among the lane's dead letters, `<ms>-<n>`: ms is when it was put there (Redis time)."""
    unit: str
    """The contact it is about, or `desk`."""
    event: bytes
    entry: str
    """Where it stood in the lane's stream, `<ms>-<n>`: ms is when it was appended last."""
    reason: str

    @property
    def name(self) -> str:
        """What people call it, unique in the deployment: `s7:1700000000000-0`."""
        return f"{self.lane}:{self.id}"


class Retried(enum.StrEnum):
    """What became of an entry that was put back."""

    WAITING = "waiting"
    """Nobody has decided it yet."""
    DECIDED = "decided"
    BURIED = "buried"
    """It lies among the dead letters again."""


class DeadLetters:
    """The dead letters of some lanes.

    Needs no hold: a letter is taken out of them by one script, so whoever comes second finds it gone, and what is
    put back is one more entry at the end of the stream for whoever reads it. All methods raise
    `StoreUnavailableError` when Redis does not answer.
    """

    def __init__(self, redis: Redis, lanes: Sequence[LaneId]) -> None:
        self._redis = redis
        self._lanes = tuple(lanes)
        self._retry = redis.script(script_source("retry"))
        self._drop = redis.script(script_source("drop"))

    @property
    def lanes(self) -> tuple[LaneId, ...]:
        """The lanes that are looked at."""
        return self._lanes

    async def waiting(self) -> dict[LaneId, int]:
        """How many there are in each lane."""
        lengths = await asyncio.gather(*[self._redis("XLEN", keys.dead(lane)) for lane in self._lanes])
        return {lane: int(length) for lane, length in zip(self._lanes, lengths, strict=True)}

    async def all(self) -> list[Letter]:
        """Every one, lane by lane, in the order in which they were put aside."""
        found = await asyncio.gather(*[self._of_lane(lane) for lane in self._lanes])
        return [letter for letters in found for letter in letters]

    async def _of_lane(self, lane: LaneId) -> list[Letter]:
        letters: list[Letter] = []
        after = "-"
        while True:
            page = await self._redis("XRANGE", keys.dead(lane), after, "+", "COUNT", PAGE)
            letters += [_letter(lane, name, fields) for name, fields in page]
            if len(page) < PAGE:
                return letters
            after = f"({letters[-1].id}"

    async def get(self, lane: LaneId, name: str) -> Letter | None:
        """The one with this id; None when it is not there (any more)."""
        found = await self._redis("XRANGE", keys.dead(lane), name, name)
        return _letter(lane, *found[0]) if found else None

    async def retry(self, letters: Sequence[Letter]) -> dict[str, str]:
        """Put letters of one lane back at the end of its stream, in this order: the new entry of each, by the
        letter's id. Those that are missing from the answer were taken by somebody else.
        """
        entries: dict[str, str] = {}
        for start in range(0, len(letters), PAGE):
            page = letters[start : start + PAGE]
            lane = page[0].lane
            names = [letter.id for letter in page]
            answer = await self._retry((keys.dead(lane), keys.stream(lane)), names)
            entries |= {name: new.decode() for name, new in zip(names, answer, strict=True) if new}
        return entries

    async def drop(self, letter: Letter, fact: bytes) -> bool:
        """Take a letter out for good and journal `fact` in the same step. False: it was taken by somebody else."""
        names = (keys.dead(letter.lane), keys.journal(letter.lane))
        return bool(await self._drop(names, (letter.id, fact)))

    async def decided(self, lane: LaneId, event: EventId) -> bool:
        """Whether an event with this id was decided in the last days: another one changes nothing."""
        digest = event_hash(event)
        sets = await Decided(self._redis).find(lane, digest, await self.now_ms() / 1000)
        return any(await asyncio.gather(*[self._redis("SISMEMBER", one, digest) for one in sets]))

    async def retried(self, lane: LaneId, entries: Iterable[str]) -> dict[str, Retried]:
        """What became of entries that `retry` put into a lane."""
        names = list(entries)
        stream = keys.stream(lane)
        waiting = await asyncio.gather(*[self._redis("XRANGE", stream, one, one) for one in names])
        # Looked at afterwards: what is in neither has been decided in between.
        buried = {letter.entry for letter in await self._of_lane(lane)}
        return {
            name: Retried.WAITING if there else Retried.BURIED if name in buried else Retried.DECIDED
            for name, there in zip(names, waiting, strict=True)
        }

    async def now_ms(self) -> int:
        """Redis time, Unix milliseconds."""
        return await now_ms(self._redis)


def _letter(lane: LaneId, name: bytes, fields: Sequence[bytes]) -> Letter:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return Letter(
        lane=lane,
        id=name.decode(),
        unit=named[b"u"].decode(),
        event=named[b"e"],
        entry=named.get(b"id", name).decode(),
        reason=named.get(b"why", b"").decode("utf-8", "replace"),
    )
