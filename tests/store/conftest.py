"""What the store's tests share: every connection, stores and inlets over them, and a look at everything stored."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from bridge.model import InboxId, InboxPolicy, Policies
from bridge.store.cluster import ClusterRedis
from bridge.store.connection import Redis
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from tests.support.library_redis import LibraryRedis
from tests.support.relay import Relay
from tests.support.valkey import ValkeyServer
from tests.support.valkey_cluster import ValkeyCluster

Database = ValkeyServer | ValkeyCluster
KINDS: dict[str, type[JoinedRedis | LibraryRedis | ClusterRedis]] = {
    "joined": JoinedRedis,
    "library": LibraryRedis,
    "cluster": ClusterRedis,
}

INBOX = InboxPolicy(id=InboxId("support"), name="Support", desk="slack", channel="C1")
POLICIES = Policies(shards=16, inboxes={INBOX.id: INBOX})


@pytest.fixture(params=["joined", "library", "cluster"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each implementation in turn."""
    return str(request.param)


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest) -> Database:
    """An empty server, or an empty cluster, as the implementation needs it."""
    found: Database = request.getfixturevalue("valkey_cluster" if kind == "cluster" else "valkey_server")
    for server in servers(found):
        with contextlib.closing(server.client()) as client:
            client.flushall()
    return found


@pytest.fixture
async def redis(kind: str, database: Database) -> AsyncIterator[Redis]:
    """Each implementation in turn, on an empty database."""
    connection = KINDS[kind](database.url)
    yield connection
    await connection.aclose()


@pytest.fixture
async def joined(redis_url: str) -> AsyncIterator[JoinedRedis]:
    """The one that production uses, on an empty database."""
    connection = JoinedRedis(redis_url)
    yield connection
    await connection.aclose()


@pytest.fixture
def store(redis: Redis) -> LiveStore:
    """A live store over each implementation."""
    return LiveStore(redis)


@pytest.fixture
def inlet(redis: Redis) -> LiveInlet:
    """An inlet over each implementation."""
    return LiveInlet(redis, POLICIES)


@pytest.fixture
async def relay(valkey_server: ValkeyServer, redis_url: str) -> AsyncIterator[Relay]:
    """A wire to the empty database that the test can hold and cut."""
    wire = Relay(valkey_server.port)
    await wire.open()
    yield wire
    await wire.close()


@pytest.fixture
async def wired(relay: Relay) -> AsyncIterator[JoinedRedis]:
    """The joined connection over that wire, with short waits."""
    connection = JoinedRedis(f"redis://127.0.0.1:{relay.port}/0", Timing(answer_s=2.0, patience_s=2.0))
    yield connection
    await connection.aclose()


def servers(database: Database) -> Sequence[ValkeyServer]:
    """Those that can be written to."""
    return database.primaries() if isinstance(database, ValkeyCluster) else [database]


def everything(database: Database) -> dict[bytes, bytes]:
    """All keys with their serialised values, to prove that nothing was written."""
    found: dict[bytes, bytes] = {}
    for server in servers(database):
        with contextlib.closing(server.client()) as client:
            found |= {key: client.dump(key) or b"" for key in client.scan_iter(count=1000)}
    return found
