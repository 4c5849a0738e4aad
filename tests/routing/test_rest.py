"""Contacts at rest: who may rest, that resting changes nothing that anybody sees, and that whoever comes first wins."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from bridge.actions import Answer, Relay, Send, UpdateCard
from bridge.content import described
from bridge.events import ContactFetched, ContactLaneEvent, ContactsJoined, JoinSettled
from bridge.journal import ContactStored
from bridge.markup import bare, text
from bridge.model import Choice, ContactId, Draft, EventId, MessageId, Mode, Status, Token
from bridge.routing.decision import Decision, Form
from bridge.store import stub
from tests.routing.resting import RestingWorld
from tests.routing.test_properties import Conversations
from tests.routing.world import BEN, CONTACT, World

DAY_S = 86_400


def resolved(world: RestingWorld | None = None) -> RestingWorld:
    """A contact whose conversation is resolved, with nothing pending, eight days later."""
    world = world or RestingWorld()
    world.start(assignee="ana")
    world.write("ana", "It is on its way")
    world.settle()
    world.command("ana", "tag parcel")
    world.command("ana", "resolve")
    world.settle()
    world.made.clear()
    world.pass_time(8 * DAY_S)
    return world


def at_rest(*, shelved: bool = False) -> RestingWorld:
    """The same contact, at rest."""
    world = resolved()
    world.goes_idle(since_s=7 * DAY_S)
    world.is_archived()
    if shelved:
        world.is_outlived()
    assert world.kept is not None
    return world


# ------------------------------------------------------------------------------------------- who may rest


def test_a_quiet_contact_is_stored_then_archived_then_a_stub() -> None:
    """The whole state is in the journal before anything of it leaves Redis."""
    world = resolved()
    before = world.contact
    (fact,) = world.goes_idle(since_s=7 * DAY_S).facts
    assert isinstance(fact, ContactStored)
    assert world.contact.resting == fact.at
    assert msgspec.structs.replace(world.stored(), resting=None) == before
    assert world.kept is None
    decision = world.is_archived()
    assert decision.form is Form.STUB
    assert decision.forgotten == (world.conversation.id,)
    assert not decision.unnumbered
    assert not decision.actions


def test_much_later_the_archive_alone_knows_the_contact() -> None:
    """Its number and its threads lead nowhere by themselves any more."""
    world = at_rest()
    thread = world.conversation.thread
    decision = world.is_outlived()
    assert decision.form is Form.SHELVED
    assert decision.unnumbered == (world.conversation.id,)
    (action,) = decision.actions
    assert getattr(action, "places", ()) == (thread,)


def active(world: RestingWorld) -> None:
    world.receive("One more thing")
    world.settle()


def choosing(world: RestingWorld) -> None:
    draft = Draft(message=MessageId("3-m"), author=BEN.id, account=BEN.accounts[0], body=text("Shall I?"))
    asked = msgspec.structs.replace(
        world.conversation, choices=(Choice(token=Token("choice:3-m"), draft=draft),)
    )
    world.contact = msgspec.structs.replace(world.contact, conversations={asked.inbox: asked})


def busy(world: RestingWorld) -> None:
    world.command("ben", "note for later")
    assert world.pending


def heard_of(world: RestingWorld) -> None:
    world.receive("Thanks!")
    world.command("ana", "resolve")
    world.settle()


@pytest.mark.parametrize(
    "happens, why",
    [(active, "active"), (choosing, "busy"), (busy, "busy"), (heard_of, "not idle")],
)
def test_a_contact_with_something_open_stays(happens: Callable[[RestingWorld], None], why: str) -> None:
    """Whatever the archive believed."""
    world = resolved()
    happens(world)
    decision = world.goes_idle(since_s=7 * DAY_S)
    assert decision.ignored == why
    assert not decision.facts
    assert world.contact.resting is None


def test_a_contact_that_nothing_is_known_of_is_not_stored() -> None:
    """The archive would keep an empty state."""
    decision = RestingWorld().goes_idle()
    assert (decision.ignored, decision.facts) == ("nothing to store", ())


# ------------------------------------------------------------------------------------ whoever comes first


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("away", [False, True])
def test_an_event_between_any_two_steps_wins(after: int, away: bool) -> None:
    """The contact writes after so many steps: it is shown in its thread, and the steps that follow do nothing."""
    world = resolved()
    world.away = away
    steps: list[Callable[[], Decision]] = [
        lambda: world.goes_idle(since_s=7 * DAY_S),
        world.is_archived,
        world.is_outlived,
    ]
    for step in steps[:after]:
        assert step().ignored is None
    number = world.conversation.number
    world.receive("Hello again")
    relay = world.one(Relay)
    assert (bare(described(relay.content)), world.conversation.number) == ("Hello again", number)
    assert world.conversation.status is Status.ACTIVE
    assert world.contact.resting is None
    if after:
        for step in steps[max(after, 1) :]:
            assert step().form is Form.WHOLE
    assert world.kept is None
    assert world.conversation.status is Status.ACTIVE


def test_a_second_storing_counts_and_not_the_first() -> None:
    """The news that the first one is archived comes when the second one is already under way."""
    world = resolved()
    world.goes_idle(since_s=7 * DAY_S)
    first = world.shelf
    world.command("ana", "tag vip")
    world.settle()
    world.goes_idle(since_s=7 * DAY_S)
    second, world.shelf = world.shelf, first
    assert world.is_archived().ignored == "changed since"
    world.shelf = second
    assert world.is_archived().form is Form.STUB
    world.receive()
    assert world.conversation.tags == ("parcel", "vip")


def test_late_news_of_an_old_message_wakes_nobody() -> None:
    """A read receipt of a message that is forgotten: the stub stays as it is."""
    world = at_rest()
    kept = world.kept
    world.records.clear()
    decision = world.status(None, 0, "read", "wamid-old")
    assert decision.ignored
    assert world.kept == kept


# ------------------------------------------------------------------------------------- the archive is away


def test_a_stub_goes_on_while_the_archive_is_away_and_is_completed_later() -> None:
    """The message is shown and answered at once; what the stub does not say is added, and on the card."""
    world = at_rest()
    world.away = True
    world.receive("Where is it?")
    assert world.conversation.thread == world.stored().conversations[world.conversation.inbox].thread
    assert (world.conversation.assignee, world.conversation.tags) == ("ana", ())
    world.settle()
    wrote = world.write("ana", "It should be there")
    assert [send.message for send in world.new(Send)] == [world.message(wrote)]
    world.command("ana", "tag urgent")
    world.command("ana", "resolve")
    world.settle()
    assert world.goes_idle().ignored == "not whole"
    world.is_fetched()
    assert world.conversation.tags == ("parcel", "urgent")
    assert world.new(UpdateCard)
    assert world.contact.partial is None
    assert world.is_fetched().ignored == "not asked for"


def test_a_stub_still_knows_where_the_conversation_went_on() -> None:
    """Words in a former thread are not sent, and the answer names the thread of today."""
    world = at_rest()
    world.away = True
    thread = world.conversation.thread
    assert thread is not None
    world.write("ana", "Anybody there?", place=msgspec.structs.replace(thread, thread="T0"))
    assert not world.new(Send)
    assert "moved" in bare(world.one(Answer).body).lower()


def test_an_older_state_than_the_stub_stands_for_changes_nothing() -> None:
    """The archive was put back to a backup: what it says is not believed, and not asked for again."""
    world = at_rest()
    older = msgspec.structs.replace(world.stored(), resting=world.now, name="Somebody else")
    world.away = True
    world.receive()
    state = msgspec.msgpack.encode(older)
    event = ContactFetched(id=EventId("f"), at=world.now, contact=CONTACT, state=state)
    assert world.decide(event).ignored == "another state"
    assert world.contact.name == "Carla"
    assert world.contact.partial is None


def test_a_joined_contact_forwards_from_its_stub() -> None:
    """A redirect may rest like everybody else, and still says where to go."""
    world = resolved()
    winner = ContactId("1-other")
    world.decide(ContactsJoined(id=EventId("j"), at=world.now, contact=CONTACT, other=winner, leads=False))
    world.decide(JoinSettled(id=EventId("s"), at=world.now, contact=CONTACT, winner=winner))
    world.settle()
    world.pass_time(8 * DAY_S)
    world.goes_idle(since_s=7 * DAY_S)
    assert world.is_archived().form is Form.STUB
    world.away = True
    world.receive("To whom it concerns")
    assert world.contact.redirect == winner
    assert not world.new(Relay)


# ------------------------------------------------------------------------- resting changes nothing anybody sees


class Twins(World):
    """Every event is decided twice: here, and where the contact may rest in between. Both must do the same."""

    def __init__(self, **inbox: object) -> None:
        super().__init__(**inbox)  # type: ignore[arg-type]
        self.other = RestingWorld(**inbox)  # type: ignore[arg-type]

    def decide(self, event: ContactLaneEvent) -> Decision:
        self.follow()
        decision = super().decide(event)
        twin = self.other.decide(event)
        for field in (
            "actions",
            "done",
            "replaced",
            "timers",
            "cleared",
            "messages",
            "recent",
            "opened",
            "facts",
        ):
            assert getattr(twin, field) == getattr(decision, field), field
        if self.other.kept is None:
            assert msgspec.structs.replace(self.other.contact, resting=None) == self.contact
        return decision

    def follow(self) -> None:
        """The world around the other one is the same."""
        other = self.other
        other.now, other.counter = self.now, self.counter
        other.policies, other.roster = self.policies, self.roster
        other.records, other.timers, other.pending = dict(self.records), dict(self.timers), dict(self.pending)


class RestingConversations(Conversations):
    """Everything that can happen, with rests and returns in between, and an archive that answers."""

    @initialize(
        mode=st.sampled_from([Mode.ASSIGNEE, Mode.EVERYONE]),
        hold_s=st.sampled_from([0.0, 5.0]),
        assignee=st.sampled_from([None, "ana"]),
    )
    def begin(self, mode: Mode, hold_s: float, assignee: str | None) -> None:
        self.world = Twins(mode=mode, hold_s=hold_s).start(assignee=assignee)
        self.received = 1
        self.rendered = {self.world.conversation.id: self.world.conversation.card_version}

    @property
    def twins(self) -> Twins:
        assert isinstance(self.world, Twins)
        return self.world

    @property
    def other(self) -> RestingWorld:
        return self.twins.other

    @precondition(lambda self: self.other.kept is None)
    @rule(how=st.sampled_from(["resolve", "close", "ignore"]), steps=st.integers(1, 3))
    def rests(self, how: str, steps: int) -> None:
        """Everything is carried out, somebody resolves, and the contact goes to rest, so far."""
        for _ in range(2_000):
            if not self.world.pending:
                break
            self.perform(min(self.heads(), key=lambda one: one.seq), "done")
        if how != "ignore":
            self.world.command("lea", how)
            for _ in range(200):
                if not self.world.pending:
                    break
                self.perform(min(self.heads(), key=lambda one: one.seq), "done")
        other = self.other
        self.twins.follow()
        if not other.goes_idle().facts:
            return
        if steps > 1:
            other.is_archived()
            assert other.kept is not None
        if steps > 2:
            other.is_outlived()
            assert other.kept is not None
            assert other.kept[:1] == b"\xc0"


RestingConversations.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRestingConversations = RestingConversations.TestCase


class AwayConversations(Conversations):
    """The same with an archive that is away most of the time: what may not go out does not, and nothing is lost."""

    @initialize(mode=st.sampled_from([Mode.ASSIGNEE, Mode.EVERYONE]), assignee=st.sampled_from([None, "ana"]))
    def begin(self, mode: Mode, assignee: str | None) -> None:
        self.world = RestingWorld(mode=mode).start(assignee=assignee)
        self.resting.away = True
        self.received = 1
        self.rendered = {self.world.conversation.id: self.world.conversation.card_version}

    @property
    def resting(self) -> RestingWorld:
        assert isinstance(self.world, RestingWorld)
        return self.world

    @precondition(lambda self: self.resting.kept is None)
    @rule(how=st.sampled_from(["resolve", "close"]), shelved=st.booleans())
    def rests(self, how: str, shelved: bool) -> None:
        for _ in range(2_000):
            if not self.world.pending:
                break
            self.perform(min(self.heads(), key=lambda one: one.seq), "done")
        self.world.command("lea", how)
        for _ in range(200):
            if not self.world.pending:
                break
            self.perform(min(self.heads(), key=lambda one: one.seq), "done")
        if not self.resting.goes_idle().facts:
            return
        self.resting.is_archived()
        if shelved:
            self.resting.is_outlived()

    @precondition(lambda self: self.world.contact.partial is not None)
    @rule()
    def answers_at_last(self) -> None:
        sends = len(self.world.all(Send))
        self.resting.is_fetched()
        assert self.world.contact.partial is None
        assert len(self.world.all(Send)) == sends


AwayConversations.TestCase.settings = RestingConversations.TestCase.settings
TestAwayConversations = AwayConversations.TestCase


def test_the_twins_really_rest() -> None:
    """The property above would hold of a contact that never rests, too."""
    twins = Twins()
    twins.start(assignee="ana")
    twins.command("ana", "resolve")
    twins.settle()
    twins.follow()
    assert twins.other.goes_idle().facts
    twins.other.is_archived()
    twins.other.is_outlived()
    assert isinstance(stub.unpack(twins.other.kept or b""), stub.Shelved)
    twins.receive("Back again")
    assert twins.other.kept is None
