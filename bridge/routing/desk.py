"""The desk lane: people, modes chosen from chat, lists of open conversations, threads to be found."""

from __future__ import annotations

from typing import assert_never

import msgspec
from msgspec.structs import replace

from bridge import events
from bridge.actions import Announce, Emit, FindThread, ShowMode
from bridge.events import (
    AccountChanged,
    ConversationNoted,
    DeskDone,
    DeskEvent,
    DeskLaneEvent,
    ModeChosen,
    RosterRead,
    StaffEventUnplaced,
    ThreadFound,
)
from bridge.model import ActionId, Agent, DeskState, Mode, Roster, Status, lane_of
from bridge.routing.decision import Context, DeskDecision, Row


def decide_desk(state: DeskState, event: DeskLaneEvent, context: Context) -> DeskDecision:  # noqa: ARG001, PLR0911 - as `decide`; one case per kind
    """Decide on one event of the desk lane. Pure; never raises for any event that decodes."""
    match event:
        case RosterRead():
            return _roster(state, event)
        case ModeChosen():
            return _mode(state, event)
        case AccountChanged():
            return _announce(state, event)
        case ConversationNoted():
            return DeskDecision(state=state, rows=(_row(event),))
        case StaffEventUnplaced():
            return _unplaced(state, event)
        case ThreadFound():
            return _found(state, event)
        case DeskDone():
            return DeskDecision(state=state, done=(event.action,))
        case _:
            assert_never(event)


def merged_roster(roster: Roster, desk: str, agents: tuple[Agent, ...]) -> Roster:
    """The roster after a desk's people were read anew: their accounts there are replaced, those elsewhere stay.

    The version rises only with a change.
    """
    prefix = f"{desk}:"
    people: dict[str, Agent] = {}
    for agent in roster.agents:
        elsewhere = tuple(one for one in agent.accounts if not one.startswith(prefix))
        if elsewhere:
            people[agent.id] = replace(agent, accounts=elsewhere)
    for agent in agents:
        known = people.get(agent.id)
        before = known.accounts if known else ()
        accounts = tuple(sorted({*before, *agent.accounts}))
        people[agent.id] = replace(agent, accounts=accounts)
    merged = tuple(people[one] for one in sorted(people))
    if merged == roster.agents:
        return roster
    return Roster(version=roster.version + 1, agents=merged)


def _roster(state: DeskState, event: RosterRead) -> DeskDecision:
    roster = merged_roster(state.roster, event.desk, event.agents)
    if roster is state.roster:
        return DeskDecision(state=state, ignored="nothing new")
    return DeskDecision(state=replace(state, roster=roster))


def _mode(state: DeskState, event: ModeChosen) -> DeskDecision:
    try:
        mode = Mode(event.mode)
    except ValueError:
        return DeskDecision(state=state, ignored="unknown mode")
    seq = state.seq + 1
    action = ShowMode(id=ActionId(f"{event.id}/0"), seq=seq, inbox=event.inbox)
    modes = {**state.modes, event.inbox: mode}
    return DeskDecision(state=replace(state, modes=modes, seq=seq), actions=(action,))


def _announce(state: DeskState, event: AccountChanged) -> DeskDecision:
    seq = state.seq + 1
    action = Announce(id=ActionId(f"{event.id}/0"), seq=seq, inboxes=event.inboxes, body=event.body)
    return DeskDecision(state=replace(state, seq=seq), actions=(action,))


def _row(event: ConversationNoted) -> Row:
    row = event.row
    listed = row if row.status is Status.ACTIVE else None
    return Row(before=event.before, after=row.assignee, conversation=row.id, row=listed)


def _unplaced(state: DeskState, event: StaffEventUnplaced) -> DeskDecision:
    seq = state.seq + 1
    action = FindThread(id=ActionId(f"{event.id}/0"), seq=seq, place=event.place, event=event.event)
    return DeskDecision(state=replace(state, seq=seq), actions=(action,))


def _found(state: DeskState, event: ThreadFound) -> DeskDecision:
    """The event goes to the conversation that the thread's root names; in a thread of nobody's it is nobody's."""
    done = (event.action,)
    if event.contact is None or event.conversation is None:
        return DeskDecision(state=state, done=done, ignored="not our thread")
    try:
        found = events.unpack(event.event)
    except msgspec.MsgspecError:
        return DeskDecision(state=state, done=done, ignored="unreadable")
    if not isinstance(found, DeskEvent):
        return DeskDecision(state=state, done=done, ignored="unreadable")
    placed = replace(found, contact=event.contact, conversation=event.conversation)
    seq = state.seq + 1
    action = Emit(
        id=ActionId(f"{event.id}/0"),
        seq=seq,
        to=lane_of(event.contact),
        unit=event.contact,
        event=events.pack(placed),
    )
    return DeskDecision(state=replace(state, seq=seq), actions=(action,), done=done)
