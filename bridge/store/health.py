"""Whether a Redis is fit for the bridge; for `threadline check` and the start."""

from __future__ import annotations

import re

import msgspec

from bridge.errors import BridgeError, Finding, StoreUnavailableError
from bridge.store import keys
from bridge.store.cluster import ClusterRedis
from bridge.store.connection import Redis, RedisReplyError

_LEAST_VERSION = (7, 0)


class ShardCountError(BridgeError):
    """This database was begun with another number of shards."""


async def claim_shards(redis: Redis, shards: int) -> None:
    """Write the number of shards into a new database, or see that it is the one stored. Raises ShardCountError."""
    same_shards(await redis("SET", keys.SHARDS, shards, "NX", "GET"), shards)


async def expect_shards(redis: Redis, shards: int) -> None:
    """See that the number of shards is the one stored, if there is one. Writes nothing. Raises ShardCountError."""
    same_shards(await redis("GET", keys.SHARDS), shards)


def same_shards(stored: bytes | int | None, shards: int) -> None:
    """See that a stored number of shards, if there is one, is that of the settings. Raises ShardCountError."""
    if stored is not None and int(stored) != shards:
        raise ShardCountError(
            f"this Redis database was begun with {int(stored)} shards and the settings say {shards}: "
            f"set shards to {int(stored)}, or use an empty database"
        )


async def inspect(
    redis: Redis | ClusterRedis, *, shards: int | None = None, replicas: int = 0
) -> list[Finding]:
    """Look at version, persistence, eviction, replicas and the stored number of shards; in a cluster, at every
    primary. Writes nothing.
    """
    found = await (_cluster(redis, replicas) if isinstance(redis, ClusterRedis) else _server(redis, replicas))
    if shards is None or any(one.name == "redis" for one in found):
        return found
    return [*found, await _shards(redis, shards)]


async def _cluster(redis: ClusterRedis, replicas: int) -> list[Finding]:
    try:
        nodes = await redis.primaries()
    except StoreUnavailableError as error:
        return [Finding.error("redis", str(error), "start Redis, or correct its address in the settings")]
    found = [Finding.ok("redis.cluster", f"{len(nodes)} primaries: {', '.join(nodes)}")]
    if not await redis.covers_all():
        advice = "look at CLUSTER NODES: customers whose slots nobody has are not heard"
        found = [Finding.error("redis.cluster", "a part is down: nobody has some of the slots", advice)]
    for name, node in nodes.items():
        if await _config(node, "cluster-require-full-coverage") == "yes":
            advice = "set it to no: as it is, the whole cluster refuses while a part of it is down"
            found.append(
                Finding.warning("redis.cluster", f"cluster-require-full-coverage yes ({name})", advice)
            )
        found += [
            msgspec.structs.replace(one, found=f"{one.found} ({name})")
            for one in await _server(node, replicas, in_cluster=True)
        ]
    return found


async def _server(redis: Redis, replicas: int, *, in_cluster: bool = False) -> list[Finding]:
    try:
        info = _fields(await redis("INFO"))
    except StoreUnavailableError as error:
        return [Finding.error("redis", str(error), "start Redis, or correct its address in the settings")]
    except RedisReplyError as error:
        return [Finding.error("redis", str(error), "allow the user the INFO command")]
    if info.get("cluster_enabled") == "1" and not in_cluster:
        advice = "set redis.cluster = true"
        return [Finding.error("redis", "the address is that of a node of a cluster", advice)]
    return [
        _version(info),
        *_persistence(info, await _config(redis, "appendfsync")),
        _eviction(info.get("maxmemory_policy") or await _config(redis, "maxmemory-policy")),
        _writable(info),
        _replicas(info, replicas),
    ]


def _version(info: dict[str, str]) -> Finding:
    if "valkey_version" in info:
        return Finding.ok("redis.version", f"Valkey {info['valkey_version']}")
    text = info.get("redis_version", "unknown")
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if numbers < _LEAST_VERSION:
        return Finding.error("redis.version", f"Redis {text}", "use Redis 7.0 or later, or Valkey")
    return Finding.ok("redis.version", f"Redis {text}")


def _persistence(info: dict[str, str], fsync: str | None) -> list[Finding]:
    if info.get("aof_enabled") != "1":
        advice = "set appendonly yes and appendfsync always: without it a crash of Redis loses messages"
        return [Finding.error("redis.appendonly", "the append-only file is off", advice)]
    found = [Finding.ok("redis.appendonly", "the append-only file is on")]
    name = "redis.appendfsync"
    if fsync is None:
        advice = "see that it says always: this user may not read the configuration"
        return [*found, Finding.warning(name, "unknown", advice)]
    if fsync != "always":
        advice = "set appendfsync always: as it is, a crash of the machine loses up to a second"
        return [*found, Finding.warning(name, f"appendfsync {fsync}", advice)]
    return [*found, Finding.ok(name, "appendfsync always")]


def _eviction(policy: str | None) -> Finding:
    name = "redis.maxmemory-policy"
    if policy is None:
        return Finding.warning(name, "unknown", "see that it says noeviction: this user may not read it")
    if policy != "noeviction":
        advice = "set maxmemory-policy noeviction: as it is, a full Redis throws conversations away"
        return Finding.error(name, f"maxmemory-policy {policy}", advice)
    return Finding.ok(name, "maxmemory-policy noeviction")


def _writable(info: dict[str, str]) -> Finding:
    name = "redis.role"
    if info.get("role", "master") != "master":
        return Finding.error(name, "a replica", "point the address at the primary")
    if info.get("aof_last_write_status", "ok") != "ok" or info.get("rdb_last_bgsave_status", "ok") != "ok":
        return Finding.error(name, "the last write to disk failed", "look at the log and the disk of Redis")
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if limit and used > limit * 0.9:
        return Finding.warning(name, f"{used / limit:.0%} of maxmemory are in use", "give Redis more memory")
    return Finding.ok(name, "primary")


def _replicas(info: dict[str, str], wanted: int) -> Finding:
    have = int(info.get("connected_slaves", 0))
    if have < wanted:
        advice = f"connect {wanted} replicas, or lower the setting: until then no message is accepted"
        return Finding.error("redis.replicas", f"{have} replicas", advice)
    return Finding.ok("redis.replicas", f"{have} replicas")


async def _shards(redis: Redis | ClusterRedis, shards: int) -> Finding:
    name = "redis.shards"
    try:
        stored = await redis("GET", keys.SHARDS)
    except StoreUnavailableError as error:
        return Finding.error(name, str(error), "see that all of Redis answers")
    if stored is None:
        return Finding.ok(name, f"a new database, for {shards} shards")
    if int(stored) != shards:
        advice = f"set shards to {int(stored)}, or use an empty database"
        return Finding.error(name, f"begun with {int(stored)} shards, the settings say {shards}", advice)
    return Finding.ok(name, f"{shards} shards")


async def _config(redis: Redis, name: str) -> str | None:
    """A configuration value; None where a managed service or a narrow user may not read it."""
    try:
        pair = await redis("CONFIG", "GET", name)
    except (RedisReplyError, StoreUnavailableError):
        return None
    return pair[1].decode() if pair else None


def _fields(info: bytes) -> dict[str, str]:
    lines = (line for line in info.decode("utf-8", "replace").splitlines() if ":" in line)
    return dict(line.split(":", 1) for line in lines)
