"""Reminders before the time for free text is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.actions import Action, PostNotice
from bridge.events import WindowClosing
from bridge.markup import bare
from bridge.model import ConversationId, EventId
from tests.routing.world import CONTACT, SALES, World, account

DAY, TWO_HOURS = timedelta(days=1), timedelta(hours=2)


def closing(world: World, conversation: ConversationId) -> None:
    """The archive thinks that it is time."""
    world.decide(
        WindowClosing(id=EventId("closing"), at=world.now, contact=CONTACT, conversation=conversation)
    )


@pytest.mark.parametrize("assignee, mention", [("ana", account("ana")), (None, None)])
def test_who_answers_is_told_how_long(assignee: str | None, mention: str | None) -> None:
    """In the thread, with since when and until when; nobody is mentioned where nobody has it."""
    world = World().start(assignee=assignee)
    world.now += DAY - TWO_HOURS
    closing(world, world.conversation.id)
    notice = world.one(PostNotice)
    assert notice.mention == mention
    assert "waits for an answer since 2026-11-23 09:00 UTC" in bare(notice.body)
    assert "until 2026-11-24 09:00 UTC" in bare(notice.body)


@pytest.mark.parametrize("how", ["answered", "over", "early", "resolved", "off", "unknown"])
def test_nobody_is_told_without_need(how: str) -> None:
    """What the archive thinks is a little old."""
    world = World().start(assignee="ana")
    if how == "answered":
        world.write("ana", "Hello")
        world.settle()
    elif how == "resolved":
        world.command("ana", "resolve")
        world.settle()
    elif how == "off":
        world.policies.inboxes[SALES] = replace(world.policies.inboxes[SALES], nudge_s=0.0)
    early = {"over": DAY, "early": DAY - TWO_HOURS - timedelta(seconds=1)}
    world.now += early.get(how, DAY - TWO_HOURS)
    conversation = world.conversation.id
    if how == "unknown":
        world.contact = replace(world.contact, conversations={})
    closing(world, conversation)
    assert not world.new(Action)
