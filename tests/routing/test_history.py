"""What was said before the bridge: facts for the archive, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bridge.actions import Emit
from bridge.content import Words
from bridge.events import HistoryImported, PastMessage
from bridge.journal import ConversationOpened, DeliveryNoted, MessageNoted, StatusNoted
from bridge.markup import bare, text
from bridge.model import Direction, EventId, Fate, Reference, Status
from tests.routing.world import CONTACT, SALES, START, World

MONTH = timedelta(days=30)


def past(name: str, words: str | None = None, *, ours: bool = False, days: int = 30) -> PastMessage:
    """A message of long ago."""
    return PastMessage(
        about=Reference(platform_id=name, cause=EventId(f"wa:{name}")),
        sent_at=START - timedelta(days=days),
        content=None if words is None else Words(text(words)),
        ours=ours,
        fate=Fate.READ,
    )


def imports(world: World, *messages: PastMessage) -> None:
    """The platform brings them along."""
    world.decide(
        HistoryImported(
            id=world.new_id("history"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            messages=messages,
            aliases=("phone:main:4915112345678",),
            phone="4915112345678",
            address="phone:+4915112345678",
        )
    )


def test_it_goes_to_a_conversation_that_is_over() -> None:
    """One for each inbox, with a number, without a thread; nobody is told."""
    world = World()
    imports(world, past("a", "Thanks for your order", ours=True), past("b", "Thank you!", days=29))
    (conversation,) = world.contact.ended
    assert (conversation.status, conversation.thread) == (Status.CLOSED, None)
    assert not world.contact.conversations
    assert {type(one) for one in world.last.actions} <= {Emit}
    opened, closed, first, sent, second = world.last.facts[1:6]
    assert isinstance(opened, ConversationOpened)
    assert isinstance(closed, StatusNoted)
    assert opened.at == START - MONTH
    assert isinstance(first, MessageNoted)
    assert isinstance(second, MessageNoted)
    assert (first.direction, first.at, first.imported) == (Direction.OUTBOUND, START - MONTH, True)
    assert (bare(second.body), second.platform_id) == ("Thank you!", "b")
    assert isinstance(sent, DeliveryNoted)
    assert (sent.fate, sent.parts[0].platform_id, sent.imported) == (Fate.READ, "a", True)
    imports(world, past("c"))
    assert len(world.contact.ended) == 1
    (file,) = [one for one in world.last.facts if isinstance(one, MessageNoted)]
    assert (file.kind, bare(file.body)) == ("file", "[a file]")


def test_what_is_said_now_begins_a_conversation_of_its_own() -> None:
    """With the next number; the past changes nothing of it, also when it comes later."""
    world = World()
    imports(world, past("a", "Long ago"))
    world.receive("Hello again")
    before = world.conversation
    assert before.number > world.contact.ended[0].number
    imports(world, past("b", "Longer ago", days=40))
    assert world.conversation == before


def test_the_contact_may_have_come_by_another_way() -> None:
    """Name and address of a known one stay."""
    world = World().start()
    before = world.contact
    imports(world, past("a", "Long ago"))
    assert (world.contact.name, world.contact.address) == (before.name, before.address)
    assert world.contact.conversations == before.conversations


def test_nothing_is_nothing() -> None:
    """No conversation for it."""
    world = World()
    imports(world)
    assert not world.contact.ended
    assert world.last.ignored


def test_a_very_long_ago_is_no_news() -> None:
    """An order of arrival that no clock has."""
    world = World()
    imports(world, replace(past("a", "x"), sent_at=START - timedelta(days=5_000)), past("b", "y"))
    noted = [one for one in world.last.facts if isinstance(one, MessageNoted)]
    assert noted[0].at.year == 2013
