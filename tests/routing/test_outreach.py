"""Conversations that agents begin, and messages from forms: one commit each, by the rules of every reply."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.actions import Answer, OpenThread, PostNotice, Send
from bridge.content import Buttons, Filling, TemplateMessage
from bridge.content.templates import Template
from bridge.events import ContactChanged, MessageComposed, OutreachBegan
from bridge.journal import AssigneeNoted, CommandNoted, ConversationOpened, MessageNoted
from bridge.markup import Document, bare, text
from bridge.model import DeskUser, Status
from tests.routing.world import CONTACT, SALES, World, account

HELLO = TemplateMessage(name="hello", language="en_US", words=text("Hello from us"), campaign="spring")


def begins(world: World, who: str = "ana", **changes: object) -> None:
    """Somebody writes first."""
    event = OutreachBegan(
        id=world.new_id("new"),
        at=world.now,
        contact=CONTACT,
        author=account(who),
        inbox=SALES,
        message=HELLO,
        aliases=("phone:main:4915112345678",),
        phone="4915112345678",
        address="phone:+4915112345678",
    )
    world.decide(replace(event, **changes))


def composes(
    world: World, who: DeskUser, body: Document, *extras: Buttons | TemplateMessage, command: str = "reply"
) -> None:
    """A form is sent off."""
    world.decide(
        MessageComposed(
            id=world.new_id("form"),
            at=world.now,
            contact=CONTACT,
            conversation=world.conversation.id,
            author=who,
            command=command,
            body=body,
            extras=extras,
        )
    )


def test_a_stranger_gets_a_conversation_of_ones_own() -> None:
    """Thread, assignee, template, journal: all of it in one decision."""
    world = World()
    begins(world)
    assert (world.conversation.assignee, world.conversation.status) == ("ana", Status.ACTIVE)
    assert world.one(OpenThread).conversation == world.conversation.id
    send = world.one(Send)
    assert (send.address, send.extras) == ("phone:+4915112345678", (HELLO,))
    assert world.one(PostNotice).mention == account("ana")
    assert "is yours now" in world.answers()[0]
    kinds = {type(one) for one in world.last.facts}
    assert {ConversationOpened, AssigneeNoted, CommandNoted, MessageNoted} <= kinds
    assert world.contact.aliases == ("phone:main:4915112345678",)
    assert world.conversation.window_until is None


def test_the_contacts_own_address_is_surer() -> None:
    """What was typed may be another spelling."""
    world = World().start()
    before = world.contact.address
    begins(world, address="phone:+49999")
    assert (world.contact.address, world.one(Send).address) == (before, before)


@pytest.mark.parametrize("status", ["active", "resolve", "close"])
def test_what_becomes_of_a_former_one(status: str) -> None:
    """Active and resolved ones go on; a closed one is followed by another."""
    world = World().start(assignee="ben")
    before = world.conversation
    if status != "active":
        world.command("lea", status)
        world.settle()
    begins(world)
    assert world.conversation.status is Status.ACTIVE
    assert (world.conversation.id == before.id) == (status != "close")
    assert world.conversation.assignee == ("ana" if status == "close" else "ben")
    assert world.conversation.previous == (before.id if status == "close" else None)
    assert len(world.all(Send)) == 1


@pytest.mark.parametrize("who", ["vic", "eve", "ana"])
def test_nothing_begins_without_right_or_address(who: str) -> None:
    """Nothing is opened for it, either."""
    world = World()
    begins(world, who, **({"address": None} if who == "ana" else {}))
    assert not world.contact.conversations
    assert not world.new(Send)
    assert [bare(one.body) for one in world.new(Answer)]


def test_a_form_goes_by_the_rules_of_a_reply() -> None:
    """To the contact, shown to the others, and answered."""
    world = World().start(assignee="ben")
    composes(world, account("ana"), text("Friday?"), Buttons(("Yes", "No")), command="buttons")
    assert bare(world.one(Send).body) == "Friday?"
    assert "[Yes] [No]" in world.notices()[0]
    assert "On its way" in world.answers()[0]


@pytest.mark.parametrize(
    "who, words, titles",
    [
        ("vic", "Friday?", ("Yes",)),
        ("ana", "// Friday?", ("Yes",)),
        ("ana", "Friday?", ()),
    ],
)
def test_a_form_that_must_not_go_out(who: str, words: str, titles: tuple[str, ...]) -> None:
    """By a viewer, with an internal mark, or with nothing to tap."""
    world = World().start(assignee="ana")
    composes(world, account(who), text(words), Buttons(titles), command="buttons")
    assert not world.new(Send)
    assert world.answers()


def test_a_form_of_a_conversation_that_is_gone() -> None:
    """It may have lain open for hours."""
    world = World().start(assignee="ana")
    gone = world.conversation.id
    world.contact = replace(world.contact, conversations={})
    event = MessageComposed(
        id=world.new_id("form"),
        at=world.now,
        contact=CONTACT,
        conversation=gone,
        author=account("ana"),
        command="reply",
        body=text("Hello"),
    )
    world.decide(event)
    assert not world.new(Send)
    assert world.answers()


def test_marketing_goes_to_nobody_who_opted_out() -> None:
    """Utility templates and free text still do; once they want it again, marketing does, too."""
    world = World().start(assignee="ana")
    sale = Template(name="hello", language="en_US", body=text("Hello from us"), category="marketing")
    news = replace(HELLO, name="news")
    world.policies = replace(
        world.policies, templates={SALES: (sale, replace(sale, name="news", category="utility"))}
    )
    prefers(world, wants=False)
    begins(world)
    assert not world.new(Send)
    assert "does not want marketing messages" in world.answers()[0]
    begins(world, message=news)
    assert world.one(Send).extras == (news,)
    world.write("ana", "Hello")
    assert world.sends()[-1] == "Hello"
    world.command("ana", "who")
    assert "does not want it" in world.answers()[0]
    prefers(world, wants=True)
    begins(world)
    assert world.one(Send).extras == (HELLO,)


def prefers(world: World, *, wants: bool) -> None:
    """The contact chose on their phone."""
    world.decide(
        ContactChanged(
            id=world.new_id("preference"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            aliases=world.contact.aliases,
            what="chose",
            marketing=wants,
        )
    )


def noted(value: str) -> TemplateMessage:
    """A template whose approved words hold a line that would keep typed ones in."""
    words = text(f"Your visit is on {value}.\nNote: please bring your ticket.")
    return TemplateMessage(name="visit", language="en_US", words=words, fillings=(Filling("body", value),))


def test_marks_count_in_what_somebody_typed_and_not_in_approved_words() -> None:
    """In the form as for somebody who is written to first."""
    world = World().start(assignee="ana")
    composes(world, account("ana"), (), noted("Friday"), command="template")
    assert world.one(Send).extras == (noted("Friday"),)
    composes(world, account("ana"), (), noted("// he never pays"), command="template")
    assert not world.new(Send)
    begins(world, message=noted("Friday"))
    assert world.one(Send).extras == (noted("Friday"),)
    begins(world, message=noted("note: he never pays"))
    assert not world.new(Send)
    assert "internal" in world.answers()[0]
