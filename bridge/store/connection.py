"""What the store needs of Redis, and what its refusals mean.

Two implementations: `joined.JoinedRedis` (one shared connection, the commands of one loop turn leave in one write) and
`cluster.ClusterRedis` (one of these for each node of a cluster); the tests hold both to a third one over redis-py.
Replies are those of RESP2: bytes, int, None, lists; a status is bytes. A command that may have been carried out is never repeated behind the caller's back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Sequence
from importlib import resources
from typing import Any, Protocol

from bridge.errors import BridgeError, StoreUnavailableError

Arg = str | bytes | int | float

Reply = Any
"""Bytes, int, None, or a list of replies; whoever sent the command knows which."""

_UNAVAILABLE = {
    "OOM": "Redis is full (maxmemory is reached and nothing may be evicted): give it more memory",
    "READONLY": "Redis is a read-only replica: point the address at the primary",
    "LOADING": "Redis is still loading its data",
    "MISCONF": "Redis cannot write its data to disk and takes no writes: look at its log and its disk",
    "CLUSTERDOWN": "the Redis cluster is down",
    "MASTERDOWN": "Redis has lost its primary",
    "NOREPLICAS": "Redis has too few replicas to take writes (min-replicas-to-write)",
    "BUSY": "Redis is busy with a script that does not end",
    "TRYAGAIN": "the Redis cluster is moving these keys",
    "CROSSSLOT": "Redis is a node of a cluster: set redis.cluster = true in the settings",
    "UNBLOCKED": "Redis became a replica",
    "NOAUTH": "Redis wants a password: put it into the address",
    "WRONGPASS": "Redis does not accept the user or password of the address",
    "NOPERM": "the Redis user lacks a permission that the bridge needs",
}


class RedirectError(StoreUnavailableError):
    """A node of a cluster names another one. The command was certainly not carried out."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Redis is a node of a cluster: set redis.cluster = true in the settings ({text})")
        code, slot, where = text.split(" ")[:3]
        host, _, port = where.rpartition(":")
        self.only_now = code == "ASK"
        """The slot is still moving: for this one command ask there, the next one here again."""
        self.slot = int(slot)
        self.host = host
        """Empty: that of the node which answered."""
        self.port = int(port)


class RedisReplyError(BridgeError):
    """Redis refused a command for a reason that is neither its state nor the way to it: a mistake of ours."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


def reply_error(text: str) -> BridgeError:
    """The exception for an error reply."""
    code = text.partition(" ")[0]
    if code in {"MOVED", "ASK"}:
        return RedirectError(text)
    if code in _UNAVAILABLE:
        return StoreUnavailableError(f"{_UNAVAILABLE[code]} ({text})")
    if text.startswith("ERR max number of clients reached"):
        return StoreUnavailableError(f"Redis takes no more connections: raise its maxclients ({text})")
    return RedisReplyError(text)


class Redis(Protocol):
    """A Redis or Valkey.

    All methods raise `StoreUnavailableError` when it cannot be reached or takes no writes,
    `StoreUnknownError` when the connection broke while they were under way, `RedisReplyError` otherwise.
    """

    @property
    def spread(self) -> bool:
        """Whether lanes may be on different servers: a command may then name keys of one lane only."""

    def __call__(self, *args: Arg) -> Awaitable[Reply]:
        """Run one command; await the reply. Several can be gathered; their order is not promised."""

    async def batch(self, commands: Sequence[Sequence[Arg]]) -> list[Reply]:
        """Run commands in this order on one connection, in one round trip.

        Others may run in between; when one
        is refused the others run all the same and the first refusal is raised. All keys are of one lane.
        """

    async def blocking(self, *args: Arg, wait_s: float) -> Reply:
        """Run a command that itself waits up to `wait_s` seconds, on a connection of its own."""

    def script(self, source: str) -> Script:
        """A Lua script to be called by its hash."""

    async def aclose(self) -> None:
        """Close every connection; what is under way fails with `StoreUnknownError`."""


class Script:
    """A Lua script. Names all its keys, which are in one slot; loaded anew when the server forgot it."""

    def __init__(self, redis: Redis, source: str) -> None:
        self._redis = redis
        self._source = source
        # Redis names scripts by SHA-1; nothing here relies on its strength.
        self._sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[Arg], args: Sequence[Arg] = ()) -> Reply:
        """Run it. NOSCRIPT means that it certainly did not run, so then it is sent in full."""
        try:
            return await self._redis("EVALSHA", self._sha, len(keys), *keys, *args)
        except RedisReplyError as error:
            if error.code != "NOSCRIPT":
                raise
        return await self._redis("EVAL", self._source, len(keys), *keys, *args)


def script_source(name: str) -> str:
    """The text of `scripts/<name>.lua`, from wherever the package is installed."""
    return resources.files("bridge.store").joinpath("scripts", f"{name}.lua").read_text("utf-8")
