"""The thread's line: opening it, showing what the contact wrote, our own notices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from msgspec.structs import replace

from bridge.actions import Amend, AnyAction, ContactAction, OpenThread, PostNotice, Relay
from bridge.adapters.base import NOT_KNOWN, Desk, Marker, Quoted
from bridge.content import Attachment
from bridge.errors import Failure, FailureKind, FenceLostError
from bridge.events import Posted, ThreadOpened
from bridge.markup import Link, Text
from bridge.model import ActionId, Direction, InboxPolicy, Place, Post, Recalled, ThreadRef
from bridge.perform.lines import LineRun, Work
from bridge.perform.strays import LOOK_EVERY_S, take_back
from bridge.perform.tools import Refused, Tools

log = structlog.get_logger(__name__)
T = TypeVar("T")

NEW_THREAD, CUSTOMER, OURS = 0, 1, 2
"""Urgencies at a channel's turnstile: new threads, contacts' messages, our own notices."""
LOOK_BACK = timedelta(seconds=30)
"""How much earlier than the attempt a look-up starts: clocks of platforms differ from ours."""
SATURATED_S = 0.2
"""A turn that took longer than this (scaled) means the channel has more to show than it may."""
SHORTEST_SATURATED_S = 0.05
"""Whatever waits are scaled to: what is shorter is the machine's doing, not the channel's."""
SHORTEST_LOOK_S = 0.05
MOST_MERGED = 20
NO_THREAD = Failure(kind=FailureKind.GONE, code="no_thread", words="its thread is gone")


class ThreadActs:
    """Carries out `OpenThread`, `Relay` and `PostNotice`."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def is_clear(self, action: AnyAction, *, behind: bool) -> bool:
        """Will `action` have its turn soon in the channel that it is posted in (as far as the settings tell)? `behind`:
        it comes right after another.
        """
        if isinstance(action, Relay) and isinstance(action.content, Attachment):
            # Its bytes have to be fetched first.
            return False
        policy = self._policy(action) if isinstance(action, ContactAction) else None
        desk = self._tools.performer.desks.get(policy.desk) if policy is not None else None
        if desk is None or policy is None:
            return False
        return self._tools.pace.is_clear(
            desk.post_bucket(policy.channel), self._tools.options.fresh_mark_s, behind=behind
        )

    # ------------------------------------------------------------------------------------- opening

    async def open_thread(self, run: LineRun, work: Work, action: OpenThread) -> None:
        """Make the thread; its root is the card, rendered now."""
        performer = self._tools.performer
        state = await self._tools.state(run)
        conversation = state.conversation(action.conversation)
        policy = self._policy(action)
        if conversation is None or policy is None:
            await self._tools.done(run, work)
            return
        desk = performer.desks[policy.desk]
        channel = Place(desk=policy.desk, channel=policy.channel)
        view = await self._tools.card(run, state, conversation)
        marker = self._marker([work])

        async def call() -> tuple[Place, Post]:
            await self.turn(desk, policy.channel, NEW_THREAD)
            self._tools.check(run, work, action)
            return await self._tools.attempt(
                run, [work], lambda: desk.open_thread(policy.channel, view, marker)
            )

        async def found(card: Post) -> tuple[Place, Post]:
            return Place(desk=card.desk, channel=card.channel, thread=card.id), card

        opened = await self._once(run, work, desk, channel, marker, call, found)
        if opened is None:
            return
        place, card = opened
        ref = ThreadRef(contact=action.contact, conversation=action.conversation, inbox=action.inbox)
        # Before anything else: somebody may answer in the thread the moment it is visible.
        await performer.store.remember_thread(place, ref)
        await self._tools.report(
            run,
            work,
            ThreadOpened(**self._tools.base(work), place=place, card=card),
        )
        self._tools.metrics.send(desk.name, "open_thread", "ok")

    # ------------------------------------------------------------------------------------- posting

    async def relay(self, run: LineRun, work: Work, action: Relay) -> None:
        """Show the contact's message; several in one post when the channel is saturated."""
        spot = await self.spot(run, work)
        if spot is None:
            return
        desk, place = spot
        works = [work]
        marker = self._marker(works)

        async def call() -> Post:
            waited_s = await self.turn(desk, place.channel, CUSTOMER)
            self._tools.check(run, work, action)
            if waited_s > max(self._tools.pace.scaled(SATURATED_S), SHORTEST_SATURATED_S):
                works[:] = self._mergeable(run, desk)
            relays = [one.action for one in works if isinstance(one.action, Relay)]
            quotes = await self.quotes(run, desk, place, relays)
            self._tools.check(run, work, action)
            return await self._tools.attempt(
                run, works, lambda: desk.relay(place, relays, self._marker(works), quotes)
            )

        post = await self._once(run, work, desk, place, marker, call, _as_it_is)
        if post is None:
            return
        try:
            known = [
                await self._tools.report(run, one, Posted(**self._tools.base(one), post=post))
                for one in works
            ]
        except FenceLostError:
            self.look_after(run, desk, works, post)
            raise
        if not all(known):
            self.look_after(run, desk, works, post)
        self._tools.metrics.send(desk.name, "relay", "ok" if len(works) == 1 else "merged")

    async def quotes(
        self, run: LineRun, desk: Desk, place: Place, relays: Sequence[Relay]
    ) -> dict[ActionId, Quoted]:
        """What those of `relays` answer that answer something."""
        quotes: dict[ActionId, Quoted] = {}
        for relay in relays:
            if relay.quoted is not None:
                contact = await self._tools.state(run)
                found = await self._tools.performer.recall.find(contact, relay.quoted)
                quotes[relay.id] = NOT_KNOWN if found is None else await _quote(desk, place, relay, found)
        return quotes

    def look_after(
        self, run: LineRun, desk: Desk, works: Sequence[Work], post: Post, before: Collection[Post] = ()
    ) -> None:
        """Somebody else has the lane, or has ended the action: they may have shown the message, too. `before`: the posts
        that the message had before the attempt.
        """
        messages = [one.action.message for one in works if isinstance(one.action, Relay)]
        performer = self._tools.performer
        every_s = max(self._tools.pace.scaled(LOOK_EVERY_S), SHORTEST_LOOK_S)
        lane, unit = run.key.lane, run.key.unit
        _ = performer.spawn(
            take_back(performer.store, desk, lane, unit, messages, post, before=before, every_s=every_s)
        )

    async def amend(self, run: LineRun, work: Work, action: Amend) -> None:
        """Say on a post what became of the contact's message that it shows."""
        contact = await self._tools.state(run)
        found = await self._tools.performer.recall.find(contact, action.about)
        post = found.posts[-1] if found is not None and found.posts else None
        desk = self._tools.performer.desks.get(post.desk) if post is not None else None
        was = found.words if found is not None else ""
        nowhere = Failure(kind=FailureKind.NEVER, code="not_amended", words=was)
        if found is None or post is None or desk is None:
            await self._tools.failed(run, work, nowhere)
            return
        shown_in = contact.conversation(found.conversation)
        thread = shown_in.thread if shown_in is not None else None
        try:
            taken = await self._tools.call(run, lambda: desk.amend(post, thread, action, was))
        except Refused as refused:
            spot = Place(desk=post.desk, channel=post.channel)
            await self.refused(run, work, desk, spot, refused.failure, reported=nowhere)
            return
        if taken:
            await self._tools.report(run, work, Posted(**self._tools.base(work), post=post))
        else:
            await self._tools.failed(run, work, nowhere)
        self._tools.metrics.send(desk.name, "amend", "ok" if taken else "told")

    async def notice(self, run: LineRun, work: Work, action: PostNotice) -> None:
        """Post something of ours."""
        spot = await self.spot(run, work)
        if spot is None:
            return
        desk, place = spot
        marker = self._marker([work])
        shown = self._with_link(action)

        async def call() -> Post:
            await self.turn(desk, place.channel, OURS)
            self._tools.check(run, work, action)
            return await self._tools.attempt(run, [work], lambda: desk.notice(place, shown, marker))

        post = await self._once(run, work, desk, place, marker, call, _as_it_is)
        if post is not None:
            await self._tools.report(run, work, Posted(**self._tools.base(work), post=post))
            self._tools.metrics.send(desk.name, "notice", "ok")

    def _with_link(self, action: PostNotice) -> PostNotice:
        """The same, with a link to the file that it is about; the link's time begins now."""
        performer = self._tools.performer
        url = performer.media.link(action.inbox, action.file, performer.now()) if action.file else None
        if url is None:
            return action
        return replace(action, body=(*action.body, Text(" "), Link(url, "Download the file")))

    # ------------------------------------------------------------------------------------ together

    async def _once(
        self,
        run: LineRun,
        work: Work,
        desk: Desk,
        place: Place,
        marker: Marker,
        call: Callable[[], Awaitable[T]],
        found: Callable[[Post], Awaitable[T]],
    ) -> T | None:
        """Make a post at most once: after an attempt of unknown outcome, look before doing it again. None: it
        is not there yet (the line goes on later), or it failed for good and that was reported.
        """
        try:
            if work.mark.open:
                # What was sent a moment ago may not have been carried out yet.
                left_s = work.mark.at + self.settle_s() - self._tools.performer.now().timestamp()
                if left_s > 0:
                    await self._tools.pause(left_s)
                since = datetime.fromtimestamp(work.mark.at, UTC) - LOOK_BACK
                post = await self._tools.call(run, lambda: desk.find(place, marker, since))
                if post is not None:
                    self._tools.metrics.send(desk.name, "look_up", "found")
                    return await found(post)
                self._tools.metrics.send(desk.name, "look_up", "absent")
                self._tools.close(work)
            return await call()
        except Refused as refused:
            await self.refused(run, work, desk, place, refused.failure)
            return None

    async def refused(
        self,
        run: LineRun,
        work: Work,
        desk: Desk,
        place: Place,
        failure: Failure,
        *,
        fetched: bool = False,
        reported: Failure | None = None,
    ) -> None:
        """A post was refused or its outcome is not known. `fetched`: it was of a file that we have. `reported`: what to say
        in place of `failure` where it is given up.
        """
        tools = self._tools
        tools.metrics.error(desk.name, failure.kind.value)
        if failure.kind is FailureKind.STOP and self._left_behind(work, place):
            failure = replace(failure, kind=FailureKind.GONE)
        match failure.kind:
            case FailureKind.UNKNOWN:
                tools.metrics.retry(desk.name, failure.kind.value)
                await tools.nap(tools.options.lookup_after_s)
            case FailureKind.RETRY:
                await tools.back_off(desk.name, work, failure)
            case FailureKind.LIMITED if work.mark.tries < tools.options.limited_tries:
                await tools.back_off(desk.name, work, failure)
            case FailureKind.GONE if not isinstance(work.action, OpenThread):
                await tools.failed(run, work, reported or failure)
            case FailureKind.STOP | FailureKind.GONE:
                # Nothing can be posted until somebody acts; what waits stays pending and in order.
                await tools.alarm(run, work, desk.name, failure)
                await tools.nap(tools.options.stopped_s)
            case _:
                await tools.failed(run, work, reported or failure, fetched=fetched)

    async def spot(self, run: LineRun, work: Work) -> tuple[Desk, Place] | None:
        """The desk and the thread to post in; None when the conversation is gone (that was reported)."""
        action = work.action
        state = await self._tools.state(run)
        conversation = state.conversation(action.conversation) if isinstance(action, ContactAction) else None
        if conversation is None:
            log.warning("line.no_conversation", conversation=run.key.conversation, action=action.id)
            await self._tools.done(run, work)
            return None
        if conversation.thread is None and conversation.opening is None:
            # It vanished while nothing seemed to need it: routing asks for another when it hears of this.
            await self._tools.failed(run, work, NO_THREAD)
            return None
        if conversation.thread is None:
            # Its `OpenThread` comes first in this very line, so this is only seen in between.
            await self._tools.nap(self._tools.options.longest_nap_s + 1)
            return None
        return self._tools.performer.desks[conversation.thread.desk], conversation.thread

    def _left_behind(self, work: Work, place: Place) -> bool:
        """Whether the settings name another channel for the inbox by now. An operator who cannot mend the old one
        does that; its conversations go on in the new one.
        """
        policy = self._policy(work.action) if isinstance(work.action, ContactAction) else None
        return policy is not None and place.channel != policy.channel

    def settle_s(self) -> float:
        """How long after an attempt a look-up may still miss it."""
        return self._tools.pace.scaled(self._tools.options.lookup_after_s)

    def _policy(self, action: ContactAction) -> InboxPolicy | None:
        return self._tools.performer.policies().inboxes.get(action.inbox)

    async def turn(self, desk: Desk, channel: str, urgency: int) -> float:
        """Wait until something may be posted in `channel`; how long that took, in seconds."""
        waited_s = await self._tools.pace.turn(desk.post_bucket(channel), urgency)
        if waited_s > 0:
            self._tools.metrics.rate_limit_wait(desk.name, "post", waited_s)
        return waited_s

    def _mergeable(self, run: LineRun, desk: Desk) -> list[Work]:
        """The relays, from the head of the line on, that go into one post: the head in any case."""
        head, *behind = run.waiting()[:MOST_MERGED]
        works = [head]
        if _is_file(head):
            # One of which there are no bytes is shown in words, and alone, too.
            return works
        for work in behind:
            if not isinstance(work.action, Relay) or work.mark.open or _is_file(work):
                break
            works.append(work)
        fitting = desk.mergeable([work.action for work in works if isinstance(work.action, Relay)])
        return works[: max(1, fitting)]

    @staticmethod
    def _marker(works: list[Work]) -> Marker:
        action = works[0].action
        if not isinstance(action, ContactAction):
            raise TypeError(action)
        return Marker(
            actions=tuple(work.action.id for work in works),
            contact=action.contact,
            conversation=action.conversation,
            inbox=action.inbox,
        )


def _is_file(work: Work) -> bool:
    return isinstance(work.action, Relay) and isinstance(work.action.content, Attachment)


async def _quote(desk: Desk, place: Place, relay: Relay, found: Recalled) -> Quoted:
    here = place if found.conversation == relay.conversation else None
    url = await desk.link(found.posts[0], here) if found.posts else None
    own = found.direction is Direction.INBOUND
    return Quoted(words=found.words or "…", url=url, own=own)


async def _as_it_is(post: Post) -> Post:
    return post
