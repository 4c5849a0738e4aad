"""The contact writes: which conversation it belongs to, the one relay, and what changes with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.actions import Answer, Emit, OpenThread, PostNotice, Relay, UpdateCard
from bridge.content import (
    NO_MARKS,
    Attachment,
    Card,
    Cards,
    Detail,
    Forwarded,
    Marks,
    Referral,
    Words,
    described,
)
from bridge.events import ContactChanged, ConversationNoted, unpack
from bridge.journal import (
    AliasesNoted,
    ContactNoted,
    ConversationOpened,
    MessageNoted,
    StatusNoted,
)
from bridge.markup import bare, text
from bridge.model import DESK_LANE, Direction, EventId, Reference, Status
from tests.routing.world import CONTACT, SALES, START, SUPPORT, World


def test_the_first_message_opens_a_conversation() -> None:
    """A thread, the message in it, and a line for the desk's lists."""
    world = World()
    decision = world.receive("Hi")
    assert [type(one) for one in decision.actions] == [OpenThread, Relay, Emit]
    assert decision.opened == world.conversation.id
    assert world.conversation.number == 66 * 16 + 3
    assert world.conversation.opening == world.one(OpenThread).id
    emit = world.one(Emit)
    noted = unpack(emit.event)
    assert isinstance(noted, ConversationNoted)
    assert (emit.to, emit.unit) == (DESK_LANE, "desk")
    assert (noted.row.number, noted.row.name, noted.row.status) == (1059, "Carla", Status.ACTIVE)
    facts = [type(one) for one in decision.facts]
    assert facts == [AliasesNoted, ConversationOpened, MessageNoted, ContactNoted]


def test_further_messages_continue_it() -> None:
    """One relay each, no second thread."""
    world = World()
    world.receive("one")
    world.receive("two")
    assert not world.new(OpenThread)
    assert [bare(described(one.content)) for one in world.all(Relay)] == ["one", "two"]
    assert [one.seq for one in world.made] == [1, 2, 3, 4]


def test_inboxes_are_apart() -> None:
    """The same person at another number of ours is another conversation."""
    world = World().start()
    world.receive("Hi", inbox=SUPPORT)
    assert world.one(OpenThread).inbox == SUPPORT
    assert {one.number for one in world.contact.conversations.values()} == {1059, 1075}


def test_a_resolved_conversation_reopens() -> None:
    """A new episode in the same thread; the wait starts with this message."""
    world = World().start(assignee="ana")
    world.write("ana", "!resolve")
    world.settle()
    world.pass_time(3600)
    decision = world.receive("one more thing")
    assert world.conversation.status is Status.ACTIVE
    assert world.conversation.episode_at == world.now
    assert world.conversation.waiting_since == world.now
    assert world.conversation.assignee == "ana"
    assert not world.new(OpenThread)
    (fact,) = [one for one in decision.facts if isinstance(one, StatusNoted)]
    assert (fact.before, fact.after, fact.by) == (Status.RESOLVED, Status.ACTIVE, None)


def test_a_closed_conversation_stays_closed() -> None:
    """The next message starts a new one, linked to it, with a thread of its own and nobody assigned."""
    world = World().start(assignee="lea")
    world.write("lea", "!close")
    old = world.conversation
    world.receive("hello again")
    new = world.conversation
    assert new.id != old.id
    assert (new.previous, new.assignee) == (old.id, None)
    kept = world.contact.conversation(old.id)
    assert kept is not None
    assert kept.status is Status.CLOSED
    assert world.conversation.former == ()


def test_what_is_pending_for_a_closed_conversation_still_arrives() -> None:
    """Its state stays beside the new one."""
    world = World().start(assignee="lea")
    world.receive("last words")
    relay = world.one(Relay)
    world.write("lea", "!close")
    world.receive("hello again")
    world.did(relay)
    assert relay.id not in world.pending
    assert world.records[relay.message].posts


def test_window_and_wait_count_from_the_platforms_time() -> None:
    """Not from arrival."""
    world = World()
    written = START - timedelta(hours=3)
    world.receive("late", sent_at=written)
    assert world.conversation.window_until == written + timedelta(hours=24)
    assert world.conversation.waiting_since == written


def test_the_window_never_moves_back() -> None:
    """Messages may arrive out of order."""
    world = World()
    world.receive("second")
    until = world.conversation.window_until
    world.receive("first", sent_at=START - timedelta(hours=5))
    assert world.conversation.window_until == until
    assert world.conversation.waiting_since == START - timedelta(hours=5)


def test_a_clock_that_runs_ahead_does_not_lengthen_the_window() -> None:
    """Words cannot have been written after they arrived."""
    world = World()
    world.receive("future", sent_at=START + timedelta(days=30))
    assert world.conversation.window_until == START + timedelta(hours=24)


@pytest.mark.parametrize("late_s,shown", [(0, False), (60, False), (61, True), (86_400, True), (-50, False)])
def test_only_a_late_message_shows_when_it_was_written(late_s: int, shown: bool) -> None:
    """Later than the setting says."""
    world = World()
    written = START - timedelta(seconds=late_s)
    world.receive(sent_at=written)
    assert world.one(Relay).sent_at == (written if shown else None)


def test_whatever_a_contact_sends_is_shown_and_told_in_words() -> None:
    """The desk gets all of it; the history and the journal what it says, and the journal the rest beside it."""
    world = World()
    card = Cards((Card("Ines Duarte", phones=(Detail("+351 910", "Work"),)),))
    came_by = Marks(Forwarded.ONCE, Referral(kind="ad", headline="Boots"))
    world.receive(content=card, marks=came_by)
    relay = world.one(Relay)
    # A card is shown as a file for address books, and as the words of that.
    assert isinstance(relay.content, Attachment)
    assert (relay.content.name, bare(relay.content.caption)) == ("Ines Duarte.vcf", bare(described(card)))
    assert relay.marks == came_by
    noted = next(fact for fact in world.last.facts if isinstance(fact, MessageNoted))
    assert (noted.kind, noted.content, noted.marks) == ("contacts", card, came_by)
    assert bare(noted.body) == "Contact card\nInes Duarte; +351 910 (work)"
    assert [line.text for _, line in world.last.recent] == ["Contact card Ines Duarte; +351 910 (work)"]


def test_the_words_of_a_text_are_journaled_once() -> None:
    """What most messages are costs no more than its words."""
    world = World()
    world.receive("Hello")
    noted = next(fact for fact in world.last.facts if isinstance(fact, MessageNoted))
    assert (noted.kind, noted.content, noted.marks, bare(noted.body)) == ("text", None, NO_MARKS, "Hello")


def test_what_an_event_omits_is_kept() -> None:
    """A phone number above all: later events may come without it."""
    world = World()
    world.receive(username="carla", aliases=("bsuid:p:1", "phone:p:1"))
    world.receive(phone=None, address=None, name=None, username=None, aliases=("bsuid:p:1",))
    contact = world.contact
    assert (contact.phone, contact.address) == ("4915112345678", "4915112345678")
    assert (contact.name, contact.username) == ("Carla", "carla")
    assert contact.aliases == ("bsuid:p:1", "phone:p:1")


def test_a_new_name_changes_card_and_lists() -> None:
    """And later relays carry it."""
    world = World().start()
    world.receive(name="Carla B.")
    assert world.one(Relay).author == "Carla B."
    assert world.new(UpdateCard)
    noted = unpack(world.one(Emit).event)
    assert isinstance(noted, ConversationNoted)
    assert noted.row.name == "Carla B."


def test_without_a_name_the_author_is_a_masked_number_or_username() -> None:
    """Never a full number."""
    world = World()
    world.receive(name=None)
    assert world.one(Relay).author == "+49•••••••5678"
    other = World()
    other.receive(name=None, phone=None, username="carla")
    assert other.one(Relay).author == "@carla"


def test_the_card_is_not_updated_for_nothing() -> None:
    """A second message within minutes changes nothing that a card shows."""
    world = World().start()
    world.pass_time(10)
    world.receive("second")
    assert not world.new(UpdateCard)
    world.pass_time(4_000)
    world.receive("third")
    assert len(world.new(UpdateCard)) == 1


def test_a_quote_is_looked_up_when_it_is_shown() -> None:
    """The relay says only which message it answers: by then that one stands in the thread, too."""
    world = World()
    asked = Reference(platform_id="wamid.1", cause=EventId("wa:wamid.1"))
    world.receive("blue", quoted=asked)
    assert world.one(Relay).quoted == asked


def test_the_record_and_the_history() -> None:
    """A message is found by its platform id, its post, and in the recent lines."""
    world = World()
    decision = world.receive("Hi")
    relay = world.one(Relay)
    ((owner, line),) = decision.recent
    assert (owner, line.author, line.text) == (world.conversation.id, "Carla", "Hi")
    assert world.records[relay.message].direction is Direction.INBOUND
    world.settle()
    assert [post.id for post in world.records[relay.message].posts] == [f"post-{relay.id}"]


def test_a_changed_number_is_told_in_the_thread() -> None:
    """Where somebody is being answered; the old aliases stay."""
    world = World().start()
    event = ContactChanged(
        id=world.new_id("x"),
        at=world.now,
        contact=CONTACT,
        inbox=SALES,
        aliases=("phone:p:49222",),
        phone="49222",
        address="49222",
        what="changed the number",
    )
    world.decide(event)
    assert world.notices() == ["Carla: changed the number"]
    assert world.contact.aliases == ("phone:p:4915112345678", "phone:p:49222")
    assert (world.contact.phone, world.contact.address) == ("49222", "49222")


def test_a_changed_number_without_a_conversation_is_only_learned() -> None:
    """Nothing is opened for it."""
    world = World()
    event = ContactChanged(id=world.new_id("x"), at=world.now, contact=CONTACT, inbox=SALES, aliases=("a:b",))
    decision = world.decide(event)
    assert not decision.actions
    assert world.contact.aliases == ("a:b",)


def test_hostile_words_stay_literal() -> None:
    """The contact's body and name pass through as they are; nothing here reads them."""
    world = World().start()
    world.receive("!close", name="@here *boss*")
    assert bare(described(world.one(Relay).content)) == "!close"
    assert world.conversation.status is Status.ACTIVE
    assert not world.new(Answer)
    assert not world.new(PostNotice)
    assert world.one(Relay).content == Words(text("!close"))
