"""By what a contact was addressed, or came, and what they said to it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from bridge.actions import Send
from bridge.content import Marks, Referral, TemplateMessage
from bridge.events import CampaignImported, ContactFetched, ContactMerged, DeliveryChanged
from bridge.journal import TouchNoted
from bridge.markup import text
from bridge.model import (
    TOUCHES_KEPT,
    Contact,
    ContactId,
    ConversationId,
    EventId,
    MessageId,
    Reference,
    Touch,
)
from bridge.routing import campaigns
from tests.routing.test_outreach import begins
from tests.routing.world import CONTACT, SALES, START, World

SPRING = TemplateMessage(name="sale", language="en_US", words=text("Sale!"), campaign="spring")


def addressed(world: World, template: TemplateMessage = SPRING) -> str:
    """A template went out and was accepted; the platform's id."""
    begins(world, message=template)
    send = world.all(Send)[-1]
    world.sent(send)
    return world.contact.touches[-1].platform_id


def news(world: World, platform_id: str, status: str = "sent", message: MessageId | None = None) -> None:
    """The platform says something about a message."""
    world.decide(
        DeliveryChanged(
            id=EventId(f"{platform_id}:{status}"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            platform_id=platform_id,
            status=status,
            message=message,
        )
    )


def imports(world: World, sent_at: datetime, platform_id: str = "", template: str = "sale") -> None:
    """An operator's list says so."""
    world.decide(
        CampaignImported(
            id=world.new_id("import"),
            at=world.now,
            contact=CONTACT,
            inbox=SALES,
            template=template,
            campaign="winter",
            sent_at=sent_at,
            platform_id=platform_id,
            aliases=("phone:main:4915112345678",),
            phone="4915112345678",
            address="phone:+4915112345678",
        )
    )


def noted(world: World) -> list[TouchNoted]:
    """What the journal heard last."""
    return [one for one in world.last.facts if isinstance(one, TouchNoted)]


def test_a_template_counts_once_it_is_accepted() -> None:
    """With its campaign, on the card, until weeks have passed."""
    world = World()
    begins(world, message=SPRING)
    assert not world.contact.touches
    world.sent(world.one(Send))
    (touch,) = world.contact.touches
    assert (touch.kind, touch.name, touch.campaign) == ("template", "sale", "spring")
    assert [one.platform_id for one in noted(world)] == [touch.platform_id]
    assert campaigns.latest(world.contact, world.now) == "spring: “sale”"
    assert not campaigns.latest(world.contact, world.now + timedelta(days=31))


def test_the_next_words_are_the_answer() -> None:
    """Once; and not when they come much later."""
    world = World()
    addressed(world)
    world.receive("Is it *still* on?")
    (touch,) = world.contact.touches
    assert touch.answer == "Is it *still* on?"
    assert noted(world)[0].answer is not None
    world.receive("Hello?")
    assert world.contact.touches == (touch,)
    addressed(world)
    world.pass_time(8 * 86_400)
    world.receive("What was that?")
    assert not world.contact.touches[-1].answer


def test_a_quote_names_which_one() -> None:
    """Even when another one came after it."""
    world = World()
    first = addressed(world)
    addressed(world, replace(SPRING, name="other"))
    world.receive("The first one", quoted=Reference(platform_id=first, cause=EventId("wa:x")))
    assert [one.answer for one in world.contact.touches] == ["The first one", ""]
    world.receive("No touch at all", quoted=Reference(platform_id="unknown", cause=EventId("wa:y")))
    assert [one.answer for one in world.contact.touches] == ["The first one", ""]


def test_an_advertisement_brings_somebody() -> None:
    """What they write with it is their answer to it."""
    world = World()
    world.receive("More?", marks=Marks(referral=Referral(kind="ad", headline="Boots", id="17")))
    (touch,) = world.contact.touches
    assert (touch.kind, touch.name, touch.answer) == ("ad", "Boots", "More?")
    assert campaigns.shown(touch) == "advertisement “Boots”"


@pytest.mark.parametrize("status, kept", [("sent", 1), ("delivered", 0), ("read", 0), ("failed", 0)])
def test_another_programs_message_is_kept(status: str, kept: int) -> None:
    """As soon as it is heard of; what is read late may be one that we forgot."""
    world = World().start()
    news(world, "wamid-other", status)
    assert len(world.contact.touches) == kept
    if not kept:
        news(world, "wamid-other", "sent")
    news(world, "wamid-other", "read")
    assert len(world.contact.touches) == 1
    world.receive("Thanks")
    assert world.contact.touches[0].answer == "Thanks"


def test_our_own_message_is_no_other_programs() -> None:
    """Its status brings our reference, however old it is."""
    world = World().start()
    news(world, "wamid-old", "sent", MessageId("3-old"))
    assert not world.contact.touches


def test_a_list_says_what_it_was() -> None:
    """What was heard of gets its name, and keeps its answer; the rest is put where it belongs in time."""
    world = World().start()
    news(world, "wamid-other")
    world.receive("Thanks")
    imports(world, START - timedelta(days=1), "wamid-other")
    (touch,) = world.contact.touches
    assert (touch.name, touch.campaign, touch.answer) == ("sale", "winter", "Thanks")
    imports(world, START - timedelta(days=9), template="earlier")
    assert [one.name for one in world.contact.touches] == ["earlier", "sale"]


def test_a_list_may_name_strangers() -> None:
    """They get no conversation; when they write, it is there."""
    world = World()
    imports(world, START - timedelta(days=1))
    assert not world.contact.conversations
    assert world.contact.phone == "4915112345678"
    world.receive("I saw your message")
    assert world.contact.touches[0].answer == "I saw your message"


def test_no_more_than_some_are_remembered() -> None:
    """The latest ones."""
    world = World().start()
    for at in range(TOUCHES_KEPT + 5):
        imports(world, START - timedelta(days=at), template=f"t{at}")
    assert [one.name for one in world.contact.touches] == [f"t{at}" for at in reversed(range(TOUCHES_KEPT))]


def test_who_lists_them() -> None:
    """With what came back."""
    world = World()
    addressed(world)
    world.receive("Yes please")
    world.command("ana", "who")
    assert "spring: “sale”, 2026-11-23, answered “Yes please”" in world.answers()[0]


def test_in_a_few_words() -> None:
    """Whatever is known."""
    assert campaigns.shown(Touch(kind="elsewhere", at=START)) == "sent by another program"
    assert campaigns.shown(Touch(kind="template", at=START, name="a", campaign="b")) == "b: “a”"


def test_a_join_keeps_what_both_were_sent() -> None:
    """In the order of time."""
    world = World().start()
    imports(world, START - timedelta(days=2), template="mine")
    loser = Contact(
        id=ContactId("1-other"),
        touches=(Touch(kind="template", at=START - timedelta(days=5), name="theirs"),),
        past={SALES: ConversationId("1-70")},
    )
    world.decide(ContactMerged(id=world.new_id("m"), at=world.now, contact=CONTACT, loser=loser))
    assert [one.name for one in world.contact.touches] == ["theirs", "mine"]
    assert world.contact.past == {SALES: "1-70"}


def test_what_a_stub_forgot_comes_back() -> None:
    """With the archive's answer; what came meanwhile stays."""
    before = World().start()
    imports(before, START - timedelta(days=2), template="before")
    stored = replace(before.contact, resting=START, past={SALES: ConversationId("3-70")})
    world = World()
    world.contact = replace(stored, touches=(), past={}, resting=None, partial=START)
    imports(world, START - timedelta(days=1), template="since")
    state = msgspec.msgpack.encode(stored)
    world.decide(ContactFetched(id=EventId("f"), at=world.now, contact=CONTACT, state=state))
    assert [one.name for one in world.contact.touches] == ["before", "since"]
    assert world.contact.past == {SALES: "3-70"}
