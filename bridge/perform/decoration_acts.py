"""The decoration line: the card, receipts, read receipts to the contact. The latest state wins."""

from __future__ import annotations

from bridge.actions import MarkRead, ShowReceipt, UpdateCard
from bridge.errors import Failure, FailureKind
from bridge.perform.lines import LineRun, Work
from bridge.perform.tools import Refused, Tools

MOST_TRIES = 5


class DecorationActs:
    """Carries out `UpdateCard`, `ShowReceipt` and `MarkRead`. All may be repeated; none may hold anything up."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def update_card(self, run: LineRun, work: Work, action: UpdateCard) -> None:
        """Render the card from current state, unless a newer change will."""
        await self._tools.nap(self._tools.options.decoration_wait_s)
        if any(isinstance(one.action, UpdateCard) for one in run.waiting()[1:]):
            await self._tools.done(run, work)
            return
        state = await self._tools.state(run)
        conversation = state.conversation(action.conversation)
        if conversation is None:
            await self._tools.done(run, work)
            return
        card = conversation.card
        if card is None:
            # The thread is being made; the card may have been rendered from an older state.
            await self._tools.nap(1.0)
            return
        desk = self._tools.performer.desks[card.desk]
        view = self._tools.performer.cards(state, conversation)
        try:
            await self._tools.call(run, lambda: desk.update_card(card, view))
        except Refused as refused:
            await self._refused(run, work, desk.name, refused.failure)
        else:
            self._tools.metrics.send(desk.name, "update_card", "ok")
            await self._tools.done(run, work)

    async def show_receipt(self, run: LineRun, work: Work, action: ShowReceipt) -> None:
        """Show a fate on its post, unless a further one for the same post will."""
        await self._tools.nap(self._tools.options.decoration_wait_s)
        if any(_outdoes(one, action) for one in run.waiting()[1:]):
            await self._tools.done(run, work)
            return
        desk = self._tools.performer.desks[action.post.desk]
        try:
            await self._tools.call(run, lambda: desk.show_receipt(action.post, action.receipt))
        except Refused as refused:
            if refused.failure.kind is FailureKind.GONE:
                await self._tools.done(run, work)
                return
            await self._refused(run, work, desk.name, refused.failure)
        else:
            self._tools.metrics.send(desk.name, "show_receipt", "ok")
            await self._tools.done(run, work)

    async def mark_read(self, run: LineRun, work: Work, action: MarkRead) -> None:
        """Tell the contact that we read it; one more or less does no harm."""
        channel = self._tools.performer.channel
        try:
            await self._tools.call(run, lambda: channel.mark_read(action.inbox, action.platform_id))
        except Refused as refused:
            self._tools.metrics.error(channel.name, refused.failure.kind.value)
        else:
            self._tools.metrics.send(channel.name, "mark_read", "ok")
        await self._tools.done(run, work)

    async def _refused(self, run: LineRun, work: Work, platform: str, failure: Failure) -> None:
        tools = self._tools
        tools.metrics.error(platform, failure.kind.value)
        if failure.kind is FailureKind.GONE:
            await tools.failed(run, work, failure)
            return
        if failure.kind in (FailureKind.RETRY, FailureKind.UNKNOWN) and work.mark.tries < MOST_TRIES:
            tools.count(work)
            await tools.back_off(platform, work, failure)
            return
        await tools.done(run, work)


def _outdoes(work: Work, action: ShowReceipt) -> bool:
    other = work.action
    return isinstance(other, ShowReceipt) and other.post == action.post and other.receipt >= action.receipt
