"""The performer: keeps the lines of all held lanes and lets each run.

It owns no truth: every pending action is in Redis, and a line that has to wait long leaves memory and is parked
there. What is in Redis and not yet in memory is never overtaken: a line that may have older actions there
(`LineRun.behind`) reads them first. `acts` knows how single actions are carried out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from bridge import actions as actions_codec
from bridge.actions import AnyAction, OpenThread, Repeat
from bridge.adapters.base import Channel, Desk
from bridge.errors import FenceLostError, ResultRefusedError, StoreUnavailableError
from bridge.media.spool import MOST_BYTES, Spool
from bridge.model import (
    ActionId,
    CardView,
    Contact,
    Conversation,
    LaneId,
    Policies,
    Recent,
)
from bridge.perform.acts import Acts
from bridge.perform.lines import LineKey, LineRun, Mark, key_of, order_of, pack_mark, unpack_mark
from bridge.perform.pace import Pace
from bridge.perform.sides import EngineSide, Media, PerformMetrics, PerformOptions, Recall, Tracer
from bridge.perform.tools import Changed, Later
from bridge.store.base import Hold, LaneStore, Marks, Pending

log = structlog.get_logger(__name__)

READ_PAUSE_S = 0.5
READ_AT_ONCE = 32
"""Units whose pending actions are read together when a lane is taken."""
STORE_PAUSE_S = 1.0
REFUSED_PAUSE_S = 5.0
SHORTEST_PARK_S = 0.1


Cards = Callable[[Contact, Conversation, tuple[Recent, ...]], CardView]
Owner = tuple[LaneId, str]


class Reading:
    """One look at what is pending for a unit. What changes in between is newer than what will have been read."""

    __slots__ = ("again", "over", "touched")

    def __init__(self) -> None:
        self.again = False
        """It has to begin anew."""
        self.touched: set[ActionId] = set()
        """Actions that were added, changed or ended since it began."""
        self.over = asyncio.Event()

    def begin(self) -> None:
        """It begins, for the first time or anew."""
        self.again = False
        self.touched.clear()


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
        *,
        tracer: Tracer,
        recall: Recall,
        media: Media | None = None,
    ) -> None:
        self.store = store
        self.media = media or Media(Spool(MOST_BYTES))
        self.tracer = tracer
        self.recall = recall
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
        self._units: dict[Owner, dict[LineKey, LineRun]] = {}
        self._parked: dict[LineKey, float] = {}
        """Lines that wait in Redis, and when their time comes (monotonic seconds)."""
        self._unread: dict[LaneId, object] = {}
        """Lanes that have not been read as a whole since they were taken, and which reading is the latest."""
        self._readings: dict[Owner, Reading] = {}
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
        """See `ActionSink.drop_lane`. A call that is under way ends by its own deadline; nothing follows it."""
        self._held.discard(lane)
        self._quiet.discard(lane)
        self._unread.pop(lane, None)
        self._parked = {key: due for key, due in self._parked.items() if key.lane != lane}
        for run in self._lines_of(lane):
            run.dropped = True
            _stop_waiting(run)
        self._units = {owner: lines for owner, lines in self._units.items() if owner[0] != lane}
        for owner in [owner for owner in self._readings if owner[0] == lane]:
            self._readings.pop(owner).over.set()

    async def quiesce(self, lane: LaneId, within_s: float) -> bool:
        """See `ActionSink.quiesce`. Lines that only wait end at once: their actions are pending in Redis."""
        if lane not in self._held:
            # Lost before it could be given up: nothing would end the quiet once the lane is ours again.
            return True
        self._quiet.add(lane)
        for run in self._lines_of(lane):
            _stop_waiting(run)
        tasks = [run.task for run in self._lines_of(lane) if run.task is not None]
        if not tasks:
            return True
        _, under_way = await asyncio.wait(tasks, timeout=within_s)
        return not under_way

    def begin(
        self, lane: LaneId, unit: str, actions: Sequence[AnyAction], ended: Sequence[ActionId]
    ) -> Marks:
        """See `ActionSink.begin`: the first action of every line that has nothing to do, and the next one of a line
        whose first one ends, where the platform can tell whether it was carried out.
        """
        owner = (lane, unit)
        if lane not in self._held or lane in self._quiet or not self._is_known(owner):
            return ()
        lines = self._units.get(owner, {})
        first: dict[LineKey, AnyAction] = {}
        for key, run in lines.items() if ended else ():
            work = run.after(ended)
            if work is not None and work.action.repeat is Repeat.LOOKUP and work.is_untried():
                first[key] = work.action
        for action in actions:
            if action.repeat is not Repeat.LOOKUP:
                continue
            key = key_of(lane, unit, action)
            if key in lines or key in self._parked:
                continue
            if key not in first or order_of(action) < order_of(first[key]):
                first[key] = action
        mark = pack_mark(Mark(at=self.now().timestamp(), tries=1, open=True)) if first else b""
        return tuple(
            (action.id, mark)
            for key, action in first.items()
            if self._acts.is_clear(action, behind=key in lines)
        )

    def submit(
        self,
        lane: LaneId,
        unit: str,
        actions: Sequence[AnyAction],
        ended: Sequence[ActionId],
        marks: Marks = (),
    ) -> None:
        """See `ActionSink.submit`."""
        if lane not in self._held:
            return
        begun = {action: unpack_mark(mark) for action, mark in marks}
        for run in self._units.get((lane, unit), {}).values() if begun else ():
            run.begin(begun)
        if ended:
            self.end(lane, unit, ended)
        if actions:
            reading = self._readings.get((lane, unit))
            if reading is not None:
                reading.touched.update(action.id for action in actions)
            for action in actions:
                self._put(key_of(lane, unit, action), action, begun.get(action.id))

    def recover(self, lane: LaneId, unit: str | None) -> None:
        """See `ActionSink.recover`."""
        if lane not in self._held:
            return
        if unit is None:
            self._unread[lane] = token = object()
            _ = self.spawn(self._read_lane(lane, token))
        else:
            self._read((lane, unit), anew=True)

    def resume(self, lane: LaneId, unit: str, line: str) -> None:
        """See `ActionSink.resume`."""
        self._unpark(LineKey.parse(lane, unit, line))

    def wake(self, lane: LaneId) -> None:
        """See `ActionSink.wake`."""
        now = time.monotonic()
        for key in [key for key, due in self._parked.items() if key.lane == lane and due <= now]:
            self._unpark(key)

    # ------------------------------------------------------------------------------------ the acts' side

    def end(self, lane: LaneId, unit: str, actions: Sequence[ActionId]) -> None:
        """These are no longer pending."""
        reading = self._readings.get((lane, unit))
        if reading is not None:
            reading.touched.update(actions)
        for run in self._units.get((lane, unit), {}).values():
            run.end(actions)

    async def read_again(self, run: LineRun) -> None:
        """What is pending is not what `run` has in memory: make it so."""
        await self._read((run.key.lane, run.key.unit), anew=True).over.wait()

    # --------------------------------------------------------------------------------------- lines

    def _lines_of(self, lane: LaneId) -> list[LineRun]:
        return [run for owner, lines in self._units.items() if owner[0] == lane for run in lines.values()]

    def _is_known(self, owner: Owner) -> bool:
        """Is everything that is pending for a unit in memory, parked, or in a line that is `behind`?"""
        return owner[0] not in self._unread and owner not in self._readings

    def _open(self, key: LineKey, *, behind: bool) -> LineRun:
        run = LineRun(key, self.options.line_limit, behind=behind)
        self._units.setdefault((key.lane, key.unit), {})[key] = run
        return run

    def _close(self, run: LineRun) -> None:
        lines = self._units[run.key.lane, run.key.unit]
        del lines[run.key]
        if not lines:
            del self._units[run.key.lane, run.key.unit]

    def _put(self, key: LineKey, action: AnyAction, begun: Mark | None) -> None:
        owner = (key.lane, key.unit)
        if key in self._parked:
            if not isinstance(action, OpenThread):
                return
            # A line that waits for a thread goes on as soon as one is on its way.
            self._unpark(key)
        run = self._units.get(owner, {}).get(key)
        # One with nothing in it counts, too: its task still runs, and a second one would run beside it.
        if run is None:
            run = self._open(key, behind=not self._is_known(owner))
        run.add(action, begun)
        self._start(run)

    def _unpark(self, key: LineKey) -> None:
        """Go on with a parked line: what is pending for it is read from Redis."""
        self._parked.pop(key, None)
        if key.lane in self._held and key not in self._units.get((key.lane, key.unit), {}):
            self._start(self._open(key, behind=True))

    def _start(self, run: LineRun) -> None:
        if run.task is None and self._may_go_on(run):
            run.task = self.spawn(self._run(run))

    def _may_go_on(self, run: LineRun) -> bool:
        return not run.dropped and run.key.lane in self._held and run.key.lane not in self._quiet

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Have something done beside the lines. It may be cut off at any time, as by a crash."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -------------------------------------------------------------------------- reading what is pending

    async def _read_lane(self, lane: LaneId, token: object) -> None:
        """Read what is pending in a whole lane. Until then every unit of it counts as not known."""
        while self._unread.get(lane) is token:
            try:
                units = await self.store.busy_units(lane)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the lane has to be read
                await asyncio.sleep(self._pause_after_reading(lane, problem))
                continue
            for at in range(0, len(units), READ_AT_ONCE):
                some = units[at : at + READ_AT_ONCE]
                if self._unread.get(lane) is not token:
                    return
                await asyncio.gather(*(self._read((lane, unit)).over.wait() for unit in some))
            if self._unread.get(lane) is token:
                del self._unread[lane]

    def _read(self, owner: Owner, *, anew: bool = False) -> Reading:
        """Read what is pending for a unit, one reading at a time. `anew`: one that begins now or later."""
        reading = self._readings.get(owner)
        if anew:
            for run in self._units.get(owner, {}).values():
                run.behind = True
            if reading is not None:
                reading.again = True
        if reading is None:
            reading = self._readings[owner] = Reading()
            _ = self.spawn(self._keep_reading(owner, reading))
        return reading

    async def _keep_reading(self, owner: Owner, reading: Reading) -> None:
        while self._readings.get(owner) is reading:
            reading.begin()
            for run in self._units.get(owner, {}).values():
                run.begin_reading()
            try:
                pending = self._unpacked(*owner, await self.store.pending(*owner))
            except StoreUnavailableError:
                await asyncio.sleep(READ_PAUSE_S)
                continue
            except Exception as problem:  # noqa: BLE001 - one unit's trouble must not keep its lane waiting
                await asyncio.sleep(self._pause_after_reading(owner[0], problem))
                if self._readings.get(owner) is reading:
                    del self._readings[owner]
                    reading.over.set()
                return
            if self._readings.get(owner) is reading and not reading.again:
                del self._readings[owner]
                self._take_in(owner, pending, reading.touched)
                reading.over.set()

    def _pause_after_reading(self, lane: LaneId, problem: Exception) -> float:
        """How long to wait, in seconds, before what is pending is read again."""
        if isinstance(problem, StoreUnavailableError):
            return READ_PAUSE_S
        log.error("pending.unreadable", lane=lane, exc_info=problem)
        self.metrics.error("bridge", "unreadable")
        return REFUSED_PAUSE_S

    def _unpacked(
        self, lane: LaneId, unit: str, pending: Sequence[Pending]
    ) -> dict[LineKey, list[tuple[AnyAction, Mark]]]:
        """Pending actions by line, in order."""
        found = []
        for one in pending:
            try:
                found.append((actions_codec.unpack(one.action), unpack_mark(one.mark)))
            except msgspec.MsgspecError:
                # Written by another version, perhaps. It stays pending; what else there is must go on.
                log.exception("action.unreadable", lane=lane, action=one.id)
                self.metrics.error("bridge", "unreadable")
        found.sort(key=lambda one: order_of(one[0]))
        lines: dict[LineKey, list[tuple[AnyAction, Mark]]] = {}
        for action, mark in found:
            lines.setdefault(key_of(lane, unit, action), []).append((action, mark))
        return lines

    def _take_in(
        self, owner: Owner, pending: dict[LineKey, list[tuple[AnyAction, Mark]]], touched: set[ActionId]
    ) -> None:
        for key in pending:
            if key not in self._parked and key not in self._units.get(owner, {}):
                self._open(key, behind=True)
        for key, run in list(self._units.get(owner, {}).items()):
            run.take(pending.get(key, ()), touched)
            self._start(run)

    # --------------------------------------------------------------------------------------- running

    async def _run(self, run: LineRun) -> None:
        """Carry out a line's actions until none is left, or until it has to wait long."""
        while self._may_go_on(run):
            run.acting = False
            try:
                if run.head() is not None:
                    await self._acts.next(run)
                elif run.behind:
                    await self._read((run.key.lane, run.key.unit)).over.wait()
                else:
                    self._close(run)
                    return
            except Changed:
                continue
            except FenceLostError:
                if not run.dropped:
                    self.drop_lane(run.key.lane)
            except StoreUnavailableError:
                # Not parked: an attempt may be recorded there that was not made, which only memory knows.
                run.acting = False
                await asyncio.sleep(STORE_PAUSE_S)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the action is still pending
                if not run.dropped and await self._park(run, self._pause_after(run, problem)):
                    return
        run.task = None

    def _pause_after(self, run: LineRun, problem: Exception) -> float:
        """How long a line waits that cannot go on, in seconds."""
        match problem:
            case Later(after_s=after_s):
                return after_s
            case ResultRefusedError():
                return REFUSED_PAUSE_S
            case _:
                # A defect while acting: tried again later, never dropped.
                conversation, line = run.key.conversation, run.key.line.value
                log.error("line.failed", conversation=conversation, line=line, exc_info=problem)
                self.metrics.error("bridge", "defect")
                return REFUSED_PAUSE_S

    async def _park(self, run: LineRun, after_s: float) -> bool:
        """Put a line aside: out of memory, and into Redis with a due time, `after_s` (real) from now. False: it
        was not, because something changed meanwhile, or because Redis does not answer; then it has waited here.
        """
        run.acting = False
        key = run.key
        wait_s = max(after_s, SHORTEST_PARK_S)
        due = time.monotonic() + wait_s
        work = run.head()
        action = work.action if work else None
        hold = self.engine.hold(key.lane)
        if hold is None:
            self.drop_lane(key.lane)
            return True
        try:
            await self.store.park(hold, key.unit, key.local(), wait_s)
            self.engine.expect(key.lane, wait_s)
        except FenceLostError:
            if not run.dropped:
                self.drop_lane(key.lane)
            return True
        except StoreUnavailableError:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            return False
        if not self._may_go_on(run):
            return True
        if run.head() is not work or (work is not None and work.action is not action):
            return False  # e.g. a thread is on its way now
        self._parked[key] = due
        self._close(run)
        return True


def _stop_waiting(run: LineRun) -> None:
    """End a line's task where it only waits, for its turn or for time to pass."""
    if run.task is not None and not run.acting and run.task is not asyncio.current_task():
        run.task.cancel()
