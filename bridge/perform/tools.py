"""What the kinds of actions have in common: attempts, marks, deadlines, failures, waiting."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog
from msgspec.structs import replace

from bridge.actions import Alert, AnyAction, ContactAction
from bridge.adapters.base import Marker
from bridge.errors import Failure as PlatformFailure
from bridge.errors import FailureKind, FenceLostError, PlatformError, StoreUnavailableError
from bridge.events import AnyEvent, DeskDone, Done, Failed
from bridge.markup import text
from bridge.model import (
    DESK_LANE,
    RECENT_KEPT,
    ActionId,
    CardView,
    Contact,
    ContactId,
    Conversation,
    EventId,
    Recent,
)
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
SHORTEST_NAP_S = 0.01
"""Whatever waits are scaled to, something that cannot go on must not keep the process busy."""
ALARM_EVERY_S = 600.0
TIMED_OUT = PlatformFailure(
    kind=FailureKind.UNKNOWN, code="timeout", words="the platform did not answer in time"
)


class Later(Exception):  # noqa: N818 - not an error: the line's way to say that it goes on later
    """The line has to wait longer than it may stay in memory: `after_s` real seconds."""

    def __init__(self, after_s: float) -> None:
        super().__init__(after_s)
        self.after_s = after_s


class Changed(Exception):  # noqa: N818 - not an error: the line's way to say that its head is another one now
    """What was to be done ended, changed, or is not the first any more: look at the line again."""


class Refused(Exception):  # noqa: N818 - carries a classified failure to the act that asked
    """A try failed for certain, and trying again is the act's decision."""

    def __init__(self, failure: PlatformFailure) -> None:
        super().__init__(failure.code)
        self.failure = failure


async def _bounded(call: Callable[[], Awaitable[T]], until: float) -> T:
    """Make a call that ends by `until` (event loop's time). Raises `PlatformError`, for a time-out too."""
    try:
        async with asyncio.timeout_at(until):
            return await call()
    except TimeoutError:
        raise PlatformError(TIMED_OUT) from None


def _ids(works: Sequence[Work]) -> list[ActionId]:
    return [work.action.id for work in works]


class Tools:
    """Shared by the acts; one per performer."""

    def __init__(self, performer: Performer) -> None:
        self.performer = performer
        self.options = performer.options
        self.pace = performer.pace
        self.metrics = performer.metrics
        self._recent = msgspec.msgpack.Decoder(Recent)
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
            "tries": max(1, work.mark.tries),
        }

    async def report(self, run: LineRun, work: Work, event: AnyEvent) -> bool:
        """Commit a result. Once this returns the action has ended, was replaced, or has something ahead of it that
        has to be done first; where routing keeps it although nothing changed, it has waited. False: it had ended
        before.
        """
        action = work.action
        run.acting = True
        known = await self.performer.engine.result(run.key.lane, run.key.unit, event, action)
        run.acting = False
        if not known:
            self.performer.end(run.key.lane, run.key.unit, [action.id])
        elif run.head() is work and work.action is action:
            await self.nap(self.options.stopped_s)
        return known

    async def done(self, run: LineRun, work: Work) -> None:
        """Report that it is done."""
        await self.report(run, work, self.done_event(run, work))

    def done_event(self, run: LineRun, work: Work) -> AnyEvent:
        """`Done`, or its twin in the desk lane."""
        if run.key.lane == DESK_LANE:
            return DeskDone(id=EventId(f"{work.action.id}/r"), at=self.performer.now(), action=work.action.id)
        return Done(**self.base(work))

    async def failed(
        self, run: LineRun, work: Work, failure: PlatformFailure, part: int = 0, *, fetched: bool = False
    ) -> None:
        """Report that it failed for good."""
        if run.key.lane == DESK_LANE:
            await self.done(run, work)
            return
        await self.report(run, work, Failed(**self.base(work), failure=failure, part=part, fetched=fetched))

    # ------------------------------------------------------------------------------------- attempts

    def check(self, run: LineRun, work: Work, action: AnyAction) -> None:
        """Raises `Changed` unless `action` is still what `run` has to do next; to be asked after every wait."""
        if run.head() is not work or work.action is not action:
            raise Changed

    async def deadline(self, run: LineRun) -> tuple[Hold, float]:
        """The hold, and the instant (event loop's time) by which a call has to end so that it ends before the
        hold does.
        """
        for _ in range(50):
            hold = self._hold(run)
            left_s = self._left_s(hold)
            if left_s >= self._shortest_call_s():
                within_s = min(left_s, self.options.send_timeout_s)
                return hold, asyncio.get_running_loop().time() + within_s
            await asyncio.sleep(0.1)  # a renewal is due
        raise Later(1.0)

    def _hold(self, run: LineRun) -> Hold:
        hold = self.performer.engine.hold(run.key.lane)
        if hold is None or run.dropped:
            raise FenceLostError(run.key.lane)
        return hold

    @staticmethod
    def _left_s(hold: Hold) -> float:
        return hold.until - time.monotonic() - DEADLINE_MARGIN_S

    def _shortest_call_s(self) -> float:
        """A call that has less time than this is not begun."""
        return min(1.0, self.options.send_timeout_s)

    async def call(self, run: LineRun, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call within the deadline. Raises `Refused` with every failure, a time-out included."""
        _, until = await self.deadline(run)
        run.acting = True
        try:
            return await _bounded(call, until)
        except PlatformError as problem:
            run.acting = False
            raise Refused(problem.failure) from None

    async def attempt(
        self,
        run: LineRun,
        works: Sequence[Work],
        call: Callable[[], Awaitable[T]],
        part: int = 0,
        note: str = "",
        size: int = 0,
    ) -> T:
        """Record the attempt (with a `note` for whoever has to find out what came of it, and a file's `size`), then make a call that must not
        be repeated blindly.

        On a certain failure the mark is closed before `Refused` is raised; on an unknown outcome it stays open.
        Raises `Changed` when one of the actions has ended after all.
        """
        hold, _ = await self.deadline(run)
        run.acting = True
        tries = await self._mark(hold, run, works, part, note, size)
        if self._left_s(hold) < self._shortest_call_s():
            # Recording it took so long that the call might outlast the hold.
            await self._close(hold, run, works, tries=tries - 1)
            raise Changed
        # The call has all of its time, however long recording took.
        until = asyncio.get_running_loop().time() + min(self._left_s(hold), self.options.send_timeout_s)
        try:
            return await _bounded(call, until)
        except PlatformError as problem:
            if problem.failure.kind is not FailureKind.UNKNOWN:
                await self._close(hold, run, works, tries=tries)
            run.acting = False
            raise Refused(problem.failure) from None

    async def _mark(
        self, hold: Hold, run: LineRun, works: Sequence[Work], part: int, note: str, size: int
    ) -> int:
        """Record the attempt, unless that was done a moment ago, together with the action; the how-manieth it is.
        Raises `Changed`.
        """
        first = works[0]
        begun, first.begun = first.begun, None
        now = self.performer.now().timestamp()
        if begun is not None and len(works) == 1 and now - begun.at < self.options.fresh_mark_s:
            first.mark = begun
            return begun.tries
        tries = first.mark.tries + 1 if first.mark.part == part else 1
        mark = Mark(at=now, tries=tries, open=True, part=part, note=note, size=size)
        if not await self.performer.store.mark(hold, run.key.unit, _ids(works), pack_mark(mark)):
            await self.performer.read_again(run)
            raise Changed
        for work in works:
            work.mark = mark
        return tries

    async def _close(self, hold: Hold, run: LineRun, works: Sequence[Work], tries: int) -> None:
        """The attempt certainly had no effect. Where Redis cannot be told, only a crash makes a difference: then
        it has to be looked up.
        """
        closed = replace(works[0].mark, tries=tries, open=False)
        for work in works:
            work.mark = closed
        with contextlib.suppress(StoreUnavailableError):
            await self.performer.store.mark(hold, run.key.unit, _ids(works), pack_mark(closed))

    def close(self, work: Work) -> None:
        """A look-up showed that the attempt had no effect: it may be made again."""
        work.mark = Mark(at=work.mark.at, tries=work.mark.tries, open=False, part=work.mark.part)

    async def count(self, run: LineRun, work: Work, part: int | None = None) -> None:
        """Count a try of something repeatable; also in Redis, because the line may be parked before the next. `part`: of
        which part of the work, where another than the latest attempt's.
        """
        if part is not None and work.mark.part != part:
            work.mark = replace(work.mark, tries=0, part=part)
        await self._close(self._hold(run), run, [work], tries=work.mark.tries + 1)

    async def alarm(self, run: LineRun, work: Work, platform: str, failure: PlatformFailure) -> None:
        """Nothing works on a platform until an operator acts: say so where it can be seen, once in a while.

        Where the desk itself is the trouble its inbox's channel cannot tell anybody; only an admin channel can.
        """
        action = work.action
        if not isinstance(action, ContactAction):
            return
        key = (platform, failure.code, action.inbox)
        now = time.monotonic()
        if now - self._alarms.get(key, -ALARM_EVERY_S) < ALARM_EVERY_S:
            return
        self._alarms[key] = now
        log.error("platform.stopped", platform=platform, code=failure.code, words=failure.words)
        policy = self.performer.policies().inboxes.get(action.inbox)
        desk = self.performer.desks.get(policy.desk) if policy else None
        if policy is None or desk is None:
            return
        on_desk = platform == desk.name
        channel = policy.admin_channel or (None if on_desk else policy.channel)
        if channel is None:
            return
        what = "posting to its channel" if on_desk else "sending to contacts"
        alert = Alert(
            id=action.id,
            seq=action.seq,
            contact=action.contact,
            inbox=action.inbox,
            conversation=action.conversation,
            body=text(f"{policy.name}: {what} does not work: {failure.words}"),
        )
        marker = Marker(
            actions=(), contact=action.contact, conversation=action.conversation, inbox=action.inbox
        )
        with contextlib.suppress(Refused):
            await self.call(run, lambda: desk.alert(alert, channel, marker))

    # -------------------------------------------------------------------------------------- waiting

    async def nap(self, seconds: float) -> None:
        """Wait `seconds` (scaled), in memory if it is short; else the line is parked."""
        await self.pause(self.pace.scaled(seconds))

    async def pause(self, real_s: float) -> None:
        """Wait `real_s` as it is, in memory if it is short; else the line is parked."""
        if real_s > self.options.longest_nap_s:
            raise Later(real_s)
        await asyncio.sleep(max(real_s, SHORTEST_NAP_S))

    async def back_off(self, platform: str, work: Work, failure: PlatformFailure) -> None:
        """Wait before another try: as long as the platform asked, or longer with each try."""
        self.metrics.retry(platform, failure.kind.value)
        if failure.retry_after_s is not None:
            await self.pause(failure.retry_after_s)
            return
        tries = max(work.mark.tries, 1)
        if failure.pair_only:
            # Platforms that limit a pair: too many messages to one contact are paid back with pauses of 4^n seconds.
            await self.nap(min(4.0 ** (tries - 1), LONGEST_PAIR_PAUSE_S))
            return
        await self.nap(BACKOFF_S[min(tries, len(BACKOFF_S)) - 1])

    async def card(self, run: LineRun, contact: Contact, conversation: Conversation) -> CardView:
        """What the conversation's card shows now; a healed thread's begins with what was said before."""
        recent: tuple[Recent, ...] = ()
        if conversation.healed_at is not None:
            lines = await self.performer.store.recent(run.key.lane, conversation.id, RECENT_KEPT)
            recent = tuple(self._recent.decode(line) for line in lines)
        return self.performer.cards(contact, conversation, recent)

    async def state(self, run: LineRun) -> Contact:
        """The contact as last committed."""
        state = await self.performer.engine.state(run.key.lane, run.key.unit)
        return state if isinstance(state, Contact) else Contact(id=ContactId(run.key.unit))
