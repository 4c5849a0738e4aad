"""A bridge in a process of its own, to be killed and started again."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.support.waiting import until

START_S = 60.0
END_S = 60.0


class BridgeProcess:
    """`threadline serve` with the given variables and nothing else of ours in its environment."""

    def __init__(self, environment: Mapping[str, str], port: int, log: Path | None = None) -> None:
        self._environment = dict(environment)
        self._port = port
        self._process: Process | None = None
        self._log = log or Path(tempfile.mkstemp(prefix="bridge-", suffix=".log")[1])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """True while it lives, paused or not."""
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start it and wait for nothing."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bridge", "serve", env=self._environment, stdout=log, stderr=log
            )

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises AssertionError with its log when it ends instead."""
        await self.launch()
        await self.ready(START_S)

    async def ready(self, timeout_s: float) -> None:
        """Wait until it says that it is well. Raises AssertionError with its log when it ends instead."""
        process = self._running()
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                assert process.returncode is None, self.log()
                try:
                    async with session.get(f"http://127.0.0.1:{self._port}/readyz") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await until(ready, timeout_s, "the bridge to be ready")

    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text(errors="replace")

    async def kill(self) -> None:
        """End it as a crash would: no clean-up, no last word."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to stop; its exit code. Raises AssertionError with its log when it does not end."""
        return await self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze it, as a machine that is swapping or suspended."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> Process:
        assert self._process is not None
        return self._process

    async def _end(self, number: signal.Signals) -> int:
        process = self._running()
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(END_S):
                return await process.wait()
        except TimeoutError:
            raise AssertionError(f"it did not end within {END_S:g} s: {self.log()}") from None

    def remove(self) -> None:
        """Delete its log."""
        self._log.unlink(missing_ok=True)
