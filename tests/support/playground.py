"""What the playground's tests stand on: the page in a browser, and a small app in the bridge's place."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from tests.support.whatsapp_sandbox import Endpoint

CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SUPPORT = "C0SUPPORT1"
BEN = "U0BEN00001"
PATIENCE_MS = 5_000

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


class Bot:
    """A Slack app on the real SDK over Socket Mode: acknowledges everything and keeps what it got.

    `answers` holds, by payload type, what to do (open a modal, say) and what to answer with the acknowledgement.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        slack = sandbox.config.slack
        base = f"{sandbox.url}/slack/api/"
        self.web = AsyncWebClient(token=slack.bot_token, base_url=base)
        app = AsyncWebClient(token=slack.app_token, base_url=base)
        self.socket = SocketModeClient(app_token=slack.app_token, web_client=app)
        self.socket.socket_mode_request_listeners.append(self._take)
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Answer] = {}

    async def start(self) -> None:
        await self.socket.connect()  # type: ignore[no-untyped-call]  # the SDK leaves it bare

    async def stop(self) -> None:
        await self.socket.close()  # type: ignore[no-untyped-call]  # as above
        for client in (self.web, self.socket.web_client):
            if client.session is not None:
                await client.session.close()

    async def _take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        payload = request.payload
        kind = str(payload.get("type") or request.type)
        self.got.append((kind, payload))
        answer = self.answers.get(kind)
        body = await answer(payload) if answer else None
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, body))

    def payloads(self, kind: str) -> list[dict[str, Any]]:
        """Every payload of a type, in order of arrival."""
        return [payload for one, payload in self.got if one == kind]

    async def posts(self, text: str, **more: Any) -> str:
        """Post in #support; the ts."""
        answer = await self.web.chat_postMessage(channel=SUPPORT, text=text, **more)
        return str(answer["ts"])

    async def posts_card(self, name: str = "Ana García") -> str:
        """A card like the bridge's, with every element that a card has."""
        return await self.posts(f"{name} wrote", blocks=card(name))


def card(name: str) -> list[dict[str, Any]]:
    """The blocks of a card."""

    def text(words: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": words, "emoji": False}

    def field(label: str, value: str) -> dict[str, Any]:
        return {"type": "mrkdwn", "text": f"*{label}*\n{value}", "verbatim": True}

    opened = "<!date^1781172000^{date_short} {time}|some time>"
    options = [{"text": text(word), "value": word.lower()} for word in ("Close…", "Details…")]
    confirm = {
        "title": text("Are you sure?"),
        "text": text("The conversation is marked as resolved."),
        "confirm": text("Resolve"),
        "deny": text("Cancel"),
    }
    return [
        {"type": "header", "block_id": "name", "text": text(name)},
        {"type": "context", "block_id": "who", "elements": [text("#1042 · +34 ··· 101 · Fixture Shop")]},
        {
            "type": "section",
            "block_id": "state",
            "fields": [
                field("Status", "Active"),
                field("Assignee", "<@U0BEN00001>"),
                field("Tags", "`refund`"),
                field("Opened", opened),
            ],
        },
        {
            "type": "actions",
            "block_id": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "claim",
                    "text": text("Claim"),
                    "style": "primary",
                    "value": "1042",
                },
                {"type": "users_select", "action_id": "assign", "placeholder": text("Assign to")},
                {
                    "type": "button",
                    "action_id": "resolve",
                    "text": text("Resolve"),
                    "confirm": confirm,
                    "value": "1042",
                },
                {"type": "overflow", "action_id": "menu", "options": options},
            ],
        },
    ]


class Stage:
    """A sandbox, its webhook and bot, and the page."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        self._stack = contextlib.AsyncExitStack()
        self.allowed: tuple[str, ...] = ()

    sandbox: Sandbox
    endpoint: Endpoint
    bot: Bot
    page: Page
    context: BrowserContext

    async def start(self, **context: Any) -> None:
        self.endpoint = await self._stack.enter_async_context(Endpoint())
        config = SandboxConfig(port=0, scale=5.0)
        config.whatsapp.webhook_url = self.endpoint.url
        # The page is shown to people anywhere; its tests want one zone and language.
        options = {
            "viewport": {"width": 1440, "height": 900},
            "locale": "en-GB",
            "timezone_id": "Europe/Madrid",
        }
        self.sandbox = await Sandbox.start(config)
        self._stack.push_async_callback(self._stop_sandbox)
        self.bot = Bot(self.sandbox)
        self._stack.push_async_callback(self.bot.stop)
        await self.bot.start()
        await self._hears()
        self.context = await self._browser.new_context(**(options | context))
        self._stack.push_async_callback(self.context.close)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = await self.context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await self.page.goto(self.sandbox.url)
        await self.page.locator('[data-testid="link-state"][data-state="live"]').wait_for()

    async def _hears(self) -> None:
        hub = self.sandbox.slack.hub
        await self.sandbox.feed.until(lambda: hub.count or None, PATIENCE_MS / 1000)

    async def _stop_sandbox(self) -> None:
        await self.sandbox.stop()

    async def stop(self) -> None:
        await self._stack.aclose()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in self.allowed):
            self.complaints.append(message.text)

    def at(self, testid: str) -> Locator:
        """The parts with a test id."""
        return self.page.get_by_test_id(testid)

    async def picks(self, customer: str) -> None:
        """Take a customer's phone into the hand."""
        await self.page.locator(f'[data-customer="{customer}"]').click()

    async def writes(self, text: str, customer: str = "ana") -> None:
        """Type as a customer and press Enter."""
        await self.picks(customer)
        await self.at("chat-text").fill(text)
        await self.at("chat-text").press("Enter")


MakeStage = Callable[..., Awaitable[Stage]]
