"""The Web API's front door: which method, whose token, which scopes, which limits, which arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from bridge.sandbox.faults import Fault, cut
from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.errors import SlackError, missing_field
from bridge.sandbox.slack.jsontypes import Json, JsonValue

_TRUE = ("1", "true", "True", "t", "yes")


@dataclass
class Call:
    """One request to one method."""

    backend: Backend
    args: Json
    scopes: frozenset[str]
    warnings: list[str] = field(default_factory=list)

    def need(self, *scopes: str) -> None:
        """Raise `missing_scope` unless the token has one of `scopes`."""
        if scopes and not self.scopes.intersection(scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(sorted(self.scopes)))

    def get(self, name: str) -> str | None:
        """An argument as text; None when absent or null."""
        value = self.args.get(name)
        if value is None:
            return None
        if isinstance(value, dict | list):
            return orjson.dumps(value).decode()
        return value if isinstance(value, str) else orjson.dumps(value).decode()

    def want(self, name: str) -> str:
        """A required argument as text; raises `invalid_arguments`."""
        value = self.get(name)
        if not value:
            raise missing_field(name)
        return value

    def flag(self, name: str) -> bool:
        """A boolean argument, false when absent."""
        return self.get(name) in _TRUE

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number argument within bounds; raises `invalid_limit`."""
        value = self.get(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise SlackError("invalid_limit") from None
        if not low <= number <= high:
            raise SlackError("invalid_limit")
        return number

    def decoded(self, name: str, error: str) -> JsonValue:
        """A JSON argument, given as text or as JSON; None when absent; raises `SlackError(error)`."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise SlackError(error) from None


Handler = Callable[[Call], Json]


@dataclass(frozen=True)
class Method:
    """One Web API method: any of `scopes` lets it through; `tier` is its class of rate limit."""

    name: str
    handler: Handler
    tier: int
    scopes: tuple[str, ...] = ()
    takes_json: bool = True
    app_token: bool = False
    paced: bool = False
    anonymous: bool = False


class Api:
    """Dispatches `/slack/api/<method>`."""

    def __init__(self, backend: Backend, methods: Mapping[str, Method]) -> None:
        """Take the workspace and the table of methods."""
        self._backend = backend
        self._methods = methods

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request: always JSON; refusals are HTTP 200 with `ok: false`, but 429 over a rate limit."""
        name = request.match_info["method"]
        method = self._methods.get(name)
        if method is None:
            return self._answer(name, {"ok": False, "error": "unknown_method", "req_method": name})
        fault = self._backend.faults.take(
            f"slack.{name}", "delay", "status", "error", "rate_limit", "cut_before", "cut_after"
        )
        if fault:
            early = await self._before(request, name, fault)
            if early is not None:
                return early
        answer = await self._run(request, method)
        if fault and fault.kind == "cut_after":
            cut(request)
        return answer

    async def _before(self, request: web.Request, name: str, fault: Fault) -> web.Response | None:
        params = fault.params
        self._backend.feed.publish("slack.fault", method=name, fault=fault.kind)
        match fault.kind:
            case "delay":
                await self._backend.clock.sleep(float(params["seconds"]))
            case "cut_before":
                cut(request)
            case "status":
                return web.Response(
                    status=int(params["status"]),
                    text=str(params.get("body", "")),
                    headers=params.get("headers"),
                )
            case "error":
                return self._answer(name, {"ok": False, "error": "internal_error", **params})
            case "rate_limit":
                return self._limited(name, float(params["retry_after"]))
        return None

    async def _run(self, request: web.Request, method: Method) -> web.Response:
        accepted = {"x-accepted-oauth-scopes": ",".join(method.scopes)}
        try:
            args, warnings = await _arguments(request, method)
            scopes = self._authorised(request, method, args)
            headers = accepted | {"x-oauth-scopes": ",".join(sorted(scopes))}
        except SlackError as error:
            return self._answer(method.name, error.body())
        call = Call(self._backend, args, scopes, warnings)
        wait = self._wait(method, call)
        if wait > 0:
            return self._limited(method.name, wait)
        try:
            call.need(*method.scopes)
            body: Json = {"ok": True, **method.handler(call)}
        except SlackError as error:
            body = error.body()
        if warnings:
            body["warning"] = ",".join(warnings)
            body["response_metadata"] = {**body.get("response_metadata", {}), "warnings": warnings}
        return self._answer(method.name, body, headers)

    def _wait(self, method: Method, call: Call) -> float:
        backend = self._backend
        if not backend.config.rate_limits:
            return 0.0
        if method.paced:
            return backend.limits.post(method.name, call.get("channel") or call.get("channel_id") or "")
        return backend.limits.call(method.name, method.tier)

    def _authorised(self, request: web.Request, method: Method, args: Json) -> frozenset[str]:
        config = self._backend.config
        token = str(args.pop("token", "") or "")
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            token = header.removeprefix("Bearer ").strip()
        if method.anonymous:
            return frozenset()
        if not token:
            raise SlackError("not_authed")
        if token == config.app_token:
            if not method.app_token:
                raise SlackError("not_allowed_token_type")
            return frozenset(config.app_scopes)
        if token != config.bot_token:
            raise SlackError("invalid_auth")
        if method.app_token:
            raise SlackError("not_allowed_token_type")
        if self._backend.ws.refusal:
            raise SlackError(self._backend.ws.refusal)
        return frozenset(config.scopes)

    def _limited(self, name: str, wait: float) -> web.Response:
        scale = self._backend.clock.scale
        # Slack's header is whole seconds; only a clock that runs faster makes fractions.
        seconds = -(-wait // 1)
        header = f"{wait / scale:.3f}" if scale > 1 else str(int(max(1, seconds)))
        self._backend.feed.publish(
            "slack.call", method=name, ok=False, error="ratelimited", retry_after=header
        )
        return web.Response(
            status=429,
            headers={"Retry-After": header},
            body=orjson.dumps({"ok": False, "error": "ratelimited"}),
            content_type="application/json",
        )

    def _answer(self, name: str, body: Json, headers: Mapping[str, str] | None = None) -> web.Response:
        self._backend.feed.publish("slack.call", method=name, ok=body["ok"], error=body.get("error", ""))
        return web.Response(
            body=orjson.dumps(body), content_type="application/json", charset="utf-8", headers=headers
        )


async def _arguments(request: web.Request, method: Method) -> tuple[Json, list[str]]:
    args: Json = dict(request.query)
    warnings: list[str] = []
    if request.method != "POST":
        return args, warnings
    kind = request.content_type
    body = await request.read()
    if kind == "application/json":
        # Where Slack takes no JSON the body is not read at all: its arguments are simply missing.
        if method.takes_json and body:
            args |= _json_object(body)
        if request.charset is None:
            warnings.append("missing_charset")
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    elif body:
        raise SlackError("invalid_post_type" if "Content-Type" in request.headers else "missing_post_type")
    return args, warnings


def _json_object(body: bytes) -> Json:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SlackError("invalid_json") from None
    if not isinstance(decoded, dict):
        raise SlackError("json_not_object")
    # Slack takes the token of a JSON call from the header alone.
    decoded.pop("token", None)
    return decoded
