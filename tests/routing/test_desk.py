"""The desk lane."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.actions import Emit, FindThread, ShowMode
from bridge.events import (
    AnyEvent,
    ConversationNoted,
    DeskDone,
    ModeChosen,
    RosterRead,
    StaffEventUnplaced,
    StaffWrote,
    ThreadFound,
    pack,
    unpack,
)
from bridge.markup import text
from bridge.model import (
    ActionId,
    Agent,
    AgentId,
    ContactId,
    ConversationId,
    DeskState,
    DeskUser,
    EventId,
    LaneId,
    Mode,
    OpenConversation,
    Place,
    Policies,
    Post,
    Role,
    Roster,
    Status,
)
from bridge.routing.decide import decide_desk
from bridge.routing.decision import Context, DeskDecision
from tests.routing.world import ANA, BEN, SALES, START

PLACE = Place(desk="desk", channel="C1", thread="T1")
WROTE = StaffWrote(
    id=EventId("desk:C1:5"),
    at=START,
    contact=ContactId(""),
    conversation=ConversationId(""),
    author=DeskUser("desk:U-ana"),
    place=PLACE,
    post=Post(desk="desk", channel="C1", id="5"),
    body=text("hello"),
)


def run(state: DeskState, event: AnyEvent) -> DeskDecision:
    """Decide in the desk lane."""
    context = Context(now=START, policies=Policies(), roster=state.roster, counter=0)
    return decide_desk(state, event, context)  # type: ignore[arg-type]


def read(state: DeskState, *agents: Agent, desk: str = "desk") -> DeskState:
    """The people of a desk were read."""
    return run(state, RosterRead(id=EventId("r"), at=START, desk=desk, agents=agents)).state


def test_the_roster_rises_only_with_a_change() -> None:
    """Reading the same people again is nothing new, in whatever order."""
    first = read(DeskState(), ANA, BEN)
    assert first.roster.version == 1
    assert read(first, BEN, ANA).roster == first.roster
    promoted = read(first, replace(ANA, role=Role.LEAD), BEN)
    assert promoted.roster.version == 2
    assert read(promoted, BEN).roster.get(ANA.id) is None


def test_a_desk_replaces_only_its_own_accounts() -> None:
    """Somebody on two desks stays known on the other."""
    elsewhere = Agent(id=AgentId("ana"), name="Ana", role=Role.AGENT, accounts=(DeskUser("two:9"),))
    state = read(read(DeskState(), ANA, BEN), elsewhere, desk="two")
    both = state.roster.get(AgentId("ana"))
    assert both is not None
    assert both.accounts == ("desk:U-ana", "two:9")
    gone = read(state, BEN)
    left = gone.roster.get(AgentId("ana"))
    assert left is not None
    assert left.accounts == ("two:9",)
    assert isinstance(gone.roster, Roster)


@pytest.mark.parametrize("mode,kept", [("everyone", {SALES: Mode.EVERYONE}), ("shouting", {})])
def test_modes(mode: str, kept: dict[str, Mode]) -> None:
    """One that is none is ignored."""
    decision = run(DeskState(), ModeChosen(id=EventId("m"), at=START, inbox=SALES, mode=mode))
    assert decision.state.modes == kept
    assert [type(one) for one in decision.actions] == [ShowMode] * len(kept)
    assert bool(decision.ignored) == (not kept)


@pytest.mark.parametrize("status,listed", [(s, s is Status.ACTIVE) for s in Status])
def test_rows(status: Status, listed: bool) -> None:
    """Only active conversations stand in lists; a row moves from the former assignee's to the new one's."""
    row = OpenConversation(
        id=ConversationId("3-1"),
        contact=ContactId("3-a"),
        number=19,
        inbox=SALES,
        name="Carla",
        status=status,
        assignee=AgentId("ben"),
    )
    event = ConversationNoted(id=EventId("n"), at=START, row=row, before=AgentId("ana"))
    (moved,) = run(DeskState(), event).rows
    assert (moved.before, moved.after, moved.conversation) == ("ana", "ben", "3-1")
    assert moved.row == (row if listed else None)


def test_a_staff_event_of_an_unknown_thread_finds_its_conversation() -> None:
    """By the thread's root; it then goes to the conversation's shard under its own id."""
    event = StaffEventUnplaced(id=EventId("u"), at=START, place=PLACE, event=pack(WROTE))
    decision = run(DeskState(), event)
    (find,) = decision.actions
    assert isinstance(find, FindThread)
    assert (find.place, find.seq) == (PLACE, 1)
    found = ThreadFound(
        id=EventId("f"),
        at=START,
        action=find.id,
        place=PLACE,
        event=find.event,
        contact=ContactId("7-a"),
        conversation=ConversationId("7-2"),
    )
    decision = run(decision.state, found)
    assert decision.done == (find.id,)
    (emit,) = decision.actions
    assert isinstance(emit, Emit)
    assert (emit.to, emit.unit, emit.seq) == (LaneId("s7"), "7-a", 2)
    placed = unpack(emit.event)
    assert placed == replace(WROTE, contact=ContactId("7-a"), conversation=ConversationId("7-2"))


@pytest.mark.parametrize(
    "contact,data", [(None, pack(WROTE)), ("7-a", b"\xc1"), ("7-a", pack(DeskDone(id=EventId("x"), at=START, action=ActionId("y"))))]
)  # fmt: skip
def test_threads_of_nobody_are_left_alone(contact: str | None, data: bytes) -> None:
    """And what cannot be read does no harm."""
    found = ThreadFound(
        id=EventId("f"),
        at=START,
        action=ActionId("a/0"),
        place=PLACE,
        event=data,
        contact=ContactId(contact) if contact else None,
        conversation=ConversationId("7-2") if contact else None,
    )
    decision = run(DeskState(), found)
    assert decision.done == ("a/0",)
    assert decision.ignored
    assert not decision.actions


def test_done() -> None:
    """An action of the lane ends."""
    assert run(DeskState(), DeskDone(id=EventId("d"), at=START, action=ActionId("a/0"))).done == ("a/0",)
