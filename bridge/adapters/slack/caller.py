"""A thin caller of Slack's Web API on one shared connection pool.

slack_sdk costs several times as much per call and repeats posts whose fate is unknown; it stays where it is good
(sockets, signatures). Nothing here logs: a token, a response url or a body must not get into a log.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from bridge.adapters.http import Answer, BrokenError, HttpClient, SlowError, UnsentError
from bridge.adapters.slack import errors
from bridge.errors import PlatformError

_NOT_REPEATABLE = frozenset({"chat.postMessage", "files.completeUploadExternal"})
# Slack takes JSON for methods that write and forms everywhere (Slack: Web API, POST bodies).
_JSON_METHODS = frozenset({"reactions.add", "conversations.open"})
_JSON_FAMILIES = ("chat.", "views.")
_HOOK = re.compile(r"https://hooks\.slack(?:-gov)?\.com/[!-~]+")
_WAITED_OUT_S = 2.0
_DEFAULT_RETRY_AFTER_S = 1.0


class Caller:
    """Calls Web API methods with one token; raises `errors.PlatformError` for every refusal and break-down."""

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str,
        token: str,
        timeout_s: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`base_url` ends in `/api/`; `http` is shared and closed by its owner."""
        self._http = http
        self._base_url = base_url
        scheme, _, rest = base_url.partition("://")
        self._origin = f"{scheme}://{rest.partition('/')[0]}/"
        self._token = token
        self._timeout_s = timeout_s
        self._now = now
        self._quiet_until: dict[tuple[str, str], float] = {}
        self.bot_name = "the bot"
        """How the bot is addressed in words that tell people to invite it."""

    async def call(
        self,
        method: str,
        args: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        """The answer's body. `args` that are None are left out; `token` defaults to the bot's."""
        body, _ = await self.call_with_headers(method, args, timeout_s=timeout_s, token=token)
        return body

    async def call_with_headers(
        self,
        method: str,
        args: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """As `call`, with the answer's headers (`x-oauth-scopes` names the token's scopes)."""
        token = token or self._token
        await self._wait_out((method, token))
        repeatable = method not in _NOT_REPEATABLE
        given = {name: value for name, value in (args or {}).items() if value is not None}
        data, content_type = _encoded(method, given)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        status, answered, raw = await self._post(
            self._base_url + method, data, headers, timeout_s, repeatable=repeatable
        )
        if status == 429:
            raise self._limited((method, token), answered)
        body = _body(raw)
        if status >= 500 or body is None:
            raise errors.broken(f"http_{status}", repeatable=repeatable)
        if body.get("ok") is not True:
            error = str(body.get("error") or f"http_{status}")
            raise self._refused((method, token), error, body, answered, repeatable=repeatable)
        return body, answered

    async def respond(self, url: str, payload: Mapping[str, Any]) -> bool:
        """Post to a `response_url`; False when Slack does not take it there any more (used up, expired).

        Only to Slack's own addresses: it came from outside, and through people's clients.
        """
        if not (_HOOK.fullmatch(url) or url.startswith(self._origin)):
            return False
        status, _, raw = await self._post(
            url, orjson.dumps(payload), {"Content-Type": "application/json"}, None, repeatable=True
        )
        if status >= 500 or status == 429:
            raise errors.broken(f"http_{status}", repeatable=True)
        body = _body(raw)
        # Slack answers with the two letters "ok", or with an object where something is wrong with it.
        return status == 200 and (body is None or body.get("ok") is not False)

    async def _post(
        self,
        url: str,
        data: bytes,
        headers: dict[str, str],
        timeout_s: float | None,
        *,
        repeatable: bool,
    ) -> Answer:
        try:
            return await self._http.request(
                "POST", url, headers, data, timeout_s=timeout_s or self._timeout_s
            )
        except UnsentError:
            raise errors.unreachable() from None
        except SlowError:
            raise errors.broken("timeout", repeatable=repeatable) from None
        except BrokenError:
            raise errors.broken("connection", repeatable=repeatable) from None

    async def _wait_out(self, key: tuple[str, str]) -> None:
        """Honour an earlier `Retry-After` of this method: wait when it is short, else say how long it takes."""
        until = self._quiet_until.get(key)
        if until is None:
            return
        left = until - self._now()
        if left > _WAITED_OUT_S:
            raise errors.limited(left)
        if left > 0:
            await asyncio.sleep(left)
        if self._quiet_until.get(key) == until:
            del self._quiet_until[key]

    def _limited(self, key: tuple[str, str], headers: Mapping[str, str]) -> PlatformError:
        wait_s = _seconds(headers.get("retry-after"))
        self._quiet_until[key] = max(self._now() + wait_s, self._quiet_until.get(key, 0.0))
        return errors.limited(wait_s)

    def _refused(
        self,
        key: tuple[str, str],
        error: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        repeatable: bool,
    ) -> PlatformError:
        if error in {"ratelimited", "rate_limited"}:
            return self._limited(key, headers)
        return errors.refused(error, body, repeatable=repeatable, bot=self.bot_name)


def _encoded(method: str, args: Mapping[str, Any]) -> tuple[bytes, str]:
    if method in _JSON_METHODS or method.startswith(_JSON_FAMILIES):
        return orjson.dumps(args), "application/json; charset=utf-8"
    form = urlencode({name: _field(value) for name, value in args.items()})
    return form.encode(), "application/x-www-form-urlencoded"


def _field(value: Any) -> str:  # noqa: ANN401 - any JSON value; the encoding below is total
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _body(raw: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _seconds(header: str | None) -> float:
    try:
        seconds = float(header or "")
    except ValueError:
        return _DEFAULT_RETRY_AFTER_S
    return seconds if math.isfinite(seconds) and seconds > 0 else _DEFAULT_RETRY_AFTER_S
