"""A lane while this worker holds it: its chains, what it has in hand, its cached records."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec
import structlog

from bridge.actions import AnyAction
from bridge.engine.chain import Chain, ResultItem
from bridge.engine.clock import SharedClock
from bridge.engine.decider import Outcome, UnitState
from bridge.engine.waking import ArchiveReader, Waker
from bridge.engine.work import ActionSink
from bridge.errors import FenceLostError
from bridge.events import AnyEvent, PartSent, Posted
from bridge.model import Contact, InboxId, LaneId, MessageId, MessageRecord, Policies, Roster
from bridge.store.base import Entry, Hold, LaneStore
from bridge.store.entries import stream_key, written_ms

log = structlog.get_logger(__name__)


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and rhythms. Seconds are real seconds, scaled by the caller where a deployment scales time."""

    max_in_hand: int = 2048
    """Events in memory, all lanes together; the rest stays in Redis."""
    max_in_hand_per_unit: int = 32
    tries: int = 3
    """How often an event is tried before it becomes a dead letter."""
    cached_units: int = 4096
    """Records kept in memory per lane; the version check makes a stale one harmless."""
    read_count: int = 128
    read_block_s: float = 0.5
    sweep_every_s: float = 0.25
    """How late a timer may be."""
    look_every_s: float = 2.0
    """A lane in which nothing is known to be due is swept so often: of a commit whose answer got lost it is not known."""
    renew_every_s: float = 4.0
    balance_every_s: float = 1.0
    drain_s: float = 20.0


class World(Protocol):
    """Snapshots of what decisions may know beyond their unit."""

    def policies(self) -> Policies:
        """The settings that decisions read."""

    def roster(self) -> Roster:
        """The people."""


class EngineMetrics(Protocol):
    """What the engine counts."""

    def event(self, kind: str, lag_s: float) -> None:
        """An event was committed, `lag_s` after it was appended."""

    def shown(self, lag_s: float) -> None:
        """A contact's message stands on the desk, `lag_s` after it arrived."""

    def sent(self, lag_s: float) -> None:
        """The contact's platform took a reply (its first part), `lag_s` after it was decided to go out."""

    def ignored(self, kind: str, reason: str) -> None:
        """A decision did nothing."""

    def error(self, where: str, kind: str) -> None:
        """Something broke."""

    def dead_letter(self) -> None:
        """An event was given up on."""

    def holding(self, lanes: int, in_hand: int) -> None:
        """How many lanes this worker holds, and events it has in memory."""


class LaneRun:
    """One held lane. Everything here runs on the event loop; nothing is shared with other lanes but the store."""

    def __init__(  # noqa: PLR0913 - what one lane needs from the worker, named
        self,
        hold: Hold,
        store: LaneStore,
        sink: ActionSink,
        world: World,
        clock: SharedClock,
        metrics: EngineMetrics,
        options: EngineOptions,
        *,
        counter: int,
        taken_ms: int,
        archive: ArchiveReader | None = None,
    ) -> None:
        self.name: LaneId = hold.lane
        self.hold = hold
        self.store = store
        self.sink = sink
        self.world = world
        self.clock = clock
        self.metrics = metrics
        self.options = options
        self.counter = counter
        self.cursor = "0-0"
        """Stream id of the last entry read."""
        self.in_hand = 0
        self.due_ms = 0.0
        """Nothing that is known is due earlier (Redis time, Unix milliseconds)."""
        self.lost = False
        self.closing = False
        self.archive = archive or ArchiveReader(None, world.roster)
        self.waker = Waker(self.name, self.archive, partial(store.emit, self.name), self._revive)
        self._log = log.bind(
            lane=self.name
        )  # once: a logger that is bound for every line costs more than the line
        self._taken = (taken_ms, 1 << 62)
        self._chains: dict[str, Chain] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._cache: OrderedDict[str, tuple[int, UnitState]] = OrderedDict()
        self._records: OrderedDict[MessageId, MessageRecord] = OrderedDict()

    # ---------------------------------------------------------------------------------------- arriving

    def take_in(self, entry: Entry) -> None:
        """An entry was read from the stream: hand it to its unit's chain, or leave it in Redis for later."""
        self.cursor = entry.id
        if self.waker.is_asleep(entry.unit):
            return
        chain = self._chain(entry.unit)
        if chain.skipped_after is not None:
            return
        if len(chain.entries) >= self.options.max_in_hand_per_unit:
            chain.skipped_after = chain.entries[-1].id
            return
        chain.entries.append(entry)
        self.in_hand += 1

    def expect(self, due_ms: float | None) -> None:
        """Something is due then, or nothing is."""
        if due_ms is not None:
            self.due_ms = min(self.due_ms, due_ms)

    def _revive(self, unit: str, after: str) -> None:
        """Take up the events of a unit that were left in the stream while it waited for the archive."""
        if not self.lost and not self.closing:
            self._chain(unit).go_on_from(after)

    async def result(self, unit: str, event: AnyEvent, action: AnyAction) -> bool:
        """Commit a result ahead of the unit's waiting events; see `Chain.settle_result`."""
        if self.lost:
            raise FenceLostError(self.name)
        chain = self._chains.get(unit)
        if chain is not None:
            item = ResultItem(event, action)
            chain.results.append(item)
            return await item.committed
        # Nothing else is being decided for this unit: the caller does it, which spares a task and two turns of the loop.
        chain = self._chains[unit] = Chain(self, unit)
        try:
            return await chain.settle_result(event, action)
        except FenceLostError:
            self.lose()
            raise
        finally:
            if chain.has_work() and not self.lost:
                self._run(chain)
            else:
                self.chain_ended(chain)

    def _chain(self, unit: str) -> Chain:
        chain = self._chains.get(unit)
        if chain is None:
            chain = self._chains[unit] = Chain(self, unit)
            self._run(chain)
        return chain

    def _run(self, chain: Chain) -> None:
        task = asyncio.get_running_loop().create_task(chain.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def chain_ended(self, chain: Chain) -> None:
        """A chain has nothing left to do, or the lane was lost."""
        del self._chains[chain.unit]
        self.in_hand -= len(chain.entries)
        for item in chain.results:
            item.fail(FenceLostError(self.name))

    def was_there_before(self, entry: Entry) -> bool:
        """Was this entry waiting when the lane was taken? Then a former holder may have died of it."""
        return stream_key(entry.id) <= self._taken

    # ------------------------------------------------------------------------------------------- cache

    def cached(self, unit: str) -> tuple[int, UnitState] | None:
        """The unit's version and state as last committed here."""
        found = self._cache.get(unit)
        if found is not None:
            self._cache.move_to_end(unit)
        return found

    def remember(self, unit: str, version: int, state: UnitState) -> None:
        """Keep what was just loaded or committed."""
        self._cache[unit] = (version, state)
        self._cache.move_to_end(unit)
        if len(self._cache) > self.options.cached_units:
            self._cache.popitem(last=False)

    def drop(self, unit: str) -> None:
        """The unit is at rest: nothing of it is kept in memory."""
        self._cache.pop(unit, None)

    def records(self, wanted: Sequence[MessageId]) -> dict[MessageId, MessageRecord] | None:
        """Message records as last committed here; None unless all that are wanted are known."""
        if not all(message in self._records for message in wanted):
            return None
        return {message: self._records[message] for message in wanted}

    def remember_records(self, records: Sequence[MessageRecord]) -> None:
        """Keep what was just committed. Only the lane's holder changes records, so it stays true."""
        for record in records:
            self._records[record.id] = record
            self._records.move_to_end(record.id)
        while len(self._records) > self.options.cached_units:
            self._records.popitem(last=False)

    def forget(self, unit: str) -> None:
        """The cached record may be stale, and so may the records of the unit's messages."""
        self._cache.pop(unit, None)
        self._records.clear()

    # ----------------------------------------------------------------------------------------- ending

    def lose(self) -> None:
        """Somebody else may hold the lane now: stop deciding and acting for it."""
        if not self.lost:
            self.lost = True
            self.waker.stop()
            self.sink.drop_lane(self.name)

    async def idle(self) -> None:
        """Wait until no chain has anything to do."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def busy(self) -> bool:
        """Is anything in hand?"""
        return bool(self._tasks)

    # -------------------------------------------------------------------------------------- observing

    def observe(
        self,
        event: AnyEvent,
        entry: Entry | None,
        outcome: Outcome,
        records: Mapping[MessageId, MessageRecord],
    ) -> None:
        """Count a committed decision, made on `records`, and log it unless it is the result of an action."""
        kind = type(event).__name__
        if entry is not None:
            lag_s = max(0.0, self.clock.now().timestamp() - written_ms(entry.id) / 1000)
            self.metrics.event(kind, lag_s)
            self._log.info(
                "event.decided",
                kind=kind,
                event_id=event.id,
                contact=entry.unit,
                conversation=_conversation_of(event, outcome.state),
                actions=len(outcome.actions),
                lag_ms=round(lag_s * 1000, 1),
                ignored=outcome.ignored,
            )
        if outcome.ignored is not None:
            self.metrics.ignored(kind, outcome.ignored)
        if isinstance(event, Posted | PartSent):
            for record in records.values():
                self._observe_arrival(event, record)

    def _observe_arrival(self, event: Posted | PartSent, record: MessageRecord) -> None:
        """How long a message was on its way, once it stands where people read it."""
        after_s = (self.clock.now() - record.at).total_seconds()
        match event:
            case Posted():
                self.metrics.shown(after_s)
            case PartSent(part=0):
                self.metrics.sent(after_s)


def _conversation_of(event: AnyEvent, state: UnitState) -> str | None:
    """The conversation that an event is about, as far as it is known."""
    named = getattr(event, "conversation", None)
    if named or not isinstance(state, Contact):
        return named
    current = state.conversations.get(getattr(event, "inbox", InboxId("")))
    return current.id if current else None
