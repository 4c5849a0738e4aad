"""Large bodies both ways, and the addresses that are not opened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from bridge.adapters.http import BrokenError, SlowError, UnsentError
from bridge.adapters.streaming import LongError, PrivateError, Streams

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOCAL = {"127.0.0.1"}


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server on a free port of this machine; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """These bytes, one after the other."""
    for part in parts:
        yield part


async def body(streams: Streams, url: str) -> bytes:
    """Everything that an address gives."""
    async with streams.get(url, {}) as answer:
        return b"".join([chunk async for chunk in answer.chunks])


async def test_both_ways() -> None:
    """Bytes come as they are, with the length that was said; headers go along."""
    seen: list[tuple[str | None, int | None, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "POST":
            seen.append((request.headers.get("X-Say"), request.content_length, await request.read()))
            return web.Response(text="taken")
        return web.Response(body=b"x" * 300_000, status=201)

    async with serving(handler) as url, contextlib.aclosing(Streams(LOCAL)) as streams:
        assert await body(streams, url) == b"x" * 300_000
        assert await streams.post(url, {"X-Say": "hello"}, pieces(b"ab", b"c"), 3) == (200, b"taken")
    assert seen == [("hello", 3, b"abc")]


async def test_a_redirect_is_an_answer() -> None:
    """Nothing goes where it leads."""
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with (
        serving(handler) as url,
        contextlib.aclosing(Streams(LOCAL)) as streams,
        streams.get(url, {}) as answer,
    ):
        assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert asked == ["/"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost:9/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:9/",
        "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f.1/",
    ],
)
async def test_private_addresses_are_not_opened(url: str) -> None:
    """Neither in figures of any spelling nor behind a name."""
    async with contextlib.aclosing(Streams()) as streams:
        with pytest.raises(UnsentError) as caught:
            await body(streams, url)
    assert isinstance(caught.value, PrivateError), url


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1/", "http://2130706433/", "http:///x", "http://a b/"]
)
async def test_what_is_no_address_is_not_opened(url: str) -> None:
    """Nothing is sent."""
    async with contextlib.aclosing(Streams(LOCAL)) as streams:
        with pytest.raises(UnsentError):
            await body(streams, url)


async def test_breaks_and_stalls_have_names() -> None:
    """Cut in the middle, silent for too long, endless: each is told from the others."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 10_000_000
        await response.prepare(request)
        await response.write(bytes(70_000))
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.abort()
        while request.path == "/trickle":
            await response.write(b"x")
            await asyncio.sleep(0.02)
        await asyncio.sleep(60)
        return response

    async with serving(handler) as url:
        async with contextlib.aclosing(Streams(LOCAL, idle_s=0.3)) as streams:
            with pytest.raises(BrokenError):
                await body(streams, f"{url}/cut")
            with pytest.raises(SlowError):
                await body(streams, f"{url}/silent")
        async with contextlib.aclosing(Streams(LOCAL, idle_s=5, total_s=0.5)) as streams:
            with pytest.raises(LongError):
                await body(streams, f"{url}/trickle")
