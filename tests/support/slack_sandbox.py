"""What the tests of the Slack sandbox stand on: a rig around it, raw sockets, an app that records."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Entry, Feed
from bridge.sandbox.slack.config import ChannelConfig, PersonConfig, SlackConfig, UserGroupConfig
from bridge.sandbox.slack.sandbox import SlackSandbox
from tests.support.whatsapp_sandbox import Server

Json = dict[str, Any]
SUPPORT = "C0SUPPORT1"
PATIENCE_S = 5.0


def fixture_config(**changes: Any) -> SlackConfig:
    """The workspace of the recorded payloads: agents Ana and Ben, the private channel, one user group."""
    people = [
        PersonConfig("U0ANA00001", "ana", "Ana Agent", email="ana@example.com"),
        PersonConfig("U0BEN00001", "ben", "Ben Agent", email="ben@example.com"),
        PersonConfig("U0DANA0001", "dana", "Dana Admin", role="admin"),
    ]
    channels = [
        ChannelConfig(SUPPORT, "support", private=True, members=["ana", "ben", "dana"]),
        ChannelConfig("C0GENERAL1", "general", members=["ana"], bot_member=False),
        ChannelConfig("C0PUBLIC01", "public", members=["ana"]),
    ]
    groups = [UserGroupConfig("S0GROUP001", "agents", "Agents", ["ana"])]
    config = SlackConfig(people=people, channels=channels, usergroups=groups, app_name="bridge")
    for name, value in changes.items():
        setattr(config, name, value)
    return config


class HastyClock(Clock):
    """Real time, but every wait is over at once and written down (seconds of platform time)."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


class SlackRig:
    """A Slack sandbox on a real socket, with the real client."""

    def __init__(self, config: SlackConfig, clock: Clock) -> None:
        self.faults = Faults()
        self.feed = Feed()
        self.slack = SlackSandbox(config, clock, self.faults, self.feed, lambda: self._server.url)
        self._server = Server([*self.slack.routes(), *self.slack.control_routes()])
        self._sockets: list[Socket] = []

    @property
    def url(self) -> str:
        return self._server.url

    async def start(self) -> None:
        await self._server.start()
        self.session = ClientSession()
        config = self.slack.config
        base = f"{self.url}/slack/api/"
        self.client = AsyncWebClient(config.bot_token, base_url=base, retry_handlers=[], session=self.session)

    async def stop(self) -> None:
        for socket in self._sockets:
            await socket.close()
        await self.slack.stop()
        await self.session.close()
        await self._server.stop()

    async def card(self, text: str = "card", **more: Any) -> str:
        """A root by the bot in the support channel; returns its ts."""
        answer = await self.client.chat_postMessage(channel=SUPPORT, text=text, **more)
        return str(answer["ts"])

    async def refused(self, method: str, **arguments: Any) -> Json:
        """The body of a call that the sandbox refuses."""
        try:
            answer = await self.client.api_call(method, json=arguments)
        except SlackApiError as error:
            body = error.response.data
            assert isinstance(body, dict)
            return body
        raise AssertionError(f"{method} was let through: {answer.data!r}")

    async def error(self, method: str, **arguments: Any) -> str:
        """The error code of a call that the sandbox refuses."""
        return str((await self.refused(method, **arguments))["error"])

    async def read_error(self, method: str, **arguments: Any) -> str:
        """The error code of a refused call with form arguments."""
        try:
            await self.client.api_call(method, params=arguments)
        except SlackApiError as error:
            return str(error.response["error"])
        raise AssertionError(f"{method} was let through")

    async def socket(self) -> "Socket":
        """A raw Socket Mode connection, hello received."""
        app = AsyncWebClient(
            self.slack.config.app_token, base_url=f"{self.url}/slack/api/", session=self.session
        )
        url = str((await app.apps_connections_open(app_token=self.slack.config.app_token))["url"])
        socket = Socket(await self.session.ws_connect(url), url)
        self._sockets.append(socket)
        return socket

    async def control(self, path: str, **body: Any) -> Json:
        """A request to the control API."""
        async with self.session.post(f"{self.url}/control/slack/{path}", json=body) as answer:
            found: Json = orjson.loads(await answer.read())
            return found

    async def wait(self, kind: str, matches: Callable[[Entry], bool] = lambda _: True) -> Entry:
        """The first feed entry of a kind."""
        return await self.feed.wait(lambda e: e["kind"] == kind and matches(e), PATIENCE_S)


class Socket:
    """A Socket Mode client that acks only what it is told to."""

    def __init__(self, connection: ClientWebSocketResponse, url: str) -> None:
        self.connection = connection
        self.url = url

    async def frame(self) -> Json:
        """The next frame."""
        message = await self.connection.receive(timeout=PATIENCE_S)
        assert message.type is WSMsgType.TEXT, message
        decoded: Json = orjson.loads(message.data)
        return decoded

    async def ack(self, frame: Json, payload: Json | None = None) -> None:
        """Acknowledge a frame."""
        answer: Json = {"envelope_id": frame["envelope_id"]}
        if payload is not None:
            answer["payload"] = payload
        await self.connection.send_str(orjson.dumps(answer).decode())

    async def event(self) -> Json:
        """The next event envelope's payload, acknowledged; other frames are skipped."""
        while True:
            frame = await self.frame()
            if frame["type"] == "events_api":
                await self.ack(frame)
                payload: Json = frame["payload"]
                return payload

    async def interactive(self, payload: Json | None = None) -> Json:
        """The next command or interaction, acknowledged with `payload`; events are acknowledged on the way."""
        while True:
            frame = await self.frame()
            if frame["type"] in ("interactive", "slash_commands"):
                await self.ack(frame, payload)
                return frame
            if "envelope_id" in frame:
                await self.ack(frame)

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()


class App:
    """An HTTP app that records what it gets and answers what it is told."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.answers: list[web.Response | float | str] = []
        self._server = Server([web.post("/slack", self._handle)])

    @property
    def url(self) -> str:
        return f"{self._server.url}/slack"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        await self.requests.put((dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if self.answers else web.Response()
        if isinstance(answer, str):
            return web.Response(body=await request.read())
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return web.Response()
        return answer

    async def next(self) -> tuple[dict[str, str], bytes]:
        """The next request: headers and raw body."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.requests.get()


def modal(*blocks: Json, **more: Any) -> Json:
    """A valid modal around some blocks."""
    view: Json = {"type": "modal", "title": {"type": "plain_text", "text": "Title"}, "callback_id": "cb"}
    return view | {"submit": {"type": "plain_text", "text": "Save"}, "blocks": list(blocks)} | more


def text_input(block_id: str = "note", action_id: str = "v", **more: Any) -> Json:
    """An input block."""
    label = {"type": "plain_text", "text": "Note"}
    element = {"type": "plain_text_input", "action_id": action_id} | more.pop("element", {})
    return {"type": "input", "block_id": block_id, "label": label, "element": element} | more


def buttons(*action_ids: str) -> Json:
    """An actions block with buttons."""
    made = [
        {"type": "button", "action_id": a, "text": {"type": "plain_text", "text": a}, "value": "42"}
        for a in action_ids
    ]
    return {"type": "actions", "block_id": "acts", "elements": made}
