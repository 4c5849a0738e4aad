"""What the control APIs of both platforms share, and the routes that belong to neither."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from bridge.sandbox.config import parse
from bridge.sandbox.faults import Fault, Faults
from bridge.sandbox.feed import Entry, Feed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def guarded(handler: Handler) -> Handler:
    """Turn a handler's `ValueError` into 400 and `LookupError` into 404, each with what was wrong as JSON."""

    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except LookupError as error:
            return reply({"ok": False, "error": _words(error)}, 404)
        except ValueError as error:
            return reply({"ok": False, "error": _words(error)}, 400)

    return guard


def _words(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__


async def read_object(request: web.Request, *known: str) -> dict[str, Any]:
    """The request's JSON object (empty body: an empty one); `ValueError` names what is wrong or not `known`."""
    raw = await request.read()
    try:
        body = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004  # answered as 400 like every bad input
    for key in body:
        if key not in known:
            raise ValueError(f"{key!r} is not known here; known: {', '.join(sorted(known))}")
    return body


def take(body: dict[str, Any], key: str, kind: type[Any], *, required: bool = False) -> Any:  # noqa: ANN401
    """The value at `key` if it is of the kind; None when it is absent and not required; else `ValueError`."""
    value = body.get(key)
    if value is None and not required:
        return None
    if not isinstance(value, kind):
        raise ValueError(f"{key} must be given as {kind.__name__}")  # noqa: TRY004  # answered as 400
    return value


class SharedControl:
    """`/control/faults`, `/control/state` and `/control/feed`."""

    def __init__(self, faults: Faults, feed: Feed, snapshot: Callable[[], dict[str, Any]]) -> None:
        """Serve these; `snapshot` builds the state of the whole sandbox."""
        self._faults = faults
        self._feed = feed
        self._snapshot = snapshot

    def routes(self) -> list[web.RouteDef]:
        """The routes, ready to be mounted."""
        return [
            web.get("/control/faults", guarded(self._list_faults)),
            web.post("/control/faults", guarded(self._add_fault)),
            web.delete("/control/faults", guarded(self._clear_faults)),
            web.delete("/control/faults/{rule_id}", guarded(self._remove_fault)),
            web.get("/control/state", guarded(self._state)),
            web.get("/control/feed", guarded(self._follow)),
        ]

    async def _list_faults(self, _: web.Request) -> web.Response:
        return reply({"ok": True, "faults": list(self._faults)})

    async def _add_fault(self, request: web.Request) -> web.Response:
        body = await read_object(request, "where", "kind", "times", "probability", "params")
        rule_id = self._faults.add(parse(Fault, body, "fault"))
        return reply({"ok": True, "id": rule_id}, 201)

    async def _remove_fault(self, request: web.Request) -> web.Response:
        rule_id = request.match_info["rule_id"]
        if not rule_id.isdigit() or not self._faults.remove(int(rule_id)):
            raise LookupError(f"no fault has the id {rule_id}")
        return reply({"ok": True})

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return reply({"ok": True})

    async def _state(self, _: web.Request) -> web.Response:
        return reply({"ok": True, **self._snapshot()})

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events; `?since=N` or a reconnecting browser's `Last-Event-ID` says where to go on."""
        since = request.query.get("since") or request.headers.get("Last-Event-ID")
        if since is not None and not since.isdigit():
            raise ValueError("since must be a whole number")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        # Without an early byte a client cannot tell an idle feed from a dead one.
        with contextlib.suppress(ConnectionError):
            await response.write(b": open\n\n")
            async for entry in self._feed.subscribe(None if since is None else int(since)):
                await response.write(_event(entry))
        return response


def _event(entry: Entry) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (entry["n"], orjson.dumps(entry))
