"""The HTTP side: webhooks, health, readiness, metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import orjson
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

log = structlog.get_logger(__name__)


class _NotTheirs(logging.Filter):
    """Keeps clients' broken requests out of the log, where anybody could write with them; the answer says enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | ConnectionError | web.RequestPayloadError):
            return True
        log.debug("http.broken_request", error=type(error).__name__)
        return False


_server_log = logging.getLogger(__name__)
_server_log.addFilter(_NotTheirs())

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[], Awaitable[str | None]]
"""One thing readiness depends on: None when it is well, else what is wrong, for an operator."""

CHECK_TIMEOUT_S = 2.0
LINGERING_S = 2.0
"""How long what is left of a refused body is still read and thrown away, so that the client can read our answer."""


class Rendered(Protocol):
    """Whatever can print itself in the Prometheus text format."""

    def render(self) -> bytes:
        """The current values."""


def build(
    routes: Mapping[tuple[str, str], Handler],
    checks: Mapping[str, Check],
    metrics: Rendered,
    max_body_bytes: int,
    *,
    warnings: Mapping[str, Check] | None = None,
    check_timeout_s: float = CHECK_TIMEOUT_S,
) -> web.Application:
    """The application. `routes` are the adapters' handlers by (method, path); a check that does not answer within
    `check_timeout_s` counts as a problem. What `warnings` find is told and keeps nobody from being ready.
    """
    app = web.Application(client_max_size=max_body_bytes)
    app.on_response_prepare.append(_guarded)
    for (method, path), handler in routes.items():
        app.router.add_route(method, path, handler)

    async def healthz(_request: web.Request) -> web.Response:
        """The process lives and its event loop turns."""
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        """Everything that a message's road needs is there; says which part is not."""
        problems, warned = await asyncio.gather(
            _problems(checks, check_timeout_s), _problems(warnings or {}, check_timeout_s)
        )
        body = {"status": "not ready" if problems else "ready", "problems": problems, "warnings": warned}
        return web.Response(
            status=503 if problems else 200,
            body=orjson.dumps(body),
            content_type="application/json",
        )

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show_metrics)
    return app


async def _guarded(_request: web.Request, response: web.StreamResponse) -> None:
    """Nobody shall guess a page into an answer, or read from it what exactly runs here."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = "threadline"


async def _problems(checks: Mapping[str, Check], timeout_s: float) -> dict[str, str]:
    async def one(check: Check) -> str | None:
        try:
            async with asyncio.timeout(timeout_s):
                return await check()
        except TimeoutError:
            return f"no answer within {timeout_s:g} s"
        except Exception as problem:
            log.exception("readiness.check_failed")
            return f"the check itself failed: {type(problem).__name__}"

    answers = await asyncio.gather(*(one(check) for check in checks.values()))
    return {name: answer for name, answer in zip(checks, answers, strict=True) if answer is not None}


async def serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; the runner (to clean up) and the port, which differs from `port` when that is 0. Raises `OSError`
    when the port is taken; then nothing is left to clean up.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        # Signatures are made over what is sent, and nobody shall make us unpack anything.
        auto_decompress=False,
        lingering_time=LINGERING_S,
        logger=_server_log,
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    bound: int = runner.addresses[0][1]
    return runner, bound
