"""What the tests of the WhatsApp sandbox stand on: a recording webhook and a rig around the sandbox."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import orjson
from aiohttp import ClientSession, web

from bridge.sandbox.clock import Clock
from bridge.sandbox.control import SharedControl
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.whatsapp.config import WhatsAppConfig
from bridge.sandbox.whatsapp.customer import Customer
from bridge.sandbox.whatsapp.sandbox import WhatsAppSandbox

NUMBER = "200300400500600"
WABA = "100200300400500"
PATIENCE_S = 5.0


class Server:
    """An aiohttp application on a free port of 127.0.0.1."""

    def __init__(self, routes: list[web.RouteDef]) -> None:
        app = web.Application()
        app.add_routes(routes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()


@dataclass
class Received:
    """One POST as it came in; `at` is monotonic seconds."""

    raw: bytes
    headers: dict[str, str]
    at: float

    @property
    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(self.raw)
        return body


class Endpoint:
    """The program's webhook: records every POST and answers with `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.posts: list[Received] = []
        self.statuses: list[int] = []
        self.verify_token = "sandbox-verify-token"
        self.challenge_prefix = ""
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Condition()
        self._server = Server([web.post("/hook", self._post), web.get("/hook", self._get)])

    @property
    def url(self) -> str:
        return f"{self._server.url}/hook"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gate.set()
        await self._server.stop()

    async def _post(self, request: web.Request) -> web.Response:
        raw = await request.read()
        async with self._news:
            self.posts.append(Received(raw, dict(request.headers), time.monotonic()))
            self._news.notify_all()
        status = self.statuses.pop(0) if self.statuses else 200
        await self.gate.wait()
        return web.Response(status=status)

    async def _get(self, request: web.Request) -> web.Response:
        if request.query["hub.verify_token"] != self.verify_token or request.query["hub.mode"] != "subscribe":
            return web.Response(status=403)
        return web.Response(text=self.challenge_prefix + request.query["hub.challenge"])

    def values(self) -> list[dict[str, Any]]:
        """Every `value` received, in order of arrival."""
        return [c["value"] for post in self.posts for entry in post.json["entry"] for c in entry["changes"]]

    def messages(self) -> list[dict[str, Any]]:
        """Every element of `messages`, in order of arrival."""
        return [item for value in self.values() for item in value.get("messages", [])]

    def statuses_of(self, message_id: str) -> list[dict[str, Any]]:
        """Every element of `statuses` about one message, in order of arrival."""
        items = [item for value in self.values() for item in value.get("statuses", [])]
        return [item for item in items if item["id"] == message_id]

    def words_of(self, message_id: str) -> list[str]:
        """The statuses of one message as words, in order of arrival."""
        return [item["status"] for item in self.statuses_of(message_id)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds` after some POST; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: bool(holds()))


class Rig:
    """A pretended WhatsApp on a socket, with a Graph client that holds the right token."""

    def __init__(
        self, config: WhatsAppConfig, scale: float, session: ClientSession, endpoint: Endpoint
    ) -> None:
        self.config = config
        self.clock = Clock(scale)
        self.faults = Faults(seed=1)
        self.feed = Feed()
        self.endpoint = endpoint
        self.session = session
        self.whatsapp = WhatsAppSandbox(config, self.clock, self.faults, self.feed, lambda: self.url)
        control = SharedControl(self.faults, self.feed, self.whatsapp.snapshot)
        self._server = Server(
            [*control.routes(), *self.whatsapp.control_routes(), *self.whatsapp.routes()],
        )

    @property
    def url(self) -> str:
        return self._server.url

    async def start(self) -> None:
        await self._server.start()
        await self.whatsapp.start()

    async def stop(self) -> None:
        await self.whatsapp.stop()
        await self._server.stop()

    def customer(self, handle: str) -> Customer:
        return self.whatsapp.customer(handle)

    async def graph(
        self, method: str, path: str, body: object = None, *, token: str | None = "sandbox-whatsapp-token"
    ) -> tuple[int, Any]:
        """Call the Graph API; `path` starts after the version."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        async with self.session.request(
            method,
            f"{self.url}/whatsapp/v23.0/{path}",
            data=data,
            headers={**headers, "Content-Type": "application/json"},
        ) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def send(
        self, to: str | None = "+34600000101", number: str = NUMBER, **parts: Any
    ) -> tuple[int, Any]:
        """Send a message, a text unless `parts` say otherwise; a part of None is left out."""
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": to,
            "type": "text",
            "text": {"body": "hello"},
        } | parts
        return await self.graph(
            "POST", f"{number}/messages", {key: value for key, value in body.items() if value is not None}
        )

    async def sent_id(self, to: str | None = "+34600000101", **parts: Any) -> str:
        """Send what must be accepted; the message's id."""
        status, body = await self.send(to, **parts)
        assert status == 200, body
        message_id: str = body["messages"][0]["id"]
        return message_id

    async def control(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the control API."""
        async with self.session.request(method, f"{self.url}/control/{path}", json=body) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds` after some entry of the feed; raises TimeoutError."""
        await self.feed.until(lambda: holds() or None, PATIENCE_S)


MakeRig = Callable[..., Awaitable[Rig]]
