"""Messages that contacts edit or delete after they were shown."""

from __future__ import annotations

import pytest

from bridge.actions import Amend, PostNotice, Relay
from bridge.content import Content, Words
from bridge.errors import Failure, FailureKind
from bridge.events import ContactAmended, Posted
from bridge.journal import MessageNoted, PostNoted
from bridge.markup import bare, text
from bridge.model import EventId, Post, Reference, Status
from tests.routing.world import CONTACT, SALES, World

ABOUT = Reference(platform_id="wamid.1", cause=EventId("wa:wamid.1"))
NEW = Words(text("order 4417"))


def amend(world: World, content: Content | None) -> None:
    """The contact edits, or deletes, a message."""
    world.decide(
        ContactAmended(
            id=world.new_id("amend"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            about=ABOUT,
            content=content,
            sent_at=world.now,
        )
    )


@pytest.mark.parametrize(
    "content, kind, words",
    [
        (NEW, "edit", "Carla edited an earlier message. It reads now:\norder 4417"),
        (None, "revoke", "Carla deleted an earlier message."),
    ],
)
def test_a_change_is_said_on_the_post_and_journaled(content: Content | None, kind: str, words: str) -> None:
    """As a message of its own, shown by the post that it changed; nothing is re-opened for it."""
    world = World().start()
    world.command("ben", "resolve")
    amend(world, content)
    action = world.one(Amend)
    assert (action.about, action.content) == (ABOUT, content)
    assert not world.new(Relay)
    assert world.conversation.status is Status.RESOLVED
    noted = next(fact for fact in world.last.facts if isinstance(fact, MessageNoted))
    assert (noted.message, noted.kind, bare(noted.body)) == (action.message, kind, words)
    post = Post(desk="desk", channel="C1", id="17.2")
    world.decide(Posted(id=EventId("r"), at=world.now, contact=CONTACT, action=action.id, post=post))
    shown = next(fact for fact in world.last.facts if isinstance(fact, PostNoted))
    assert (shown.post, shown.message) == (post, action.message)
    assert action.id not in world.pending


def test_a_change_that_its_post_cannot_take_is_a_notice() -> None:
    """In its turn, with the old words as far as they are known."""
    world = World().start()
    amend(world, NEW)
    action = world.one(Amend)
    world.failed(action, Failure(kind=FailureKind.NEVER, code="not_amended", words="order 4471"))
    instead = world.pending[action.id]
    assert isinstance(instead, PostNotice)
    assert instead.message == action.message
    assert bare(instead.body) == "Carla edited “order 4471”. It reads now:\norder 4417"


def test_a_change_of_somebody_without_a_conversation_is_ignored() -> None:
    """There is nothing that it could be about."""
    world = World()
    amend(world, None)
    assert not world.made
