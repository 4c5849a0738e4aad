"""The bridge that plays with this sandbox, as far as it can be seen from outside: address, health, metrics, commands.

The playground page asks through here, because a browser may not read another origin's answers.
"""

from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp import web

from bridge.sandbox.control import guarded, read_object, reply, take
from bridge.sandbox.feed import Feed

ANSWER_S = 2.0
"""How long the bridge may take to tell its health, in real seconds."""

MAX_ANSWER_BYTES = 4 * 1024 * 1024
_COMMAND_KEYS = ("name", "usage", "help")


class Companion:
    """What the sandbox was told about the bridge.

    `url` is the bridge's base address (empty: none is connected). `commands` are the rows of its command table as
    `{"name", "usage", "help"}`, shown as hints where a person types `!`.
    """

    def __init__(self, feed: Feed) -> None:
        """Know of none; changes go to `feed`."""
        self._feed = feed
        self.url = ""
        self.commands: list[dict[str, str]] = []

    def connect(self, url: str, commands: Sequence[object] = ()) -> None:
        """Say where the bridge is; raises `ValueError` when `url` is no http address or a command lacks a key."""
        if url and not url.startswith(("http://", "https://")):
            raise ValueError(f"url must start with http:// or https://, not {url!r}")
        rows = [_row(row) for row in commands]
        self.url, self.commands = url.rstrip("/"), rows
        self._feed.publish("bridge", **self.shown())

    def shown(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"url": self.url or None, "commands": self.commands}

    def routes(self) -> list[web.RouteDef]:
        """`/control/bridge`, and below it the bridge's own `healthz` and `metrics`."""
        return [
            web.get("/control/bridge", guarded(self._show)),
            web.post("/control/bridge", guarded(self._connect)),
            web.get("/control/bridge/{page:healthz|metrics}", guarded(self._pass_on)),
        ]

    async def _show(self, _: web.Request) -> web.Response:
        return reply({"ok": True, **self.shown()})

    async def _connect(self, request: web.Request) -> web.Response:
        body = await read_object(request, "url", "commands")
        self.connect(take(body, "url", str) or "", take(body, "commands", list) or ())
        return reply({"ok": True, **self.shown()})

    async def _pass_on(self, request: web.Request) -> web.Response:
        if not self.url:
            raise LookupError("no bridge is connected")
        address = f"{self.url}/{request.match_info['page']}"
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(address, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, TimeoutError) as error:
            return reply({"ok": False, "error": f"{address} did not answer: {type(error).__name__}"}, 502)
        return web.Response(body=body, status=answer.status, content_type="text/plain")


def _row(given: object) -> dict[str, str]:
    row = {key: given.get(key) for key in _COMMAND_KEYS} if isinstance(given, dict) else {}
    if not row or not all(isinstance(value, str) for value in row.values()):
        raise ValueError(f"a command needs the texts {', '.join(_COMMAND_KEYS)}, not {given!r}")
    return {key: str(value) for key, value in row.items()}
