"""What is special about a cluster: slots that move, nodes that go, and lanes in several places."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.errors import Level, StoreUnavailableError, StoreUnknownError
from bridge.model import LaneId, shard_lane
from bridge.store import keys
from bridge.store.base import Commit
from bridge.store.cluster import ClusterRedis
from bridge.store.health import inspect
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from tests.store.conftest import servers
from tests.support.valkey import ValkeyServer, free_port
from tests.support.valkey_cluster import ValkeyCluster
from tests.support.waiting import until

SHORT = Timing(answer_s=2.0, connect_s=0.5, patience_s=0.2)
DOCS = Path(__file__).parents[2] / "docs" / "redis.md"
LANES = tuple(shard_lane(shard) for shard in range(16))


@pytest.fixture
def cluster(valkey_cluster: ValkeyCluster) -> ValkeyCluster:
    """The shared three nodes, empty."""
    for server in servers(valkey_cluster):
        client = server.client()
        client.flushall()
        client.close()
    return valkey_cluster


@pytest.fixture
async def redis(cluster: ValkeyCluster) -> AsyncIterator[ClusterRedis]:
    """A connection to them."""
    connection = ClusterRedis(cluster.url, SHORT)
    yield connection
    await connection.aclose()


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    """A cluster of the test's own, with replicas that take over after a second."""
    own = ValkeyCluster(tmp_path_factory.mktemp("mortal"), replicas=True, node_timeout_ms=1_000)
    try:
        own.start()
        yield own
    finally:
        own.remove()


def elsewhere(cluster: ValkeyCluster, key: str) -> ValkeyServer:
    """A node that does not have this key."""
    owner = cluster.primary_of(key)
    return next(one for one in cluster.primaries() if one is not owner)


def count(server: ValkeyServer, kind: str) -> int:
    """How many connections have ever been made to a node (`connections_received`), or are (`clients`)."""
    client = server.client()
    try:
        return int(client.info()[kind])
    finally:
        client.close()


# --------------------------------------------------------------------------------------- where things are


async def test_lanes_are_spread_over_the_nodes(redis: ClusterRedis, cluster: ValkeyCluster) -> None:
    """Each lane's keys go to the node that has them, and every node has some."""
    await asyncio.gather(*[redis("SET", keys.hold(lane), lane) for lane in LANES])
    found = await asyncio.gather(*[redis("GET", keys.hold(lane)) for lane in LANES])
    assert found == [lane.encode() for lane in LANES]
    owners = {cluster.primary_of(keys.hold(lane)).port for lane in LANES}
    assert owners == {server.port for server in cluster.primaries()}


async def test_a_batch_has_one_slot(redis: ClusterRedis) -> None:
    """Keys of two lanes in one batch are a mistake, and nothing is sent."""
    with pytest.raises(ValueError, match="several slots"):
        await redis.batch([("SET", "{s1}:a", 1), ("SET", "{s2}:a", 1)])
    assert await redis("GET", "{s1}:a") is None


@pytest.mark.parametrize("what", ["command", "script", "batch", "read"])
async def test_a_slot_that_moved_is_followed(what: str, redis: ClusterRedis, cluster: ValkeyCluster) -> None:
    """A node that has the slot no more names the one that has; the command runs there, once."""
    key, old = "{s3}:n", cluster.primary_of("{s3}:n")
    await redis("INCR", key)
    await redis("XADD", "{s3}:in", "1-1", "u", "u", "e", "e")
    new = elsewhere(cluster, key)
    cluster.move(key, new)
    try:
        await _does(redis, what, key)
        assert await redis("GET", key) == b"2"
        assert cluster.primary_of(key) is new
    finally:
        cluster.move(key, old)
    assert await redis("GET", key) == b"2"


@pytest.mark.parametrize("what", ["command", "script", "batch", "read"])
async def test_a_slot_that_is_moving_is_asked_for_at_both_places(
    what: str, redis: ClusterRedis, cluster: ValkeyCluster
) -> None:
    """What has not moved yet is found at the old place, what is new goes to the new one; nothing runs twice."""
    key, old = "{s3}:n", cluster.primary_of("{s3}:n")
    new = elsewhere(cluster, key)
    await redis("SET", "{s3}:stays", "here")
    cluster.begin_move(key, new)
    try:
        await redis("INCR", key)
        await redis("XADD", "{s3}:in", "1-1", "u", "u", "e", "e")
        assert await redis("GET", "{s3}:stays") == b"here"
        await _does(redis, what, key)
        assert await redis("GET", key) == b"2"
    finally:
        cluster.move(key, new)
        cluster.move(key, old)
    assert await redis("GET", key) == b"2"


async def _does(redis: ClusterRedis, what: str, key: str) -> None:
    """Count up in one of several ways; a read counts by what it finds."""
    if what == "command":
        await redis("INCR", key)
    elif what == "script":
        await redis.script("return redis.call('INCR', KEYS[1])")([key])
    elif what == "batch":
        assert await redis.batch([("INCR", key), ("GET", key)]) == [2, b"2"]
    else:
        ((_, found),) = await redis.blocking("XREAD", "BLOCK", 100, "STREAMS", "{s3}:in", "0", wait_s=0.1)
        await redis("INCRBY", key, len(found))


# -------------------------------------------------------------------------------------- several lanes' reads


async def test_reading_many_lanes_keeps_its_connections(redis: ClusterRedis, cluster: ValkeyCluster) -> None:
    """Entries come one after the other from all lanes, and no lane's read is begun anew for another's entry."""
    store = LiveStore(redis)
    after = dict.fromkeys(LANES, "0-0")
    assert await store.read(after, 10, 0.01) == []
    made = sum(count(server, "total_connections_received") for server in cluster.primaries())
    for turn in range(20):
        for lane in LANES[:3]:
            await store.emit(lane, "u", b"%d" % turn)
        left = 3
        while left:
            for entry in await store.read(after, 10, 2.0):
                assert entry.event == b"%d" % turn
                after[entry.lane] = entry.id
                left -= 1
    again = sum(count(server, "total_connections_received") for server in cluster.primaries())
    # The first reads and commands need theirs, and looking makes two at each node.
    assert again - made < 2 * len(LANES)


async def test_a_read_that_was_given_up_loses_nothing(redis: ClusterRedis) -> None:
    """What comes while nobody waits is there for the next call, bounded as that call says."""
    store, lane = LiveStore(redis), LaneId("s3")
    reading = asyncio.create_task(store.read({lane: "0-0"}, 10, 5.0))
    await until(lambda: lane in store._reads._reads, what="the read")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await redis.batch([("XADD", keys.stream(lane), "*", "u", "u", "e", str(index)) for index in range(3)])
    found: list[bytes] = []
    after = "0-0"
    while len(found) < 3:
        for entry in await store.read({lane: after}, 1, 2.0):
            found.append(entry.event)
            after = entry.id
    assert found == [b"0", b"1", b"2"]


# ------------------------------------------------------------------------------------------------ losses


async def test_a_primary_that_goes_is_replaced_and_nothing_runs_twice(mortal: ValkeyCluster) -> None:
    """What was under way is unknown, then it is unavailable, then the replica serves; no command was repeated."""
    redis = ClusterRedis(mortal.url, SHORT)
    key, other = "{s3}:n", next(f"{{s{n}}}:n" for n in range(16) if _apart(mortal, "{s3}:n", f"{{s{n}}}:n"))
    assert await redis("INCR", key) == 1
    assert await redis("INCR", other) == 1
    gone = mortal.primary_of(key)
    gone.pause()
    under_way = asyncio.ensure_future(redis("INCR", key))
    await asyncio.sleep(0)
    gone.kill()
    with pytest.raises(StoreUnknownError):
        await under_way
    assert await redis("INCR", other) == 2, "the other nodes go on"
    assert await redis("TIME"), "commands without a key are answered by whoever is there"

    async def served() -> bool:
        try:
            return bool(await redis("GET", key) == b"1")
        except StoreUnavailableError:
            return False

    await until(served, 30, "the replica to take over")
    assert await redis("INCR", key) == 2
    await redis.aclose()


async def test_lanes_elsewhere_go_on_while_a_node_is_away(mortal: ValkeyCluster) -> None:
    """Entries of living nodes are read, their holds are renewed; those of the dead one stay as they were."""
    redis = ClusterRedis(mortal.url, SHORT)
    store = LiveStore(redis)
    dead, alive = (
        LANES[3],
        next(lane for lane in LANES if _apart(mortal, keys.hold(LANES[3]), keys.hold(lane))),
    )
    holds = [hold for lane in (dead, alive) if (hold := await store.acquire(lane, "me")) is not None]
    after = {dead: "0-0", alive: "0-0"}
    assert await store.read(after, 10, 0.01) == []
    part = _ports_of(mortal, keys.hold(dead))
    for server in mortal.servers:
        if server.port in part:
            server.kill()
    renewed = await store.renew(holds)
    assert renewed[dead] == holds[0]
    assert renewed[alive].until > holds[1].until
    with pytest.raises(StoreUnavailableError):
        await store.renew(holds[:1])
    with pytest.raises(StoreUnavailableError):
        await store.read({dead: "0-0"}, 10, 0.5)
    await store.emit(alive, "u", b"e")
    assert [entry.lane for entry in await store.read(after, 10, 5.0)] == [alive]
    await redis.aclose()


def _apart(cluster: ValkeyCluster, one: str, other: str) -> bool:
    return cluster.primary_of(one) is not cluster.primary_of(other)


def _ports_of(cluster: ValkeyCluster, key: str) -> set[int]:
    """The primary that has a key, and its replica."""
    owner = cluster.primary_of(key)
    client = owner.client()
    try:
        info = client.info("replication")
        followers = [info[f"slave{index}"]["port"] for index in range(info["connected_slaves"])]
        return {owner.port, *followers}
    finally:
        client.close()


# ------------------------------------------------------------------------------------ wrongly addressed


async def test_a_cluster_addressed_as_one_server_is_said(cluster: ValkeyCluster) -> None:
    """Commands whose keys are elsewhere say what to set, and so does the check."""
    redis = JoinedRedis(cluster.url)
    for lane in LANES:
        if cluster.primary_of(keys.hold(lane)).port != cluster.servers[0].port:
            with pytest.raises(StoreUnavailableError, match=r"redis\.cluster = true"):
                await redis("GET", keys.hold(lane))
    with pytest.raises(StoreUnavailableError, match=r"redis\.cluster = true"):
        await LiveStore(redis).read(dict.fromkeys(LANES, "0-0"), 1, 0.01)
    (finding,) = await inspect(redis, shards=16)
    assert (finding.level, finding.advice) == (Level.ERROR, "set redis.cluster = true")
    await redis.aclose()


async def test_one_server_addressed_as_a_cluster_is_said(valkey_server: ValkeyServer) -> None:
    """Every command says what to remove, and so does the check."""
    redis = ClusterRedis(valkey_server.url, SHORT)
    with pytest.raises(StoreUnavailableError, match=r"no cluster: remove redis\.cluster"):
        await redis("GET", "k")
    (finding,) = await inspect(redis, shards=16)
    assert finding.level is Level.ERROR
    assert "remove redis.cluster" in finding.found
    await redis.aclose()


async def test_nobody_there_is_unavailable() -> None:
    """It fails in words, without the password, and after closing as well."""
    redis = ClusterRedis(f"redis://:secret@127.0.0.1:{free_port()}/0", SHORT)
    with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
        await redis("GET", "k")
    assert "secret" not in str(caught.value)
    assert not isinstance(caught.value, StoreUnknownError)
    await redis.aclose()
    with pytest.raises(StoreUnavailableError):
        await redis("GET", "k")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/3", "unix:///run/redis.sock"])
def test_an_address_that_no_cluster_can_have_is_refused(url: str) -> None:
    """A cluster has one database and is reached over the network."""
    with pytest.raises(ValueError, match="cluster"):
        ClusterRedis(url)


async def test_a_password_is_used_for_every_node(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Looking for the nodes and talking to them; a wrong one is said."""
    own = ValkeyCluster(tmp_path_factory.mktemp("secured"))
    try:
        own.start()
        for server in own.servers:
            client = server.client()
            client.config_set("requirepass", "open sesame")
            client.close()
        port = own.servers[0].port
        right = ClusterRedis(f"redis://:open%20sesame@127.0.0.1:{port}", SHORT)
        assert await asyncio.gather(*[right("SET", keys.hold(lane), "x") for lane in LANES]) == [b"OK"] * 16
        await right.aclose()
        wrong = ClusterRedis(f"redis://:wrong@127.0.0.1:{port}", SHORT)
        with pytest.raises(StoreUnavailableError, match="password"):
            await wrong("GET", "k")
        await wrong.aclose()
    finally:
        own.remove()


async def test_the_documented_permissions_are_enough(cluster: ValkeyCluster) -> None:
    """A user without the dangerous commands does all that the store does, and the check sees everything."""
    for server in servers(cluster):
        client = server.client()
        rules = re.search(r"`(~\* [^`]*)`", DOCS.read_text("utf-8"))
        assert rules is not None
        client.execute_command("ACL SETUSER", "app", "reset", "on", ">pw", *rules[1].split())  # type: ignore[no-untyped-call]
        client.close()
    redis = ClusterRedis(cluster.url.replace("//", "//app:pw@"), SHORT)
    store, lane = LiveStore(redis), LaneId("s1")
    hold = await store.acquire(lane, "me")
    assert hold is not None
    assert await store.beat("me") == 1
    await store.emit(lane, "u", b"e")
    (entry,) = await store.read(dict.fromkeys(LANES, "0-0"), 1, 5.0)
    assert await store.commit(
        Commit(hold=hold, unit="u", version=0, state=b"s", event_id="e", entry=entry.id)
    )
    assert await redis.batch([("SET", keys.barrier(lane), ""), ("WAIT", 0, 10)]) == [b"OK", 0]
    assert {one.level for one in await inspect(redis, shards=16)} == {Level.OK}
    await redis.aclose()


async def test_the_check_looks_at_every_primary(redis: ClusterRedis, cluster: ValkeyCluster) -> None:
    """What is weak at one node is named with that node."""
    assert {one.level for one in await inspect(redis, shards=16)} == {Level.OK}
    server = cluster.primaries()[1]
    client = server.client()
    client.config_set("appendfsync", "everysec")
    client.config_set("cluster-require-full-coverage", "yes")
    try:
        bad = [one for one in await inspect(redis, shards=16) if one.level is not Level.OK]
    finally:
        client.config_set("appendfsync", "always")
        client.config_set("cluster-require-full-coverage", "no")
        client.close()
    assert [(one.name, one.found) for one in bad] == [
        ("redis.cluster", f"cluster-require-full-coverage yes (127.0.0.1:{server.port})"),
        ("redis.appendfsync", f"appendfsync everysec (127.0.0.1:{server.port})"),
    ]
