"""Somebody is writing: who is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.actions import Action, MarkRead, ShowDrafting
from bridge.events import DraftBegan
from bridge.model import ConversationId
from tests.routing.world import CONTACT, World, account


def drafts(world: World, who: str = "ana") -> None:
    """Somebody opened a form."""
    world.decide(
        DraftBegan(
            id=world.new_id("draft"),
            at=world.now,
            contact=CONTACT,
            conversation=world.conversation.id,
            author=account(who),
        )
    )


def test_colleagues_and_the_contact_know() -> None:
    """By name to the one, as typing to the other; the answer marks nothing as read again."""
    world = World().start(assignee="ana")
    drafts(world)
    assert (world.one(ShowDrafting).who, world.one(MarkRead).typing) == ("Ana", True)
    world.settle()
    world.write("ana", "Hello")
    assert not world.new(MarkRead)


@pytest.mark.parametrize("how", ["no receipts", "closed window", "not written yet"])
def test_a_contact_who_may_not_see_it(how: str) -> None:
    """Colleagues see it all the same."""
    world = World(read_receipts=how != "no receipts").start(assignee="ana")
    if how == "closed window":
        world.pass_time(86_400)
    elif how == "not written yet":
        one = replace(world.conversation, last_inbound=None)
        world.contact = replace(world.contact, conversations={one.inbox: one})
    drafts(world)
    assert len(world.new(ShowDrafting)) == 1
    assert not world.new(MarkRead)


@pytest.mark.parametrize("who", ["vic", "eve", "ana"])
def test_nobody_is_told(who: str) -> None:
    """Of those who may not answer, and in a conversation that is over."""
    world = World().start()
    if who == "ana":
        world.command("lea", "close")
        world.settle()
    drafts(world, who)
    assert not world.new(Action)


def test_a_conversation_that_is_gone() -> None:
    """Nothing happens."""
    world = World().start()
    event = DraftBegan(
        id=world.new_id("draft"),
        at=world.now,
        contact=CONTACT,
        conversation=ConversationId("3-999"),
        author=account("ana"),
    )
    world.decide(event)
    assert not world.new(Action)
