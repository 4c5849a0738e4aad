"""Arrival: claiming contacts, appending, looking up, snapshots."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bridge import events as wire
from bridge.adapters.base import Claim, Placed
from bridge.errors import StoreUnavailableError
from bridge.model import (
    DESK_LANE,
    Agent,
    AgentId,
    Contact,
    ContactId,
    ConversationId,
    DeskState,
    EventId,
    InboxId,
    LaneId,
    Mode,
    OpenConversation,
    Place,
    Role,
    Roster,
    Status,
    ThreadRef,
    Token,
    contact_id,
)
from bridge.store import keys
from bridge.store.base import Commit, NumberWrite, RowWrite
from bridge.store.connection import Redis
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from bridge.store.replicated import Copies
from tests.store.conftest import INBOX, POLICIES, Database, everything
from tests.support.relay import Relay
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(name: str, lane: str = "s1") -> Placed:
    """Any event will do."""
    tick = wire.TimeReached(
        id=EventId(name),
        at=NOW,
        contact=ContactId("1-a"),
        conversation=ConversationId("1-64"),
        timer="choice",
        token=Token(name),
    )
    return Placed(lane=LaneId(lane), unit="1-a", event=tick)


def stored(entries: list[bytes]) -> list[str]:
    """The ids of packed events."""
    return [wire.unpack(one).id for one in entries]


# ------------------------------------------------------------------------------------------------ claims


async def test_a_new_contact_is_minted_from_its_first_alias(inlet: LiveInlet) -> None:
    """Its id is that of the first alias, all aliases lead to it, and claiming again changes nothing."""
    names = ["bsuid:p:1", "phone:p:49", "parent:1"]
    minted = contact_id(names[0], 16)
    assert await inlet.known(names) is None
    assert await inlet.claim(names) == Claim(contact=minted)
    for subset in (names, names[1:], names[2:], [names[2], names[0]]):
        assert await inlet.claim(subset) == Claim(contact=minted)
    assert await inlet.known(["unknown", names[2]]) == minted


async def test_a_new_alias_of_a_known_contact_is_added(inlet: LiveInlet) -> None:
    """Whether the new alias is the more or the less reliable one, it joins what is known."""
    first = await inlet.claim(["phone:p:49"])
    assert await inlet.claim(["bsuid:p:1", "phone:p:49"]) == first
    assert await inlet.claim(["bsuid:p:1"]) == first
    assert await inlet.claim(["phone:p:49", "parent:1"]) == first
    assert await inlet.known(["parent:1"]) == first.contact


async def test_two_known_contacts_that_meet_are_reported(inlet: LiveInlet) -> None:
    """The most reliable alias decides, the other contact is named, and nothing is rewritten."""
    one, two = await inlet.claim(["bsuid:p:1"]), await inlet.claim(["phone:p:49"])
    for _ in range(2):
        meeting = await inlet.claim(["bsuid:p:1", "parent:1", "phone:p:49"])
        assert meeting == Claim(contact=one.contact, joins=two.contact)
    assert await inlet.known(["parent:1"]) == one.contact


async def settled(redis: Redis, contact: ContactId, *aliases: str) -> None:
    """Store a contact that is known under these aliases, as a first decision would."""
    state = msgspec.msgpack.encode(Contact(id=contact, aliases=aliases))
    await redis("SET", keys.contact(contact), (1).to_bytes(8, "big") + state)


@pytest.mark.parametrize("newcomer_known", [False, True])
async def test_a_number_given_to_somebody_else_does_not_lead_to_its_former_owner(
    inlet: LiveInlet, redis: Redis, newcomer_known: bool
) -> None:
    """A phone whose contact has another user id belongs to a new person: no join, and the phone moves."""
    former = (await inlet.claim(["bsuid:p:1", "phone:p:49"])).contact
    await settled(redis, former, "bsuid:p:1", "phone:p:49")
    if newcomer_known:
        await inlet.claim(["bsuid:p:2"])
    claim = await inlet.claim(["bsuid:p:2", "phone:p:49"])
    assert claim == Claim(contact=contact_id("bsuid:p:2", POLICIES.shards))
    assert await inlet.known(["phone:p:49"]) == claim.contact
    assert await inlet.known(["bsuid:p:1"]) == former


async def test_what_is_about_a_newcomer_is_not_taken_for_the_former_owner_of_the_number(
    inlet: LiveInlet, redis: Redis, database: Database
) -> None:
    """Who has another user id is nobody we know, though the phone still leads to its former owner; without a user id
    the phone counts, as does one whose owner never had a user id, in whatever spelling.
    """
    former = (await inlet.claim(["bsuid:p:1", "phone:p:49"])).contact
    await settled(redis, former, "bsuid:p:1", "phone:p:49")
    nameless = (await inlet.claim(["phone:p:50"])).contact
    await settled(redis, nameless, "phone:p:50")
    before = everything(database)
    assert await inlet.known(["bsuid:p:2", "phone:p:49"]) is None
    assert await inlet.known(["bsuid:p:2", "phone:p:49", "phone:p:50"]) == nameless
    assert await inlet.known(["bsuid:p:1", "phone:p:49"]) == former
    assert await inlet.known(["phone:p:49"]) == former
    assert await inlet.known(["phone:p:049", "phone:p:49"]) == former
    assert await inlet.known(["bsuid:p:2", "phone:p:50"]) == nameless
    assert everything(database) == before


async def test_aliases_that_the_platform_links_stay_one_person(inlet: LiveInlet, redis: Redis) -> None:
    """A change of number brings a new user id: declared by the platform, it is the same contact."""
    contact = (await inlet.claim(["bsuid:p:1", "phone:p:49"])).contact
    await settled(redis, contact, "bsuid:p:1", "phone:p:49")
    claim = await inlet.claim(["bsuid:p:2", "phone:p:49", "phone:p:50"], linked=True)
    assert claim == Claim(contact=contact)
    assert await inlet.claim(["bsuid:p:2", "phone:p:50"]) == Claim(contact=contact)


async def test_known_never_writes_and_claim_needs_an_alias(inlet: LiveInlet, database: Database) -> None:
    """Statuses and echoes look contacts up without minting any."""
    assert await inlet.known(["phone:p:1"]) is None
    assert await inlet.known([]) is None
    with pytest.raises(ValueError, match="alias"):
        await inlet.claim([])
    assert everything(database) == {}


async def test_a_known_contact_costs_one_round_trip(wired: JoinedRedis, relay: Relay) -> None:
    """Claiming known aliases, however many, is one write and no change."""
    inlet = LiveInlet(wired, POLICIES)
    names = ["bsuid:p:1", "phone:p:49", "parent:1"]
    await inlet.claim(names)
    relay.requests.clear()
    await inlet.claim(names)
    assert len(relay.requests) == 1
    assert b"SET" not in relay.requests[0]


# ------------------------------------------------------------------------------------------------ append


async def test_events_are_stored_in_order_per_lane(inlet: LiveInlet, store: LiveStore) -> None:
    """Whatever the mixture of lanes, each lane's stream has its events in the order given."""
    names = [(f"e{index}", f"s{index % 3}") for index in range(60)]
    await inlet.append([event(*name) for name in names])
    await inlet.append([])
    await inlet.append([event("last", "s2")])
    for lane in ("s0", "s1", "s2"):
        expected = [name for name, where in [*names, ("last", "s2")] if where == lane]
        found = await store.range(LaneId(lane), "0", 100)
        assert stored([one.event for one in found]) == expected
        assert {one.unit for one in found} == {"1-a"}


async def test_where_one_event_cannot_be_packed_none_is_stored(inlet: LiveInlet, database: Database) -> None:
    """In no lane: whoever takes it out stores the others once."""
    with pytest.raises(UnicodeEncodeError):
        await inlet.append([event("e1", "s1"), event("e2", "s2"), event("\ud83d", "s2")])
    assert everything(database) == {}


async def test_concurrent_appends_do_not_mix_within_one(inlet: LiveInlet, store: LiveStore) -> None:
    """The events of one call stand together; what was appended after an answer stands behind."""
    await asyncio.gather(*[inlet.append([event(f"{n}.{i}") for i in range(5)]) for n in range(20)])
    await inlet.append([event("after")])
    found = stored([one.event for one in await store.range(LaneId("s1"), "0", 1000)])
    assert found[-1] == "after"
    blocks = [found[start : start + 5] for start in range(0, 100, 5)]
    assert sorted(blocks) == sorted([f"{n}.{i}" for i in range(5)] for n in range(20))


async def test_an_append_is_one_round_trip_for_all_lanes(wired: JoinedRedis, relay: Relay) -> None:
    """Sixteen lanes with two events each leave in one write."""
    inlet = LiveInlet(wired, POLICIES)
    batch = [event(f"e{index}", f"s{index % 16}") for index in range(32)]
    await inlet.append(batch)
    relay.requests.clear()
    await inlet.append(batch)
    assert len(relay.requests) == 1


async def test_an_append_returns_only_once_everything_is_stored(
    wired: JoinedRedis, relay: Relay, joined: JoinedRedis
) -> None:
    """Without Redis's answer there is none of ours; a lost one is an error, never a success."""
    inlet = LiveInlet(wired, POLICIES)
    await wired("PING")
    relay.hold_answers()
    asked = asyncio.ensure_future(inlet.append([event("e1", "s1"), event("e2", "s2")]))
    await until(lambda: _length(joined, "{s2}:in", 1), what="the effect")
    assert not asked.done()
    relay.cut()
    with pytest.raises(StoreUnavailableError):
        await asked


async def test_a_full_server_stores_all_of_a_lane_or_nothing(restartable_valkey: ValkeyServer) -> None:
    """The caller is told, and no half of the events stands in a stream."""
    redis = JoinedRedis(restartable_valkey.url)
    inlet, store = LiveInlet(redis, POLICIES), LiveStore(redis)
    await redis("CONFIG", "SET", "maxmemory", 1)
    for batch in ([event("e1")], [event("e1"), event("e2")], [event("e1", f"s{n}") for n in range(4)]):
        with pytest.raises(StoreUnavailableError, match="full"):
            await inlet.append(batch)
    assert everything(restartable_valkey) == {}
    await redis("CONFIG", "SET", "maxmemory", 0)
    await inlet.append([event("e1"), event("e2")])
    assert len(await store.range(LaneId("s1"), "0", 10)) == 2
    await redis.aclose()


async def test_without_its_replicas_an_append_is_not_answered(
    joined: JoinedRedis, tmp_path: Path, restartable_valkey: ValkeyServer
) -> None:
    """With `replicas` set, too few of them is an error; with enough it succeeds, and the replica has the event."""
    primary = JoinedRedis(restartable_valkey.url)
    await primary("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    inlet = LiveInlet(primary, POLICIES, copies=Copies(replicas=1, within_s=0.1))
    with pytest.raises(StoreUnavailableError, match="0 of 1"):
        await inlet.append([event("e1")])
    replica = ValkeyServer(tmp_path / "replica")
    replica.start()
    try:
        follower = JoinedRedis(replica.url)
        await follower("REPLICAOF", "127.0.0.1", restartable_valkey.port)
        await until(lambda: _follows(follower), timeout_s=20, what="the replica")
        patient = LiveInlet(primary, POLICIES, copies=Copies(replicas=1, within_s=5))
        await patient.append([event("e2")])
        assert await follower("XLEN", "{s1}:in") == 2
        await follower.aclose()
    finally:
        replica.remove()
    await primary.aclose()


# ------------------------------------------------------------------------------------------------ look-ups


async def test_a_threads_detour_ends_by_itself(inlet: LiveInlet, redis: Redis) -> None:
    """It holds for one thread, and for about a minute."""
    place = Place(desk="desk", channel="C1", thread="1.0")
    assert not await inlet.detoured(place)
    await inlet.detour(place)
    assert await inlet.detoured(place)
    assert not await inlet.detoured(Place(desk="desk", channel="C1", thread="2.0"))
    assert 0 < await redis("TTL", keys.detour(place)) <= 60


async def test_contacts_numbers_and_lists_are_as_last_committed(inlet: LiveInlet, store: LiveStore) -> None:
    """A read-only look finds what the lanes committed: contact, number, open conversations by waiting time."""
    lane = LaneId("s1")
    hold = await store.acquire(lane, "me")
    desk = await store.acquire(DESK_LANE, "me")
    assert hold is not None
    assert desk is not None
    contact = Contact(id=ContactId("1-a"), name="Ada", aliases=("phone:p:1",))
    ref = ThreadRef(contact=contact.id, conversation=ConversationId("1-64"), inbox=INBOX.id)
    await store.commit(
        Commit(
            hold=hold,
            unit="1-a",
            version=0,
            state=msgspec.msgpack.encode(contact),
            number=NumberWrite(counter=64, conversation="1-64", data=msgspec.msgpack.encode(ref)),
        )
    )
    rows = [_row(64, NOW), _row(65, NOW - timedelta(hours=1)), _row(66, None), _row(67, NOW, Status.RESOLVED)]
    await store.commit(
        Commit(
            hold=desk,
            unit="desk",
            version=0,
            state=msgspec.msgpack.encode(DeskState()),
            rows=tuple(
                RowWrite(before="", after="ben", field=row.id, data=msgspec.msgpack.encode(row))
                for row in rows
            ),
        )
    )
    assert await inlet.contact(contact.id) == contact
    assert await inlet.contact(ContactId("1-b")) is None
    assert await inlet.numbered(64 * 16 + 1) == ref
    for unknown in (64 * 16 + 2, 1, -5):
        assert await inlet.numbered(unknown) is None
    assert [row.number for row in await inlet.open_of(AgentId("ben"))] == [65, 64, 66]
    assert await inlet.open_of(None) == ()


async def test_snapshots_follow_the_desk_lane(redis: Redis, inlet: LiveInlet, store: LiveStore) -> None:
    """Settings stand until the desk lane says otherwise; each of its commits is seen, and only then read."""
    assert not await inlet.refresh()
    assert (inlet.policies(), inlet.roster()) == (POLICIES, Roster())
    hold = await store.acquire(DESK_LANE, "me")
    assert hold is not None
    roster = Roster(version=3, agents=(Agent(id=AgentId("ben"), name="Ben", role=Role.AGENT),))
    modes = {INBOX.id: Mode.EXPLICIT, InboxId("gone"): Mode.EVERYONE}
    states = [DeskState(roster=roster), DeskState(roster=roster, modes=modes)]
    versions = []
    for version, state in enumerate(states):
        packed = msgspec.msgpack.encode(state)
        await store.commit(Commit(hold=hold, unit="desk", version=version, state=packed))
        assert await inlet.refresh()
        assert not await inlet.refresh()
        versions.append(inlet.policies().version)
    assert inlet.roster() == roster
    assert inlet.policies().inboxes == {INBOX.id: msgspec.structs.replace(INBOX, mode=Mode.EXPLICIT)}
    assert versions == sorted(set(versions))
    await redis("DEL", keys.desk_record())
    assert await inlet.refresh()
    assert inlet.policies().inboxes == POLICIES.inboxes


async def test_watching_survives_redis_and_keeps_the_last_snapshot(restartable_valkey: ValkeyServer) -> None:
    """While Redis is away the last snapshot stands; when it is back the next change is seen."""
    redis = JoinedRedis(restartable_valkey.url, Timing(patience_s=0.05))
    inlet = LiveInlet(redis, POLICIES)
    watching = asyncio.create_task(inlet.watch(every_s=0.02))
    await redis(
        "SET", keys.desk_record(), (1).to_bytes(8, "big") + msgspec.msgpack.encode(_desk(Mode.EXPLICIT))
    )
    await until(lambda: inlet.policies().inboxes[INBOX.id].mode is Mode.EXPLICIT, what="the first mode")
    restartable_valkey.kill()
    await until(lambda: redis._link is None, what="the loss")
    with pytest.raises(StoreUnavailableError):
        await inlet.refresh()
    assert inlet.policies().inboxes[INBOX.id].mode is Mode.EXPLICIT
    restartable_valkey.start()
    await until(lambda: _sets(redis, _desk(Mode.EVERYONE)), what="Redis")
    await until(lambda: inlet.policies().inboxes[INBOX.id].mode is Mode.EVERYONE, what="the second mode")
    assert not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await redis.aclose()


def _desk(mode: Mode) -> DeskState:
    return DeskState(modes={INBOX.id: mode})


def _row(number: int, since: datetime | None, status: Status = Status.ACTIVE) -> OpenConversation:
    return OpenConversation(
        id=ConversationId(f"1-{number}"),
        contact=ContactId("1-a"),
        number=number,
        inbox=INBOX.id,
        name="Ada",
        status=status,
        waiting_since=since,
    )


async def _sets(redis: JoinedRedis, state: DeskState) -> bool:
    try:
        await redis("SET", keys.desk_record(), (2).to_bytes(8, "big") + msgspec.msgpack.encode(state))
    except StoreUnavailableError:
        return False
    return True


async def _length(redis: JoinedRedis, key: str, length: int) -> bool:
    return bool(await redis("XLEN", key) == length)


async def _follows(redis: JoinedRedis) -> bool:
    return b"master_link_status:up" in await redis("INFO", "replication")
