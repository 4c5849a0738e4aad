"""Results of actions: threads that open, vanish and heal; posts that are refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.actions import Alert, Answer, Emit, OpenThread, PostNotice, Relay, Send, ShowReceipt, UpdateCard
from bridge.events import EventBuried, ThreadVanished
from bridge.markup import bare
from bridge.model import ConversationId, Direction, Place, Recent, Status
from bridge.routing.cards import card_view
from bridge.routing.decision import Context
from tests.routing.world import CONTACT, GONE, NEVER, World


def vanish(world: World, place: Place | None = None) -> None:
    """The desk says that a thread is gone."""
    event = ThreadVanished(
        id=world.new_id("gone"),
        at=world.now,
        contact=CONTACT,
        conversation=world.conversation.id,
        place=place or world.conversation.thread or Place(desk="", channel=""),
        reason="the channel was archived",
    )
    world.decide(event)


def test_an_opened_thread() -> None:
    """Is where the conversation is answered from now on."""
    world = World()
    world.receive()
    action = world.one(OpenThread)
    world.opened(action)
    one = world.conversation
    assert one.thread == Place(desk="desk", channel="C1", thread="T1")
    assert one.card is not None
    assert one.opening is None
    assert action.id not in world.pending


def test_what_changed_while_the_thread_was_made_is_caught_up_with() -> None:
    """Its card may have been rendered before."""
    world = World()
    world.receive()
    action = world.one(OpenThread)
    world.command("ana", "claim")
    assert not world.new(UpdateCard)
    world.opened(action)
    assert world.one(UpdateCard).version == world.conversation.card_version
    world.settle()
    again = World()
    again.receive()
    again.opened(again.one(OpenThread))
    assert not again.new(UpdateCard)


@pytest.mark.parametrize("kind", ["relay", "notice", "card", "event"])
def test_a_vanished_thread_heals(kind: str) -> None:
    """A new one with a link to the old; what failed stays pending behind it; an alert; no loss."""
    world = World().start(assignee="ana")
    old = world.conversation.thread
    if kind == "relay":
        world.receive("lost?")
        failing = world.one(Relay)
        world.failed(failing, GONE)
        assert failing.id in world.pending
    elif kind == "notice":
        world.command("ana", "note x")
        failing_notice = world.one(PostNotice)
        world.failed(failing_notice, GONE)
        assert failing_notice.id in world.pending
    elif kind == "card":
        world.command("ana", "tag x")
        world.failed(world.one(UpdateCard), GONE)
    else:
        vanish(world)
    opening = world.one(OpenThread)
    assert world.conversation.thread is None
    assert world.conversation.former == (old,)
    assert len(world.new(Alert)) == 1
    world.opened(opening, thread="T2")
    world.settle()
    assert world.look().thread == Place(desk="desk", channel="C1", thread="T2")
    assert not world.pending


def test_a_thread_that_vanished_meanwhile_is_replaced_when_the_conversation_is_active_again() -> None:
    """A resolved conversation needs no thread; taking the resolve back needs one again."""
    world = World().start(assignee="ana")
    world.command("ana", "resolve")
    vanish(world)
    assert world.conversation.thread is None
    assert not world.all(OpenThread)
    world.command("ana", "undo")
    assert world.look().status is Status.ACTIVE
    assert world.one(OpenThread).conversation == world.conversation.id


def test_one_thread_is_opened_however_many_posts_fail() -> None:
    """The others wait for it."""
    world = World().start()
    for words in ("a", "b"):
        world.receive(words)
    for relay in world.all(Relay):
        world.failed(relay, GONE)
    vanish(world, Place(desk="desk", channel="C1", thread="T1"))
    assert len(world.all(OpenThread)) == 1
    assert len(world.all(Alert)) == 1


def test_an_old_update_says_nothing_about_a_new_card() -> None:
    """It was meant for the former one."""
    world = World().start()
    world.command("ana", "tag x")
    update = world.one(UpdateCard)
    vanish(world)
    world.opened(world.one(OpenThread), thread="T2")
    world.failed(update, GONE)
    assert not world.new(OpenThread)
    assert world.conversation.thread is not None


def test_a_thread_nobody_needs_is_not_opened_again() -> None:
    """A resolved conversation gets its new thread when the contact writes."""
    world = World().start()
    world.write("ana", "!resolve")
    world.settle()
    vanish(world)
    assert not world.new(OpenThread)
    assert world.conversation.thread is None
    world.receive("hello?")
    assert world.one(OpenThread).conversation == world.conversation.id
    assert world.conversation.healed_at is not None
    assert world.conversation.former


@pytest.mark.parametrize("line", ["resolve", "close"])
def test_what_is_pending_gets_a_thread_whatever_the_status(line: str) -> None:
    """Nothing that waits to be shown is lost with the thread, not even in a conversation that ended."""
    world = World().start()
    world.receive("last words")
    relay = world.one(Relay)
    world.command("lea", line)
    world.failed(relay, GONE)
    assert world.one(OpenThread).conversation == world.conversation.id
    assert relay.id in world.pending
    world.settle()
    assert world.records[relay.message].posts


def test_a_thread_that_is_not_current_may_vanish() -> None:
    """Nothing happens."""
    world = World().start()
    vanish(world, Place(desk="desk", channel="C1", thread="T0"))
    assert not world.last.actions


def test_when_no_thread_can_be_opened() -> None:
    """Everything stays pending, and those with rights are told once."""
    world = World()
    world.receive()
    action = world.one(OpenThread)
    world.failed(action, NEVER)
    assert len(world.new(Alert)) == 1
    world.failed(action, GONE)
    assert not world.new(Alert)
    assert action.id in world.pending
    world.opened(action)
    assert not world.conversation.stuck


def test_a_relay_that_is_refused_is_never_a_loss() -> None:
    """A plain notice stands in its stead, in its turn, with its words."""
    world = World().start()
    world.receive("odd \u202e words")
    relay = world.one(Relay)
    world.failed(relay, NEVER)
    (stead,) = world.last.replaced
    assert isinstance(stead, PostNotice)
    assert (stead.id, stead.seq) == (relay.id, relay.seq)
    assert "odd \u202e words" in bare(stead.body)
    world.failed(stead, NEVER)
    assert "odd" in bare(world.one(Alert).body)
    assert not [one for one in world.pending.values() if isinstance(one, PostNotice)]


def test_an_answer_that_must_arrive() -> None:
    """Is posted in the thread where it cannot be told privately."""
    world = World().start()
    world.write("ana", "Hello")
    world.failed(world.one(Answer))
    notice = world.one(PostNotice)
    assert notice.mention == "desk:U-ana"
    assert len(notice.buttons) == 3
    world.write("ana", "!claim")
    world.failed(world.one(Answer))
    assert not world.new(PostNotice)


def test_actions_of_repeated_results_have_ids_of_their_own() -> None:
    """Results of one action share an event id; what they cause must not overwrite one another."""
    world = World().start(assignee="ana")
    world.write("ana", "long")
    world.sent(world.one(Send), 2)
    world.sent(world.last.replaced[0], 2)  # type: ignore[arg-type]
    ids = [one.id for one in world.made]
    assert len(ids) == len(set(ids))


def test_decoration_may_fail() -> None:
    """Nobody has to know."""
    world = World().start()
    world.write("ben", "// x")
    receipt = world.one(ShowReceipt)
    world.failed(receipt)
    assert not world.last.actions
    assert receipt.id not in world.pending


def test_what_is_for_another_lane_stays_pending() -> None:
    """It can always be appended later."""
    world = World()
    world.receive()
    emit = world.one(Emit)
    world.failed(emit)
    assert emit.id in world.pending


def test_results_of_forgotten_conversations_end_their_actions() -> None:
    """Nothing raises, nothing stays for ever."""
    world = World().start()
    world.receive("x")
    relay = replace(world.one(Relay), conversation=ConversationId("3-1"))
    world.pending[relay.id] = relay
    world.failed(relay, NEVER)
    assert relay.id not in world.pending


def test_a_dead_letter_is_told() -> None:
    """In the thread and to those with rights; also when there is no thread yet."""
    world = World().start()
    world.decide(EventBuried(id=world.new_id("x"), at=world.now, contact=CONTACT, kind="MessageReceived"))
    assert "put aside (MessageReceived)" in world.notices()[0]
    assert "of #1059" in bare(world.one(Alert).body)
    empty = World()
    empty.decide(EventBuried(id=empty.new_id("x"), at=empty.now, contact=CONTACT, kind=""))
    assert len(empty.new(Alert)) == 1


def test_the_card() -> None:
    """All that it shows comes from current state; the number is masked."""
    world = World(hold_s=5).start(assignee="ana")
    world.write("ana", "held")
    lines = tuple(
        Recent(at=world.now, direction=Direction.INBOUND, author="Carla", text=str(n)) for n in range(9)
    )
    context = Context(now=world.now, policies=world.policies, roster=world.roster, counter=1, recent=lines)
    view = card_view(world.contact, world.conversation, context)
    assert (view.number, view.inbox, view.name) == (1059, "Sales", "Carla")
    assert view.contact_label == "+49•••••••5678"
    assert (view.assignee, view.assignee_account) == ("Ana", "desk:U-ana")
    assert (view.held, view.needs_you, view.failed) == (1, 0, 0)
    assert view.waiting_since is not None
    assert (view.recap, view.former, view.previous_number) == ((), None, None)
    vanish(world)
    view = card_view(world.contact, world.conversation, context)
    assert [one.text for one in view.recap] == ["4", "5", "6", "7", "8"]
    assert view.former is not None
    world.write("lea", "!close")
    world.command("lea", "close")
    view = card_view(world.contact, world.conversation, context)
    assert (view.status, view.waiting_since) == (Status.CLOSED, None)
