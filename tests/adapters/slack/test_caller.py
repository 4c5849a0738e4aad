"""The Web API caller: what every refusal and break-down means, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from bridge.adapters.http import HttpClient
from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.errors import CODES
from bridge.errors import Failure, FailureKind, PlatformError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A server that answers whatever a test wants, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes, str]] = []
        self.answer: Answer = self.fine
        self.url = ""

    async def fine(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        token = request.headers.get("Authorization", "")
        self.asked.append((method, request.content_type, await request.read(), token))
        return await self.answer(request)

    def says(self, body: Any, status: int = 200, **headers: str) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(
                body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
            )

        self.answer = answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A running server."""
    made = Server()
    app = web.Application()
    app.router.add_post("/api/{method}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    yield made
    await runner.cleanup()


@pytest.fixture
def caller(server: Server, http: HttpClient) -> Caller:
    """A caller with the patience of a busy machine."""
    return Caller(http, base_url=server.url, token="xoxb-secret", timeout_s=10)


async def failure(call: Awaitable[Any]) -> Failure:
    """The failure that a call ends in."""
    with pytest.raises(PlatformError) as refused:
        await call
    return refused.value.failure


async def test_arguments_travel_as_slack_reads_them(server: Server, caller: Caller) -> None:
    """Posts and views as JSON, everything else as a form; what is None is left out."""
    await caller.call("chat.postMessage", {"channel": "C1", "thread_ts": None, "blocks": []})
    await caller.call("users.info", {"user": "U1", "include_locale": True})
    json, form = server.asked
    assert json[1:] == ("application/json", b'{"channel":"C1","blocks":[]}', "Bearer xoxb-secret")
    assert form[1:3] == ("application/x-www-form-urlencoded", b"user=U1&include_locale=true")


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_known_code_has_its_class_and_words(server: Server, caller: Caller, code: str) -> None:
    """A refusal is classified, and its words name no placeholder, no code and no secret."""
    server.says({"ok": False, "error": code, "needed": "chat:write"})
    got = await failure(caller.call("chat.postMessage", {}))
    assert (got.kind, got.code) == (CODES[code][0], "ratelimited" if code == "rate_limited" else code)
    assert "{" not in got.words
    assert "xoxb-secret" not in got.words


@pytest.mark.parametrize(
    "code, kind, words",
    [
        ("not_in_channel", FailureKind.STOP, "/invite @threadline"),
        ("channel_not_found", FailureKind.STOP, "/invite @threadline"),
        ("missing_scope", FailureKind.STOP, "chat:write.customize"),
        ("token_revoked", FailureKind.STOP, "slack.bot_token"),
        ("is_archived", FailureKind.GONE, "Unarchive"),
        ("thread_not_found", FailureKind.GONE, "does not exist"),
        ("msg_too_long", FailureKind.NEVER, "too long"),
        ("brand_new_error", FailureKind.NEVER, "brand_new_error"),
    ],
)
async def test_words_say_what_to_do(
    server: Server, caller: Caller, code: str, kind: FailureKind, words: str
) -> None:
    """Whoever reads a failure learns what happened and what helps."""
    caller.bot_name = "threadline"
    server.says({"ok": False, "error": code, "needed": "chat:write.customize"})
    got = await failure(caller.call("chat.postMessage", {}))
    assert got.kind is kind
    assert words in got.words


@pytest.mark.parametrize("code", ["internal_error", "fatal_error"])
async def test_a_half_done_post_is_unknown_and_a_half_done_update_is_repeated(
    server: Server, caller: Caller, code: str
) -> None:
    """Slack says that some of it may have happened; only a post must not be repeated."""
    server.says({"ok": False, "error": code})
    assert (await failure(caller.call("chat.postMessage", {}))).kind is FailureKind.UNKNOWN
    assert (await failure(caller.call("chat.update", {}))).kind is FailureKind.RETRY


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_after_a_post_is_unknown(server: Server, caller: Caller, status: int) -> None:
    """No answer of Slack's own means that the post may exist."""
    server.says({"oops": True}, status)
    assert (await failure(caller.call("chat.postMessage", {}))).kind is FailureKind.UNKNOWN
    assert (await failure(caller.call("reactions.add", {}))).kind is FailureKind.RETRY


async def test_a_time_out_after_sending_is_unknown(server: Server, caller: Caller) -> None:
    """The request was written, so the post may exist."""

    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    server.answer = never
    got = await failure(caller.call("chat.postMessage", {}, timeout_s=0.5))
    assert (got.kind, got.code) == (FailureKind.UNKNOWN, "timeout")


async def test_a_cut_connection_is_unknown(server: Server, caller: Caller) -> None:
    """The server read the request and went away."""

    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server.answer = cut
    assert (await failure(caller.call("chat.postMessage", {}))).kind is FailureKind.UNKNOWN
    assert len(server.asked) == 1


async def test_a_connection_that_was_never_made_is_certain(http: HttpClient, unused_tcp_port: int) -> None:
    """Nothing was sent, so even a post may simply be tried again."""
    caller = Caller(http, base_url=f"http://127.0.0.1:{unused_tcp_port}/api/", token="xoxb-1", timeout_s=1)
    got = await failure(caller.call("chat.postMessage", {}))
    assert (got.kind, got.code) == (FailureKind.RETRY, "connection")


async def test_a_rate_limit_holds_back_that_method_alone(server: Server, caller: Caller) -> None:
    """After a 429 calls to the method wait as long as Slack asked; other methods go on."""
    server.says({"ok": False, "error": "ratelimited"}, 429, Retry_After="30")
    got = await failure(caller.call("chat.postMessage", {}))
    assert (got.kind, got.retry_after_s) == (FailureKind.RETRY, 30)
    server.says({"ok": True})
    held = await failure(caller.call("chat.postMessage", {}))
    assert held.kind is FailureKind.RETRY
    assert held.retry_after_s is not None
    assert 28 < held.retry_after_s <= 30
    await caller.call("chat.update", {})
    await caller.call("chat.postMessage", {}, token="xoxb-other")
    assert [asked[0] for asked in server.asked] == ["chat.postMessage", "chat.update", "chat.postMessage"]


async def test_a_short_rate_limit_is_waited_out(server: Server, caller: Caller) -> None:
    """A call that has to wait a moment only is made after that moment."""
    server.says({"ok": False, "error": "ratelimited"}, 429, Retry_After="0.2")
    await failure(caller.call("chat.postMessage", {}))
    server.says({"ok": True})
    began = time.monotonic()
    await caller.call("chat.postMessage", {})
    assert time.monotonic() - began >= 0.15
    assert len(server.asked) == 2


@pytest.mark.parametrize("header", ["", "soon", "-1", "inf", "nan"])
async def test_an_odd_retry_after_still_waits(server: Server, caller: Caller, header: str) -> None:
    """A 429 without a usable time means about a second."""
    server.says({"ok": False}, 429, Retry_After=header)
    assert (await failure(caller.call("users.info", {}))).retry_after_s == 1


@pytest.mark.parametrize("body", ["<html>", "[]", '"ok"', ""])
async def test_an_answer_that_is_no_object_is_a_break_down(server: Server, caller: Caller, body: str) -> None:
    """A login page or a proxy's words are not success."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body)

    server.answer = answer
    assert (await failure(caller.call("chat.postMessage", {}))).kind is FailureKind.UNKNOWN


async def test_nothing_secret_is_in_an_exception(server: Server, caller: Caller) -> None:
    """Exceptions get into logs; tokens and bodies must not."""
    server.says({"ok": False, "error": "invalid_blocks"})
    with pytest.raises(PlatformError) as refused:
        await caller.call("chat.postMessage", {"text": "private words"})
    for secret in ("xoxb-secret", "private words"):
        assert secret not in repr(refused.value) + str(refused.value)
