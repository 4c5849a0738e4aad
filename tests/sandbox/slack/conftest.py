"""A pretended Slack on a real socket, and the real client."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bridge.sandbox.clock import Clock
from tests.support.slack_sandbox import App, SlackRig, fixture_config

MakeSlack = Callable[..., Awaitable[SlackRig]]


@pytest.fixture
async def make_slack() -> AsyncIterator[MakeSlack]:
    """Start pretended workspaces with any settings changed; stopped after the test."""
    rigs: list[SlackRig] = []

    async def make(scale: float = 1.0, clock: Clock | None = None, **changes: Any) -> SlackRig:
        rig = SlackRig(fixture_config(**changes), clock or Clock(scale))
        rigs.append(rig)
        await rig.start()
        return rig

    yield make
    for rig in rigs:
        await rig.stop()


@pytest.fixture
async def slack(make_slack: MakeSlack) -> SlackRig:
    """The workspace of the recorded payloads, in real time, Socket Mode."""
    return await make_slack()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    """An HTTP app that records."""
    async with App() as running:
        yield running
