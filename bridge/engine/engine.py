"""The worker's engine: takes lanes, reads their streams, keeps holds alive, sweeps timers, gives lanes up.

Several workers share the lanes: each holds at most its fair share (lanes / living workers, rounded up) and
gives up what exceeds it when another one appears. A lane that cannot be renewed in time is dropped at once;
the fence keeps whatever is still under way from being committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bridge.actions import AnyAction
from bridge.engine.clock import SharedClock
from bridge.engine.decider import UnitState, decode
from bridge.engine.lane import EngineMetrics, EngineOptions, LaneRun, World
from bridge.engine.waking import ArchiveReader
from bridge.engine.work import ActionSink
from bridge.errors import FenceLostError, StoreUnavailableError
from bridge.events import AnyEvent
from bridge.model import LaneId
from bridge.store.base import Hold, LaneStore, Shelf

log = structlog.get_logger(__name__)

UNAVAILABLE_EVERY_S = 30.0

SWEPT_AT_ONCE = 200
"""Timers, and parked lines, that one sweep brings back per lane."""


class Engine:
    """Holds lanes and works them until `stop`. One per worker process."""

    def __init__(
        self,
        store: LaneStore,
        sink: ActionSink,
        world: World,
        metrics: EngineMetrics,
        lanes: Sequence[LaneId],
        owner: str,
        options: EngineOptions | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._archive = ArchiveReader(shelf, world.roster)
        self.clock = SharedClock()
        self._store = store
        self._sink = sink
        self._world = world
        self._metrics = metrics
        self._lanes = tuple(lanes)
        self._owner = owner
        self._options = options or EngineOptions()
        self._runs: dict[LaneId, LaneRun] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._stopping = False
        self._unavailable_told = -UNAVAILABLE_EVERY_S
        self._told_held = 0
        self._releasing: set[asyncio.Task[None]] = set()

    # ---------------------------------------------------------------------------------------- life

    def start(self) -> None:
        """Begin to take and work lanes."""
        loops = {"balance": self._balance, "renew": self._renew, "read": self._read, "sweep": self._sweep}
        for name, loop in loops.items():
            self._tasks.append(asyncio.create_task(self._forever(loop, name), name=f"engine.{name}"))

    async def stop(self) -> None:
        """Take in nothing new, finish what is in hand within the drain time, give all lanes up."""
        self._stopping = True
        # First, so that the others count without us and take each lane as soon as it is free.
        await self._leave()
        for run in self._working():
            self._begin_to_give_up(run)
        await asyncio.gather(*self._releasing)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave()  # a last beat may have been on its way

    async def _leave(self) -> None:
        with contextlib.suppress(StoreUnavailableError):
            await self._store.leave(self._owner)

    def held(self) -> tuple[LaneId, ...]:
        """The lanes this worker holds now."""
        return tuple(self._runs)

    def in_hand(self) -> int:
        """Events in memory, all lanes together."""
        return sum(run.in_hand for run in self._runs.values())

    # --------------------------------------------------------------------------- for the performer

    def hold(self, lane: LaneId) -> Hold | None:
        """The latest hold of a lane, or None when it is not ours."""
        run = self._runs.get(lane)
        return None if run is None or run.lost else run.hold

    async def result(self, lane: LaneId, unit: str, event: AnyEvent, action: AnyAction) -> bool:
        """Commit what came of an action, ahead of the unit's waiting events. False: it was not pending any
        more. Raises `FenceLostError` when the lane is lost meanwhile, `ResultRefusedError` on a defect.
        """
        run = self._runs.get(lane)
        if run is None or run.lost:
            raise FenceLostError(lane)
        return await run.result(unit, event, action)

    def expect(self, lane: LaneId, after_s: float) -> None:
        """Something of a lane was parked for so long."""
        run = self._runs.get(lane)
        if run is not None:
            run.expect(self.clock.now().timestamp() * 1000 + after_s * 1000)

    async def state(self, lane: LaneId, unit: str) -> UnitState:
        """The unit's state as last committed."""
        run = self._runs.get(lane)
        if run is None:
            raise FenceLostError(lane)
        cached = run.cached(unit)
        if cached is not None:
            return cached[1]
        return decode(lane, unit, await self._store.load(lane, unit)).state

    # --------------------------------------------------------------------------------------- loops

    async def _forever(self, loop: Callable[[], Awaitable[None]], name: str) -> None:
        """Run a loop's body for ever; an unavailable store or a defect never ends it."""
        while True:
            try:
                await loop()
            except StoreUnavailableError as problem:
                self._tell_unavailable(name, problem)
                await asyncio.sleep(0.3)
            except Exception:
                log.exception("engine.loop_failed", where=name)
                self._metrics.error("engine", name)
                await asyncio.sleep(1.0)

    def _working(self) -> list[LaneRun]:
        """The lanes we hold and mean to keep."""
        return [run for run in self._runs.values() if not run.lost and not run.closing]

    def _tell_unavailable(self, where: str, problem: StoreUnavailableError) -> None:
        """Log that Redis does not answer: once, and then once in a while, because every loop runs into it."""
        now = time.monotonic()
        if now - self._unavailable_told >= UNAVAILABLE_EVERY_S:
            self._unavailable_told = now
            log.warning("store.unavailable", where=where, problem=str(problem))

    async def _balance(self) -> None:
        """Take free lanes up to our share; give up what exceeds it."""
        self.clock.set(await self._store.now_ms())
        self._drop_lost()
        if not self._stopping:
            alive = max(1, await self._store.beat(self._owner))
            await self._share_out(-(-len(self._lanes) // alive))
        self._metrics.holding(len(self._runs), self.in_hand())
        if len(self._runs) != self._told_held:
            self._told_held = len(self._runs)
            log.info("lanes.held", held=self._told_held, of=len(self._lanes))
        await asyncio.sleep(self._options.balance_every_s)

    async def _share_out(self, share: int) -> None:
        # Those that are being given up already are no surplus any more.
        surplus = len(self._working()) - share
        for run in self._working()[: max(0, surplus)]:
            self._begin_to_give_up(run)
        problem: StoreUnavailableError | None = None
        for lane in self._lanes:
            if self._stopping or len(self._working()) >= share:
                break
            if lane not in self._runs:
                try:
                    await self._take(lane)
                except StoreUnavailableError as away:
                    # In a cluster the others may be elsewhere, where all is well.
                    problem = away
        if problem is not None:
            raise problem

    async def _take(self, lane: LaneId) -> None:
        hold = await self._store.acquire(lane, self._owner)
        if hold is None:
            return
        counter, taken_ms = await self._store.counter(lane), await self._store.now_ms()
        if self._stopping:
            await self._store.release(hold)
            return
        run = LaneRun(
            hold,
            self._store,
            self._sink,
            self._world,
            self.clock,
            self._metrics,
            self._options,
            counter=counter,
            taken_ms=taken_ms,
            archive=self._archive,
        )
        self._runs[lane] = run
        self._sink.take_lane(hold)
        self._sink.recover(lane, None)
        self._changed.set()
        log.debug("lane.taken", lane=lane, fence=hold.fence)

    def _begin_to_give_up(self, run: LaneRun) -> None:
        run.closing = True
        self._changed.set()
        task = asyncio.create_task(self._give_up(run))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _give_up(self, run: LaneRun) -> None:
        """Hand a lane over in good order: finish what is in hand and under way, then release it.

        A call that takes longer than that ends before the hold does, so the hold is left to run out: whoever took
        the lane at once would look for a post that may still come, not find it, and make it again.
        """
        quiet = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_s):
                # What under-way actions come to is still decided; what that leads to is for the next holder.
                quiet = await self._sink.quiesce(run.name, self._options.drain_s)
                await run.idle()
        run.lose()
        self._runs.pop(run.name, None)
        if not quiet:
            log.warning("lane.left", lane=run.name)
            return
        with contextlib.suppress(StoreUnavailableError):
            await self._store.release(run.hold)
        log.debug("lane.released", lane=run.name)

    def _drop_lost(self) -> None:
        for lane, run in list(self._runs.items()):
            if not run.lost and time.monotonic() > run.hold.until:
                run.lose()
            if run.lost and not run.closing:
                del self._runs[lane]
                self._changed.set()
                log.warning("lane.lost", lane=lane, fence=run.hold.fence)

    async def _renew(self) -> None:
        runs = [run for run in self._runs.values() if not run.lost]
        try:
            renewed = await self._store.renew([run.hold for run in runs]) if runs else {}
            for run in runs:
                hold = renewed.get(run.name)
                if hold is None:
                    run.lose()
                elif not run.lost:
                    run.hold = hold
                    self._sink.take_lane(hold)
        finally:
            # Also when nothing answers: what cannot be renewed in time is not ours.
            self._drop_lost()
        await asyncio.sleep(self._options.renew_every_s)

    async def _read(self) -> None:
        """Read all held streams; while too much is in hand, leave it in Redis."""
        open_runs = {run.name: run for run in self._working()}
        room = self._options.max_in_hand - self.in_hand()
        if not open_runs or room <= 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02 if open_runs else self._options.read_block_s):
                    await self._changed.wait()
            return
        entries = await self._store.read(
            {lane: run.cursor for lane, run in open_runs.items()},
            max(1, min(self._options.read_count, room // len(open_runs))),
            self._options.read_block_s,
        )
        for entry in entries:
            run = open_runs[entry.lane]
            if not run.lost and not run.closing:
                run.take_in(entry)

    async def _sweep(self) -> None:
        """Bring due timers into the streams and parked lines back to the performer, in lanes where something is due."""
        now_ms = self.clock.now().timestamp() * 1000
        runs = [run for run in self._working() if run.due_ms <= now_ms]
        for run in runs:
            # What is committed from here on, or its answer tells, comes on top of it.
            run.due_ms = now_ms + self._options.look_every_s * 1000
        swept = await asyncio.gather(
            *(self._store.sweep(run.hold, SWEPT_AT_ONCE) for run in runs), return_exceptions=True
        )
        problems = []
        for run, due in zip(runs, swept, strict=True):
            if isinstance(due, FenceLostError):
                run.lose()
            elif isinstance(due, BaseException):
                problems.append(due)
                run.expect(0)
                # The answer may have got lost, and with it the names of lines that are not parked any more.
                self._sink.wake(run.name)
            else:
                run.expect(due.next_ms)
                for unit, line in due.lines:
                    self._sink.resume(run.name, unit, line)
        if problems:
            raise problems[0]
        await asyncio.sleep(self._options.sweep_every_s)
