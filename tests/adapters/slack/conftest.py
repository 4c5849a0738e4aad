"""A pretended Slack, our adapter on it in both modes, and nothing patched."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import SlackDesk
from bridge.sandbox.slack.config import SlackConfig
from tests.support.slack_desk import MemoryInlet, Rig, Workspace, arrivals
from tests.support.waiting import until

MakeRig = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The shared HTTP client."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """What the Web API is called with."""
    async with contextlib.aclosing(HttpClient()) as client:
        yield client


@pytest.fixture
async def make_rig(session: aiohttp.ClientSession, http: HttpClient) -> AsyncIterator[MakeRig]:
    """Start a workspace and our side of it; `mode`, `scale` and settings of the workspace can be changed."""
    rigs: list[Rig] = []
    runners: list[web.AppRunner] = []

    async def make(
        mode: str = "socket", scale: float = 10.0, people: Any = None, options: Any = None, **changes: Any
    ) -> Rig:
        if "people_config" in changes:
            changes["people"] = changes.pop("people_config")
        config = SlackConfig(mode=mode, **changes)  # type: ignore[arg-type]
        sandbox = Workspace(config, scale)
        await sandbox.start()
        api_url = f"{sandbox.url}/slack/api/"
        desk = SlackDesk(http, bot_token=config.bot_token, api_url=api_url, **(people or {}))
        inlet = MemoryInlet()
        rig = Rig(sandbox, session, desk, inlet, arrivals(sandbox, desk, inlet, session, **(options or {})))
        rigs.append(rig)
        if mode == "http":
            runners.append(await _serve(rig))
        await rig.arrivals.start()
        await until(lambda: rig.arrivals.problem() is None, what="a connection")
        return rig

    yield make
    for rig in rigs:
        await rig.arrivals.stop()
        await rig.desk.close()
        await rig.sandbox.stop()
    for runner in runners:
        await runner.cleanup()


async def _serve(rig: Rig) -> web.AppRunner:
    app = web.Application()
    app.router.add_post("/webhooks/slack", rig.arrivals.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    rig.config.events_url = f"http://127.0.0.1:{port}/webhooks/slack"
    return runner


@pytest.fixture
async def rig(make_rig: MakeRig) -> Rig:
    """A workspace in Socket Mode, ten times faster than real."""
    return await make_rig()


@pytest.fixture(params=["socket", "http"])
async def any_rig(request: pytest.FixtureRequest, make_rig: MakeRig) -> Rig:
    """A workspace in each of the two modes."""
    return await make_rig(mode=request.param)
