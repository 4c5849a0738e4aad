"""Our HTTP side as the internet sees it: both webhooks, on a real socket, with everything it logs."""

from __future__ import annotations

import asyncio
import io
import json
import time
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import web

from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.whatsapp.arrive import WhatsAppWebhook, signature
from bridge.adapters.whatsapp.numbers import Number
from bridge.model import InboxId
from bridge.observe import Metrics, configure_logging
from bridge.sandbox.slack.config import SlackConfig
from bridge.web import build, serve
from tests.adapters.whatsapp import support as whatsapp
from tests.support import slack_desk

WHATSAPP, SLACK = "/webhooks/whatsapp", "/webhooks/slack"
OTHER_SECRET = "another-apps-secret"
OTHER = Number(InboxId("other"), "200300400500700", "100200300400777", "token", OTHER_SECRET, "acme")
"""A number of another app."""
PATIENCE_S = 10.0
TOLD = {"slack.trouble", "slack.events_dropped"}
"""Errors that are news from Slack and not ours."""


@dataclass
class Answer:
    """What came back over a socket of our own."""

    raw: bytes
    closed: bool

    @property
    def status(self) -> int:
        """The status of the first answer; 0 when there was none."""
        words = self.raw.split(b" ", 2)
        return int(words[1]) if len(words) > 1 else 0

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return self.raw.count(b"HTTP/1.")


class Door:
    """Both webhooks on a port, with inlets in memory."""

    def __init__(self) -> None:
        self.messages = whatsapp.MemoryInlet()
        self.desk_inlet = slack_desk.MemoryInlet()
        self.oddities: list[str] = []
        self.metrics = Metrics()
        self.port = 0
        self.workspace = slack_desk.Workspace(SlackConfig(mode="http"), 10.0)
        self._log = io.StringIO()
        self._runner: web.AppRunner | None = None
        self._http = HttpClient()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        configure_logging("debug", "json", self._log)
        await self.workspace.start()
        self._session = session = aiohttp.ClientSession()
        desk = SlackDesk(
            self._http,
            bot_token=self.workspace.config.bot_token,
            api_url=f"{self.workspace.url}/slack/api/",
            roster=self.desk_inlet.roster,
        )
        self.arrivals = slack_desk.arrivals(self.workspace, desk, self.desk_inlet, session)
        hook = WhatsAppWebhook(
            self.messages,
            (whatsapp.SUPPORT, whatsapp.SALES, OTHER),
            "verify-me",
            self.oddities.append,
            clock=lambda: whatsapp.NOW,
        )
        routes = {
            ("GET", WHATSAPP): hook.get,
            ("POST", WHATSAPP): hook.post,
            ("POST", SLACK): self.arrivals.handle,
        }
        self._runner, self.port = await serve(
            build(routes, {}, self.metrics, 3 * 1024 * 1024), "127.0.0.1", 0
        )
        self.workspace.config.events_url = f"http://127.0.0.1:{self.port}{SLACK}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.arrivals.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        await self.workspace.stop()

    def forget(self) -> None:
        """Begin anew: nothing arrived, nothing was logged."""
        self.messages.placed.clear()
        self.messages.aliases.clear()
        self.desk_inlet.placed.clear()
        self.oddities.clear()
        self._log.seek(0)
        self._log.truncate()

    @property
    def log(self) -> str:
        """Everything that was logged, at debug level."""
        return self._log.getvalue()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The same, entry by entry: every line has to be one."""
        return [json.loads(line) for line in self.log.splitlines()]

    def loud(self) -> list[dict[str, Any]]:
        """Entries that look like a defect of ours."""
        return [
            one
            for one in self.entries
            if "exception" in one or (one["level"] in {"error", "critical"} and one["event"] not in TOLD)
        ]

    # ------------------------------------------------------------------------------------- sending

    async def raw(self, request: bytes, patience_s: float = PATIENCE_S) -> Answer:
        """Send bytes, end our side, and read what comes back until the other side ends, too."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        received, closed = b"", False
        try:
            writer.write(request)
            await writer.drain()
            async with asyncio.timeout(patience_s):
                while chunk := await reader.read(65_536):
                    received += chunk
                closed = True
        except ConnectionError:
            closed = True
        except TimeoutError:
            pass
        finally:
            writer.close()
        return Answer(received, closed)

    async def request(self, head: str, body: bytes = b"") -> Answer:
        """Send one request whose head (lines) is given, and say that it is the last."""
        lines = [*head.split("\n"), "Connection: close"]
        return await self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    async def post(
        self, path: str, body: bytes, *headers: tuple[str, str], kind: str = "application/json"
    ) -> Answer:
        """POST a body with exactly these headers, in this order."""
        head = [
            f"POST {path} HTTP/1.1",
            "Host: bridge.example",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        return await self.request("\n".join(head), body)

    async def from_whatsapp(self, body: bytes, secret: str = whatsapp.SECRET) -> Answer:
        """A body as WhatsApp would deliver it."""
        return await self.post(WHATSAPP, body, ("X-Hub-Signature-256", signature(secret, body)))

    async def from_slack(
        self, body: bytes, kind: str = "application/json", at: float | None = None
    ) -> Answer:
        """A body as Slack would deliver it, signed now or at a Unix second."""
        return await self.post(SLACK, body, *self.slack_headers(body, at), kind=kind)

    def slack_headers(self, body: bytes, at: float | None = None) -> tuple[tuple[str, str], ...]:
        """Slack's two headers for a body."""
        stamp = int(time.time() if at is None else at)
        return tuple(self.workspace.slack.delivery.signed(body, stamp).items())


def message(wamid: str = "wamid.A", words: str = "hello", **more: Any) -> bytes:
    """A delivery with one text message to the support number."""
    return orjson.dumps(whatsapp.body_of(whatsapp.text(wamid, words, **more)))


def to_number(number_id: str, wamid: str = "wamid.A") -> bytes:
    """A delivery with one text message to another number."""
    body = whatsapp.body_of(whatsapp.text(wamid))
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = number_id
    return orjson.dumps(body)


def reply(channel: str, thread: str, words: str, *, user: str = "U0BEN00001", ts: str | None = None) -> bytes:
    """A Slack event in which somebody replies in a thread of ours."""
    ts = ts or f"{time.time():.6f}"
    event = {
        "type": "message",
        "channel": channel,
        "channel_type": "group",
        "user": user,
        "text": words,
        "ts": ts,
        "event_ts": ts,
        "thread_ts": thread,
        "parent_user_id": "U0BOT00001",
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
