"""A proxy in front of Redis that stops the traffic at one exact command, before or after it takes effect.

With it a test can kill a process in the gap between two steps and know which gap it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import hiredis

from bridge.store.connection import script_source

Args = list[bytes]
Matches = Callable[[Args], bool]
SCRIPT_ARG = 1


def runs_script(name: str, *, keys_contain: bytes = b"", args_contain: bytes = b"") -> Matches:
    """Matches a call of one of the store's scripts whose keys and arguments contain these bytes."""
    source = script_source(name).encode()
    sha = hashlib.sha1(source).hexdigest().encode()  # noqa: S324 - Redis names scripts so

    def matches(args: Args) -> bool:
        # By its hash, or in full where the server did not know it yet.
        named = {b"EVALSHA": sha, b"EVAL": source}.get(args[0].upper())
        if named is None or args[SCRIPT_ARG] != named:
            return False
        count = int(args[2])
        keys, rest = args[3 : 3 + count], args[3 + count :]
        found = not keys_contain or any(keys_contain in key for key in keys)
        return found and (not args_contain or any(args_contain in arg for arg in rest))

    return matches


class Stop:
    """A point where the traffic stops. `reached` is set when it is there; it goes on once `released` is."""

    def __init__(self, matches: Matches, when: Literal["before", "after"]) -> None:
        self.matches = matches
        self.when = when
        self.reached = asyncio.Event()
        self.released = asyncio.Event()


class RedisProxy:
    """Listens on loopback and passes everything on, until `stop_at` says otherwise."""

    def __init__(self, url: str) -> None:
        self._upstream = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._stop: Stop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address for settings."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"redis://127.0.0.1:{port}{self._upstream.path}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def aclose(self) -> None:
        """End all connections."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop_at(self, matches: Matches, when: Literal["before", "after"]) -> Stop:
        """Stop a connection at the next command that matches: it is not passed on (`before`), or it is, takes
        effect, and its reply is kept back (`after`).
        """
        self._stop = Stop(matches, when)
        return self._stop

    def go_on(self) -> None:
        """Stop no further connection."""
        self._stop = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            up_reader, up_writer = await asyncio.open_connection(
                self._upstream.hostname, self._upstream.port or 6379
            )
            waiting: deque[Stop | None] = deque()
            down = asyncio.create_task(self._down(up_reader, writer, waiting))
            try:
                await self._up(reader, up_writer, waiting)
            finally:
                down.cancel()
                up_writer.close()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _up(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, waiting: deque[Stop | None]
    ) -> None:
        parser = hiredis.Reader()
        while data := await reader.read(65536):
            parser.feed(data)
            while (args := parser.gets()) is not False:
                stop = self._stop
                hit = stop is not None and not stop.reached.is_set() and stop.matches(args)
                if hit and stop is not None and stop.when == "before":
                    stop.reached.set()
                    await stop.released.wait()
                waiting.append(stop if hit and stop is not None and stop.when == "after" else None)
                upstream.write(hiredis.pack_command(tuple(args)))
            await upstream.drain()

    @staticmethod
    async def _down(
        upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: deque[Stop | None]
    ) -> None:
        """Pass replies on whole, so that the one that is kept back is known."""
        counter = hiredis.Reader()
        with contextlib.suppress(ConnectionError):
            while data := await upstream.read(65536):
                counter.feed(data)
                while (reply := counter.gets()) is not False:
                    stop = waiting.popleft()
                    # A server that does not know the script yet has done nothing: it is called once more.
                    if stop is not None and not str(reply).startswith("NOSCRIPT"):
                        stop.reached.set()
                        await stop.released.wait()
                writer.write(data)
                await writer.drain()
