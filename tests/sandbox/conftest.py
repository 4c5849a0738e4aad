"""A pretended WhatsApp on a real socket, a program's webhook that records, and a Graph client."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from bridge.sandbox.whatsapp.config import WhatsAppConfig
from tests.support.whatsapp_sandbox import Endpoint, MakeRig, Rig


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """The webhook of the program under test."""
    async with Endpoint() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """An HTTP client."""
    async with ClientSession() as client:
        yield client


@pytest.fixture
async def make_rig(endpoint: Endpoint, session: ClientSession) -> AsyncIterator[MakeRig]:
    """Start a pretended WhatsApp with any settings changed; stopped after the test."""
    rigs: list[Rig] = []

    async def make(scale: float = 20.0, **changes: object) -> Rig:
        config = replace(WhatsAppConfig(webhook_url=endpoint.url), **changes)  # type: ignore[arg-type]
        rig = Rig(config, scale, session, endpoint)
        rigs.append(rig)
        await rig.start()
        return rig

    yield make
    for rig in rigs:
        await rig.stop()


@pytest.fixture
async def rig(make_rig: MakeRig) -> Rig:
    """A pretended WhatsApp with the default settings, 20 times faster than real."""
    return await make_rig()
