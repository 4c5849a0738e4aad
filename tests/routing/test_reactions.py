"""What contacts react with."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.actions import PostNotice, Relay, Send, ShowReaction
from bridge.errors import Failure, FailureKind
from bridge.events import ContactReacted
from bridge.journal import ReactionNoted
from bridge.markup import bare
from bridge.model import REACTIONS_KEPT, EventId, Reference, Status
from tests.routing.world import CONTACT, SALES, World


def react(world: World, emoji: str, message: str = "wamid.1", at: datetime | None = None) -> None:
    """The contact puts an emoji on a message, or takes it off."""
    world.decide(
        ContactReacted(
            id=world.new_id("reaction"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            about=Reference(platform_id=message, cause=EventId(f"wa:{message}")),
            emoji=emoji,
            sent_at=at or world.now,
        )
    )


def shown(world: World) -> tuple[str, str]:
    """The emoji that the last decision shows, and the one in whose place."""
    action = world.one(ShowReaction)
    return action.emoji, action.before


def test_a_reaction_takes_the_place_of_the_one_before_and_goes_again() -> None:
    """Each is journaled; a repeated one changes nothing."""
    world = World().start()
    react(world, "👍")
    assert shown(world) == ("👍", "")
    react(world, "❤")
    assert shown(world) == ("❤", "👍")
    react(world, "❤")
    assert not world.new(ShowReaction)
    react(world, "")
    assert shown(world) == ("", "❤")
    assert [fact.emoji for fact in world.last.facts if isinstance(fact, ReactionNoted)] == [""]
    react(world, "👍", "wamid.2")
    assert shown(world) == ("👍", "")


def test_an_older_reaction_that_comes_later_changes_nothing() -> None:
    """The platform promises no order."""
    world = World().start()
    react(world, "")
    react(world, "👍", at=world.now - timedelta(seconds=5))
    assert not world.new(ShowReaction)


def test_a_reaction_opens_nothing_and_asks_for_no_answer() -> None:
    """Not even a resolved conversation is opened again; somebody without one is ignored."""
    world = World()
    react(world, "👍")
    assert not world.made
    world = World().start()
    world.command("ben", "resolve")
    before = world.conversation
    react(world, "👍")
    assert world.conversation.status is Status.RESOLVED
    assert world.conversation.waiting_since == before.waiting_since
    assert not world.new(Relay)
    assert not world.new(Send)


def test_what_cannot_stand_on_its_message_is_told_of() -> None:
    """With the message's words, as far as they are known."""
    world = World().start()
    react(world, "👀")
    failure = Failure(kind=FailureKind.NEVER, code="no_reaction", words="Red or blue?")
    world.failed(world.one(ShowReaction), failure)
    assert "reacted with 👀 to “Red or blue?”" in bare(world.one(PostNotice).body)


def test_taking_off_what_nobody_remembers_is_told_of() -> None:
    """The state keeps the latest few; of others it is not known which emoji it was."""
    world = World().start()
    for number in range(REACTIONS_KEPT + 1):
        react(world, "👍", f"wamid.{number}")
    assert len(world.contact.reactions) == REACTIONS_KEPT
    react(world, "", "wamid.0")
    assert "took back their reaction" in bare(world.one(PostNotice).body)
