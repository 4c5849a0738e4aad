"""What the sandbox shows of the bridge, and the parts of the state that a page reads."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from tests.support.whatsapp_sandbox import Server


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with its defaults on a free port."""
    running = await Sandbox.start(SandboxConfig(port=0))
    yield running
    await running.stop()


async def test_no_bridge(sandbox: Sandbox, session: ClientSession) -> None:
    """Before anybody tells, no bridge is known and its pages are not found."""
    async with session.get(f"{sandbox.url}/control/bridge") as answer:
        assert await answer.json() == {"ok": True, "url": None, "commands": []}
    async with session.get(f"{sandbox.url}/control/bridge/healthz") as answer:
        assert (answer.status, await answer.json()) == (404, {"ok": False, "error": "no bridge is connected"})


async def test_pages_of_the_bridge_are_passed_on(sandbox: Sandbox, session: ClientSession) -> None:
    """Health and metrics come from the bridge as they are, and nothing else of it can be asked for."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="up 1", status=203)

    bridge = Server([web.get("/metrics", metrics), web.get("/secret", metrics)])
    await bridge.start()
    body = {"url": bridge.url + "/", "commands": [{"name": "who", "usage": "!who", "help": "Who it is."}]}
    async with session.post(f"{sandbox.url}/control/bridge", json=body) as answer:
        assert (await answer.json())["url"] == bridge.url
    assert sandbox.bridge.commands == body["commands"]
    async with session.get(f"{sandbox.url}/control/bridge/metrics") as answer:
        assert (answer.status, await answer.text()) == (203, "up 1")
    async with session.get(f"{sandbox.url}/control/bridge/secret") as answer:
        assert answer.status == 404
    await bridge.stop()
    async with session.get(f"{sandbox.url}/control/bridge/metrics") as answer:
        assert answer.status == 502
        assert "did not answer" in (await answer.json())["error"]


@pytest.mark.parametrize(
    "body, problem",
    [
        ({"url": "ftp://x"}, "url must start with http"),
        ({"url": "", "commands": ["who"]}, "a command needs the texts name, usage, help"),
        ({"url": "", "commands": [{"name": "who", "usage": 1, "help": ""}]}, "a command needs the texts"),
    ],
)
async def test_wrong_bridge(sandbox: Sandbox, session: ClientSession, body: object, problem: str) -> None:
    """What cannot be a bridge is refused and changes nothing."""
    async with session.post(f"{sandbox.url}/control/bridge", json=body) as answer:
        assert answer.status == 400
        assert problem in (await answer.json())["error"]
    assert (sandbox.bridge.url, sandbox.bridge.commands) == ("", [])


async def test_parts_of_the_workspace(sandbox: Sandbox, session: ClientSession) -> None:
    """Single messages, one person, and emoji can be read without the whole state; what is gone is left out."""
    ts = await sandbox.slack.person("ben").posts("support", "Hello")
    query = [("channel", "support"), ("ts", ts), ("ts", "1.000000")]
    async with session.get(f"{sandbox.url}/control/slack/messages", params=query) as answer:
        assert [message["text"] for message in (await answer.json())["messages"]] == ["Hello"]
    async with session.get(f"{sandbox.url}/control/slack/person", params={"person": "ben"}) as answer:
        assert (await answer.json())["person"]["real_name"] == "Ben Agent"
    async with session.get(f"{sandbox.url}/control/slack/person", params={"person": "nobody"}) as answer:
        assert answer.status == 404
    async with session.get(f"{sandbox.url}/control/slack/emoji") as answer:
        assert (await answer.json())["emoji"]["+1"] == "👍"


async def test_page_is_fresh_and_cannot_be_framed(sandbox: Sandbox, session: ClientSession) -> None:
    """The page's files are revalidated, typed, and refuse to be framed; API answers are left alone."""
    for path, kind in (("/", "text/html"), ("/js/main.js", "javascript"), ("/css/base.css", "text/css")):
        async with session.get(sandbox.url + path) as answer:
            assert answer.status == 200
            assert kind in answer.headers["Content-Type"]
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    async with session.get(f"{sandbox.url}/control/state") as answer:
        assert "Content-Security-Policy" not in answer.headers


async def test_attempts_name_their_messages(sandbox: Sandbox) -> None:
    """A webhook attempt in the feed says which messages it carried."""
    sandbox.config.whatsapp.webhook_url = "http://127.0.0.1:9/"
    message = await sandbox.whatsapp.customer("ana").writes("Hello")
    entry = await sandbox.feed.wait(lambda one: one["kind"] == "whatsapp.webhook.attempt", 5)
    assert entry["subjects"] == [message.id]


async def test_closed_feed_ends_its_readers(sandbox: Sandbox) -> None:
    """Who follows the feed is let go when it is closed."""
    sandbox.feed.close()
    assert [entry async for entry in sandbox.feed.subscribe(0)] == []
    with pytest.raises(TimeoutError, match="closed"):
        await sandbox.feed.wait(lambda _: True, 5)
