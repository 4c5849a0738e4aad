"""Answers to people, events for other lanes, and the odd look-up."""

from __future__ import annotations

import asyncio
import functools

import msgspec

from bridge.actions import (
    Alert,
    Announce,
    Answer,
    DirectMessage,
    Emit,
    EraseTraces,
    FindThread,
    ForgetThreads,
    MoveAliases,
    ShowMode,
    ShowTrace,
)
from bridge.adapters.base import Desk, Marker
from bridge.errors import FailureKind
from bridge.events import ModeChanged, ThreadFound, pack
from bridge.model import Contact, ContactId, ConversationId, DeskState, EventId, OpenConversation, lane_of
from bridge.perform.lines import LineRun, Work
from bridge.perform.tools import Refused, Tools
from bridge.store.base import Traces

MOST_TRIES = 5
SNAPSHOTS_SEEN_S = 1.0
"""By then every process has looked at the desk lane's state again (real time, not scaled)."""
PASSING = frozenset({FailureKind.RETRY, FailureKind.UNKNOWN, FailureKind.STOP})
"""Failures that say nothing about the thread that was asked for: the question is asked again, however often."""


class LaneActs:
    """Carries out `Answer`, `ShowTrace`, `DirectMessage`, `Alert`, `Emit`, `MoveAliases`, `ForgetThreads`, `EraseTraces`,
    `FindThread`, `Announce`, `ShowMode`.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._rows = msgspec.msgpack.Decoder(OpenConversation)

    async def tell(self, run: LineRun, work: Work, action: Answer | DirectMessage | Alert) -> None:
        """Tell one person, or the people with rights. After a few tries it is dropped, and counted."""
        policy = self._tools.performer.policies().inboxes.get(action.inbox)
        name = action.to.partition(":")[0] if not isinstance(action, Alert) else policy.desk if policy else ""
        desk = self._tools.performer.desks.get(name)
        if desk is None:
            await self._tools.done(run, work)
            return
        channel = (policy.admin_channel or policy.channel) if policy else ""
        try:
            await self._tools.call(run, lambda: _tell(desk, action, channel))
        except Refused as refused:
            failure = refused.failure
            self._tools.metrics.error(desk.name, failure.kind.value)
            if failure.kind is FailureKind.RETRY and work.mark.tries < MOST_TRIES:
                await self._tools.count(run, work)
                await self._tools.back_off(desk.name, work, failure)
                return
            self._tools.metrics.send(desk.name, type(action).__name__, "dropped")
            await self._tools.failed(run, work, failure)
        else:
            self._tools.metrics.send(desk.name, type(action).__name__, "ok")
            await self._tools.done(run, work)

    async def show_trace(self, run: LineRun, work: Work, action: ShowTrace) -> None:
        """Look up what happened to a message and tell whoever asked."""
        desk = self._tools.performer.desks.get(action.to.partition(":")[0])
        if desk is None:
            await self._tools.done(run, work)
            return
        body = await self._tools.performer.tracer.trace(action, lambda post: desk.link(post, action.thread))
        answer = Answer(
            id=action.id,
            seq=action.seq,
            contact=action.contact,
            inbox=action.inbox,
            conversation=action.conversation,
            to=action.to,
            place=action.place,
            body=body,
            reply_handle=action.reply_handle,
        )
        await self.tell(run, work, answer)

    async def emit(self, run: LineRun, work: Work, action: Emit) -> None:
        """Append an event to another lane; there its id keeps it from counting twice."""
        await self._tools.performer.store.emit(action.to, action.unit, action.event)
        await self._tools.done(run, work)

    async def move_aliases(self, run: LineRun, work: Work, action: MoveAliases) -> None:
        """Point aliases at the contact that won a join."""
        await self._tools.performer.store.move_aliases(action.contact, action.aliases)
        await self._tools.done(run, work)

    async def forget_threads(self, run: LineRun, work: Work, action: ForgetThreads) -> None:
        """Let go of the keys of threads that nobody wrote in for long."""
        await self._tools.performer.store.forget_threads(action.places)
        await self._tools.done(run, work)

    async def erase_traces(self, run: LineRun, work: Work, action: EraseTraces) -> None:
        """Let go of what leads to a contact that was forgotten, unless it leads to a new life of theirs already."""
        performer = self._tools.performer
        state = await performer.engine.state(run.key.lane, run.key.unit)
        alive = state.aliases if isinstance(state, Contact) else ()
        traces = Traces(
            contact=action.contact,
            aliases=[one for one in action.aliases if one not in alive],
            places=action.places,
            conversations=action.conversations,
        )
        await performer.store.erase(run.key.lane, traces)
        await self._tools.done(run, work)

    async def find_thread(self, run: LineRun, work: Work, action: FindThread) -> None:
        """What a thread stands for, by its root where it is not known yet; that goes back to the desk lane."""
        desk = self._tools.performer.desks[action.place.desk]
        known = await self._tools.performer.store.thread(action.place)
        try:
            ref = known or await self._tools.call(run, lambda: desk.find_thread(action.place))
        except Refused as refused:
            failure = refused.failure
            self._tools.metrics.error(desk.name, failure.kind.value)
            if failure.kind in PASSING or (
                failure.kind is not FailureKind.GONE and work.mark.tries < MOST_TRIES
            ):
                await self._tools.count(run, work)
                await self._tools.back_off(desk.name, work, failure)
                return
            ref = None
        if ref is not None and known is None:
            await self._tools.performer.store.remember_thread(action.place, ref)
        event = ThreadFound(
            id=EventId(f"{action.id}/r"),
            at=self._tools.performer.now(),
            action=action.id,
            place=action.place,
            event=action.event,
            contact=ref.contact if ref else None,
            conversation=ref.conversation if ref else None,
            inbox=ref.inbox if ref else None,
        )
        await self._tools.report(run, work, event)

    async def announce(self, run: LineRun, work: Work, action: Announce) -> None:
        """Tell the people with rights, once in each of their channels. After a few tries it is dropped, and counted."""
        policies = self._tools.performer.policies().inboxes
        known = [policies[one] for one in action.inboxes if one in policies]
        channels = {(policy.desk, policy.admin_channel or policy.channel): policy.id for policy in known}
        for (name, channel), inbox in channels.items():
            desk = self._tools.performer.desks.get(name)
            if desk is None:
                continue
            alert = Alert(
                id=action.id,
                seq=action.seq,
                contact=ContactId(""),
                inbox=inbox,
                conversation=ConversationId(""),
                body=action.body,
            )
            try:
                await self._tools.call(run, functools.partial(_tell, desk, alert, channel))
            except Refused as refused:
                failure = refused.failure
                self._tools.metrics.error(desk.name, failure.kind.value)
                if failure.kind is FailureKind.RETRY and work.mark.tries < MOST_TRIES:
                    await self._tools.count(run, work)
                    await self._tools.back_off(desk.name, work, failure)
                    return
                self._tools.metrics.send(desk.name, "Announce", "dropped")
            else:
                self._tools.metrics.send(desk.name, "Announce", "ok")
        await self._tools.done(run, work)

    async def show_mode(self, run: LineRun, work: Work, action: ShowMode) -> None:
        """Tell the shards of an inbox's open conversations, once every process knows the new mode."""
        performer = self._tools.performer
        await asyncio.sleep(SNAPSHOTS_SEEN_S)
        state = await performer.engine.state(run.key.lane, run.key.unit)
        agents = state.roster.agents if isinstance(state, DeskState) else ()
        for packed in await performer.store.rows([None, *(agent.id for agent in agents)]):
            row = self._rows.decode(packed)
            if row.inbox == action.inbox:
                event = ModeChanged(
                    id=EventId(f"{action.id}:{row.id}"),
                    at=performer.now(),
                    contact=row.contact,
                    inbox=row.inbox,
                )
                await performer.store.emit(lane_of(row.contact), row.contact, pack(event))
        await self._tools.done(run, work)


async def _tell(desk: Desk, action: Answer | DirectMessage | Alert, channel: str) -> None:
    match action:
        case Answer():
            await desk.answer(action)
        case DirectMessage():
            await desk.direct(action, _marker(action))
        case Alert():
            await desk.alert(action, channel, _marker(action))


def _marker(action: DirectMessage | Alert) -> Marker:
    return Marker(
        actions=(action.id,),
        contact=action.contact,
        conversation=action.conversation,
        inbox=action.inbox,
    )
