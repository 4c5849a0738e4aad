"""Two contacts that are one person: who goes on, what is handed over, what happens to late events."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.actions import Emit, MoveAliases, OpenThread, PostNotice, Relay, Send
from bridge.content import described
from bridge.events import (
    AnyEvent,
    ContactMerged,
    ContactsJoined,
    DeliveryChanged,
    JoinProposed,
    JoinSettled,
    MessageReceived,
    StaffWrote,
    unpack,
)
from bridge.markup import bare, text
from bridge.model import Contact, ContactId, Post, Receipt, Status, lane_of
from tests.routing.world import CONTACT, SALES, SUPPORT, World, account

OTHER = ContactId("5-fedcba")


def other_world() -> World:
    """The shard of the other contact."""
    world = World()
    world.contact = Contact(id=OTHER)
    return world


def join(world: World, *, leads: bool, other: ContactId) -> None:
    """It turned out that they are one."""
    event = ContactsJoined(
        id=world.new_id("join"), at=world.now, contact=world.contact.id, other=other, leads=leads
    )
    world.decide(event)


def emitted(world: World) -> list[AnyEvent]:
    """Events for other contacts that the last decision made."""
    return [unpack(one.event) for one in world.new(Emit) if one.unit != "desk"]


def meet(one: World, two: World) -> tuple[World, World]:
    """Carry a join of `one`, which leads, with `two` to its end. Returns winner and loser."""
    join(one, leads=True, other=two.contact.id)
    assert not one.last.actions
    join(two, leads=False, other=one.contact.id)
    worlds = {one.contact.id: one, two.contact.id: two}
    queue = emitted(two)
    while queue:
        event = queue.pop(0)
        world = worlds[event.contact]  # type: ignore[union-attr, index]
        world.decide(event)  # type: ignore[arg-type]
        queue += emitted(world)
    winner = next(world for world in worlds.values() if world.contact.redirect is None)
    (loser,) = [world for world in worlds.values() if world is not winner]
    assert loser.contact.redirect == winner.contact.id
    return winner, loser


@pytest.mark.parametrize(
    "leader_open,other_open,leader_wins",
    [(True, True, True), (True, False, True), (False, True, False), (False, False, True)],
)
def test_the_one_with_an_open_conversation_goes_on(
    leader_open: bool, other_open: bool, leader_wins: bool
) -> None:
    """The leading one when both or none have."""
    leader, other = World(), other_world()
    for world, is_open in ((leader, leader_open), (other, other_open)):
        if is_open:
            world.receive(contact=world.contact.id, aliases=(f"a:{world.contact.id}",))
            world.settle()
    winner, loser = meet(leader, other)
    assert (winner is leader) == leader_wins
    moves = [one for one in winner.made if isinstance(one, MoveAliases)]
    assert [one.aliases for one in moves] == [loser.contact.aliases]
    assert set(loser.contact.aliases) <= set(winner.contact.aliases)


def test_the_losers_conversation_closes_and_says_where_it_goes_on() -> None:
    """In its thread; it never opens again."""
    leader, other = World(), other_world()
    leader.receive()
    other.receive(contact=OTHER)
    winner, loser = meet(leader, other)
    old = loser.conversation
    assert old.status is Status.CLOSED
    assert old.continued == winner.conversation.number
    assert any(f"continued in #{winner.conversation.number}" in words for words in _notices(loser))


def test_what_the_loser_held_goes_out_and_what_it_asked_stays_in() -> None:
    """Before it hands over."""
    leader, other = World(), World(hold_s=5)
    other.contact = Contact(id=OTHER)
    leader.receive()
    other.receive(contact=OTHER)
    other.settle()
    other.write("ana", "maybe")
    other.write("ben", "!reply surely")
    _, loser = meet(leader, other)
    assert loser.sends() == ["surely"]
    assert not loser.conversation.choices
    assert not loser.timers
    loser.settle()
    assert not loser.pending


def _notices(world: World) -> list[str]:
    return [bare(one.body) for one in world.made if isinstance(one, PostNotice)]


def test_what_the_winner_lacks_is_opened_for_it() -> None:
    """In every inbox, one decision each; the wait and the window go along."""
    leader, other = World(), other_world()
    leader.receive(inbox=SALES)
    other.receive(contact=OTHER, inbox=SUPPORT)
    other.receive(contact=OTHER, inbox="third")
    winner, _ = meet(leader, other)
    assert set(winner.contact.conversations) == {SALES, SUPPORT, "third"}
    assert len({one.number for one in winner.contact.conversations.values()}) == 3
    for one in winner.contact.conversations.values():
        assert one.waiting_since is not None
        assert one.window_until is not None
    assert len([one for one in winner.made if isinstance(one, OpenThread)]) == 3
    assert len([one for one in winner.made if isinstance(one, MoveAliases)]) == 1


def joined_pair() -> tuple[World, World]:
    """A winner and a loser, both with a conversation that was open."""
    leader, other = World(), other_world()
    leader.receive()
    other.receive(contact=OTHER)
    other.settle()
    winner, loser = meet(leader, other)
    loser.made.clear()
    return winner, loser


def test_late_words_of_the_contact_are_forwarded() -> None:
    """To the winner's shard, which does not ask back."""
    winner, loser = joined_pair()
    loser.receive("late", contact=OTHER)
    (emit,) = loser.new(Emit)
    assert (emit.to, emit.unit) == (lane_of(CONTACT), CONTACT)
    event = unpack(emit.event)
    assert event.contact == CONTACT  # type: ignore[union-attr]
    assert not loser.new(Relay)
    winner.decide(event)  # type: ignore[arg-type]
    assert len(winner.new(Relay)) == 1
    winner.receive("late", id=event.id.removesuffix(":on"))
    assert not winner.new(Relay), "repeated: it is asked about, under the id that the loser has seen"
    (asked,) = emitted(winner)
    assert asked.id == event.id.removesuffix(":on")


def test_words_from_before_the_join_are_asked_about() -> None:
    """Only the loser's shard knows whether they were shown; what is new there comes back and is shown, once."""
    winner, loser = joined_pair()
    winner.receive("repeated, or late", sent_at=winner.now - timedelta(minutes=1))
    (emit,) = winner.new(Emit)
    asked = unpack(emit.event)
    assert isinstance(asked, MessageReceived)
    assert (emit.to, emit.unit, asked.contact) == (lane_of(OTHER), OTHER, OTHER)
    assert asked.id == emit.id.rpartition("/")[0], "under the same id, so that a repetition ends there"
    assert not winner.new(Relay)
    loser.decide(asked)
    (back,) = emitted(loser)
    assert isinstance(back, MessageReceived)
    assert (back.contact, back.id != asked.id) == (CONTACT, True)
    winner.decide(back)
    assert [bare(described(one.content)) for one in winner.new(Relay)] == ["repeated, or late"]
    assert not emitted(winner)


NEIGHBOUR = ContactId(f"{CONTACT.partition('-')[0]}-fedcba")


def test_a_joined_contact_of_the_same_shard_is_not_asked() -> None:
    """The shard has let the words through, so neither contact has seen them; the id is used up with this decision."""
    leader, other = World(), World()
    other.contact = Contact(id=NEIGHBOUR)
    leader.receive()
    other.receive(contact=NEIGHBOUR)
    winner, _ = meet(leader, other)
    assert lane_of(NEIGHBOUR) == lane_of(winner.contact.id)
    winner.receive("new", sent_at=winner.now)
    assert [bare(described(one.content)) for one in winner.new(Relay)] == ["new"]
    assert not emitted(winner)


@pytest.mark.parametrize("loser_id, same", [(OTHER, True), (NEIGHBOUR, False)])
def test_what_is_passed_on_within_a_shard_gets_another_id(loser_id: ContactId, *, same: bool) -> None:
    """Under its own it would be taken for a repetition of what has just been decided there."""
    leader, other = World(), World()
    other.contact = Contact(id=loser_id)
    leader.receive()
    other.receive(contact=loser_id)
    _, loser = meet(leader, other)
    event = DeliveryChanged(
        id=loser.new_id("d"),
        at=loser.now,
        contact=loser_id,
        inbox=SUPPORT,
        platform_id="wamid.x",
        status="read",
    )
    loser.decide(event)
    (passed,) = emitted(loser)
    assert passed.contact == CONTACT  # type: ignore[union-attr]
    assert (passed.id == event.id) == same


def test_words_from_after_the_join_need_no_question() -> None:
    """The same holds once a platform repeats nothing of before any more."""
    winner, _ = joined_pair()
    winner.receive("new", sent_at=winner.now + timedelta(minutes=2))
    assert len(winner.new(Relay)) == 1
    old = {ContactId("3-old"): winner.now - timedelta(days=9)}
    winner.contact = replace(winner.contact, joined=old)
    loser = Contact(id=ContactId("5-more"))
    winner.decide(ContactMerged(id=winner.new_id("m"), at=winner.now, contact=CONTACT, loser=loser))
    assert list(winner.contact.joined) == ["5-more"]


@pytest.mark.parametrize("words", ["hello", "!reply hello", "!reopen", "!claim"])
def test_staff_words_in_the_losers_thread_go_nowhere(words: str) -> None:
    """They are answered with where to write."""
    _, loser = joined_pair()
    event = StaffWrote(
        id=loser.new_id("w"),
        at=loser.now,
        contact=OTHER,
        conversation=loser.conversation.id,
        author=account("lea"),
        place=loser.conversation.thread,
        post=Post(desk="desk", channel="C1", id="x"),
        body=text(words),
    )
    loser.decide(event)
    assert not loser.new(Send)
    assert loser.receipts(event) == [Receipt.INTERNAL]
    assert "go on in conversation #" in loser.answers()[0]
    assert loser.conversation.status is Status.CLOSED


def test_results_of_the_losers_actions_are_its_own() -> None:
    """They are pending there."""
    leader, other = World(), other_world()
    other.receive(contact=OTHER)
    other.receive(contact=OTHER)
    leader.receive()
    _, loser = meet(leader, other)
    assert any(isinstance(one, Relay) for one in loser.pending.values())
    loser.settle()
    assert not loser.pending
    assert all(record.posts for record in loser.records.values())


def test_a_join_with_oneself_changes_nothing() -> None:
    """It may come back by way of a redirect."""
    world = World().start()
    join(world, leads=True, other=CONTACT)
    event = JoinProposed(id=world.new_id("p"), at=world.now, contact=CONTACT, other=world.contact)
    world.decide(event)
    settled = JoinSettled(id=world.new_id("s"), at=world.now, contact=CONTACT, winner=CONTACT)
    world.decide(settled)
    assert world.contact.redirect is None
    assert not world.made


def test_the_winner_keeps_its_own_name_and_number() -> None:
    """And takes what it lacks."""
    world = World().start()
    world.contact = replace(world.contact, phone=None)
    loser = Contact(id=OTHER, name="Other", phone="49333", username="other", aliases=("x:1",))
    world.decide(ContactMerged(id=world.new_id("m"), at=world.now, contact=CONTACT, loser=loser))
    assert (world.contact.name, world.contact.phone, world.contact.username) == ("Carla", "49333", "other")
    assert world.contact.aliases[-1] == "x:1"
