"""Who has which slots of a cluster, as redis-py's cluster client finds out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from redis import exceptions
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bridge.errors import StoreUnavailableError
from bridge.store.address import Address

Where = tuple[str, int]
"""Host and port of a node."""


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster at one moment."""

    owners: Mapping[int, Where]
    """The primary of each slot; slots that are missing have none."""
    primaries: tuple[Where, ...]
    """In a fixed order."""
    replicas: tuple[Where, ...]


async def discover(address: Address, known: Sequence[Where], within_s: float) -> Topology:
    """Ask the nodes known so far, and the one of the address, one after the other until one answers.

    Each gets `within_s` seconds. Raises StoreUnavailableError, in words, when none does.
    """
    nodes = [ClusterNode(host, port) for host, port in dict.fromkeys([*known, (address.host, address.port)])]
    cluster = RedisCluster(
        startup_nodes=nodes,
        # Else it forgets some of those it asked, and with them their connections.
        dynamic_startup_nodes=False,
        # Where a part of the cluster is down, the others go on.
        require_full_coverage=False,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        username=address.username,
        password=address.password,
        socket_connect_timeout=within_s,
        socket_timeout=within_s,
        ssl=address.tls,
        ssl_ca_certs=address.options.get("ssl_ca_certs"),
        ssl_certfile=address.options.get("ssl_certfile"),
        ssl_keyfile=address.options.get("ssl_keyfile"),
        ssl_cert_reqs=address.options.get("ssl_cert_reqs", "required"),
        ssl_check_hostname=address.options.get("ssl_cert_reqs") != "none",
    )
    try:
        async with asyncio.timeout(within_s * (len(nodes) + 1)):
            # Not its `initialize`, which goes on to ask the first primary for its commands: that one may be down.
            await cluster.nodes_manager.initialize()
        return _topology(cluster)
    except Exception as error:
        # redis-py's are of several families, and whoever waits for the answer has to be told.
        raise StoreUnavailableError(_words(address, error)) from error
    finally:
        for node in {
            *cluster.nodes_manager.startup_nodes.values(),
            *cluster.nodes_manager.nodes_cache.values(),
        }:
            await node.disconnect()


def _topology(cluster: RedisCluster) -> Topology:
    return Topology(
        owners={slot: _where(nodes[0]) for slot, nodes in cluster.nodes_manager.slots_cache.items()},
        primaries=tuple(sorted(map(_where, cluster.get_primaries()))),
        replicas=tuple(sorted(map(_where, cluster.get_replicas()))),
    )


def _where(node: ClusterNode) -> Where:
    return node.host, int(node.port)


def _words(address: Address, error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = f"{error} {cause}"
    if "cluster support disabled" in text or "not enabled on this node" in text:
        return f"Redis at {address} is no cluster: remove redis.cluster from the settings"
    if isinstance(cause, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError):
        return f"Redis does not accept the user or password of the address ({cause})"
    return f"the Redis cluster at {address} cannot be reached: {cause}"
