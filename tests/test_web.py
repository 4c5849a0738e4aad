"""The HTTP side, over a real socket: routes, health, readiness that names the part, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from aiohttp import web

from bridge.observe import Metrics
from bridge.web import Check, Handler, build, serve


class Site:
    """A running HTTP side, and a client's view of it."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []
        self.session = aiohttp.ClientSession()
        self.base = ""

    async def start(
        self,
        routes: Mapping[tuple[str, str], Handler] | None = None,
        checks: Mapping[str, Check] | None = None,
        max_body_bytes: int = 1000,
        warnings: Mapping[str, Check] | None = None,
        check_timeout_s: float = 2.0,
    ) -> int:
        """Listen on a free port."""
        app = build(
            routes or {},
            checks or {},
            Metrics(),
            max_body_bytes,
            warnings=warnings,
            check_timeout_s=check_timeout_s,
        )
        runner, port = await serve(app, "127.0.0.1", 0)
        self._runners.append(runner)
        self.base = f"http://127.0.0.1:{port}"
        return port

    async def get(self, path: str) -> tuple[int, str, str]:
        """Status, content type and body."""
        async with self.session.get(self.base + path) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()

    async def aclose(self) -> None:
        """Stop listening."""
        await self.session.close()
        for runner in self._runners:
            await runner.cleanup()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Not started yet."""
    one = Site()
    yield one
    await one.aclose()


async def well() -> str | None:
    """A part that is there."""
    return None


async def ill() -> str | None:
    """A part that is not."""
    return "the token was revoked"


async def silent() -> str | None:
    """A part that never answers."""
    await asyncio.Event().wait()
    return None


async def broken() -> str | None:
    """A check with a defect."""
    raise ValueError("secret")


async def test_health_asks_nobody(site: Site) -> None:
    """The process lives, whatever its surroundings do."""
    await site.start(checks={"redis": ill})
    status, kind, body = await site.get("/healthz")
    assert (status, kind, body) == (200, "application/json; charset=utf-8", '{"status": "ok"}')


async def test_ready_when_all_parts_are_there(site: Site) -> None:
    """And says so in JSON."""
    await site.start(checks={"redis": well, "slack": well})
    assert await site.get("/readyz") == (
        200,
        "application/json",
        '{"status":"ready","problems":{},"warnings":{}}',
    )


async def test_readiness_names_what_is_missing(site: Site) -> None:
    """A part that is ill, one that is silent and one whose check breaks, each in its own words."""
    checks = {"redis": well, "slack": ill, "streams": silent, "other": broken}
    await site.start(checks=checks, check_timeout_s=0.1)
    async with site.session.get(f"{site.base}/readyz") as answer:
        assert answer.status == 503
        said = await answer.json()
    assert said == {
        "status": "not ready",
        "problems": {
            "slack": "the token was revoked",
            "streams": "no answer within 0.1 s",
            "other": "the check itself failed: ValueError",
        },
        "warnings": {},
    }


async def test_a_warning_is_told_and_keeps_nobody_from_being_ready(site: Site) -> None:
    """What the road goes on without."""

    async def late() -> str:
        return "behind by 3 min"

    await site.start(warnings={"archive": late})
    status, _kind, body = await site.get("/readyz")
    assert (status, body) == (
        200,
        '{"status":"ready","problems":{},"warnings":{"archive":"behind by 3 min"}}',
    )


async def test_metrics_are_in_the_format_that_prometheus_reads(site: Site) -> None:
    """With the version in the content type."""
    await site.start()
    status, kind, body = await site.get("/metrics")
    assert status == 200
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE threadline_holds gauge" in body


async def test_routes_are_bound_by_method_and_path_and_bodies_are_bounded(site: Site) -> None:
    """A handler gets the raw bytes; too many of them never reach it."""
    seen: list[bytes] = []

    async def hook(request: web.Request) -> web.StreamResponse:
        seen.append(await request.read())
        return web.Response(text="thanks")

    await site.start({("POST", "/hook"): hook}, max_body_bytes=1000)
    url = f"{site.base}/hook"
    async with site.session.post(url, data=b"\xff{}") as answer:
        assert answer.status == 200
    async with site.session.post(url, data=b"x" * 2000) as answer:
        assert answer.status == 413
    async with site.session.get(url) as answer:
        assert answer.status == 405
    async with site.session.get(f"{site.base}/other") as answer:
        assert answer.status == 404
    assert seen == [b"\xff{}"]


async def test_a_taken_port_is_said_and_leaves_nothing_behind(site: Site) -> None:
    """The caller can report it and try another one."""
    port = await site.start()
    with pytest.raises(OSError, match="address already in use"):
        await serve(build({}, {}, Metrics(), 1000), "127.0.0.1", port)
    assert (await site.get("/healthz"))[0] == 200
