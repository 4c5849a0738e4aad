"""HTTP/1.1 to the platforms, for the calls that every message costs: one request, one whole answer, many of each.

aiohttp's client takes several times as much processor time for a small JSON body (docs/performance.md); it stays for
what is large, streamed or rare. The parsing is httptools', which is Node's parser.

What callers need to know of a failure is whether the request may have had its effect, so that is what the exceptions
say. Nothing is repeated here, no redirect is followed, and nothing is logged: heads hold tokens, bodies people's words.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import aiohappyeyeballs
import httptools

IDLE_S = 10.0
"""Connections that were idle for longer are not used again: shorter than servers keep them, because a request on one that
is just being closed has an unknown fate."""
MOST_BYTES = 16 * 1024 * 1024
"""No answer of an API that is read as a whole is longer."""
_EYEBALLS_S = 0.25
_AGENT = "User-Agent: threadline\r\nAccept: */*\r\n"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters; of those that came twice the last one."""
    body: bytes


class HttpError(Exception):
    """No answer came; see the subclasses."""


class UnsentError(HttpError):
    """No connection came about, so nothing was sent."""


class BrokenError(HttpError):
    """The connection broke, or what came was no answer. The request may have had its effect."""


class SlowError(HttpError):
    """No whole answer came in time. The request may have had its effect."""


class _Target(NamedTuple):
    origin: tuple[bool, str, int]
    """Whether with TLS, the host, the port."""
    head: bytes
    """From the path on to the end of the `Host` line."""


class HttpClient:
    """Connections to any number of servers, kept open between requests. Belongs to one event loop."""

    def __init__(self, *, connect_s: float = 5.0, most_bytes: int = MOST_BYTES) -> None:
        """`connect_s` bounds the making of a connection, TLS included."""
        self._connect_s = connect_s
        self._most_bytes = most_bytes
        self._idle: dict[tuple[bool, str, int], deque[_Connection]] = {}
        self._busy: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, timeout_s: float
    ) -> Answer:
        """Send a request and wait for its whole answer, `timeout_s` seconds at most.

        Raises `UnsentError`, `BrokenError`, `SlowError`; ValueError for a header that is more than one line.
        """
        try:
            target = _target(url)
        except ValueError:
            raise UnsentError("no address") from None
        request = _request(method, target, headers, body)
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        connection = self._free(target.origin, loop.time())
        if connection is None:
            connection = await self._open(target.origin, min(timeout_s, self._connect_s))
        self._busy.add(connection)
        try:
            answer = await connection.exchange(request, until)
        finally:
            self._busy.discard(connection)
            if not connection.reusable:
                connection.abort()
        if connection.reusable:
            connection.idle_since = loop.time()
            self._idle.setdefault(target.origin, deque()).append(connection)
        return answer

    async def aclose(self) -> None:
        """Close all connections; what is under way breaks. A later request opens new ones."""
        for connections in (*self._idle.values(), self._busy):
            for connection in list(connections):
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)

    def _free(self, origin: tuple[bool, str, int], now: float) -> _Connection | None:
        """The connection that was used last; those that have been idle for too long are closed."""
        idle = self._idle.get(origin)
        while idle and (not idle[0].reusable or now - idle[0].idle_since > IDLE_S):
            idle.popleft().abort()
        while idle:
            connection = idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _open(self, origin: tuple[bool, str, int], within_s: float) -> _Connection:
        secure, host, port = origin
        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                # Where one of the two internets does not work, the other is tried a moment later.
                raw = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_EYEBALLS_S)
                try:
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self._most_bytes),
                        sock=raw,
                        ssl=self._tls if secure else None,
                        server_hostname=host if secure else None,
                    )
                except BaseException:
                    raw.close()
                    raise
        except (OSError, UnicodeError) as error:
            # TimeoutError is one of them; UnicodeError is a host name that cannot be one.
            raise UnsentError(type(error).__name__) from None
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._keep = False
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._headed = False

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        return (
            self._keep
            and self._waiting is None
            and self._transport is not None
            and not self._transport.is_closing()
        )

    async def exchange(self, request: bytes, until: float) -> Answer:
        """Send and wait until `until` (the loop's time). Raises as `HttpClient.request`."""
        loop = asyncio.get_running_loop()
        self._waiting, self._keep = loop.create_future(), False
        timer = loop.call_at(until, self._late)
        if self._transport is None or self._transport.is_closing():
            # Lost between the making and the first use: nothing was written.
            self._fail(UnsentError("closed"))
        else:
            self._transport.write(request)
        try:
            return await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def abort(self) -> None:
        """Drop the connection now."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    def _late(self) -> None:
        self._fail(SlowError("no answer in time"))

    def _fail(self, error: HttpError) -> None:
        self._keep = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def _finish(self, status: int) -> None:
        answer = Answer(status, self._headers, b"".join(self._body))
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)
        self._begin()

    # ---------------------------------------------------------------------------- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._keep = True

    def data_received(self, data: bytes) -> None:
        """asyncio: a part of an answer."""
        if self._waiting is None or self._waiting.done():
            # Nobody asked for anything; what else may come on this connection cannot be told apart from an answer.
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(BrokenError("not an HTTP answer"))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is gone. An answer of no stated length ends with it."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        if self._headed and exc is None and not self._framed():
            self._keep = False
            self._finish(self._parser.get_status_code())
        else:
            self._fail(BrokenError("the connection broke"))

    def eof_received(self) -> bool:
        """asyncio: the other side sends no more, so nor do we."""
        return False

    def _framed(self) -> bool:
        return "content-length" in self._headers or "transfer-encoding" in self._headers

    # -------------------------------------------------------------------------- called by the parser

    def on_message_begin(self) -> None:
        """httptools: an answer begins; where the one that was asked for is whole, this one belongs to nobody."""
        if self._waiting is None or self._waiting.done():
            self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header, or one that follows the chunks."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        self._headed = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        self._size += len(body)
        if self._size > self._most_bytes:
            self._fail(BrokenError("an endless answer"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is whole. Those below 200 announce another one."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers = {}
            return
        if self._waiting is not None and not self._waiting.done():
            self._keep = self._parser.should_keep_alive()
            self._finish(status)


@functools.lru_cache(maxsize=256)
def _target(url: str) -> _Target:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError("an address begins with http:// or https:// and names a host")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc
    head = f"{path} HTTP/1.1\r\nHost: {host}\r\n{_AGENT}"
    if not head.isascii() or any(one <= " " for one in path + host):
        raise ValueError("an address is written in ASCII, without spaces")
    return _Target((secure, parts.hostname, port), head.encode())


def _request(method: str, target: _Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header is one line")
    length = b"Content-Length: %d\r\n" % len(body) if body or method != "GET" else b""
    return b"%b %b%b%b\r\n%b" % (method.encode(), target.head, lines.encode("latin-1"), length, body)
