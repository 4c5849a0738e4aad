"""Tricks with HTTP itself: paths, methods, headers, smuggling, broken bodies. None gets further than an answer."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web

from bridge.adapters.body import UnreadableError, read_body
from bridge.adapters.whatsapp.arrive import signature
from bridge.observe import Metrics
from bridge.web import build, serve
from tests.adapters.whatsapp import support as whatsapp
from tests.security.door import SLACK, WHATSAPP, Door, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOWHERE = [
    "//healthz",
    "//bridge.example/healthz",
    "/x/../healthz",
    "/./healthz",
    "/x/%2e%2e/healthz",
    "/..%2fhealthz",
    "/healthz/",
    "/healthz;a=b",
    "/healthz%00",
    "/healthz%zz%ff",
    "/HEALTHZ",
    "/metrics/../../etc/passwd",
    "/webhooks%2fwhatsapp",
    "/webhooks/whatsapp/",
    "/webhooks//whatsapp",
    "/webhooks/whatsapp/..",
    "/webhooks/",
    "/",
    "*",
]


@pytest.mark.parametrize("path", NOWHERE)
async def test_only_the_exact_paths_lead_anywhere(door: Door, path: str) -> None:
    """Nothing is normalised into a path of ours, so a proxy that guards paths guards all of them."""
    body = message()
    signed = f"X-Hub-Signature-256: {signature(whatsapp.SECRET, body)}\nContent-Length: {len(body)}"
    for method in ("GET", "POST"):
        answer = await door.request(f"{method} {path} HTTP/1.1\nHost: bridge.example\n{signed}", body)
        assert answer.status in {400, 404, 405}
    assert door.messages.placed == []
    assert door.loud() == []


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("POST", "/healthz", 405),
        ("POST", "/metrics", 405),
        ("DELETE", WHATSAPP, 405),
        ("PUT", WHATSAPP, 405),
        ("GET", SLACK, 405),
        ("HEAD", SLACK, 405),
        ("TRACE", "/healthz", 405),
        ("CONNECT", "bridge.example:443", 404),
        ("OPTIONS", WHATSAPP, 405),
    ],
)
async def test_only_the_methods_that_are_needed(door: Door, method: str, path: str, status: int) -> None:
    """Everything else is refused by its method."""
    answer = await door.request(f"{method} {path} HTTP/1.1\nHost: bridge.example")
    assert answer.status == status
    assert door.loud() == []


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_method_cannot_be_overridden(door: Door, name: str) -> None:
    """A GET stays a GET: the handshake, which fails without the verify token."""
    body = message()
    head = f"GET {WHATSAPP} HTTP/1.1\nHost: bridge.example\n{name}: POST\nContent-Length: {len(body)}"
    answer = await door.request(f"{head}\nX-Hub-Signature-256: {signature(whatsapp.SECRET, body)}", body)
    assert answer.status == 403
    assert door.messages.placed == []


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: graph.facebook.com",
        "X-Forwarded-Proto: https",
        "X-Original-URL: /metrics",
        "X-Rewrite-URL: /webhooks/slack",
        "X-Forwarded-Prefix: /..",
        "Forwarded: for=127.0.0.1;host=slack.com",
        "X-Real-IP: 127.0.0.1",
    ],
)
async def test_forwarding_headers_open_nothing(door: Door, header: str) -> None:
    """We trust no address and no header but the signature: without it 401, with it the same 200."""
    body = message()
    name, _, value = header.partition(": ")
    assert (await door.post(WHATSAPP, body, (name, value))).status == 401
    assert door.messages.placed == []
    signed = ("X-Hub-Signature-256", signature(whatsapp.SECRET, body))
    assert (await door.post(WHATSAPP, body, (name, value), signed)).status == 200
    assert len(door.messages.placed) == 1


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "127.0.0.1", "[::::", "a" * 300, "a\tb", "bridge.example:99999999"]
)
async def test_the_host_header_means_nothing(door: Door, host: str) -> None:
    """No answer depends on it or repeats it."""
    answer = await door.request(f"GET /healthz HTTP/1.1\nHost: {host}")
    assert answer.status in {200, 400}
    assert host.encode() not in answer.raw
    assert door.loud() == []


@pytest.mark.parametrize(
    "target, status",
    [
        ("http://evil.example/healthz", 200),
        ("http://evil.example/metrics/", 404),
        ("http://[:::/healthz", 400),
        ("http://a:99999999/healthz", 400),
        ("file:///etc/passwd", 400),
        ("http://user:pass@evil.example/nothing", 404),
    ],
)
async def test_absolute_targets_are_only_paths(door: Door, target: str, status: int) -> None:
    """We are nobody's proxy: what is in front of the path is not looked at, and nothing is fetched."""
    answer = await door.request(f"GET {target} HTTP/1.1\nHost: bridge.example")
    assert answer.status == status
    assert b"evil" not in answer.raw
    assert door.loud() == []


SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: bridge.example\r\n\r\n"
AMBIGUOUS = {
    "both lengths": "Content-Length: {size}\nTransfer-Encoding: chunked",
    "both lengths the other way": "Transfer-Encoding: chunked\nContent-Length: {size}",
    "two lengths": "Content-Length: {size}\nContent-Length: 0",
    "two lengths in one": "Content-Length: {size}, 0",
    "chunked but not last": "Transfer-Encoding: chunked, identity",
    "two encodings": "Transfer-Encoding: identity\nTransfer-Encoding: xchunked",
    "an encoding that is none": "Transfer-Encoding: xchunked",
    "a space before the colon": "Transfer-Encoding : chunked",
    "a vertical tab": "Transfer-Encoding:\x0bchunked",
    "a folded header": "Transfer-Encoding:\n chunked",
    "a negative length": "Content-Length: -1",
    "a signed length": "Content-Length: +{size}",
    "a length that is no number": "Content-Length: 0x10",
    "a bare carriage return": "X-A: b\rTransfer-Encoding: chunked",
    "a nul": "X-A: b\x00",
    "a header without a colon": "X-A",
    "a header without a name": ": chunked",
}


@pytest.mark.parametrize("lengths", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_a_request_of_doubtful_length_is_refused_and_ends_the_connection(
    door: Door, lengths: str
) -> None:
    """What one server takes for the body and another for the next request is answered once, with 400."""
    body = b"0\r\n\r\n" + SMUGGLED
    head = f"POST {WHATSAPP} HTTP/1.1\nHost: bridge.example\n{lengths.format(size=len(body))}"
    raw = head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body
    answer = await door.raw(raw)
    assert (answer.status, answer.answers, answer.closed) == (400, 1, True)
    assert b"threadline_" not in answer.raw
    assert door.messages.placed == []
    assert door.loud() == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % at for at in range(5000)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /\x00\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n",
        b"A" * 200_000,
        b"\r\n" * 1000 + b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=[
        "huge header",
        "many headers",
        "long target",
        "no host",
        "TLS",
        "HTTP/2",
        "bare line feeds",
        "controls",
        "no line at all",
        "odd version",
    ],
)
async def test_what_is_no_request_gets_a_short_answer(door: Door, request_: bytes) -> None:
    """400, the connection ends, and no trace of it is written for somebody to read."""
    answer = await door.raw(request_)
    assert answer.status == 400
    assert answer.closed
    assert door.loud() == []
    assert "aaaaaaaa" not in door.log


async def test_a_body_that_breaks_off_is_no_defect(door: Door) -> None:
    """The client hangs up in the middle: nothing is taken, and nothing is logged as an error."""
    for path in (WHATSAPP, SLACK):
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await door.request("GET /healthz HTTP/1.1\nHost: x")).status == 200
    assert (await door.from_whatsapp(message())).status == 200
    assert door.loud() == []


# ------------------------------------------------------------------------------------------ compression

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "br": lambda body: body,
    "zstd": lambda body: body,
    "identity, gzip": gzip.compress,
    "gzip, gzip": lambda body: gzip.compress(gzip.compress(body)),
}


@pytest.mark.parametrize("encoding", PACKED)
async def test_compressed_bodies_are_refused_packed(door: Door, encoding: str) -> None:
    """Whether the signature is over what is sent or over what is packed in it: 415, and nothing is unpacked."""
    body = message()
    packed = PACKED[encoding](body)
    for signed in (body, packed):
        for path, headers in (
            (WHATSAPP, (("X-Hub-Signature-256", signature(whatsapp.SECRET, signed)),)),
            (SLACK, door.slack_headers(signed)),
        ):
            answer = await door.post(path, packed, ("Content-Encoding", encoding), *headers)
            assert answer.status == 415
    assert door.messages.placed == []
    assert door.loud() == []


@pytest.mark.parametrize("path", [WHATSAPP, SLACK])
async def test_a_bomb_is_never_unpacked(door: Door, path: str) -> None:
    """An eighth of a gigabyte in an eighth of a megabyte costs no memory to speak of."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(b"0" * (1 << 20)) for _ in range(128)) + packer.flush()
    tracemalloc.start()
    try:
        answer = await door.post(path, bomb, ("Content-Encoding", "deflate"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status == 415
    assert peak < 16 << 20


async def test_a_body_that_only_claims_to_be_packed_is_refused_as_well(door: Door) -> None:
    """Rubbish under an encoding is not handed to an unpacker."""
    for path in (WHATSAPP, SLACK):
        assert (await door.post(path, b"rubbish", ("Content-Encoding", "gzip"))).status == 415
        assert (await door.post(path, b"rubbish", ("Content-Encoding", "identity"))).status == 401
    assert door.loud() == []


# ------------------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize("path, limit", [(WHATSAPP, 3 << 20), (SLACK, 1 << 20)])
async def test_large_bodies_are_not_read_to_their_end(door: Door, path: str, limit: int) -> None:
    """413 for a length that is announced, before anything is sent, and for one that is not."""
    announced = await door.request(f"POST {path} HTTP/1.1\nHost: x\nContent-Length: {limit + 1}")
    assert announced.status == 413
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    endless = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer = await door.raw(endless + chunk * (limit // 0x10000 + 2) + b"0\r\n\r\n")
    assert answer.status == 413
    assert answer.closed
    assert door.loud() == []


async def test_a_body_has_a_time_to_arrive() -> None:
    """Whoever sends one byte now and then is sent away with 408."""

    async def slow(request: web.Request) -> web.Response:
        try:
            return web.Response(body=await read_body(request, 1000, within_s=0.1))
        except UnreadableError as problem:
            return problem.answer()

    runner, port = await serve(build({("POST", "/slow"): slow}, {}, Metrics(), 1000), "127.0.0.1", 0)
    try:

        async def drip() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
            async with asyncio.timeout(20):
                answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 408")

        await drip()
        url = f"http://127.0.0.1:{port}/slow"
        async with aiohttp.ClientSession() as session, session.post(url, data=b"in time") as answer:
            assert await answer.read() == b"in time"
    finally:
        await runner.cleanup()
