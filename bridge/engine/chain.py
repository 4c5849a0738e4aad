"""One unit's line of work inside a held lane: results first, then events in the order of the stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog

from bridge.engine.decider import (
    Loaded,
    Outcome,
    Snapshot,
    UnitState,
    decode,
    decode_messages,
    needed,
    settle,
)
from bridge.engine.waking import Returned, ShelfAwayError
from bridge.errors import FenceLostError, ResultRefusedError, StaleVersionError, StoreUnavailableError
from bridge.events import AnyEvent, ContactForgotten, EventBuried, pack, unpack
from bridge.model import (
    DESK_LANE,
    ActionId,
    Contact,
    ContactId,
    EventId,
    MessageId,
    MessageRecord,
    ThreadRef,
    lane_of,
)
from bridge.routing import rest
from bridge.routing.decision import Needs
from bridge.store.entries import stream_key

if TYPE_CHECKING:
    from bridge.actions import AnyAction
    from bridge.engine.lane import LaneRun
    from bridge.store.base import Entry

log = structlog.get_logger(__name__)

RETRY_PAUSE_S = 0.3
"""Between tries while Redis does not answer. Nothing is lost by waiting: the event stays in the stream."""
SKIPPED_PAGE = 500
T = TypeVar("T")


class ResultItem:
    """A result on its way to being committed. `committed` becomes True once it is, False when its action was
    no longer pending; it fails with `FenceLostError` when the lane is lost, with `ResultRefusedError` when a
    defect keeps it from being decided.
    """

    __slots__ = ("action", "committed", "event")

    def __init__(self, event: AnyEvent, action: AnyAction) -> None:
        self.event = event
        self.action = action
        self.committed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def fail(self, problem: Exception) -> None:
        """Tell whoever waits that it will not be committed."""
        if not self.committed.done():
            self.committed.set_exception(problem)
            self.committed.exception()  # marks it as seen: nobody may be waiting any more


def kind_of(event: bytes) -> str:
    """Which kind of event this is, as far as it can be read; empty when it cannot."""
    try:
        read = msgspec.msgpack.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    kind = read.get("type") if isinstance(read, dict) else None
    return kind if isinstance(kind, str) and kind.isidentifier() else ""


def _may_wake(event: bytes) -> bool:
    """Whether an event may take the whole state of a contact; one that nobody can read does not."""
    try:
        return rest.wakes(unpack(event), known=False)  # type: ignore[arg-type]  # in a shard: a contact's
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _as_it_is(state: UnitState) -> UnitState:
    """A contact at rest that the archive has nothing of: there is nothing more to ask for."""
    return msgspec.structs.replace(state, partial=None) if isinstance(state, Contact) else state


class Chain:
    """Decides and commits for one unit, strictly one at a time. Lives while there is something to do."""

    def __init__(self, lane: LaneRun, unit: str) -> None:
        self.lane = lane
        self.unit = unit
        self.entries: deque[Entry] = deque()
        self.results: deque[ResultItem] = deque()
        self.skipped_after: str | None = None
        """Set when entries of this unit were left in the stream, all of them behind this id."""
        self._answer: tuple[Returned | None] | None = None
        """What the archive said of the contact at rest, until a decision on that is committed."""

    def go_on_from(self, after: str) -> None:
        """Entries of this unit were left in the stream, all of them behind `after`."""
        if self.skipped_after is None or stream_key(after) < stream_key(self.skipped_after):
            self.skipped_after = after

    async def run(self) -> None:
        """Work until nothing is left. Ends early, without loss, when the lane is lost."""
        try:
            while not self.lane.lost and await self._step():
                pass
        except FenceLostError:
            self.lane.lose()
        except Exception:
            # A defect outside of deciding: this unit's entries are read again by whoever takes the lane next.
            log.exception("chain.failed", unit=self.unit, lane=self.lane.name)
            self.lane.metrics.error("engine", "chain")
            self.lane.lose()
        finally:
            self.lane.chain_ended(self)

    def has_work(self) -> bool:
        """Is there something that `run` would do?"""
        return bool(self.results or self.entries or self.skipped_after is not None)

    async def _step(self) -> bool:
        """Do the next thing; False when there is none."""
        if self.results:
            await self._settle_queued(self.results.popleft())
        elif self.entries:
            if not await self._is_known(self.entries[0]):
                return bool(self.results)
            await self._settle_entry(self.entries[0])
            self.entries.popleft()
            self.lane.in_hand -= 1
        elif self.skipped_after is not None and not self.lane.closing:
            await self._read_skipped(self.skipped_after)
        else:
            return False
        return True

    async def _read_skipped(self, after: str) -> None:
        """Go on with what was left in the stream while this unit had enough in hand.

        The lane's reader goes on meanwhile, and what it meets for this unit is left in the stream, too. So this
        is over only once everything up to where the reader is by then has been looked at.
        """
        reader_was_at = self.lane.cursor
        entries = await self._patiently(lambda: self.lane.store.range(self.lane.name, after, SKIPPED_PAGE))
        reader_is_at = stream_key(self.lane.cursor)
        for entry in entries:
            if stream_key(entry.id) > reader_is_at:
                self.skipped_after = None
                return
            if entry.unit == self.unit:
                if len(self.entries) >= self.lane.options.max_in_hand_per_unit:
                    return
                self.entries.append(entry)
                self.lane.in_hand += 1
            self.skipped_after = after = entry.id
        if len(entries) < SKIPPED_PAGE:
            seen = max(after, reader_was_at, key=stream_key)
            self.skipped_after = seen if stream_key(seen) < reader_is_at else None

    async def _is_known(self, entry: Entry) -> bool:
        """False: only the archive knows whose this entry is, and it does not answer. Then this unit's entries stay in
        the stream; that counts as no try.
        """
        if self.lane.name == DESK_LANE or self._answer is not None:
            return True
        try:
            loaded = await self._patiently(self._load)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return True  # deciding runs into it as well, and counts that
        if not loaded.shelved or not _may_wake(entry.event):
            return True
        try:
            self._answer = (await self._ask(),)
        except ShelfAwayError:
            if not self.results:
                log.warning("contact.waits_for_archive", unit=self.unit, lane=self.lane.name)
                self.lane.waker.sleep(self.unit, entry.id)
            return False
        return True

    # --------------------------------------------------------------------------------------- settling

    async def settle_result(self, event: AnyEvent, action: AnyAction) -> bool:
        """Decide and commit a result. False when its action was no longer pending. Raises `FenceLostError`,
        `ResultRefusedError`.
        """
        try:
            return await self._commit(event, action=action) is not None
        except FenceLostError:
            raise
        except Exception as problem:
            # A defect in deciding on this result. The action stays pending and is tried again after a pause
            # or by the next holder, which is visible; dropping it would not be.
            log.exception("result.failed", unit=self.unit, result=type(event).__name__)
            self.lane.metrics.error("engine", "result")
            raise ResultRefusedError(str(problem)) from problem

    async def _settle_queued(self, item: ResultItem) -> None:
        try:
            committed = await self.settle_result(item.event, item.action)
        except FenceLostError as problem:
            item.fail(problem)
            raise
        except ResultRefusedError as problem:
            item.fail(problem)
        else:
            if not item.committed.done():
                item.committed.set_result(committed)

    async def _settle_entry(self, entry: Entry) -> None:
        """Decide and commit one event; after too many failures put it among the dead letters."""
        counted = self.lane.was_there_before(entry)
        while True:
            if counted and await self._count_try(entry) > self.lane.options.tries:
                await self._bury(entry)
                return
            try:
                await self._commit(unpack(entry.event), entry=entry, tried=counted)
            except FenceLostError:
                raise
            except Exception:
                # A defect, or an event nobody can read: whatever it is, the events behind it must go on.
                log.exception("event.failed", unit=self.unit, lane=self.lane.name, entry=entry.id)
                self.lane.metrics.error("engine", "event")
                if not counted:
                    counted = True
                    await self._count_try(entry)
            else:
                return

    async def _count_try(self, entry: Entry) -> int:
        return await self._patiently(lambda: self.lane.store.count_try(self.lane.hold, entry.id))

    async def _bury(self, entry: Entry) -> None:
        reason = f"could not be decided after {self.lane.options.tries} tries"
        kind = kind_of(entry.event)
        notice = None
        if self.lane.name != DESK_LANE and kind != EventBuried.__name__:
            told = EventBuried(
                id=EventId(f"buried:{entry.id}"),
                at=self.lane.clock.now(),
                contact=ContactId(self.unit),
                kind=kind,
            )
            notice = pack(told)
        await self._patiently(lambda: self.lane.store.bury(self.lane.hold, entry, reason, notice))
        log.error("event.buried", unit=self.unit, lane=self.lane.name, entry=entry.id, kind=kind)
        self.lane.metrics.dead_letter()

    async def _commit(
        self,
        event: AnyEvent,
        *,
        entry: Entry | None = None,
        tried: bool = False,
        action: AnyAction | None = None,
    ) -> Outcome | None:
        """Decide on `event` and commit. None when it had been decided before. Waits out an unavailable store."""
        unsure = False
        while True:
            try:
                outcome = await self._try_commit(event, entry, action, tried=tried)
            except StaleVersionError:
                self.lane.forget(self.unit)
            except StoreUnavailableError as problem:
                # Whether the script ran is not known; deciding again is safe (the event's id, or the pending
                # action, guards it), but then its actions have to be fetched from the store.
                unsure = True
                self.lane.forget(self.unit)
                await self._pause(problem)
            else:
                if outcome is None and (unsure or entry is not None):
                    self.lane.sink.recover(self.lane.name, self.unit)
                return outcome

    async def _try_commit(
        self, event: AnyEvent, entry: Entry | None, action: AnyAction | None, *, tried: bool
    ) -> Outcome | None:
        lane = self.lane
        loaded = await self._load()
        wanted = needed(lane.name, event, action)
        records = await self._records(wanted, loaded)
        if loaded.stub is not None and rest.wakes(event, known=bool(records)):  # type: ignore[arg-type]  # a contact's
            loaded = await self._awake(loaded)
        snapshot = Snapshot(
            now=lane.clock.now(),
            policies=lane.world.policies(),
            roster=lane.world.roster(),
            counter=lane.counter + 1,
        )
        outcome = settle(
            lane.hold,
            self.unit,
            loaded,
            event,
            snapshot,
            messages=records,
            pending=await self._pending() if wanted.pending else (),
            action=action,
            entry=entry.id if entry else None,
            tried=tried,
        )
        marks = lane.sink.begin(lane.name, self.unit, outcome.actions, outcome.ended)
        commit = msgspec.structs.replace(outcome.commit, marks=marks) if marks else outcome.commit
        if outcome.opened:
            # Used up before the commit is known: a number may be skipped, but never given twice.
            lane.counter += 1
        if not await lane.store.commit(commit):
            return None
        self._keep(loaded, outcome)
        for timer in commit.timers:
            lane.expect(timer.due_ms)
        if isinstance(event, ContactForgotten):
            lane.forget(self.unit)
        lane.remember_records(outcome.messages)
        lane.sink.submit(lane.name, self.unit, outcome.actions, outcome.ended, marks)
        lane.observe(event, entry, outcome, records)
        return outcome

    async def _pending(self) -> tuple[ActionId, ...]:
        return tuple(one.id for one in await self.lane.store.pending(self.lane.name, self.unit))

    def _keep(self, loaded: Loaded, outcome: Outcome) -> None:
        """What was committed is known here from now on."""
        if outcome.at_rest:
            self.lane.drop(self.unit)
            return
        self._answer = None
        version = loaded.version if outcome.commit.state is None else loaded.version + 1
        self.lane.remember(self.unit, version, outcome.state)
        self._complete(outcome.state)

    def _complete(self, state: UnitState) -> None:
        """Have the archive asked for the rest of a contact that goes on with what its stub says."""
        if isinstance(state, Contact) and state.partial is not None:
            self.lane.waker.complete(self.unit)

    async def _records(self, needs: Needs, loaded: Loaded) -> Mapping[MessageId, MessageRecord]:
        """The message records a decision takes. Most results concern a message that this worker has just decided
        on, and whose record it therefore knows.
        """
        if not needs.messages and not needs.platform_ids:
            return {}
        if not needs.platform_ids:
            known = self.lane.records(needs.messages)
            if known is not None:
                return known
        return decode_messages(
            await self.lane.store.message_records(
                self.lane.name, self._known_as(loaded.state), needs.messages, needs.platform_ids
            )
        )

    def _known_as(self, state: UnitState) -> list[str]:
        """Whose messages may be meant: this unit's, and those of contacts of this shard that were joined into it."""
        joined = state.joined if isinstance(state, Contact) else ()
        return [self.unit, *(one for one in joined if lane_of(one) == self.lane.name)]

    async def _load(self) -> Loaded:
        cached = self.lane.cached(self.unit)
        if cached is not None:
            return Loaded(version=cached[0], state=cached[1])
        loaded = decode(self.lane.name, self.unit, await self.lane.store.load(self.lane.name, self.unit))
        if loaded.stub is None:
            self.lane.remember(self.unit, loaded.version, loaded.state)
            self._complete(loaded.state)
        return loaded

    # -------------------------------------------------------------------------------------- coming back

    async def _awake(self, loaded: Loaded) -> Loaded:
        """A contact at rest as it is to be decided on: whole, or as far as its stub says."""
        if self._answer is None:
            try:
                self._answer = (await self._ask(),)
            except ShelfAwayError:
                return loaded
        (found,) = self._answer
        at_rest = loaded.state
        if found is None or not isinstance(at_rest, Contact):
            log.error("rest.not_in_archive", unit=self.unit, lane=self.lane.name)
            return msgspec.structs.replace(loaded, state=_as_it_is(at_rest))
        if not loaded.shelved and found.contact.resting != at_rest.resting:
            # An older one than the stub stands for: the archive's database was put back to a backup.
            log.error("rest.not_in_archive", unit=self.unit, lane=self.lane.name, stored=str(at_rest.resting))
            return msgspec.structs.replace(loaded, state=_as_it_is(at_rest))
        if loaded.shelved:
            await self._lead_back(found.contact)
        return msgspec.structs.replace(loaded, state=found.contact, restored=found.recent)

    async def _ask(self) -> Returned | None:
        return await self.lane.archive.ask(ContactId(self.unit))

    async def _lead_back(self, contact: Contact) -> None:
        """Let its numbers and threads lead to a contact again of which Redis knew nothing."""
        store = self.lane.store
        for conversation in contact.conversations.values():
            ref = ThreadRef(contact=contact.id, conversation=conversation.id, inbox=conversation.inbox)
            await store.remember_number(conversation.id, ref)
            if conversation.thread is not None:
                await store.remember_thread(conversation.thread, ref)

    # ---------------------------------------------------------------------------------------- patience

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a safe store call until it is answered, as long as the lane is ours."""
        while True:
            try:
                return await call()
            except StoreUnavailableError as problem:
                await self._pause(problem)

    async def _pause(self, problem: StoreUnavailableError) -> None:
        log.debug("store.unavailable", lane=self.lane.name, problem=str(problem))
        if self.lane.lost:
            raise FenceLostError(self.lane.name)
        await asyncio.sleep(RETRY_PAUSE_S)
