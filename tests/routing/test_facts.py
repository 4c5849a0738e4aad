"""Facts say all that a history needs: who, what, where it was shown, and what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from bridge.actions import OpenThread, PostNotice, Relay, Send
from bridge.journal import (
    CommandNoted,
    ContactNoted,
    DeliveryNoted,
    Fact,
    MessageNoted,
    PartFate,
    PostNoted,
    ThreadNoted,
    VerdictNoted,
    pack,
    unpack,
)
from bridge.model import Fate, Place, Post
from tests.routing.world import START, World, account

F = TypeVar("F", bound=Fact)


def noted(world: World, kind: type[F]) -> list[F]:
    """The facts of a kind of the last decision, as the journal gives them back."""
    return [fact for fact in (unpack(pack(one)) for one in world.last.facts) if isinstance(fact, kind)]


def test_a_contacts_message_is_noted_with_both_times() -> None:
    """When it arrived and when the platform says it was written."""
    world = World()
    written = START - timedelta(minutes=5)
    world.receive("Hello", sent_at=written)
    (fact,) = noted(world, MessageNoted)
    assert (fact.at, fact.sent_at, fact.platform_id) == (START, written, "wamid-in:1")


def test_a_name_or_number_is_noted_when_it_changes() -> None:
    """And only then; what an event leaves out stays known."""
    world = World()
    world.receive(username="carla")
    (fact,) = noted(world, ContactNoted)
    assert (fact.name, fact.username, fact.phone) == ("Carla", "carla", "4915112345678")
    assert fact.address == "4915112345678"
    world.receive(phone=None)
    assert not noted(world, ContactNoted)
    world.receive(name="Carla Maier")
    (fact,) = noted(world, ContactNoted)
    assert (fact.name, fact.phone) == ("Carla Maier", "4915112345678")


def test_a_thread_and_the_posts_in_it_are_noted() -> None:
    """The card, the contact's message with its post, and a notice that shows no message."""
    world = World()
    world.receive()
    opening, relay = world.one(OpenThread), world.one(Relay)
    world.did(opening)
    (thread,) = noted(world, ThreadNoted)
    assert thread.place == Place(desk="desk", channel="C1", thread="T1")
    assert thread.card == Post(desk="desk", channel="C1", id="T1")
    world.did(relay)
    (post,) = noted(world, PostNoted)
    assert (post.message, post.post.channel) == (relay.message, "C1")
    world.command("ana", "note ask the warehouse")
    world.did(world.one(PostNotice))
    (post,) = noted(world, PostNoted)
    assert post.message is None


def test_staff_words_are_noted_with_the_post_they_were_typed_in() -> None:
    """Whether they go out or stay in."""
    world = World().start(assignee="ana")
    for words, internal in (("Hello Carla", False), ("note: ask first", True)):
        wrote = world.write("ana", words)
        (fact,) = noted(world, MessageNoted)
        assert (fact.internal, fact.post, fact.account) == (internal, wrote.post, account("ana"))


def test_every_part_of_a_message_has_a_fate_of_its_own() -> None:
    """Each piece of news names the parts it is about, and how many there are."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello Carla")
    send = world.one(Send)
    world.sent(send, parts=2)
    (first,) = noted(world, DeliveryNoted)
    assert (first.fate, first.total) == (Fate.PENDING, 2)
    assert first.parts == (PartFate(part=0, fate=Fate.ACCEPTED, platform_id=f"{send.id}#0"),)
    world.status(world.message(wrote), 0, "read", f"{send.id}#0")
    (second,) = noted(world, DeliveryNoted)
    assert second.parts == (PartFate(part=0, fate=Fate.READ, platform_id=f"{send.id}#0"),)
    world.failed(world.pending[send.id], part=1)
    (third,) = noted(world, DeliveryNoted)
    assert (third.fate, third.code, third.words) == (
        Fate.FAILED,
        "131026",
        "the number is not on the platform",
    )
    assert third.parts == (PartFate(part=1, fate=Fate.FAILED),)


def test_the_same_news_again_is_no_fact() -> None:
    """Platforms repeat themselves; history does not."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello Carla")
    send = world.one(Send)
    world.did(send)
    for status in ("delivered", "delivered", "sent"):
        world.status(world.message(wrote), 0, status, f"{send.id}#0")
        assert len(noted(world, DeliveryNoted)) == (status == "delivered" and world.decided_at == START)
        world.pass_time(1)


def test_a_command_is_noted_by_whichever_door_but_not_its_words() -> None:
    """Words for the contact are a message of their own; a command that is refused did not happen."""
    world = World().start(assignee="ana")
    world.write("ana", "!tag vip -new")
    (fact,) = noted(world, CommandNoted)
    assert (fact.command, fact.args, fact.by, fact.account) == ("tag", ("vip", "-new"), "ana", account("ana"))
    world.command("ana", "reply Good morning")
    (fact,) = noted(world, CommandNoted)
    assert (fact.command, fact.args) == ("reply", ())
    world.press("ana", "priority", value="high")
    (fact,) = noted(world, CommandNoted)
    assert (fact.command, fact.args) == ("priority", ("high",))
    for who, line in (("vic", "!claim"), ("ana", "!mode everyone"), ("ana", "!clam")):
        world.write(who, line)
        assert not noted(world, CommandNoted)


def test_a_message_that_cannot_be_shown_is_noted_with_what_stands_for_it() -> None:
    """The notice in its stead is its post."""
    world = World().start()
    world.receive("Strange")
    relay = world.one(Relay)
    world.failed(relay)
    stand_in = world.pending[relay.id]
    assert isinstance(stand_in, PostNotice)
    world.did(stand_in)
    (fact,) = noted(world, PostNoted)
    assert (fact.message, fact.post.id) == (relay.message, f"post-{relay.id}")
    assert world.records[relay.message].posts == (fact.post,)


def test_a_reply_that_was_refused_here_is_noted_as_failed() -> None:
    """It was never tried, and history says why; once, however often it is refused again."""
    world = World().start(assignee="ana")
    world.pass_time(90_000)
    wrote = world.write("ana", "Too late")
    (fact,) = noted(world, DeliveryNoted)
    assert (fact.message, fact.fate, fact.code) == (world.message(wrote), Fate.FAILED, "not_tried")
    assert "24" in fact.words or "window" in fact.words
    world.press("ana", "retry", world.message(wrote))
    assert not noted(world, DeliveryNoted)
    assert not noted(world, VerdictNoted), "it was refused again, so nothing became of it"


def test_what_people_say_of_a_failed_or_doubtful_message_is_noted() -> None:
    """Retry, Resend and It arrived, by whom, and from which part on."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello Carla")
    send = world.one(Send)
    world.sent(send, parts=2)
    world.failed(world.pending[send.id], part=1)
    world.press("ana", "retry", world.message(wrote))
    (fact,) = noted(world, VerdictNoted)
    assert (fact.message, fact.verdict, fact.part) == (world.message(wrote), "retry", 1)
    assert (fact.by, fact.account) == ("ana", account("ana"))
    again = world.one(Send)
    world.unknown(again, part=1)
    world.press("ana", "arrived", world.message(wrote))
    (fact,) = noted(world, VerdictNoted)
    assert (fact.verdict, fact.part) == ("arrived", 1)


def test_a_second_platform_message_for_a_part_is_noted() -> None:
    """The platform reports on one that we do not know although it carries our id: it was sent twice."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello Carla")
    send = world.one(Send)
    world.did(send)
    world.status(world.message(wrote), 0, "delivered", "another one")
    (fact,) = noted(world, DeliveryNoted)
    assert fact.parts == (PartFate(part=0, fate=Fate.DELIVERED, platform_id="another one"),)
    assert fact.fate is Fate.ACCEPTED, "what is known of the message itself stays"
    assert world.record(wrote).fate is Fate.ACCEPTED
