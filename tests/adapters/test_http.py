"""The client of the hot calls: whole answers however they come, and a true word on every failure."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.http import Answer, BrokenError, HttpClient, SlowError, UnsentError
from tests.support.waiting import until

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers every request as a test wants, and counts connections."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.answers: Script = self.says(OK)
        self.open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @staticmethod
    def says(*parts: bytes, close: bool = False) -> Script:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if close:
                writer.close()

        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line[15:])
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length:")
                    ),
                    0,
                )
                self.requests.append(head + await reader.readexactly(length))
                await self.answers(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        made = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls)
        self.port = made.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            made.close()
            for writer in list(self.open):
                writer.transport.abort()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that answers `ok`."""
    async with Server().listening() as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """The client."""
    async with contextlib.aclosing(HttpClient(connect_s=5, most_bytes=100_000)) as made:
        yield made


async def post(http: HttpClient, server: Server, body: bytes = b"{}", timeout_s: float = 10) -> Answer:
    """A POST to the server."""
    url = f"http://127.0.0.1:{server.port}/api/x?y=1"
    return await http.request("POST", url, {"X-Token": "t"}, body, timeout_s=timeout_s)


# ----------------------------------------------------------------------------------------------- answers


async def test_a_request_says_what_it_must(server: Server, http: HttpClient) -> None:
    """Path and query, host with its port, length, and the headers of the caller."""
    assert await post(http, server, b"words") == (200, {"content-length": "2"}, b"ok")
    (request,) = server.requests
    head, body = request.split(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /api/x?y=1 HTTP/1.1"
    assert {b"Host: 127.0.0.1:%d" % server.port, b"X-Token: t", b"Content-Length: 5"} <= set(lines)
    assert body == b"words"
    await http.request("GET", f"http://127.0.0.1:{server.port}", {}, timeout_s=10)
    assert server.requests[1].startswith(b"GET / HTTP/1.1\r\n")
    assert b"Content-Length" not in server.requests[1]


BODY = "é".encode() * 40 + b'{"ok":true}\r\n\r\n0\r\n\r\n'
SHAPES = {
    "length": b"HTTP/1.1 201 Made\r\nX-A: 1\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "chunks": b"HTTP/1.1 201 Made\r\nx-a: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\nX-T: 1\r\n\r\n"
    % (BODY[:3], len(BODY) - 3, BODY[3:]),
    "informed": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 201 Made\r\nX-A: 1\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "until the end": b"HTTP/1.1 201 Made\r\nX-A: 1\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=st.sets(st.integers(1, 300), max_size=6))
async def test_an_answer_is_whole_however_it_comes(
    server: Server, http: HttpClient, shape: str, cuts: set[int]
) -> None:
    """In one piece or in many, with a length, in chunks, or ended by the end of the connection."""
    raw, ends = SHAPES[shape], sorted(cuts)
    parts = [raw[a:b] for a, b in zip([0, *ends], [*ends, len(raw)], strict=True)]
    server.answers = server.says(*[one for one in parts if one], close=shape == "until the end")
    status, headers, body = await post(http, server)
    assert (status, headers["x-a"], body) == (201, "1", BODY)


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_end_with_their_head(
    server: Server, http: HttpClient, status: int
) -> None:
    """Whatever length a 304 names."""
    length = b"" if status == 204 else b"Content-Length: 50\r\n"
    server.answers = server.says(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, length))
    assert (await post(http, server)).body == b""
    server.answers = server.says(OK)
    assert (await post(http, server)).body == b"ok"


# ------------------------------------------------------------------------------------------- connections


async def test_a_connection_serves_one_request_after_the_other(server: Server, http: HttpClient) -> None:
    """And several at once have one each."""
    for _ in range(5):
        await post(http, server)
    assert server.connections == 1
    await asyncio.gather(*(post(http, server) for _ in range(5)))
    assert server.connections <= 5
    assert len(server.requests) == 10


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
        OK + b"and more",
    ],
)
async def test_a_connection_that_ends_or_says_too_much_is_not_used_again(
    server: Server, http: HttpClient, answer: bytes
) -> None:
    """The next answer on it might belong to nobody, or to somebody else."""
    server.answers = server.says(answer)
    assert (await post(http, server)).body == b"ok"
    server.answers = server.says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
    assert (await post(http, server)).body == b"mine"
    assert server.connections == 2


async def test_a_connection_that_the_server_closed_is_replaced(server: Server, http: HttpClient) -> None:
    """Seen before anything is written, so nothing is in doubt."""
    await post(http, server)
    (writer,) = server.open
    writer.close()
    await until(lambda: not server.open, 5)
    # A whole exchange of somebody else's: by then our side has heard of it, too.
    async with contextlib.aclosing(HttpClient()) as other:
        await post(other, server)
    assert (await post(http, server)).body == b"ok"
    assert server.connections == 3


async def test_words_that_nobody_asked_for_close_the_connection(server: Server, http: HttpClient) -> None:
    """Such as a server's time-out notice."""
    await post(http, server)
    (writer,) = server.open
    writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await until(lambda: not server.open, 5)
    assert (await post(http, server)).status == 200


async def test_whoever_gives_up_takes_the_connection_along(server: Server, http: HttpClient) -> None:
    """Its answer must not become the next one's."""
    server.answers = _never
    asking = asyncio.create_task(post(http, server))
    await until(lambda: server.requests, 5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: not server.open, 5)
    server.answers = server.says(OK)
    assert (await post(http, server)).body == b"ok"


async def test_closing_breaks_what_is_under_way(server: Server, http: HttpClient) -> None:
    """And a later request opens a new connection."""
    server.answers = _never
    asking = asyncio.create_task(post(http, server))
    await until(lambda: server.requests, 5)
    await http.aclose()
    with pytest.raises(BrokenError):
        await asking
    server.answers = server.says(OK)
    assert (await post(http, server)).body == b"ok"


# ---------------------------------------------------------------------------------------------- failures


async def _never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000,
    ],
)
async def test_a_connection_that_breaks_leaves_the_outcome_open(
    server: Server, http: HttpClient, sent: bytes
) -> None:
    """Before, within, or instead of an answer. The next request has a connection of its own."""
    server.answers = server.says(sent, close=True)
    with pytest.raises(BrokenError):
        await post(http, server)
    server.answers = server.says(OK)
    assert (await post(http, server)).body == b"ok"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow"])
async def test_no_whole_answer_in_time(server: Server, http: HttpClient, sent: bytes) -> None:
    """The request was written, so it may have had its effect."""
    server.answers = server.says(sent)
    with pytest.raises(SlowError):
        await post(http, server, timeout_s=0.2)
    await until(lambda: not server.open, 5)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{free}/",
        "http://nobody.invalid/",
        "http://{long}.example/",
        "ftp://127.0.0.1/",
        "http:///x",
        "http://127.0.0.1:x/",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
    ],
)
async def test_where_nobody_listens_nothing_is_sent(http: HttpClient, unused_tcp_port: int, url: str) -> None:
    """Also where the address is none."""
    with pytest.raises(UnsentError):
        await http.request("POST", url.format(free=unused_tcp_port, long="x" * 70), {}, timeout_s=10)


async def test_a_handshake_that_hangs_was_no_connection(server: Server) -> None:
    """The server takes the connection and never speaks TLS."""
    hung = HttpClient(connect_s=0.3)
    with pytest.raises(UnsentError):
        await hung.request("POST", f"https://127.0.0.1:{server.port}/", {}, timeout_s=10)
    await hung.aclose()


async def test_a_header_is_one_line(http: HttpClient, server: Server) -> None:
    """Whatever it is made of."""
    for value in ("a\r\nHost: evil", "a\nb", "a\rb"):
        with pytest.raises(ValueError, match="one line"):
            await http.request("POST", f"http://127.0.0.1:{server.port}/", {"X": value}, timeout_s=10)
    assert not server.requests


# --------------------------------------------------------------------------------------------------- TLS


async def test_servers_prove_who_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a certificate that this machine trusts, for the host that was asked for."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with Server().listening(context) as server:
        for trusted, host in ((False, "localhost"), (True, "localhost"), (True, "127.0.0.1")):
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            async with contextlib.aclosing(HttpClient()) as http:
                asking = http.request("POST", f"https://{host}:{server.port}/", {}, b"{}", timeout_s=10)
                if trusted and host == "localhost":
                    assert (await asking).body == b"ok"
                    assert (
                        await http.request("POST", f"https://{host}:{server.port}/", {}, b"{}", timeout_s=10)
                    ).body == b"ok"
                else:
                    with pytest.raises(UnsentError):
                        await asking
    assert len(server.requests) == 2
