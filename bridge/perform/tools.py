"""What the kinds of actions have in common: attempts, marks, deadlines, failures, waiting."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from bridge.actions import Alert, ContactAction
from bridge.adapters.base import Desk, Marker
from bridge.errors import Failure as PlatformFailure
from bridge.errors import FailureKind, FenceLostError, PlatformError
from bridge.events import AnyEvent, DeskDone, Done, Failed
from bridge.markup import text
from bridge.model import DESK_LANE, Contact, ContactId, EventId
from bridge.perform.lines import LineRun, Mark, Work, pack_mark

if TYPE_CHECKING:
    from bridge.perform.performer import Performer
    from bridge.store.base import Hold

log = structlog.get_logger(__name__)
T = TypeVar("T")

DEADLINE_MARGIN_S = 0.5
"""A call ends this long before the hold does, so that its result can still be committed."""
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
LONGEST_PAIR_PAUSE_S = 256.0
ALARM_EVERY_S = 600.0
TIMED_OUT = PlatformFailure(
    kind=FailureKind.UNKNOWN, code="timeout", words="the platform did not answer in time"
)


class Later(Exception):  # noqa: N818 - not an error: the line's way to say that it goes on later
    """The line has to wait longer than it may stay in memory: `after_s` real seconds."""

    def __init__(self, after_s: float) -> None:
        super().__init__(after_s)
        self.after_s = after_s


class Refused(Exception):  # noqa: N818 - carries a classified failure to the act that asked
    """A try failed for certain, and trying again is the act's decision."""

    def __init__(self, failure: PlatformFailure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class Tools:
    """Shared by the acts; one per performer."""

    def __init__(self, performer: Performer) -> None:
        self.performer = performer
        self.options = performer.options
        self.pace = performer.pace
        self.metrics = performer.metrics
        self._alarms: dict[tuple[str, str, str], float] = {}

    # ------------------------------------------------------------------------------------- results

    def base(self, work: Work) -> dict[str, Any]:
        """The fields that every result of a contact's action has."""
        action = work.action
        return {
            "id": EventId(f"{action.id}/r"),
            "at": self.performer.now(),
            "contact": action.contact,
            "action": action.id,
        }

    async def report(self, run: LineRun, work: Work, event: AnyEvent) -> None:
        """Commit a result; once this returns the action has ended or was replaced, if routing says so."""
        known = await self.performer.engine.result(run.key.lane, run.key.unit, event, work.action)
        if not known:
            run.end([work.action.id])

    async def done(self, run: LineRun, work: Work) -> None:
        """Report that it is done."""
        await self.report(run, work, self.done_event(run, work))

    def done_event(self, run: LineRun, work: Work) -> AnyEvent:
        """`Done`, or its twin in the desk lane."""
        if run.key.lane == DESK_LANE:
            return DeskDone(id=EventId(f"{work.action.id}/r"), at=self.performer.now(), action=work.action.id)
        return Done(**self.base(work))

    async def failed(self, run: LineRun, work: Work, failure: PlatformFailure, part: int = 0) -> None:
        """Report that it failed for good."""
        if run.key.lane == DESK_LANE:
            await self.done(run, work)
            return
        await self.report(run, work, Failed(**self.base(work), failure=failure, part=part))

    # ------------------------------------------------------------------------------------- attempts

    async def deadline(self, run: LineRun) -> tuple[Hold, float]:
        """The hold, and how long a call may take so that it ends before the hold does."""
        for _ in range(50):
            hold = self.performer.engine.hold(run.key.lane)
            if hold is None:
                raise FenceLostError(run.key.lane)
            left = hold.until - time.monotonic() - DEADLINE_MARGIN_S
            if left >= min(1.0, self.options.send_timeout_s):
                return hold, min(left, self.options.send_timeout_s)
            await asyncio.sleep(0.1)  # a renewal is due
        raise Later(1.0)

    async def call(self, run: LineRun, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call within the deadline. Raises `Refused` with every failure, a time-out included."""
        _, timeout_s = await self.deadline(run)
        try:
            async with asyncio.timeout(timeout_s):
                return await call()
        except PlatformError as problem:
            raise Refused(problem.failure) from None
        except TimeoutError:
            raise Refused(TIMED_OUT) from None

    async def attempt(
        self, run: LineRun, works: Sequence[Work], call: Callable[[], Awaitable[T]], part: int = 0
    ) -> T:
        """Record the attempt, then make a call that must not be repeated blindly.

        On a certain failure the mark is closed before `Refused` is raised; on an unknown outcome it stays open.
        """
        hold, timeout_s = await self.deadline(run)
        mark = Mark(at=self.performer.now().timestamp(), tries=works[0].mark.tries + 1, open=True, part=part)
        await self._mark(hold, run, works, mark)
        try:
            async with asyncio.timeout(timeout_s):
                return await call()
        except PlatformError as problem:
            failure = problem.failure
        except TimeoutError:
            failure = TIMED_OUT
        if failure.kind is not FailureKind.UNKNOWN:
            closed = Mark(at=mark.at, tries=mark.tries, open=False, part=part)
            await self._mark(hold, run, works, closed)
        raise Refused(failure)

    async def _mark(self, hold: Hold, run: LineRun, works: Sequence[Work], mark: Mark) -> None:
        ids = [work.action.id for work in works]
        await self.performer.store.mark(hold, run.key.unit, ids, pack_mark(mark))
        for work in works:
            work.mark = mark

    def close(self, work: Work) -> None:
        """A look-up showed that the attempt had no effect: it may be made again."""
        work.mark = Mark(at=work.mark.at, tries=work.mark.tries, open=False, part=work.mark.part)

    def count(self, work: Work) -> None:
        """Count a try of something repeatable (in memory only)."""
        work.mark = Mark(at=work.mark.at, tries=work.mark.tries + 1, open=False, part=work.mark.part)

    async def alarm(self, run: LineRun, work: Work, desk: Desk, failure: PlatformFailure) -> None:
        """Nothing works on a desk until an operator acts: say so where it can be seen, once in a while."""
        key = (desk.name, failure.code, run.key.lane)
        now = time.monotonic()
        if now - self._alarms.get(key, -ALARM_EVERY_S) < ALARM_EVERY_S:
            return
        self._alarms[key] = now
        log.error("desk.stopped", desk=desk.name, code=failure.code, words=failure.words)
        action = work.action
        if not isinstance(action, ContactAction):
            return
        policy = self.performer.policies().inboxes.get(action.inbox)
        if policy is None or policy.admin_channel is None:
            return
        alert = Alert(
            id=action.id,
            seq=action.seq,
            contact=action.contact,
            inbox=action.inbox,
            conversation=action.conversation,
            body=text(f"{policy.name}: posting to its channel does not work: {failure.words}"),
        )
        marker = Marker(
            actions=(), contact=action.contact, conversation=action.conversation, inbox=action.inbox
        )
        admin_channel = policy.admin_channel
        with contextlib.suppress(Refused):
            await self.call(run, lambda: desk.alert(alert, admin_channel, marker))

    # -------------------------------------------------------------------------------------- waiting

    async def nap(self, seconds: float) -> None:
        """Wait `seconds` (scaled), in memory if it is short; else the line is parked."""
        await self._wait(self.pace.scaled(seconds))

    async def back_off(self, platform: str, work: Work, failure: PlatformFailure) -> None:
        """Wait before another try: as long as the platform asked, or longer with each try."""
        self.metrics.retry(platform, failure.kind.value)
        if failure.retry_after_s is not None:
            await self._wait(failure.retry_after_s)
            return
        tries = max(work.mark.tries, 1)
        if failure.pair_only:
            # Platforms that limit a pair: too many messages to one contact are paid back with pauses of 4^n seconds.
            await self.nap(min(4.0 ** (tries - 1), LONGEST_PAIR_PAUSE_S))
            return
        await self.nap(BACKOFF_S[min(tries, len(BACKOFF_S)) - 1])

    async def _wait(self, real_s: float) -> None:
        if real_s > self.options.longest_nap_s:
            raise Later(real_s)
        await asyncio.sleep(real_s)

    async def state(self, run: LineRun) -> Contact:
        """The contact as last committed."""
        state = await self.performer.engine.state(run.key.lane, run.key.unit)
        return state if isinstance(state, Contact) else Contact(id=ContactId(run.key.unit))
