"""Slack over signed HTTP requests instead of a socket: the same main job, and nothing for strangers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.sandbox.config import SandboxConfig
from tests.support.talk import DELIVERED, LOCK, Shop, open_shop
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until


def over_http(config: SandboxConfig) -> None:
    """Have Slack deliver by HTTP."""
    config.slack.mode = "http"


@pytest.fixture
async def shop(redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(redis_url, arrange=over_http) as running:
        yield running


def _reply(shop: Shop, channel: str, thread_ts: str, text: str) -> bytes:
    """The body of an event in which Ben replies in a thread."""
    ts = f"{time.time():.6f}"
    event: dict[str, Any] = {
        "type": "message",
        "channel": shop.channel(channel).id,
        "channel_type": "group",
        "user": shop.person("ben").id,
        "text": text,
        "ts": ts,
        "event_ts": ts,
        "thread_ts": thread_ts,
        "parent_user_id": shop.sandbox.slack.workspace.bot.user_id,
    }
    return orjson.dumps(
        {
            "type": "event_callback",
            "team_id": "T0TEAM0001",
            "api_app_id": "A0APP00001",
            "event_id": f"Ev{ts}",
            "event_time": int(time.time()),
            "event": event,
        }
    )


async def _post(shop: Shop, body: bytes, headers: dict[str, str]) -> int:
    url = f"http://127.0.0.1:{shop.port}/webhooks/slack"
    sent = {"Content-Type": "application/json", **headers}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=sent) as answer:
        return answer.status


async def test_the_main_job_over_http(shop: Shop) -> None:
    """Message in, claim by button, answer out, a slash command, a modal, an emoji, receipts back."""
    assert await shop.sandbox.slack.delivery.verify_url()
    talk = await shop.talk("Hello over HTTP", assignee="ben")
    post = await talk.staff("ben", "Hello yourself")
    await talk.hears("Hello yourself")
    await talk.receipt(post, DELIVERED)
    await shop.person("carla").slash("/tag", f"#{talk.number} web", "general")
    await talk.card_shows("web")
    await talk.press("carla", talk.card, "assign")
    view = await talk.modal("carla")
    assert (await shop.person("carla").submits(view.id, {"value": "carla"}))["ok"]
    await talk.card_shows(shop.person("carla").id)
    await shop.person("carla").reacts("support", talk.card.ts, "white_check_mark")
    await talk.card_shows("Resolved")


async def test_unsigned_wrongly_signed_and_stale_requests_are_refused(shop: Shop) -> None:
    """401, and their words go nowhere; the same body properly signed goes out, once."""
    talk = await shop.talk(assignee="ben")
    body = _reply(shop, "support", talk.card.ts, "Forged")
    signed = shop.sandbox.slack.delivery.signed
    assert await _post(shop, body, {}) == 401
    assert await _post(shop, body + b" ", signed(body)) == 401
    assert await _post(shop, body, signed(body, int(time.time()) - 301)) == 401
    assert await _post(shop, body, signed(body) | {"X-Slack-Signature": "v0=" + "0" * 64}) == 401
    real = _reply(shop, "support", talk.card.ts, "Real")
    for _ in range(3):
        assert await _post(shop, real, signed(real)) == 200
    await talk.heard_nothing_but("Real")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"payload=", b""])
async def test_signed_rubbish_is_refused_calmly(shop: Shop, body: bytes) -> None:
    """A 4xx, never a 500."""
    assert 400 <= await _post(shop, body, shop.sandbox.slack.delivery.signed(body)) < 500


async def test_a_socket_apps_door_is_shut(redis_url: str) -> None:
    """In Socket Mode nobody can post events, however they sign."""
    async with open_shop(redis_url) as shop:
        body = _reply(shop, "support", "1.0", "Let me in")
        assert await _post(shop, body, shop.sandbox.slack.delivery.signed(body)) in {401, 404}


async def test_while_the_store_is_down_slack_is_told_and_delivers_again(
    restartable_valkey: ValkeyServer, tmp_path: Path
) -> None:
    """No 200 for what is not stored; when Redis is back the words go out once."""
    async with open_shop(restartable_valkey.url, arrange=over_http) as shop:
        talk = await shop.talk(assignee="ben")
        restartable_valkey.kill()
        post = await talk.staff("ben", "Across the gap")
        await until(
            lambda: any(
                entry["kind"] == "slack.event.sent" and entry["attempt"] > 0 and entry["ts"] == post
                for entry in shop.sandbox.feed.entries()
            ),
            10,
            "a second try of Slack's",
        )
        restartable_valkey.start()
        await talk.hears("Across the gap", timeout_s=25)
        await talk.receipt(post, DELIVERED)
        note = await talk.staff("ben", "note: once")
        await talk.receipt(note, LOCK)
        await talk.heard_nothing_but("Across the gap")
