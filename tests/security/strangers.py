"""A shop over signed HTTP, whose channels hold everybody who may look and nobody may let speak; and a forger."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
import redis.asyncio

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.slack.config import ChannelConfig, PersonConfig
from bridge.sandbox.slack.wire import OUTSIDE_TEAM
from bridge.sandbox.whatsapp.config import NumberConfig
from tests.support.talk import INBOXES, Shop, Talk

STRANGERS = ("vera", "gil", "sid", "otto", "dan")
"""A member who is named nowhere, a guest, a single-channel guest, somebody of another company, and a leaver."""
PEOPLE = [
    PersonConfig("U0VERA0001", "vera", "Vera Viewer", email="vera@example.com"),
    PersonConfig("U0SID00001", "sid", "Sid Single", role="single_guest", email="sid@partner.example"),
    PersonConfig("U0OTTO0001", "otto", "Otto Outsider", role="outsider", email="otto@other.example"),
    PersonConfig("U0DAN00001", "dan", "Dan Gone", deleted=True, email="dan@example.com"),
]
AGENTS: dict[str, Any] = {
    "from_channel": False,
    # A guest, an outsider and a leaver stay what they are, even where the settings name them.
    "agents": ("U0BEN00001", "U0GIL00001", "U0SID00001", "U0OTTO0001", "U0DAN00001"),
    "leads": ("U0CARLA001",),
    "admins": (),
}


def crowded(config: SandboxConfig) -> None:
    """Signed HTTP, and everybody in every channel."""
    config.slack.mode = "http"
    config.slack.people += PEOPLE
    everybody = ["ben", "carla", "dana", *STRANGERS]
    for channel in config.slack.channels:
        channel.members = list(everybody)
    config.slack.channels.append(ChannelConfig("C0EVERYONE1", "everyone", private=True, members=everybody))
    config.whatsapp.numbers.append(NumberConfig(INBOXES["everyone"], "+1 555-010-0202", "Fixture everyone"))


class Forger:
    """Posts what Slack would have signed, with whatever in it: a client that says what it likes."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._count = 0

    async def post(self, body: bytes, kind: str = "application/json") -> int:
        """A signed request; its HTTP status."""
        headers = self.shop.sandbox.slack.delivery.signed(body) | {"Content-Type": kind}
        url = f"http://127.0.0.1:{self.shop.port}/webhooks/slack"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=io.BytesIO(body), headers=headers) as answer,
        ):
            await answer.read()
            return answer.status

    async def interacts(self, payload: dict[str, Any]) -> int:
        """An interactive payload; the HTTP status."""
        form = urlencode({"payload": orjson.dumps(payload).decode()}).encode()
        return await self.post(form, "application/x-www-form-urlencoded")

    def head(self, kind: str, who: str, **more: Any) -> dict[str, Any]:
        """What every interactive payload begins with."""
        self._count += 1
        config = self.shop.sandbox.slack.workspace.config
        return {
            "type": kind,
            "user": {"id": self.shop.person(who).id, "username": who, "name": who, "team_id": config.team_id},
            "api_app_id": config.app_id,
            "team": {"id": config.team_id, "domain": config.team_domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": f"forged.{time.time_ns()}.{self._count}",
            **more,
        }

    async def presses(self, who: str, talk: Talk, action_id: str, value: str, **more: Any) -> int:
        """A press on a button with any name and value, in a talk's thread; the HTTP status."""
        return await self.acts(who, talk, {"type": "button", "action_id": action_id, "value": value}, **more)

    async def chooses(self, who: str, talk: Talk, value: str, **more: Any) -> int:
        """A choice in the card's menu with any value; the HTTP status."""
        option = {"text": {"type": "plain_text", "text": "x"}, "value": value}
        action = {"type": "overflow", "action_id": "tl:5:menu", "selected_option": option}
        return await self.acts(who, talk, action, **more)

    async def acts(self, who: str, talk: Talk, action: dict[str, Any], **more: Any) -> int:
        """A `block_actions` payload with one action; the HTTP status."""
        channel = self.shop.channel(talk.channel)
        message = {"type": "message", "ts": talk.card.ts, "thread_ts": talk.card.ts, "text": "card"}
        payload = self.head(
            "block_actions",
            who,
            container={"type": "message", "message_ts": talk.card.ts, "channel_id": channel.id},
            channel={"id": channel.id, "name": talk.channel},
            message=message,
            actions=[{"block_id": "b", "action_ts": f"{time.time():.6f}", **action}],
        )
        return await self.interacts(payload | more)

    async def submits(
        self, who: str, metadata: str, values: dict[str, Any] | None = None, **more: Any
    ) -> int:
        """A submitted modal with any private metadata; the HTTP status."""
        view = {
            "id": f"V{time.time_ns()}",
            "type": "modal",
            "callback_id": "tl_command",
            "private_metadata": metadata,
            "state": {"values": values or {}},
            "hash": "1",
            "title": {"type": "plain_text", "text": "x"},
            "blocks": [],
        }
        return await self.interacts(self.head("view_submission", who, view=view) | more)

    async def slash(self, who: str, command: str, text: str, **more: Any) -> int:
        """A slash command with any text; the HTTP status."""
        config = self.shop.sandbox.slack.workspace.config
        form = {
            "team_id": config.team_id,
            "channel_id": self.shop.channel("general").id,
            "channel_name": "general",
            "user_id": self.shop.person(who).id,
            "user_name": who,
            "command": command,
            "text": text,
            "api_app_id": config.app_id,
            "trigger_id": f"forged.{time.time_ns()}",
            **more,
        }
        return await self.post(urlencode(form).encode(), "application/x-www-form-urlencoded")

    async def says(self, who: str, talk: Talk, text: str, **more: Any) -> int:
        """A message event in a talk's thread; `more` are keys of the event. The HTTP status."""
        ts = f"{time.time():.6f}"
        envelope = more.pop("envelope", {})
        config = self.shop.sandbox.slack.workspace.config
        event = {
            "type": "message",
            "channel": self.shop.channel(talk.channel).id,
            "channel_type": "group",
            "user": self.shop.person(who).id,
            "text": text,
            "ts": ts,
            "event_ts": ts,
            "thread_ts": talk.card.ts,
            "parent_user_id": self.shop.sandbox.slack.workspace.bot.user_id,
            **more,
        }
        body = {
            "type": "event_callback",
            "team_id": config.team_id,
            "api_app_id": config.app_id,
            "event_id": f"Ev{ts}",
            "event_time": int(time.time()),
            "event": event,
        }
        return await self.post(orjson.dumps(body | envelope))


async def waiting(shop: Shop) -> tuple[int, int, Sequence[bytes]]:
    """Events that nobody has decided, events given up, and the streams that there are."""
    client = redis.asyncio.Redis.from_url(shop.redis_url)
    try:
        streams = [key async for key in client.scan_iter("{*}:in")]
        dead = [key async for key in client.scan_iter("{*}:dead")]
        undone = sum([await client.xlen(key) for key in streams])
        buried = sum([await client.xlen(key) for key in dead])
    finally:
        await client.aclose()
    return undone, buried, streams


__all__ = ["AGENTS", "OUTSIDE_TEAM", "STRANGERS", "Forger", "crowded", "waiting"]
