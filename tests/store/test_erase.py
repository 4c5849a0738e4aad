"""What is left of a forgotten contact is deleted, and only that, on every kind of Redis."""

from __future__ import annotations

import msgspec

from bridge.model import ContactId, ConversationId, InboxId, LaneId, Place, ThreadRef
from bridge.store import keys
from bridge.store.base import Commit, MessageWrite, Traces
from bridge.store.connection import Redis
from bridge.store.live import LiveStore

LANE = LaneId("s1")
ANA, BO = ContactId("1-ana"), ContactId("1-bo")
THREAD, OTHER = (Place(desk="desk", channel="C1", thread=one) for one in ("17.1", "17.2"))


def traces(**changes: object) -> Traces:
    """What is left of Ana."""
    nothing: tuple[str, ...] = ()
    found = Traces(contact=ANA, aliases=nothing, places=(), conversations=nothing)
    return msgspec.structs.replace(found, **changes)


async def test_keys_of_the_lane_go(redis: Redis, store: LiveStore) -> None:
    """Others stay."""
    await redis("RPUSH", keys.recent(LANE, "1-66"), "line")
    await redis("SET", keys.number(LANE, "1-66"), "ref")
    await redis("SET", keys.number(LANE, "1-67"), "ref")
    for _ in range(2):
        await store.erase(LANE, traces(conversations=("1-66",)))
    assert await redis("EXISTS", keys.recent(LANE, "1-66")) == 0
    assert [await redis("EXISTS", keys.number(LANE, one)) for one in ("1-66", "1-67")] == [0, 1]


async def test_message_records_go_with_the_commit(redis: Redis, store: LiveStore) -> None:
    """However many; those of others stay, and those of a new life."""
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    many = tuple(f"m{one}" for one in range(450))
    written = tuple(MessageWrite(id=name, data=b"x" * 100, platform_ids=(f"p{name}",)) for name in many)
    for unit in (ANA, BO):
        await store.commit(
            Commit(hold=hold, unit=unit, version=0, state=b"", event_id=unit, messages=written)
        )
    forgotten = Commit(hold=hold, unit=ANA, version=1, state=b"", event_id="forget", erased=True)
    assert await store.commit(forgotten)
    new = MessageWrite(id="m2", data=b"new")
    await store.commit(Commit(hold=hold, unit=ANA, version=2, state=b"", event_id="new", messages=(new,)))
    assert not await store.commit(forgotten)
    assert await store.message_records(LANE, [ANA], many, [f"p{name}" for name in many]) == {"m2": b"new"}
    assert set(await store.message_records(LANE, [BO], [], ["pm0", "pm449"])) == {"m0", "m449"}
    for key in await redis("KEYS", f"{{{LANE}}}:m:*"):
        assert await redis("TTL", key) > 0, "the new one ends, too"


async def test_only_what_leads_to_the_contact(redis: Redis, store: LiveStore) -> None:
    """An alias or a thread that leads to somebody else by now is theirs."""
    await redis("SET", keys.alias("a"), ANA)
    await redis("SET", keys.alias("b"), BO)
    for place, contact in ((THREAD, ANA), (OTHER, BO)):
        ref = ThreadRef(contact=contact, conversation=ConversationId("1-66"), inbox=InboxId("support"))
        await store.remember_thread(place, ref)
    await store.erase(LANE, traces(aliases=("a", "b", "c"), places=(THREAD, OTHER)))
    assert [await redis("EXISTS", keys.alias(one)) for one in ("a", "b")] == [0, 1]
    assert [await redis("EXISTS", keys.thread(one)) for one in (THREAD, OTHER)] == [0, 1]


async def test_dead_letters_of_the_contact(redis: Redis, store: LiveStore) -> None:
    """Page by page, whoever else's lie between."""
    for number in range(500):
        unit = ANA if number % 3 else BO
        await redis("XADD", keys.dead(LANE), "*", "u", unit, "e", b"e", "id", "1-0", "why", "?")
    await store.erase(LANE, traces())
    left = await redis("XRANGE", keys.dead(LANE), "-", "+")
    assert len(left) == 167
    assert {fields[1] for _, fields in left} == {BO.encode()}
