"""A Socket Mode connection that stays up, and says why when it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.errors import APP_LEVEL_ADVICE, APP_TOKEN_CODES
from bridge.errors import PlatformError

log = structlog.get_logger(__name__)

Dispatch = Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]

BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses between attempts to connect."""

_PINGS_DOWN = 4


class SocketConnection:
    """Connects, watches, and connects anew; `problem` says in words what keeps it from working."""

    def __init__(
        self,
        desk: SlackDesk,
        app: AsyncApp,
        client: AsyncWebClient,
        logger: logging.Logger,
        app_token: str,
        dispatch: Dispatch,
        ping_s: float,
    ) -> None:
        self.problem: str | None = "Slack's Socket Mode: not connected yet"
        self._desk = desk
        self._app = app
        self._client = client
        self._logger = logger
        self._app_token = app_token
        self._dispatch = dispatch
        self._ping_s = ping_s

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            try:
                await self._connection()
                failures = 0
            except PlatformError as error:
                self.problem = f"Slack's Socket Mode: {error.failure.words}"
            except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the connection is tried again
                self.problem = f"Slack's Socket Mode: no connection ({type(error).__name__})"
            log.warning("slack.socket_down", problem=self.problem)
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    async def _connection(self) -> None:
        """One connection; returns when the SDK could not keep it alive by itself.

        The SDK retries a one-use address for ever, so the first one comes from us, where refusals have words.
        """
        await self._desk.identity()
        opened = await self._opened()
        handler = _Handler(
            self._app, self._app_token, self._client, self._logger, self._ping_s, self._dispatch
        )
        client: SocketModeClient = handler.client
        client.wss_uri = str(opened["url"])
        try:
            async with asyncio.timeout(2 * self._ping_s):
                await client.connect()  # type: ignore[no-untyped-call]
            self.problem = None
            log.info("slack.socket_up")
            await self._watch(client)
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]

    async def _opened(self) -> dict[str, Any]:
        """A fresh address to connect to. A refusal speaks of the app-level token: the bot's was accepted before."""
        try:
            return await self._desk.caller.call("apps.connections.open", token=self._app_token)
        except PlatformError as error:
            if error.failure.code not in APP_TOKEN_CODES:
                raise
            words = f"Slack does not accept the app-level token ({error.failure.code}). {APP_LEVEL_ADVICE}"
            raise PlatformError(msgspec.structs.replace(error.failure, words=words)) from None

    async def _watch(self, client: SocketModeClient) -> None:
        """Until the connection has been down for four pings, in which the SDK tries to mend it."""
        down = 0
        while down < _PINGS_DOWN:
            await asyncio.sleep(self._ping_s)
            down = 0 if await client.is_connected() else down + 1
        self.problem = "Slack's Socket Mode: the connection was lost"


class _Handler(AsyncSocketModeHandler):
    """Bolt's handler, with our way of dispatching."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        client: AsyncWebClient,
        logger: logging.Logger,
        ping_s: float,
        dispatch: Dispatch,
    ) -> None:
        super().__init__(app, app_token, logger=logger, web_client=client, ping_interval=ping_s)
        self._dispatch = dispatch

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """One envelope; acknowledged only when what it brought is stored."""
        request = AsyncBoltRequest(mode="socket_mode", body=req.payload, headers=build_headers(req))
        response = await self._dispatch(request)
        await send_async_response(client, req, response, 0.0)
