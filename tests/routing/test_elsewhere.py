"""What colleagues write to contacts without us."""

from __future__ import annotations

from bridge.actions import OpenThread, PostNotice, Send
from bridge.content import Words
from bridge.events import AnsweredElsewhere
from bridge.journal import DeliveryNoted, MessageNoted
from bridge.markup import bare, text
from bridge.model import Direction, Fate
from tests.routing.world import CONTACT, SALES, World


def answer(world: World, words: str, platform_id: str = "wamid.phone") -> None:
    """A colleague writes in the platform's own app."""
    world.decide(
        AnsweredElsewhere(
            id=world.new_id("echo"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            platform_id=platform_id,
            content=Words(text(words)),
            sent_at=world.now,
        )
    )


def test_it_is_shown_counted_as_an_answer_and_never_sent() -> None:
    """And journaled as a message that went out, which its statuses find."""
    world = World().start()
    waited = world.conversation.waiting_since
    answer(world, "It ships today")
    (notice,) = world.new(PostNotice)
    assert bare(notice.body) == "Via phone, to the contact: It ships today"
    assert not world.all(Send)
    assert (waited is None, world.conversation.waiting_since) == (False, None)
    assert notice.message is not None
    record = world.records[notice.message]
    assert (record.fate, [part.platform_id for part in record.parts]) == (Fate.ACCEPTED, ["wamid.phone"])
    noted, delivered = [fact for fact in world.last.facts if isinstance(fact, MessageNoted | DeliveryNoted)]
    assert isinstance(noted, MessageNoted)
    assert isinstance(delivered, DeliveryNoted)
    assert (noted.direction, noted.internal, bare(noted.body)) == (
        Direction.OUTBOUND,
        False,
        "It ships today",
    )
    assert delivered.fate is Fate.ACCEPTED


def test_what_we_sent_ourselves_is_not_shown_again() -> None:
    """Should the platform echo that, too."""
    world = World().start(assignee="ana")
    world.write("ana", "Red or blue?")
    world.settle()
    (send,) = world.all(Send)
    answer(world, "Red or blue?", f"{send.id}#0")
    assert not world.new(PostNotice)


def test_it_opens_nothing() -> None:
    """Not for somebody without a conversation, nor where that is over."""
    world = World()
    answer(world, "Hi")
    assert not world.made
    world = World().start()
    world.command("lea", "close")
    answer(world, "Hi")
    assert not world.new(PostNotice)
    assert not world.new(OpenThread)
