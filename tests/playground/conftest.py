"""The playground in a real Chromium, on a sandbox whose bridge is a recording webhook and a Slack bot with the real SDK."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.support.playground import CHROMIUM_ARGS, MakeStage, Stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """One headless browser for a module's tests; each opens its own context."""
    async with async_playwright() as player:
        running = await player.chromium.launch(executable_path=str(chromium), args=CHROMIUM_ARGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def make_stage(browser: Browser) -> AsyncIterator[MakeStage]:
    """Open the page with any context options (viewport, colour scheme); errors in its console fail the test."""
    stages: list[Stage] = []

    async def make(**context: object) -> Stage:
        stage = Stage(browser)
        stages.append(stage)
        await stage.start(**context)
        return stage

    yield make
    for stage in stages:
        await stage.stop()
    for stage in stages:
        assert stage.complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def stage(make_stage: MakeStage) -> Stage:
    """The page at 1440 by 900, light."""
    return await make_stage()
