"""The processes of a benchmark: start, wait until they listen, read their processor time, end them."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

START_S = 30.0
STOP_S = 25.0
_LOG_LINES = 5
_PROC = Path("/proc")


class ChildError(Exception):
    """A process of the benchmark does not run; the text says which."""


def run_role(work: Coroutine[Any, Any, None]) -> None:
    """Run a child's work on uvloop where there is one; SIGTERM ends it at once, for it holds nothing."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """One process that listens on `port`."""

    def __init__(self, name: str, process: Process, port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, name: str, arguments: Sequence[str], port: int, folder: Path, environment: Mapping[str, str]
    ) -> Child:
        """Run `python -m …` in `folder`, with its log there. Wait for its port with `listening`."""
        path = folder / f"{name}.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *arguments),
                cwd=folder,
                env=dict(environment),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
            )
        return cls(name, process, port, path)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def listening(self) -> None:
        """Wait until it takes connections. Raises `ChildError`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while self._process.returncode is None:
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                        writer.close()
                        return
                    await asyncio.sleep(0.02)
        raise self.failed(f"does not listen (exit code {self._process.returncode})")

    def failed(self, what: str) -> ChildError:
        """An error about it, with its last words."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return ChildError("\n".join([f"{self.name} {what}", *lines[-_LOG_LINES:]]))

    async def stop(self) -> None:
        """End it, in good order if it can."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


def resident_bytes(pid: int) -> int | None:
    """Resident memory of a process; None where there is no /proc."""
    with contextlib.suppress(OSError):
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return None


def cpu_s(pid: int) -> float | None:
    """Processor seconds of a process and all its living descendants; None where there is no /proc (not Linux)."""
    times: dict[int, float] = {}
    children: dict[int, list[int]] = collections.defaultdict(list)
    ticks = os.sysconf("SC_CLK_TCK")
    for stat in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            # The name in parentheses may hold spaces; what follows it is: state, parent, … utime, stime.
            fields = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            times[number] = (int(fields[11]) + int(fields[12])) / ticks
            children[int(fields[1])].append(number)
    if pid not in times:
        return None
    family = [pid]
    for member in family:
        family += children[member]
    return sum(times[member] for member in family)
