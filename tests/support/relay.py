"""A wire between a client and a server that a test can listen to, hold and cut."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path


class Relay:
    """Passes bytes on to `port` of 127.0.0.1. `requests` are the chunks as they came from the clients."""

    def __init__(self, port: int) -> None:
        self._target = port
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
        with contextlib.suppress(OSError):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers |= {writer, up_writer}
            loop = asyncio.get_running_loop()
            for task in (
                loop.create_task(self._pump(reader, up_writer, listen=True)),
                loop.create_task(self._pump(up_reader, writer, listen=False)),
            ):
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, listen: bool
    ) -> None:
        try:
            while data := await reader.read(1 << 20):
                if listen:
                    self.requests.append(data)
                else:
                    await self._answering.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
