"""Socket Mode: one-use addresses, up to ten sockets, each payload to one of them, acks by envelope."""

from __future__ import annotations

import asyncio
import random
import secrets
import uuid

import orjson
from aiohttp import WSMsgType, web

from bridge.sandbox.clock import Clock
from bridge.sandbox.feed import Feed
from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.slack.jsontypes import Json

MAX_SOCKETS = 10
WARNING_S = 10.0
DEBUG_LIFE_S = 360.0


class NoSocketError(Exception):
    """No connection is open, or the chosen one broke while sending."""


class SocketHub:
    """The open sockets of the app and the envelopes that wait for their ack."""

    def __init__(self, config: SlackConfig, clock: Clock, feed: Feed) -> None:
        """Start without connections."""
        self._config = config
        self._clock = clock
        self._feed = feed
        self._tickets: set[str] = set()
        self._sockets: list[web.WebSocketResponse] = []
        self._pending: dict[str, asyncio.Future[Json]] = {}
        self._dice = random.Random()  # noqa: S311  # which socket gets a payload is no secret
        self.enabled = True

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._sockets)

    def ticket(self) -> str:
        """A one-use ticket for the address that `apps.connections.open` hands out."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection from hello to the end; a used or unknown ticket answers 404."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=404, text="no such connection")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        if len(self._sockets) >= MAX_SOCKETS or not self.enabled:
            await self._bye(socket, "too_many_websockets" if self.enabled else "link_disabled")
            return socket
        self._sockets.append(socket)
        self._feed.publish("slack.socket.opened", sockets=self.count)
        debug = request.query.get("debug_reconnects") == "true"
        life_s = DEBUG_LIFE_S if debug else self._config.socket_life_s
        life = asyncio.create_task(self._life(socket, life_s))
        try:
            await self._hello(socket, life_s)
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._received(frame.data)
        except ConnectionError:
            pass
        finally:
            life.cancel()
            if socket in self._sockets:
                self._sockets.remove(socket)
            self._feed.publish("slack.socket.closed", sockets=self.count)
        return socket

    async def _hello(self, socket: web.WebSocketResponse, life_s: float) -> None:
        await _send(
            socket,
            {
                "type": "hello",
                "num_connections": self.count,
                "debug_info": {
                    "host": "applink-1",
                    "build_number": 10,
                    "approximate_connection_time": int(life_s),
                },
                "connection_info": {"app_id": self._config.app_id},
            },
        )

    async def _life(self, socket: web.WebSocketResponse, life_s: float) -> None:
        await self._clock.sleep(max(0.0, life_s - WARNING_S))
        await _send(socket, _disconnect("warning"))
        await self._clock.sleep(WARNING_S)
        await self._bye(socket, "refresh_requested")

    def _received(self, data: str) -> None:
        try:
            frame = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if not isinstance(frame, dict):
            return
        waiting = self._pending.pop(str(frame.get("envelope_id")), None)
        if waiting and not waiting.done():
            waiting.set_result(frame.get("payload") or {})

    async def send(
        self,
        kind: str,
        payload: Json,
        *,
        accepts: bool,
        ack_s: float,
        retry: tuple[int, str] | None = None,
        drop: bool = False,
    ) -> Json:
        """Put a payload on one socket at random and wait for its ack; returns the ack's payload.

        Raises `NoSocketError`, or `TimeoutError` after `ack_s` seconds of platform time. With `drop` the socket is cut
        right after sending.
        """
        if not self._sockets:
            raise NoSocketError
        socket = self._dice.choice(self._sockets)
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "payload": payload, "type": kind}
        envelope["accepts_response_payload"] = accepts
        if retry is not None:
            envelope |= {"retry_attempt": retry[0], "retry_reason": retry[1]}
        waiting = asyncio.get_running_loop().create_future()
        self._pending[envelope["envelope_id"]] = waiting
        try:
            await _send(socket, envelope)
            if drop:
                await self._cut(socket)
            async with asyncio.timeout(self._clock.scaled(ack_s)):
                answer: Json = await waiting
                return answer
        except ConnectionError as error:
            raise NoSocketError from error
        finally:
            self._pending.pop(envelope["envelope_id"], None)

    async def _cut(self, socket: web.WebSocketResponse) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
        await socket.close(code=1011)

    async def _bye(self, socket: web.WebSocketResponse, reason: str) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
        if not socket.closed:
            await _send(socket, _disconnect(reason))
            await socket.close()

    async def disconnect(self, reason: str) -> int:
        """Say goodbye to every socket (`warning` leaves them open); returns how many there were.

        `link_disabled` means that Socket Mode was switched off: no new connection until `enabled` is true again.
        """
        if reason == "link_disabled":
            self.enabled = False
        sockets = list(self._sockets)
        for socket in sockets:
            if reason == "warning":
                await _send(socket, _disconnect(reason))
            else:
                await self._bye(socket, reason)
        return len(sockets)


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}


async def _send(socket: web.WebSocketResponse, frame: Json) -> None:
    await socket.send_str(orjson.dumps(frame).decode())
