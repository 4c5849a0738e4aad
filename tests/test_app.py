"""What the wiring adds to the parts: metrics of the whole road in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.stack import Stack, running_stack
from tests.support.waiting import until


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[Stack]:
    async with running_stack(redis_url) as running:
        yield running


async def test_what_arrives_and_what_waits_is_shown(stack: Stack) -> None:
    """Events by kind and source, webhook answers, lengths of the streams: what alerts are made of."""
    await stack.customer("ana").writes("Count me")
    await stack.card("Ana García")
    bridge = stack.bridge
    assert bridge is not None

    def metrics() -> str:
        return bridge.metrics.render().decode()

    await until(lambda: 'stream_length{shard="s0"} 0.0' in metrics(), 8, "the lengths of the streams")
    shown = metrics()
    assert 'threadline_events_total{kind="MessageReceived",platform="wa"} 1.0' in shown
    assert 'threadline_webhook_requests_total{status="200"} 1.0' in shown
    assert 'threadline_decided_total{kind="MessageReceived"} 1.0' in shown
    assert 'threadline_stream_length{shard="desk"} 0.0' in shown
