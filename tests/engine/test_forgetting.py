"""A contact is forgotten while workers run, on a real Valkey: nothing is left, nothing comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from redis import Redis

from bridge import journal
from bridge.events import ContactForgotten, ThreadVanished
from bridge.journal import ErasureNoted
from bridge.model import Contact, ContactId, EventId, Status, ThreadRef, lane_of
from bridge.store import keys, stub
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until
from tests.support.workers import INBOX, Town, contact_of

ANA, BO = contact_of(1), contact_of(5)
"""Both in the same shard."""


def asked(contact: ContactId, **more: object) -> ContactForgotten:
    """An operator wants a contact to be forgotten."""
    name = EventId(f"forget:{contact}:{len(more)}:{datetime.now(UTC).timestamp()}")
    event = ContactForgotten(id=name, at=datetime.now(UTC), contact=contact, by="mia")
    return msgspec.structs.replace(event, **more)


async def talked(town: Town, contact: ContactId, *, resolved: bool = True) -> ContactForgotten:
    """Both sides said something; what an operator would know of it from the archive."""
    alias = f"phone:default:{contact}"
    await town.redis("SET", keys.alias(alias), contact)
    await town.writes(contact, f"secret from {contact}")
    conversation = await town.conversation(contact)
    await town.replies(contact, f"secret answer for {contact}")
    await town.settled()
    if resolved:
        await town.replies(contact, "!resolve")
        await town.settled()
    assert conversation.thread is not None
    return asked(
        contact,
        aliases=(alias,),
        places=(conversation.thread,),
        conversations=(conversation.id,),
    )


def traces(server: ValkeyServer, contact: ContactId) -> list[str]:
    """Keys that name a contact or hold something of it, but for the journal, which the archive empties."""
    client: Redis = server.client()
    try:
        keys_of_it = []
        for key in client.scan_iter(count=1000):
            if b":journal" in key or b":seen:" in key:
                continue
            content = key + everything_in(client, key)
            if contact.encode() in content or f"secret from {contact}".encode() in content:
                keys_of_it.append(key.decode())
        return sorted(keys_of_it)
    finally:
        client.close()


def everything_in(client: Redis, key: bytes) -> bytes:
    """All that a key holds, as bytes."""
    read: dict[Any, Callable[[bytes], object]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"stream": client.xrange,
    }
    return repr(read[client.type(key)](key)).encode()


async def test_nothing_is_left(town: Town, valkey_server: ValkeyServer) -> None:
    """Record, lines, message records, what leads to them, alias, thread, number; others keep theirs."""
    await town.worker()
    event = await talked(town, ANA)
    await talked(town, BO)
    assert traces(valkey_server, ANA)
    await town.append(ANA, event)
    await town.settled()
    assert traces(valkey_server, ANA) == []
    assert len(traces(valkey_server, BO)) >= 5
    said = await town.redis("KEYS", "*:m:*")
    assert [key.decode().split(":")[2] for key in said] == [BO]
    facts = await all_facts(town, ANA)
    assert isinstance(facts[-1], ErasureNoted)
    assert (facts[-1].by, facts[-1].conversation, facts[-1].inbox) == ("mia", "", "")


async def all_facts(town: Town, contact: ContactId) -> list[journal.AnyFact]:
    """The journal's facts about a contact."""
    entries = await town.redis("XRANGE", keys.journal(lane_of(contact)), "-", "+")
    facts = [journal.unpack(fact) for _, fields in entries for fact in fields[1::2]]
    return [fact for fact in facts if fact.contact == contact]


async def test_an_active_conversation_is_left_alone(town: Town, valkey_server: ValkeyServer) -> None:
    """Unless somebody insists; then no list names it any more."""
    await town.worker()
    event = await talked(town, ANA, resolved=False)
    await town.append(ANA, event)
    await town.settled()
    assert (await town.conversation(ANA)).status is Status.ACTIVE
    assert not [fact for fact in await all_facts(town, ANA) if isinstance(fact, ErasureNoted)]
    assert await town.redis("HLEN", keys.rows(None)) == 1
    await town.append(ANA, msgspec.structs.replace(event, id=EventId("forget:2"), force=True))
    await town.settled()
    assert traces(valkey_server, ANA) == []
    assert await town.redis("HLEN", keys.rows(None)) == 0


async def test_what_is_under_way_is_not_cut_off(town: Town, valkey_server: ValkeyServer) -> None:
    """Unless somebody insists; what then still comes of it changes nothing."""
    await town.worker()
    event = await talked(town, ANA)
    under_way = town.channel.fault("send", "one more", stall=True)
    await town.replies(ANA, "!reply one more")
    await under_way.reached.wait()
    await town.append(ANA, event)
    await until(lambda: no_entries(town, ANA), 10, "the event to be decided")
    assert (await town.contact(ANA)).conversations
    await town.append(ANA, msgspec.structs.replace(event, id=EventId("forget:2"), force=True))
    await until(lambda: no_entries(town, ANA), 10, "the event to be decided")
    under_way.go.set()
    await town.settled()
    assert traces(valkey_server, ANA) == []


async def no_entries(town: Town, contact: ContactId) -> bool:
    """Nothing waits in the contact's stream."""
    return not await town.redis("XLEN", keys.stream(lane_of(contact)))


async def test_news_of_the_forgotten_brings_nothing_back(town: Town, valkey_server: ValkeyServer) -> None:
    """Late statuses, a thread that vanishes, the event once more: no record comes of them."""
    await town.worker()
    event = await talked(town, ANA)
    await town.append(ANA, event)
    await town.settled()
    reply = asked(ANA)
    place = event.places[0]
    gone = ThreadVanished(
        id=EventId("gone:1"),
        at=datetime.now(UTC),
        contact=ANA,
        conversation=event.conversations[0],
        place=place,
        reason="it was deleted",
    )
    await town.append(ANA, gone)
    await town.append(ANA, event)
    await town.append(ANA, msgspec.structs.replace(reply, id=EventId("forget:again")))
    await town.settled()
    assert traces(valkey_server, ANA) == []


async def test_who_writes_again_is_new(town: Town, valkey_server: ValkeyServer) -> None:
    """A new conversation with a number of its own, that knows nothing of the old one; its alias stays."""
    await town.worker()
    event = await talked(town, ANA)
    await town.append(ANA, event)
    await town.settled()
    await town.writes(ANA, "hello")
    conversation = await town.conversation(ANA)
    assert conversation.id not in event.conversations
    assert conversation.previous is None
    assert len((await town.contact(ANA)).conversations) == 1
    lines = await town.store.recent(lane_of(ANA), conversation.id, 20)
    assert len(lines) == 1
    assert b"secret" not in lines[0]


async def test_a_worker_that_takes_over_finishes(town: Town, valkey_server: ValkeyServer) -> None:
    """The state is gone and its worker dies before the rest is: the next one does it."""
    first = await town.worker("w1", hold_s=4.0)
    event = await talked(town, ANA)
    await town.append(ANA, event)
    await until(lambda: no_entries(town, ANA), 10, "the event to be decided")
    await first.crash()
    await town.worker("w2")
    await town.settled()
    assert traces(valkey_server, ANA) == []


async def test_a_thread_that_is_somebody_elses_stays(town: Town) -> None:
    """So does an alias: only what still leads to the contact is let go."""
    await town.worker()
    event = await talked(town, ANA)
    await town.redis("SET", keys.alias(event.aliases[0]), BO)
    ref = ThreadRef(contact=BO, conversation=event.conversations[0], inbox=INBOX)
    await town.store.remember_thread(event.places[0], ref)
    await town.append(ANA, event)
    await town.settled()
    assert await town.redis("GET", keys.alias(event.aliases[0])) == BO.encode()
    assert await town.inlet.thread(event.places[0]) == ref


async def test_somebody_unknown(town: Town, valkey_server: ValkeyServer) -> None:
    """Only the archive knows them, or nobody does: the journal tells, and no record stays."""
    await town.worker()
    await town.append(ANA, asked(ANA))
    await town.settled()
    assert traces(valkey_server, ANA) == []
    assert isinstance((await all_facts(town, ANA))[-1], ErasureNoted)


async def test_dead_letters_go(town: Town, valkey_server: ValkeyServer) -> None:
    """Those of the contact; others stay."""
    await town.worker()
    event = await talked(town, ANA)
    for unit in (ANA, BO):
        fields = ("u", unit, "e", b"broken", "id", "1-0", "why", "?")
        await town.redis("XADD", keys.dead(lane_of(unit)), "*", *fields)
    await town.append(ANA, event)
    await town.settled()
    assert traces(valkey_server, ANA) == []
    assert await town.dead(BO) == 1


async def test_one_who_was_joined(town: Town, valkey_server: ValkeyServer) -> None:
    """A contact that only forwards to another is forgotten by itself."""
    await town.worker()
    state = Contact(id=ANA, name="Ana", aliases=("phone:default:1",), redirect=BO)
    record = (1).to_bytes(8, "big") + msgspec.msgpack.encode(state)
    await town.redis("SET", keys.contact(ANA), record)
    await town.append(ANA, asked(ANA, aliases=("phone:default:1",)))
    await town.settled()
    assert traces(valkey_server, ANA) == []
    assert (await town.contact(BO)).id == BO


async def test_one_at_rest(town: Town, valkey_server: ValkeyServer) -> None:
    """Of whom only a stub is in Redis, while the archive does not answer."""
    await town.worker()
    event = await talked(town, ANA)
    state = msgspec.structs.replace(await town.contact(ANA), resting=datetime.now(UTC))
    version = (await town.store.load(lane_of(ANA), ANA)).version + 1
    packed = stub.pack_stub(state, datetime.now(UTC))
    for worker in town.workers:
        await worker.crash()
    await town.redis("SET", keys.contact(ANA), version.to_bytes(8, "big") + packed)
    await town.redis("DEL", keys.WORKERS, *(keys.hold(lane) for lane in town.lanes))
    await town.worker("w2")
    await town.append(ANA, event)
    await town.settled()
    assert traces(valkey_server, ANA) == []
