"""Bytes of files from and to the platforms: large, streamed, rare. What is small goes through `adapters.http`.

An address of a file is somebody else's word, so it is never just opened: no redirect is followed here, and a host
leads to public addresses only, unless it is one that the settings name. Who may be asked at all is the adapters' to
say. Failures are those of `adapters.http`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from bridge.adapters.http import BrokenError, SlowError, UnsentError

_PIECE = 64 * 1024
_ANSWER_BYTES = 64 * 1024
_CONNECT_S = 10.0


class PrivateError(UnsentError):
    """The address leads into a private network; nothing was sent."""


class LongError(SlowError):
    """It went on and on, and was given up."""


class Incoming(NamedTuple):
    """An answer whose body has not been read yet."""

    status: int
    headers: Mapping[str, str]
    """By any spelling of their names."""
    chunks: AsyncIterator[bytes]
    """The body. Raises as `Streams.get`."""


class Streams:
    """Connections for files; belongs to one event loop. `trusted` hosts may be on private networks."""

    def __init__(self, trusted: Iterable[str] = (), *, idle_s: float = 30.0, total_s: float = 300.0) -> None:
        """`idle_s` bounds every wait for more bytes, `total_s` a whole transfer."""
        self._trusted = frozenset(trusted)
        self._timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=_CONNECT_S, sock_read=idle_s)
        self._session: aiohttp.ClientSession | None = None

    @contextlib.asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        """Ask for a file. Raises `PrivateError`, `UnsentError`, `BrokenError`, `SlowError`, `LongError`."""
        session = self._open(url)
        with _failures():
            answer = await session.get(
                url, headers={**headers, "Accept-Encoding": "identity"}, allow_redirects=False
            )
        try:
            yield Incoming(answer.status, answer.headers, _chunks(answer))
        finally:
            # What was not read is not wanted.
            answer.close()

    async def post(
        self, url: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes], size: int
    ) -> tuple[int, bytes]:
        """Send `size` bytes; status and (the beginning of) the answer. Raises as `get`."""
        session = self._open(url)
        with _failures():
            sent = {**headers, "Content-Length": str(size)}
            async with session.post(url, data=chunks, headers=sent, allow_redirects=False) as answer:
                return answer.status, await answer.content.read(_ANSWER_BYTES)

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self, url: str) -> aiohttp.ClientSession:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise UnsentError("no address") from None
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"} or not host:
            raise UnsentError("no address")
        # An address in figures is never looked up, so the resolver would not see it.
        if host not in self._trusted and _is_private(host):
            raise PrivateError("a private address")
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=_PublicOnly(self._trusted), use_dns_cache=False)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
            )
        return self._session


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with _failures():
        async for chunk in answer.content.iter_chunked(_PIECE):
            yield chunk


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, _PrivateHostError):
            raise PrivateError("a private address") from None
        raise UnsentError(type(error).__name__) from None
    except (aiohttp.ServerTimeoutError, aiohttp.SocketTimeoutError):
        raise SlowError("no bytes for a while") from None
    except TimeoutError:
        raise LongError("it took too long") from None
    except (aiohttp.InvalidURL, ValueError):
        raise UnsentError("no address") from None
    except (aiohttp.ClientError, ConnectionError):
        raise BrokenError("the connection broke") from None


class _PublicOnly(AbstractResolver):
    """Finds a host's addresses, and none where one of them is private."""

    def __init__(self, trusted: frozenset[str]) -> None:
        self._trusted = trusted
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """aiohttp: look a name up. Raises `OSError`."""
        found = await self._inner.resolve(host, port, family)
        if host not in self._trusted and any(_is_private(one["host"]) for one in found):
            raise _PrivateHostError(host)
        return found

    async def close(self) -> None:
        """aiohttp: nothing is open."""
        await self._inner.close()


class _PrivateHostError(OSError):
    """The name leads into a private network."""


def _is_private(host: str) -> bool:
    """True for an address in figures that is not on the public internet."""
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False
