"""Contacts' files, fetched from a server that says whatever a test wants: where the token goes, and what is believed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.content import Attachment, MediaKind
from bridge.errors import FailureKind, PlatformError
from bridge.media.spool import Spool
from bridge.model import InboxId
from tests.adapters.whatsapp.support import SUPPORT
from tests.support.files import JPEG, OGG, PDF

INBOX = InboxId("support")
MOST = 100_000


class Lookaside:
    """A Graph API with one file. `described` and `answer` are what it says next."""

    def __init__(self) -> None:
        self.url = ""
        self.described: dict[str, Any] = {}
        self.answer: tuple[int, bytes, dict[str, str]] = (200, JPEG, {"Content-Type": "image/jpeg"})
        self.asked: list[str] = []
        self.downloads: list[str | None] = []

    async def describe(self, request: web.Request) -> web.Response:
        self.asked.append(request.rel_url.raw_path_qs)
        file = {"url": f"{self.url}/file", "mime_type": "image/jpeg", "id": "1"}
        return web.json_response(file | self.described)

    async def file(self, request: web.Request) -> web.Response:
        self.downloads.append(request.headers.get("Authorization"))
        status, data, headers = self.answer
        return web.Response(status=status, body=data, headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[Lookaside]:
    lookaside = Lookaside()
    app = web.Application()
    app.router.add_get("/file", lookaside.file)
    app.router.add_get("/v26.0/{id}", lookaside.describe)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    lookaside.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield lookaside
    await runner.cleanup()


async def fetched(
    server: Lookaside,
    kind: MediaKind = MediaKind.IMAGE,
    mime: str = "image/jpeg",
    media: str = "1",
    api_url: str | None = None,
    **more: Any,
) -> tuple[str, bytes]:
    """Type and bytes of the file. Raises `PlatformError`."""
    channel = WhatsAppChannel(api_url or server.url, "v26.0", [SUPPORT])
    async with contextlib.aclosing(_Closing(channel)), Spool(MOST).file() as file:
        found = await channel.fetch(INBOX, Attachment(kind=kind, media=media, mime=mime, **more), file)
        return found, b"".join([chunk async for chunk in file.chunks()])


class _Closing:
    def __init__(self, channel: WhatsAppChannel) -> None:
        self._channel = channel

    async def aclose(self) -> None:
        await self._channel.close()


async def refusal(server: Lookaside, **more: Any) -> tuple[FailureKind, str]:
    """Kind and code of what goes wrong."""
    with pytest.raises(PlatformError) as caught:
        await fetched(server, **more)
    assert caught.value.failure.words.strip()
    return caught.value.failure.kind, caught.value.failure.code


async def test_a_file_is_fetched_with_the_token_of_its_number(server: Lookaside) -> None:
    """By its id and number; the hash of the webhook may be in base64, of the API in hex."""
    digest = base64.b64encode(hashlib.sha256(JPEG).digest()).decode()
    server.described = {"file_size": str(len(JPEG)), "sha256": digest}
    assert await fetched(server, sha256=digest) == ("image/jpeg", JPEG)
    assert server.asked == ["/v26.0/1?phone_number_id=200300400500600"]
    assert server.downloads == ["Bearer token"]


async def test_a_hash_that_differs_is_no_reason_to_refuse(server: Lookaside) -> None:
    """Nothing says that WhatsApp's is that of the bytes."""
    assert (await fetched(server, sha256="bm8="))[1] == JPEG


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/file",
        "https://lookaside.fbsbx.com.evil.example/file",
        "https://lookaside.fbsbx.com@evil.example/file",
        "http://lookaside.fbsbx.com/file",
        "https://lookaside.fbsbx.com:8443/file",
        "https://graph.facebook.com.evil.example/",
        "http://127.0.0.1:1/file",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//evil.example/file",
        "",
    ],
)
async def test_the_token_goes_to_whatsapp_and_nowhere_else(server: Lookaside, url: str) -> None:
    """Whatever address the answer names."""
    server.described = {"url": url}
    assert await refusal(server) == (FailureKind.NEVER, "media_elsewhere")
    assert server.downloads == []


@pytest.mark.parametrize("to", ["https://evil.example/x", "//evil.example/x", "http://127.0.0.1:1/"])
async def test_no_redirect_leads_it_astray(server: Lookaside, to: str) -> None:
    """A redirect is followed only to where a file may be."""
    server.answer = (302, b"", {"Location": to})
    assert await refusal(server) == (FailureKind.NEVER, "media_elsewhere")


async def test_redirects_in_a_circle_end(server: Lookaside) -> None:
    """Three are enough."""
    server.answer = (302, b"", {"Location": "/file"})
    assert await refusal(server) == (FailureKind.NEVER, "media_elsewhere")
    assert len(server.downloads) == 3


@pytest.mark.parametrize("media", ["", "../me", "1?fields=x", "1/2", "é", "a" * 200, "1\n"])
async def test_an_id_that_is_none_asks_nobody(server: Lookaside, media: str) -> None:
    """It goes into a path."""
    assert await refusal(server, media=media) == (FailureKind.NEVER, "media_gone")
    assert server.asked == []


HTML = b"<!DOCTYPE html><html><body>Log in</body></html>"


@pytest.mark.parametrize(
    "answer, described, more, kind, code",
    [
        ((200, b"", {}), {}, {}, FailureKind.LIMITED, "media_empty"),
        ((200, HTML, {}), {"file_size": "9"}, {}, FailureKind.LIMITED, "media_page"),
        ((200, HTML, {}), {}, {"kind": MediaKind.DOCUMENT}, FailureKind.LIMITED, "media_page"),
        ((200, b"MZ" + bytes(99), {}), {}, {}, FailureKind.NEVER, "media_type"),
        ((200, JPEG, {}), {}, {"kind": MediaKind.VOICE}, FailureKind.NEVER, "media_type"),
        ((200, JPEG, {}), {"file_size": "3"}, {}, FailureKind.RETRY, "media_broken"),
        ((200, bytes(MOST + 1), {}), {}, {}, FailureKind.NEVER, "media_too_large"),
        ((200, JPEG, {}), {"file_size": str(MOST + 1)}, {}, FailureKind.NEVER, "media_too_large"),
        ((404, b"", {}), {}, {}, FailureKind.RETRY, "media_broken"),
        ((401, b"", {}), {}, {}, FailureKind.STOP, "http_401"),
        ((429, b"", {"Retry-After": "7"}), {}, {}, FailureKind.RETRY, "http_429"),
        ((503, b"", {}), {}, {}, FailureKind.RETRY, "http_503"),
    ],
)
async def test_what_is_no_file_has_a_reason(
    server: Lookaside,
    answer: tuple[int, bytes, dict[str, str]],
    described: dict[str, Any],
    more: dict[str, Any],
    kind: FailureKind,
    code: str,
) -> None:
    """Empty, a page, another type, cut off, too large, gone, refused."""
    server.answer, server.described = answer, described
    assert await refusal(server, **more) == (kind, code)


async def test_an_address_that_has_died_is_asked_for_once_more(server: Lookaside) -> None:
    """Twice 404 is enough for one try."""
    server.answer = (404, b"", {})
    await refusal(server)
    assert (len(server.asked), len(server.downloads)) == (2, 2)


@pytest.mark.parametrize(
    "kind, mime, data, found",
    [
        (MediaKind.VOICE, "audio/ogg; codecs=opus", OGG, "audio/ogg"),
        (MediaKind.DOCUMENT, "application/pdf", PDF, "application/pdf"),
        (MediaKind.DOCUMENT, "text/plain", b"just words", "text/plain"),
        (MediaKind.DOCUMENT, "text/html", HTML, "text/html"),
        (MediaKind.DOCUMENT, "application/pdf", b"MZ" + bytes(9), "application/x-msdownload"),
    ],
)
async def test_types_are_those_of_the_bytes(
    server: Lookaside, kind: MediaKind, mime: str, data: bytes, found: str
) -> None:
    """A page is a file where the contact says so; a program is one whatever they say."""
    server.answer = (200, data, {})
    server.described = {"mime_type": mime}
    assert await fetched(server, kind, mime) == (found, data)
