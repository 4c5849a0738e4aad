"""Just enough HTTP/1.1 for the two ends of the benchmark, so that they cost little beside what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Framing:
    """Cuts a stream of bytes into messages: head and body. Knows Content-Length only, no chunks."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are complete with `data`."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(_END)
            if not found:
                return
            length = _content_length(head)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            yield head, rest[:length]


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(_LENGTH)
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


def response(body: bytes) -> bytes:
    """A 200 with a JSON body."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def request(path: str, body: bytes = b"", **headers: str) -> bytes:
    """A POST with a JSON body, or a GET without one. `headers` have underscores for dashes."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Line(asyncio.Protocol):
    """A client's connection that carries one request at a time."""

    def __init__(self) -> None:
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, port: int) -> Line:
        """Connect to 127.0.0.1. Raises OSError."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    async def ask(self, raw: bytes, timeout_s: float = 30.0) -> tuple[int, bytes]:
        """Send a request; its answer's status and body. Raises TimeoutError, ConnectionError."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        async with asyncio.timeout(timeout_s):
            return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """asyncio: a part of an answer."""
        for head, body in self._framing.feed(data):
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the other side hung up."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError(str(exc or "the other side hung up")))
