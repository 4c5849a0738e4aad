"""A wire between a client and a server that a test can listen to, hold and cut."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from pathlib import Path


class Relay:
    """Passes bytes on to `ports` of 127.0.0.1, in turn and leaving out where nobody listens.

    `requests` are the chunks as they came from the clients, unless it is not to `listen`.
    """

    def __init__(self, *ports: int, listen: bool = True) -> None:
        self._targets = deque(ports)
        self._listen = listen
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._answering = asyncio.Event()
        self._answering.set()
        self.requests: list[bytes] = []
        self.accepted = 0
        self.port = 0

    async def open(self, *, tls: ssl.SSLContext | None = None, path: Path | None = None) -> None:
        """Listen: on a free port of 127.0.0.1, or on the socket file `path`."""
        if path is not None:
            self._servers.append(await asyncio.start_unix_server(self._serve, path))
            return
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        self.port = server.sockets[0].getsockname()[1]

    def hold_answers(self) -> None:
        """Keep what the server says from now on; requests still go through."""
        self._answering.clear()

    def pass_answers(self) -> None:
        """Let held answers go."""
        self._answering.set()

    def cut(self) -> None:
        """Break every connection, at once; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        """Break every connection and take no new ones."""
        for server in self._servers:
            server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        upstream = await self._connect()
        if upstream is None:
            writer.close()
            return
        up_reader, up_writer = upstream
        self._writers |= {writer, up_writer}
        loop = asyncio.get_running_loop()
        for task in (
            loop.create_task(self._pump(reader, up_writer, up=True)),
            loop.create_task(self._pump(up_reader, writer, up=False)),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self._targets)):
            self._targets.rotate(-1)
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self._targets[0])
        return None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        try:
            while data := await reader.read(1 << 20):
                if not up:
                    await self._answering.wait()
                elif self._listen:
                    self.requests.append(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
