"""The decoration line: the card, receipts, read receipts to the contact. The latest state wins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from bridge.actions import AnyAction, MarkRead, ShowDrafting, ShowReaction, ShowReceipt, UpdateCard
from bridge.errors import Failure, FailureKind
from bridge.perform.lines import LineRun, Work
from bridge.perform.tools import Refused, Tools

MOST_TRIES = 5


_NOWHERE = Failure(kind=FailureKind.NEVER, code="no_reaction", words="")
"""A reaction cannot be shown on its message, whose words it carries as far as they are known."""


class DecorationActs:
    """Carries out `UpdateCard`, `ShowReceipt` and `MarkRead`. All may be repeated; none may hold anything up."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def update_card(self, run: LineRun, work: Work, action: UpdateCard) -> None:
        """Render the card from current state, unless a newer change will."""
        if await self._outdone(run, work, lambda other: isinstance(other, UpdateCard)):
            await self._tools.done(run, work)
            return
        state = await self._tools.state(run)
        conversation = state.conversation(action.conversation)
        card = conversation.card if conversation else None
        if conversation is None or card is None:
            # The next thread's card is rendered from the state of that time, so this change is in it.
            await self._tools.done(run, work)
            return
        desk = self._tools.performer.desks[card.desk]
        view = await self._tools.card(run, state, conversation)
        try:
            await self._tools.call(run, lambda: desk.update_card(card, view))
        except Refused as refused:
            if await self._goes_on(run, work, desk.name, refused.failure):
                return
            if refused.failure.kind is FailureKind.GONE:
                await self._tools.failed(run, work, refused.failure)
            else:
                await self._tools.done(run, work)
        else:
            self._tools.metrics.send(desk.name, "update_card", "ok")
            await self._tools.done(run, work)

    async def show_receipt(self, run: LineRun, work: Work, action: ShowReceipt) -> None:
        """Show a fate on its post, unless newer news of the same post will."""
        if await self._outdone(run, work, lambda other: _outdoes(other, action)):
            await self._tools.done(run, work)
            return
        desk = self._tools.performer.desks[action.post.desk]
        try:
            await self._tools.call(run, lambda: desk.show_receipt(action.post, action.receipt))
        except Refused as refused:
            if not await self._goes_on(run, work, desk.name, refused.failure):
                await self._tools.done(run, work)
        else:
            self._tools.metrics.send(desk.name, "show_receipt", "ok")
            await self._tools.done(run, work)

    async def show_reaction(self, run: LineRun, work: Work, action: ShowReaction) -> None:
        """Put the contact's emoji where the message stands, after taking off the one before. Where that cannot be it is
        told of: the contact's state has it as shown, so it would be gone.
        """
        contact = await self._tools.state(run)
        found = await self._tools.performer.recall.find(contact, action.about)
        words = found.words if found is not None else ""
        post = found.posts[0] if found is not None and found.posts else None
        desk = self._tools.performer.desks.get(post.desk) if post is not None else None
        told = replace(_NOWHERE, words=words)
        if post is None or desk is None:
            await self._tools.failed(run, work, told)
            return
        try:
            taken = True
            if action.before:
                taken = await self._tools.call(run, lambda: desk.react(post, action.before, on=False))
            if action.emoji:
                taken = await self._tools.call(run, lambda: desk.react(post, action.emoji, on=True))
        except Refused as refused:
            if await self._goes_on(run, work, desk.name, refused.failure):
                return
            taken = False
        self._tools.metrics.send(desk.name, "show_reaction", "ok" if taken else "told")
        if taken:
            await self._tools.done(run, work)
        else:
            await self._tools.failed(run, work, told)

    async def mark_read(self, run: LineRun, work: Work, action: MarkRead) -> None:
        """Tell the contact that we read it; one more or less does no harm."""
        channel = self._tools.performer.channel
        try:
            await self._tools.call(
                run, lambda: channel.mark_read(action.inbox, action.platform_id, typing=action.typing)
            )
        except Refused as refused:
            self._tools.metrics.error(channel.name, refused.failure.kind.value)
        else:
            self._tools.metrics.send(channel.name, "mark_read", "ok")
        await self._tools.done(run, work)

    async def show_drafting(self, run: LineRun, work: Work, action: ShowDrafting) -> None:
        """Show who is writing; what comes too late is not worth another try."""
        desk = self._tools.performer.desks[action.place.desk]
        try:
            await self._tools.call(run, lambda: desk.show_drafting(action.place, action.who))
        except Refused as refused:
            self._tools.metrics.error(desk.name, refused.failure.kind.value)
        else:
            self._tools.metrics.send(desk.name, "show_drafting", "ok")
        await self._tools.done(run, work)

    async def _outdone(self, run: LineRun, work: Work, outdoes: Callable[[AnyAction], bool]) -> bool:
        """Does something that waits behind `work` make it needless? Asked again after a short wait, because
        changes come in bursts.
        """
        if any(outdoes(one.action) for one in run.waiting()[1:]):
            return True
        waited_s = time.monotonic() - work.since
        left_s = self._tools.pace.scaled(self._tools.options.decoration_wait_s) - waited_s
        if left_s <= 0:
            return False
        await asyncio.sleep(left_s)
        self._tools.check(run, work, work.action)
        return any(outdoes(one.action) for one in run.waiting()[1:])

    async def _goes_on(self, run: LineRun, work: Work, platform: str, failure: Failure) -> bool:
        """Whether it is to be tried again; the wait before that is over then."""
        tools = self._tools
        tools.metrics.error(platform, failure.kind.value)
        if failure.kind is FailureKind.RETRY and failure.retry_after_s is not None:
            # Too many at once is no failure of this one: given up, the last state would never be shown.
            await tools.back_off(platform, work, failure)
            return True
        if failure.kind in (FailureKind.RETRY, FailureKind.UNKNOWN) and work.mark.tries < MOST_TRIES:
            await tools.count(run, work)
            await tools.back_off(platform, work, failure)
            return True
        return False


def _outdoes(other: AnyAction, action: ShowReceipt) -> bool:
    return isinstance(other, ShowReceipt) and other.post == action.post
