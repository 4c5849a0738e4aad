"""The performer: keeps the lines of all held lanes and lets each run.

It owns no truth: every pending action is in Redis, and a line that has to wait long leaves memory and is parked
there. `desk_acts` and `contact_acts` know how single actions are carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from bridge import actions as actions_codec
from bridge.actions import AnyAction, OpenThread
from bridge.adapters.base import Channel, Desk
from bridge.errors import FenceLostError, ResultRefusedError, StoreUnavailableError
from bridge.events import AnyEvent
from bridge.model import (
    ActionId,
    CardView,
    Contact,
    Conversation,
    LaneId,
    Policies,
)
from bridge.perform.acts import Acts
from bridge.perform.lines import NO_MARK, LineKey, LineRun, Mark, key_of, unpack_mark
from bridge.perform.pace import Pace
from bridge.perform.tools import Later
from bridge.store.base import Hold, LaneStore

log = structlog.get_logger(__name__)

RECOVER_PAUSE_S = 0.5
REFUSED_PAUSE_S = 5.0
SHORTEST_PARK_S = 0.1


class PerformOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and rhythms; seconds are scaled by `Pace.scale` unless they bound a call."""

    send_timeout_s: float = 10.0
    """A call's own bound; never longer than the hold still lasts. Not scaled."""
    lookup_after_s: float = 2.0
    """How long after a call of unknown outcome the platform is asked whether it happened."""
    unknown_wait_s: float = 30.0
    """How long a status webhook may take to settle an outbound message of unknown fate."""
    decoration_wait_s: float = 1.0
    """Cards and receipts wait this long, so that several changes become one call."""
    longest_nap_s: float = 3.0
    """What waits longer leaves memory and is parked in Redis."""
    line_limit: int = 64
    """Actions of one line in memory."""
    give_up_after: int = 8
    """Tries before a reply to a contact is reported as failed (its author can retry)."""
    limited_tries: int = 4
    stopped_s: float = 60.0
    """How long a desk's line waits when nothing will work until an operator acts."""


class PerformMetrics(Protocol):
    """What the performer counts."""

    def send(self, platform: str, kind: str, result: str) -> None:
        """An action was carried out, or not."""

    def retry(self, platform: str, failure: str) -> None:
        """A failure led to another try."""

    def error(self, platform: str, failure: str) -> None:
        """A platform refused or broke down."""

    def rate_limit_wait(self, platform: str, method: str, seconds: float) -> None:
        """A rate limit made us wait."""


class EngineSide(Protocol):
    """What the performer needs of the engine."""

    def hold(self, lane: LaneId) -> Hold | None:
        """The latest hold of a lane."""

    async def result(self, lane: LaneId, unit: str, event: AnyEvent, action: AnyAction) -> bool:
        """Commit a result."""

    async def state(self, lane: LaneId, unit: str) -> object:
        """A unit's committed state."""


Cards = Callable[[Contact, Conversation], CardView]


class Performer:
    """Runs the lines of the lanes this worker holds (`engine.work.ActionSink`)."""

    def __init__(  # noqa: PLR0913, PLR0917 - the wiring hands everything in once
        self,
        store: LaneStore,
        desks: Mapping[str, Desk],
        channel: Channel,
        cards: Cards,
        policies: Callable[[], Policies],
        now: Callable[[], datetime],
        pace: Pace,
        metrics: PerformMetrics,
        options: PerformOptions | None = None,
    ) -> None:
        self.store = store
        self.desks = desks
        self.channel = channel
        self.cards = cards
        self.policies = policies
        self.now = now
        self.pace = pace
        self.metrics = metrics
        self.options = options or PerformOptions()
        self._engine: EngineSide | None = None
        self._acts = Acts(self)
        self._units: dict[tuple[LaneId, str], dict[LineKey, LineRun]] = {}
        self._parked: set[LineKey] = set()
        self._held: set[LaneId] = set()
        self._quiet: set[LaneId] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, engine: EngineSide) -> None:
        """Tell the performer whom to report results to; before the engine starts."""
        self._engine = engine

    @property
    def engine(self) -> EngineSide:
        """The engine that results go to."""
        if self._engine is None:
            msg = "attach() comes before the first action"
            raise RuntimeError(msg)
        return self._engine

    # ------------------------------------------------------------------------------- the engine's side

    def take_lane(self, hold: Hold) -> None:
        """See `ActionSink.take_lane`."""
        self._held.add(hold.lane)

    def drop_lane(self, lane: LaneId) -> None:
        """See `ActionSink.drop_lane`. What is under way ends by its own deadline and cannot be committed."""
        self._held.discard(lane)
        self._quiet.discard(lane)
        self._parked = {key for key in self._parked if key.lane != lane}
        self._units = {owner: lines for owner, lines in self._units.items() if owner[0] != lane}

    async def quiesce(self, lane: LaneId, within_s: float) -> None:
        """See `ActionSink.quiesce`."""
        self._quiet.add(lane)
        runs = [run for owner, lines in self._units.items() if owner[0] == lane for run in lines.values()]
        tasks = [run.task for run in runs if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)

    def submit(
        self, lane: LaneId, unit: str, actions: Sequence[AnyAction], ended: Sequence[ActionId]
    ) -> None:
        """See `ActionSink.submit`."""
        if ended:
            for run in self._units.get((lane, unit), {}).values():
                run.end(ended)
        for action in actions:
            self._put(key_of(lane, unit, action), action)

    def recover(self, lane: LaneId, unit: str | None) -> None:
        """See `ActionSink.recover`."""
        _ = self._spawn(self._recover(lane, unit))

    def resume(self, lane: LaneId, unit: str, line: str) -> None:
        """See `ActionSink.resume`."""
        self._parked.discard(LineKey.parse(lane, unit, line))
        self.recover(lane, unit)

    # --------------------------------------------------------------------------------------- lines

    def _put(self, key: LineKey, action: AnyAction, mark: Mark = NO_MARK) -> None:
        if key in self._parked:
            if not isinstance(action, OpenThread):
                return
            # A line that waits for a thread goes on as soon as one is on its way.
            self._parked.discard(key)
            self.recover(key.lane, key.unit)
        lines = self._units.setdefault((key.lane, key.unit), {})
        run = lines.get(key)
        if run is None:
            run = lines[key] = LineRun(key, self.options.line_limit)
        run.add(action, mark)
        if run.task is None and key.lane in self._held and key.lane not in self._quiet:
            run.task = self._spawn(self._run(run))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _recover(self, lane: LaneId, unit: str | None) -> None:
        """Take pending actions from the store into their lines; those already there are left alone."""
        while lane in self._held:
            try:
                units = [unit] if unit is not None else await self.store.busy_units(lane)
                for one in units:
                    await self._recover_unit(lane, one)
            except StoreUnavailableError:
                await asyncio.sleep(RECOVER_PAUSE_S)
            else:
                return

    async def _recover_unit(self, lane: LaneId, unit: str) -> None:
        found = []
        for pending in await self.store.pending(lane, unit):
            action = actions_codec.unpack(pending.action)
            found.append((action, unpack_mark(pending.mark)))
        for action, mark in sorted(found, key=lambda one: one[0].seq):
            key = key_of(lane, unit, action)
            run = self._units.get((lane, unit), {}).get(key)
            if run is None or not run.has(action.id):
                self._put(key, action, mark)

    async def _run(self, run: LineRun) -> None:
        """Carry out a line's actions until none is left, or until it has to wait long."""
        key = run.key
        try:
            while key.lane in self._held and key.lane not in self._quiet and run.head() is not None:
                await self._acts.next(run)
        except Later as later:
            await self._park(run, later.after_s)
            return
        except FenceLostError:
            self.drop_lane(key.lane)
        except StoreUnavailableError:
            await self._park(run, 1.0)
            return
        except ResultRefusedError:
            await self._park(run, REFUSED_PAUSE_S)
            return
        except Exception:
            # A defect while acting. The action is still pending: try again later, never drop it.
            log.exception("line.failed", conversation=key.conversation, line=key.line)
            self.metrics.error("bridge", "defect")
            await self._park(run, REFUSED_PAUSE_S)
            return
        self._ended(run)

    def _ended(self, run: LineRun) -> None:
        """A line's task ends: forget the line, unless work came meanwhile or is left in Redis."""
        run.task = None
        key = run.key
        lines = self._units.get((key.lane, key.unit), {})
        if lines.get(key) is not run or key.lane not in self._held or key.lane in self._quiet:
            return
        if run.head() is not None:
            run.task = self._spawn(self._run(run))
            return
        del lines[key]
        if not lines:
            del self._units[key.lane, key.unit]
        if run.spilled:
            self.recover(key.lane, key.unit)

    async def _park(self, run: LineRun, after_s: float) -> None:
        """Put a line aside: out of memory, and into Redis with a due time, `after_s` (real) from now."""
        key = run.key
        wait_s = max(after_s, SHORTEST_PARK_S)
        lines = self._units.get((key.lane, key.unit), {})
        if lines.get(key) is not run:
            return
        del lines[key]
        if not lines:
            self._units.pop((key.lane, key.unit), None)
        hold = self.engine.hold(key.lane)
        if hold is None:
            return
        self._parked.add(key)
        try:
            await self.store.park(hold, key.unit, key.local(), wait_s)
        except FenceLostError:
            self.drop_lane(key.lane)
        except StoreUnavailableError:
            # Nobody else will wake it: do it from here.
            await asyncio.sleep(wait_s)
            self.resume(key.lane, key.unit, key.local())
