"""What the live store has in hand, for the ledger: nothing that is on its way is overlooked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge import actions
from bridge.actions import Action, Emit, PostNotice, Relay, Send
from bridge.content import Words
from bridge.events import MessageReceived, pack
from bridge.instants import micros
from bridge.ledger import Undecided, UnderWay
from bridge.markup import text
from bridge.model import ActionId, ContactId, Conversation, ConversationId, MessageId, lane_of, message_id
from bridge.store import keys, underway
from tests.support.waiting import until
from tests.support.workers import BEN, INBOX, Town, World, a_town, contact_of

ANA, BO = contact_of(1), contact_of(6)
LANE = lane_of(ANA)
CONVERSATION = ConversationId("1-251")


@pytest.fixture
async def town(redis_url: str) -> AsyncIterator[Town]:
    """On an empty database, without workers."""
    async with a_town(redis_url) as one:
        yield one


def undecided(contact: ContactId, event: MessageReceived) -> Undecided:
    """How a message that nobody decided on is told."""
    return Undecided(message_id(lane_of(contact), event.id), micros(event.at))


async def pend(town: Town, contact: ContactId, *what: Action) -> None:
    """Actions are pending, one of them with an attempt's mark."""
    lane = lane_of(contact)
    for one in what:
        await town.redis("HSET", keys.actions(lane, contact), one.id, actions.pack(one))
    await town.redis("HSET", keys.actions(lane, contact), f"!{what[0].id}", b"a mark")
    await town.redis("SADD", keys.busy(lane), contact)


def head(number: int) -> dict[str, object]:
    """What an action begins with."""
    return {
        "id": ActionId(f"test/{number}"),
        "seq": number,
        "contact": ANA,
        "inbox": INBOX,
        "conversation": CONVERSATION,
    }


async def test_an_empty_store_has_nothing_in_hand(town: Town) -> None:
    """And says so."""
    found = await underway.look(town.redis, town.lanes)
    assert found == UnderWay()


async def test_messages_in_lanes_are_told_whatever_else_is_there(town: Town) -> None:
    """Over several pages; other events, and what cannot be read, are none."""
    written = [town.received(ANA, str(number)) for number in range(underway.PAGE + 3)]
    await town.append(ANA, *written)
    await town.store.emit(LANE, ANA, b"\x81\xa4type\xa7Unheard")
    other = town.received(BO, "elsewhere")
    await town.append(BO, other)
    found = await underway.look(town.redis, town.lanes)
    assert set(found.arriving) == {*(undecided(ANA, one) for one in written), undecided(BO, other)}


async def test_pending_posts_and_replies_are_told_by_their_message(town: Town) -> None:
    """A notice that stands for a message, too; one that stands for none is of no interest."""
    relay = Relay(**head(1), message=MessageId("1-a"), author="Ana", content=Words(text("hello")))  # type: ignore[arg-type]
    stand_in = PostNotice(**head(2), body=text("cannot be shown"), message=MessageId("1-b"))  # type: ignore[arg-type]
    notice = PostNotice(**head(3), body=text("moved"))  # type: ignore[arg-type]
    send = Send(**head(4), message=MessageId("1-c"), address="to-ana", body=text("hello"))  # type: ignore[arg-type]
    await pend(town, ANA, relay, stand_in, notice, send)
    await town.redis("HSET", keys.actions(LANE, ANA), "test/5", b"\x81\xa4type\xa7Unheard")
    found = await underway.look(town.redis, town.lanes)
    assert found.showing == {"1-a", "1-b"}
    assert found.sending == {"1-c"}


async def test_a_message_that_is_passed_on_to_another_contact_is_on_its_way(town: Town) -> None:
    """Its contact was joined into one of another shard: there it gets its id."""
    event = town.received(ANA, "hello")
    passed_on = Emit(id=ActionId("test/1"), seq=1, contact=ANA, to=lane_of(BO), unit=BO, event=pack(event))
    await pend(town, ANA, passed_on)
    found = await underway.look(town.redis, town.lanes)
    assert found.arriving == (undecided(BO, event),)


async def test_dead_letters_are_told_and_which_of_them_are_messages(town: Town) -> None:
    """Those that cannot be read may be, but nobody knows."""
    event = town.received(ANA, "hello")
    for data in (pack(event), b"\x81\xa4type\xa7Unheard"):
        fields = ("u", ANA, "e", data, "id", "1-0", "why", "a test")
        await town.redis("XADD", keys.dead(LANE), "*", *fields)
    found = await underway.look(town.redis, town.lanes)
    assert (found.letters, found.buried) == (2, (undecided(ANA, event),))


async def test_held_replies_and_choices_are_counted(redis_url: str) -> None:
    """Of the contacts that are asked about; who is not there has none."""
    async with a_town(redis_url, World(hold_s=600.0)) as town:
        await town.worker()
        await town.writes(ANA, "hello")
        await town.replies(ANA, "one", "two")

        async def both() -> Conversation | None:
            found = await town.conversation(ANA)
            return found if len(found.held) == 2 else None

        await until(both, 10, f"two replies of {BEN.name} to be held")
        counted = await underway.waiting(town.inlet.contact, [ANA, BO, contact_of(9)])
        assert counted == (2, 0)
