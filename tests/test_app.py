"""What the wiring adds to the parts: metrics of the whole road in one process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bridge.adapters.base import Placed
from bridge.adapters.http import HttpClient
from bridge.app import Bridge
from bridge.errors import StoreUnavailableError
from bridge.events import ModeChosen
from bridge.model import DESK_LANE, EventId, InboxId
from bridge.parts import slack_desk, whatsapp_channel
from bridge.settings import load_settings
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until
from tests.test_cli import complete


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

    await until(lambda: 'letters_waiting{shard="desk"} 0.0' in metrics(), 8, "the lengths of the streams")
    shown = metrics()
    assert 'threadline_events_total{kind="MessageReceived",platform="wa"} 1.0' in shown
    assert 'threadline_webhook_requests_total{status="200"} 1.0' in shown
    assert 'threadline_decided_total{kind="MessageReceived"} 1.0' in shown
    assert 'threadline_stream_length{shard="desk"} 0.0' in shown
    on_the_desk = 'threadline_lag_seconds_count{stage="arrive_to_shown"} 1.0'
    await until(lambda: on_the_desk in metrics(), 8, "the time it took until the message was shown")


async def test_the_pace_of_the_settings_is_the_pace_of_the_platforms() -> None:
    """A workspace or number with other limits can say so."""
    pace = {"SLACK_POSTS_PER_S": "2", "SLACK_POSTS_BURST": "4", "WHATSAPP_MESSAGES_PER_S": "20"}
    pace |= {"WHATSAPP_PAIR_EVERY_S": "4", "WHATSAPP_PAIR_BURST": "7"}
    settings = load_settings(None, complete() | {f"THREADLINE_PACE__{k}": v for k, v in pace.items()})
    async with contextlib.aclosing(HttpClient()) as http, whatsapp_channel(settings) as channel:
        posts = slack_desk(settings, http).post_bucket("C0SUPPORT1")
        number, pair = channel.buckets(InboxId("support"), "phone:15550100311")
    assert (posts.per_s, posts.burst) == (2, 4)
    assert number.per_s == 20
    assert (pair.per_s, pair.burst) == (0.25, 7)


async def test_an_event_counts_as_taken_in_once_the_replicas_of_the_settings_have_it(redis_url: str) -> None:
    """With fewer of them nothing is acknowledged, so that the platform delivers it again."""
    bridge = Bridge(load_settings(None, complete(redis_url) | {"THREADLINE_REDIS__REPLICAS": "1"}))
    event = ModeChosen(id=EventId("e1"), at=datetime.now(UTC), inbox=InboxId("support"), mode="everyone")
    with pytest.raises(StoreUnavailableError, match="replicas"):
        await bridge.inlet.append([Placed(lane=DESK_LANE, unit=DESK_LANE, event=event)])
    await bridge.stop()


async def test_a_cluster_and_a_server_that_are_taken_for_each_other_are_said_at_the_start(
    redis_url: str, cluster_url: str
) -> None:
    """What to set, or to remove, instead of a process that does half of its work."""
    for url, cluster, words in (
        (cluster_url, "false", r"set redis\.cluster = true"),
        (redis_url, "true", r"remove redis\.cluster"),
    ):
        bridge = Bridge(load_settings(None, complete(url) | {"THREADLINE_REDIS__CLUSTER": cluster}))
        with pytest.raises(StoreUnavailableError, match=words):
            await bridge.start()
        await bridge.stop()
