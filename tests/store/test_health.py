"""Whether a Redis is fit for the bridge."""

from __future__ import annotations

import pytest

from bridge.errors import Level, StoreUnavailableError
from bridge.store.connection import Redis
from bridge.store.health import ShardCountError, claim_shards, inspect
from bridge.store.joined import JoinedRedis, Timing
from tests.store.conftest import Database, everything
from tests.support.valkey import ValkeyServer, free_port


async def test_a_fit_server_has_nothing_to_complain_about(redis: Redis, database: Database) -> None:
    """Every finding is well, and looking writes nothing."""
    found = await inspect(redis, shards=16)
    assert {one.level for one in found} == {Level.OK}
    assert all(not one.advice for one in found)
    assert everything(database) == {}


@pytest.mark.parametrize(
    "name, value, finding, level",
    [
        ("appendonly", "no", "redis.appendonly", Level.ERROR),
        ("appendfsync", "everysec", "redis.appendfsync", Level.WARNING),
        ("maxmemory-policy", "allkeys-lru", "redis.maxmemory-policy", Level.ERROR),
        ("maxmemory", "1", "redis.role", Level.WARNING),
    ],
)
async def test_each_weakness_is_named_with_what_to_do(
    restartable_valkey: ValkeyServer, name: str, value: str, finding: str, level: Level
) -> None:
    """One wrong setting is one finding, with advice."""
    redis = JoinedRedis(restartable_valkey.url)
    await redis("CONFIG", "SET", name, value)
    bad = [one for one in await inspect(redis) if one.level is not Level.OK]
    assert [(one.name, one.level) for one in bad] == [(finding, level)]
    assert bad[0].advice
    await redis.aclose()


async def test_missing_replicas_and_being_one_are_errors(restartable_valkey: ValkeyServer) -> None:
    """Both would refuse every message."""
    redis = JoinedRedis(restartable_valkey.url)
    assert "redis.replicas" in {
        one.name for one in await inspect(redis, replicas=1) if one.level is Level.ERROR
    }
    await redis("REPLICAOF", "127.0.0.1", free_port())
    assert "redis.role" in {one.name for one in await inspect(redis) if one.level is Level.ERROR}
    await redis.aclose()


async def test_what_may_not_be_read_is_a_warning(restartable_valkey: ValkeyServer) -> None:
    """Managed services forbid CONFIG; then the advice is to look oneself."""
    admin = JoinedRedis(restartable_valkey.url)
    await admin("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-config")
    redis = JoinedRedis(f"redis://app:pw@127.0.0.1:{restartable_valkey.port}/0")
    assert [one.name for one in await inspect(redis) if one.level is Level.WARNING] == ["redis.appendfsync"]
    await admin("ACL", "SETUSER", "app", "-info")
    (finding,) = await inspect(redis)
    assert (finding.level, finding.name) == (Level.ERROR, "redis")
    await redis.aclose()
    await admin.aclose()


async def test_a_server_that_is_not_there_is_one_finding() -> None:
    """Nothing else is guessed."""
    redis = JoinedRedis(f"redis://127.0.0.1:{free_port()}", Timing(patience_s=0.1))
    (finding,) = await inspect(redis)
    assert finding.level is Level.ERROR
    assert "cannot be reached" in finding.found
    with pytest.raises(StoreUnavailableError):
        await claim_shards(redis, 16)
    await redis.aclose()


async def test_the_number_of_shards_is_fixed_at_the_first_start(redis: Redis) -> None:
    """The first start writes it, the same number passes, another one is refused and nothing changes."""
    await claim_shards(redis, 16)
    await claim_shards(redis, 16)
    with pytest.raises(ShardCountError, match=r"16 shards .* 8"):
        await claim_shards(redis, 8)
    (finding,) = [one for one in await inspect(redis, shards=8) if one.name == "redis.shards"]
    assert finding.level is Level.ERROR
    assert await redis("GET", "threadline:shards") == b"16"
