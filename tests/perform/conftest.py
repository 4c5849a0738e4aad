"""A town: workers on a real Valkey, with pretended platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.workers import Town, a_town


@pytest.fixture
async def town(redis_url: str) -> AsyncIterator[Town]:
    """On an empty database."""
    async with a_town(redis_url) as one:
        yield one
