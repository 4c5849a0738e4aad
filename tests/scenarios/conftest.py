"""Shops for scenario tests: one for a whole module, where talks do not disturb each other, or one for a test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.talk import WIDE, Shop, open_shop, wide
from tests.support.valkey import ValkeyServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(valkey_server: ValkeyServer) -> AsyncIterator[Shop]:
    """An open shop without rate limits, with an inbox for every way to speak; shared by the tests of a module."""
    with contextlib.closing(valkey_server.client()) as client:
        client.flushall()
    async with open_shop(valkey_server.url, arrange=wide, inboxes=WIDE) as running:
        yield running


@pytest.fixture
async def own_shop(redis_url: str) -> AsyncIterator[Shop]:
    """An open shop of a test's own, to break."""
    async with open_shop(redis_url) as running:
        yield running
