"""Doors to knock at, and shops with all kinds of people in them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.security.door import Door
from tests.security.strangers import AGENTS, Forger, crowded
from tests.support.logging import logging_restored
from tests.support.talk import Shop, open_shop
from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="module")
def restored_logging() -> Iterator[None]:
    """For all tests of a module."""
    with logging_restored():
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing_door(restored_logging: None) -> AsyncIterator[Door]:
    """Both webhooks on a port, for all tests of a module."""
    async with Door() as open_door:
        yield open_door


@pytest.fixture
def door(standing_door: Door) -> Door:
    """The module's door, with nothing arrived and nothing logged yet."""
    standing_door.forget()
    return standing_door


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(valkey_server: ValkeyServer, restored_logging: None) -> AsyncIterator[Shop]:
    """A shop over signed HTTP with strangers in its channels, for all tests of a module."""
    with contextlib.closing(valkey_server.client()) as client:
        client.flushall()
    settings = {"everyone": {"mode": "everyone"}}
    # Slower than elsewhere: modals have three of Slack's seconds, and many acts here come at once.
    async with open_shop(
        valkey_server.url, scale=4.0, arrange=crowded, inboxes=settings, agents=AGENTS
    ) as running:
        yield running


@pytest.fixture
def forger(shop: Shop) -> Forger:
    """Somebody whose Slack client says what it likes."""
    return Forger(shop)
