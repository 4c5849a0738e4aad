"""A Valkey cluster for tests: three primaries on loopback and, where wanted, a replica of each."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import redis

from tests.support.valkey import ValkeyServer, come_about, free_port

if TYPE_CHECKING:
    from pathlib import Path

PRIMARIES = 3
SLOTS = 16_384


class ValkeyCluster:
    """The nodes and what a test does to them. Everything is synchronous and returns when the effect is there."""

    def __init__(self, folder: Path, *, replicas: bool = False, node_timeout_ms: int = 15_000) -> None:
        """With `replicas`, each primary has one, which takes over once it is gone for about `node_timeout_ms`."""
        self.folder = folder
        # By default 10,000 above the port, which may be no port any more.
        self._bus_ports = [free_port() for _ in range(PRIMARIES * (2 if replicas else 1))]
        self.servers = [
            ValkeyServer(
                folder / str(index),
                cluster_enabled="yes",
                cluster_port=str(bus_port),
                cluster_node_timeout=str(node_timeout_ms),
                cluster_replica_validity_factor="0",
                cluster_require_full_coverage="no",
                # Else a replica waits five seconds for its first copy, and until then never takes over.
                repl_diskless_sync_delay="0",
            )
            for index, bus_port in enumerate(self._bus_ports)
        ]

        self._announced = {server.port: server for server in self.servers}

    def announce(self, ports: Sequence[int]) -> None:
        """Before the start: have the nodes give out other ports as theirs, in this order."""
        for server, port in zip(self.servers, ports, strict=True):
            server.set(cluster_announce_port=str(port))
            self._announced[port] = server

    @property
    def url(self) -> str:
        """Address of one of the nodes."""
        return self.servers[0].url

    def start(self) -> None:
        """Start all nodes, make them a cluster, and wait until it takes writes and every replica follows."""
        for server in self.servers:
            server.start()
        with self._clients() as clients:
            first = self.servers[0]
            for epoch, client in enumerate(clients, start=1):
                ask(client, "CLUSTER SET-CONFIG-EPOCH", epoch)
            for client in clients[1:]:
                # Nodes tell each other their cluster ports; the first time it has to be said.
                ask(client, "CLUSTER MEET", "127.0.0.1", first.port, self._bus_ports[0])
            for index, client in enumerate(clients[:PRIMARIES]):
                low, high = SLOTS * index // PRIMARIES, SLOTS * (index + 1) // PRIMARIES - 1
                ask(client, "CLUSTER ADDSLOTSRANGE", low, high)
            come_about(lambda: all(_knows(client, len(clients)) for client in clients), "the nodes to meet")
            for primary, replica in zip(clients, clients[PRIMARIES:], strict=False):
                ask(replica, "CLUSTER REPLICATE", _id(primary))
            come_about(lambda: all(map(_is_well, clients)), "the cluster to take writes")
        self.wait_for_replicas()

    def wait_for_replicas(self) -> None:
        """Wait until every replica has its primary's data."""
        with self._clients() as clients:
            for client in clients:
                come_about(functools.partial(_is_in_step, client), "a replica to be in step")

    def flush(self) -> None:
        """Empty all primaries."""
        for server in self.primaries():
            with contextlib.closing(server.client()) as client:
                client.flushall()

    def primaries(self) -> list[ValkeyServer]:
        """The running nodes that are primaries now."""
        return [server for server in self.servers if server.is_running and _role(server) == "master"]

    def primary_of(self, key: str) -> ValkeyServer:
        """The node that has a key, as a running one says."""
        with contextlib.closing(next(one for one in self.servers if one.is_running).client()) as client:
            return self._announced[_owner_port(client, ask(client, "CLUSTER KEYSLOT", key))]

    def begin_move(self, key: str, to: ValkeyServer) -> None:
        """Begin to move a key's slot: from now on what is not there any more is asked for at the new place."""
        old = self.primary_of(key)
        with contextlib.closing(old.client()) as source, contextlib.closing(to.client()) as target:
            slot = ask(source, "CLUSTER KEYSLOT", key)
            ask(target, "CLUSTER SETSLOT", slot, "IMPORTING", _id(source))
            ask(source, "CLUSTER SETSLOT", slot, "MIGRATING", _id(target))

    def move(self, key: str, to: ValkeyServer) -> None:
        """Move the slot's keys, give it to its new node, and wait until everybody knows."""
        self.begin_move(key, to)
        old = self.primary_of(key)
        with contextlib.closing(old.client()) as source, contextlib.closing(to.client()) as target:
            slot = ask(source, "CLUSTER KEYSLOT", key)
            for name in ask(source, "CLUSTER GETKEYSINSLOT", slot, 1000):
                ask(source, "MIGRATE", "127.0.0.1", to.port, name, 0, 5000)
            for client in (target, source):
                ask(client, "CLUSTER SETSLOT", slot, "NODE", _id(target))
        with self._clients() as clients:
            come_about(
                lambda: all(_owner_port(client, slot) == to.port for client in clients),
                "all nodes to know the slot's new place",
            )

    def remove(self) -> None:
        """Kill all nodes and delete their data."""
        for server in self.servers:
            server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _clients(self) -> Iterator[list[redis.Redis]]:
        clients = [server.client() for server in self.servers if server.is_running]
        try:
            yield clients
        finally:
            for client in clients:
                client.close()


def ask(client: redis.Redis, *words: str | bytes | float) -> Any:
    """Run a command that redis-py has no method for."""
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _id(client: redis.Redis) -> str:
    return str(ask(client, "CLUSTER MYID").decode())


def _owner_port(client: redis.Redis, slot: int) -> int:
    for low, high, (_, port, *_), *_ in ask(client, "CLUSTER SLOTS"):
        if low <= slot <= high:
            return int(port)
    raise RuntimeError(f"nobody has slot {slot}")


def _knows(client: redis.Redis, count: int) -> bool:
    nodes = ask(client, "CLUSTER NODES").values()
    return len(nodes) == count and not any("handshake" in one["flags"] for one in nodes)


def _is_well(client: redis.Redis) -> bool:
    info = ask(client, "CLUSTER INFO")
    return bool(info["cluster_state"] == "ok" and info["cluster_size"] == str(PRIMARIES))


def _role(server: ValkeyServer) -> str:
    with contextlib.closing(server.client()) as client:
        return str(client.info("replication")["role"])


def _is_in_step(client: redis.Redis) -> bool:
    info = client.info("replication")
    return bool(info["role"] == "master" or info["master_link_status"] == "up")
