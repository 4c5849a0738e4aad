"""Which kind of action is carried out how."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bridge.actions import (
    Alert,
    Amend,
    Announce,
    Answer,
    AnyAction,
    DirectMessage,
    Emit,
    EraseTraces,
    FindThread,
    ForgetThreads,
    MarkRead,
    MoveAliases,
    OpenThread,
    PostNotice,
    Relay,
    Send,
    SendReaction,
    ShowDrafting,
    ShowMode,
    ShowReaction,
    ShowReceipt,
    ShowTrace,
    UpdateCard,
)
from bridge.content import Attachment
from bridge.perform.contact_acts import ContactActs
from bridge.perform.decoration_acts import DecorationActs
from bridge.perform.file_acts import FileActs
from bridge.perform.lane_acts import LaneActs
from bridge.perform.lines import LineRun
from bridge.perform.thread_acts import ThreadActs
from bridge.perform.tools import Tools

if TYPE_CHECKING:
    from bridge.perform.performer import Performer


class Acts:
    """Carries out the head of a line."""

    def __init__(self, performer: Performer) -> None:
        tools = Tools(performer)
        self._thread = ThreadActs(tools)
        self._files = FileActs(tools, self._thread)
        self._decoration = DecorationActs(tools)
        self._contact = ContactActs(tools)
        self._lanes = LaneActs(tools)

    def is_clear(self, action: AnyAction, *, behind: bool) -> bool:
        """Will `action` be attempted at once when its turn in its line comes? `behind`: right after another."""
        return self._thread.is_clear(action, behind=behind)

    async def next(self, run: LineRun) -> None:  # noqa: C901, PLR0912 - one case per action, nothing else
        """Carry out what comes next in `run`, or make some progress with it. Raises `tools.Later` when the line
        has to wait, `FenceLostError` when the lane is not ours any more.
        """
        work = run.head()
        if work is None:
            return
        match work.action:
            case OpenThread() as action:
                await self._thread.open_thread(run, work, action)
            case Relay(content=Attachment() as file) as action if file.media:
                await self._files.show(run, work, action, file)
            case Relay() as action:
                await self._thread.relay(run, work, action)
            case Amend() as action:
                await self._thread.amend(run, work, action)
            case PostNotice() as action:
                await self._thread.notice(run, work, action)
            case Send() as action:
                await self._contact.send(run, work, action)
            case SendReaction() as action:
                await self._contact.react(run, work, action)
            case MarkRead() as action:
                await self._decoration.mark_read(run, work, action)
            case UpdateCard() as action:
                await self._decoration.update_card(run, work, action)
            case ShowReaction() as action:
                await self._decoration.show_reaction(run, work, action)
            case ShowDrafting() as action:
                await self._decoration.show_drafting(run, work, action)
            case ShowReceipt() as action:
                await self._decoration.show_receipt(run, work, action)
            case Answer() | DirectMessage() | Alert() as action:
                await self._lanes.tell(run, work, action)
            case ShowTrace() as action:
                await self._lanes.show_trace(run, work, action)
            case Emit() as action:
                await self._lanes.emit(run, work, action)
            case MoveAliases() as action:
                await self._lanes.move_aliases(run, work, action)
            case ForgetThreads() as action:
                await self._lanes.forget_threads(run, work, action)
            case EraseTraces() as action:
                await self._lanes.erase_traces(run, work, action)
            case FindThread() as action:
                await self._lanes.find_thread(run, work, action)
            case Announce() as action:
                await self._lanes.announce(run, work, action)
            case ShowMode() as action:
                await self._lanes.show_mode(run, work, action)
            case _ as never:
                assert_never(never)
