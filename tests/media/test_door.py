"""The door for files: whoever stops taking one makes room for the next."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bridge.content import Attachment, MediaKind
from bridge.media.door import MediaDoor
from bridge.media.links import Links
from bridge.media.spool import MOST_BYTES, Spool, Spooled
from bridge.model import InboxId
from tests.support.valkey import free_port

SIZE = 12 * 1024 * 1024
"""More than any socket keeps."""
FILE = Attachment(kind=MediaKind.DOCUMENT, media="123", mime="application/pdf", name="offer.pdf")


async def large(inbox: InboxId, file: Attachment, into: Spooled) -> str:
    """A contact's platform with a large file."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(SIZE // 65536):
            yield bytes(65536)

    await into.take(pieces())
    return file.mime


@contextlib.asynccontextmanager
async def a_door(**bounds: float) -> AsyncIterator[str]:
    """A link to a file, behind a door with room for one."""
    port = free_port()
    links = Links(f"http://127.0.0.1:{port}/", "s", timedelta(days=1))
    door = MediaDoor(links, large, Spool(MOST_BYTES, most_files=1), lambda: datetime.now(UTC), **bounds)
    app = web.Application()
    app.router.add_get("/media/{signed}", door.get)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield links.make(InboxId("support"), FILE, datetime.now(UTC))
    finally:
        await runner.cleanup()


async def begin(url: str) -> socket.socket:
    """A browser that asks for the file and takes no more than the first bytes of it."""
    parts = urlsplit(url)
    browser = socket.socket()
    browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    browser.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(browser, (parts.hostname, parts.port))
    await loop.sock_sendall(browser, f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    assert (await loop.sock_recv(browser, 12)) == b"HTTP/1.1 200"
    return browser


@pytest.mark.parametrize("bounds", [{"stalled_s": 2.0}, {"whole_s": 5.0}])
async def test_a_browser_that_stops_taking_a_file_gives_its_room_back(bounds: dict[str, float]) -> None:
    """It is cut off, so that it does not take what it has for the whole file; the next one gets all of it."""
    async with a_door(**bounds) as url, asyncio.timeout(60):
        paused = await begin(url)
        with contextlib.closing(paused):
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                assert answer.status == 200
                assert len(await answer.read()) == SIZE
            taken = 0
            while piece := await asyncio.get_running_loop().sock_recv(paused, 1 << 16):
                taken += len(piece)
            assert taken < SIZE
