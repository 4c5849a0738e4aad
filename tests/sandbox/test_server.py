"""One server for everything."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with its defaults on a free port."""
    running = await Sandbox.start(SandboxConfig(port=0))
    yield running
    await running.stop()


async def test_both_platforms_and_the_state(sandbox: Sandbox, session: ClientSession) -> None:
    """Graph API, Web API and the state are served from one address."""
    async with session.get(
        f"{sandbox.url}/whatsapp/v23.0/200300400500600",
        headers={"Authorization": f"Bearer {sandbox.config.whatsapp.access_token}"},
    ) as answer:
        assert (await answer.json())["verified_name"] == "Fixture Shop"
    async with session.post(
        f"{sandbox.url}/slack/api/auth.test",
        headers={"Authorization": f"Bearer {sandbox.config.slack.bot_token}"},
    ) as answer:
        assert (await answer.json())["ok"] is True
    async with session.get(f"{sandbox.url}/control/state") as answer:
        state = await answer.json()
    assert {"scale", "last", "faults", "whatsapp", "slack"} <= set(state)
    assert state["whatsapp"]["customers"][0]["id"] == "ana"


async def test_port_that_is_taken(sandbox: Sandbox) -> None:
    """A second sandbox on the same port is refused with OSError and leaves nothing running."""
    with pytest.raises(OSError, match="address already in use"):
        await Sandbox.start(SandboxConfig(port=sandbox.port))


async def test_stop_ends_open_feeds(session: ClientSession) -> None:
    """A page that follows the feed does not keep the sandbox from stopping."""
    running = await Sandbox.start(SandboxConfig(port=0))
    async with session.get(f"{running.url}/control/feed") as answer:
        assert await answer.content.readline() == b": open\n"
        await running.stop()


async def test_other_pages_may_not_play_the_people() -> None:
    """A page of another origin, open in the same browser, is refused; the sandbox's own page is not."""
    sandbox = await Sandbox.start(SandboxConfig(port=0))
    try:
        async with ClientSession() as session:
            address = f"{sandbox.url}/control/whatsapp/customers"
            for origin, status in (("https://evil.example", 403), (sandbox.url, 201), (None, 201)):
                headers = {"Origin": origin} if origin else {}
                body = {"name": "Visitor"}
                async with session.post(address, json=body, headers=headers) as answer:
                    assert answer.status == status
    finally:
        await sandbox.stop()
