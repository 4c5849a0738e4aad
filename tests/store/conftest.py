"""What the store's tests share: both connections, stores and inlets over them, and a look at everything stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import redis as redis_py

from bridge.model import InboxId, InboxPolicy, Policies
from bridge.store.connection import Redis
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.library import LibraryRedis
from bridge.store.live import LiveStore
from tests.support.relay import Relay
from tests.support.valkey import ValkeyServer

Open = Callable[[str], Redis]

INBOX = InboxPolicy(id=InboxId("support"), name="Support", desk="slack", channel="C1")
POLICIES = Policies(shards=16, inboxes={INBOX.id: INBOX})


@pytest.fixture(params=[JoinedRedis, LibraryRedis], ids=["joined", "library"])
async def redis(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Redis]:
    """Each implementation in turn, on an empty database."""
    connection: Redis = request.param(redis_url)
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


def everything(server: ValkeyServer) -> dict[bytes, bytes]:
    """All keys with their serialised values, to prove that nothing was written."""
    client: redis_py.Redis = server.client()
    try:
        return {key: client.dump(key) or b"" for key in client.scan_iter(count=1000)}
    finally:
        client.close()
