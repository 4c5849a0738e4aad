"""One server that plays everything: both platforms, their people, faults, state, feed and the playground page."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from bridge.sandbox.clock import Clock
from bridge.sandbox.companion import Companion
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.control import SharedControl
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.slack.sandbox import SlackSandbox
from bridge.sandbox.whatsapp.sandbox import WhatsAppSandbox

PLAYGROUND = Path(__file__).parent / "playground"
MAX_BODY_BYTES = 16 * 1024 * 1024
DRAIN_S = 1.0


class Sandbox:
    """A running sandbox: `whatsapp` and `slack` hold the people, `faults` the rules, `feed` what happens.

    `bridge` holds what the playground may show of the bridge that plays with it.
    """

    def __init__(self, config: SandboxConfig) -> None:
        """Build without starting; use `start`."""
        self.config = config
        self.clock = Clock(config.scale)
        self.faults = Faults(config.seed)
        self.feed = Feed()
        self.bridge = Companion(self.feed)
        self.port = config.port
        self.whatsapp = WhatsAppSandbox(config.whatsapp, self.clock, self.faults, self.feed, lambda: self.url)
        self.slack = SlackSandbox(config.slack, self.clock, self.faults, self.feed, lambda: self.url)
        self._runner: web.AppRunner | None = None

    @classmethod
    async def start(cls, config: SandboxConfig) -> "Sandbox":
        """Listen on `config.host` and `config.port` (0: a free one). Raises `OSError` when the port is taken."""
        sandbox = cls(config)
        try:
            await sandbox._listen()
        except BaseException:
            await sandbox.stop()
            raise
        return sandbox

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end."""
        return f"http://{self.config.host}:{self.port}"

    async def stop(self) -> None:
        """End all background work and stop listening."""
        await self.whatsapp.stop()
        await self.slack.stop()
        self.feed.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def snapshot(self) -> dict[str, Any]:
        """Everything a page shows, as plain JSON values."""
        return {
            "scale": self.clock.scale,
            "last": self.feed.last,
            "whatsapp": self.whatsapp.snapshot(),
            "slack": self.slack.snapshot(),
            "faults": list(self.faults),
        }

    async def _listen(self) -> None:
        # Handlers are not cancelled when a client hangs up: a platform goes on with what it has accepted.
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=DRAIN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        await asyncio.gather(self.whatsapp.start(), self.slack.start())

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_own_origin_only])
        app.add_routes(SharedControl(self.faults, self.feed, self.snapshot).routes())
        app.add_routes(self.bridge.routes())
        app.add_routes(self.whatsapp.control_routes())
        app.add_routes(self.slack.control_routes())
        app.add_routes(self.whatsapp.routes())
        app.add_routes(self.slack.routes())
        app.router.add_get("/", _playground)
        app.router.add_static("/", PLAYGROUND)
        app.on_response_prepare.append(_as_page)
        return app


async def _playground(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PLAYGROUND / "index.html")


async def _as_page(_: web.Request, response: web.StreamResponse) -> None:
    """The page's files are asked for anew after an upgrade, and nobody may frame them."""
    if isinstance(response, web.FileResponse):
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"


@web.middleware
async def _own_origin_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """No other web page open in the same browser may play the sandbox's people."""
    origin = request.headers.get("Origin")
    if origin is not None and request.path.startswith("/control/") and origin != f"http://{request.host}":
        return web.json_response({"ok": False, "error": f"pages of {origin} may not use this"}, status=403)
    return await handler(request)
