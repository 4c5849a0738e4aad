"""Getting payloads to the app: signed HTTP or Socket Mode, acks within three seconds, Slack's retries."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Fault, Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.limits import Limits
from bridge.sandbox.slack.socketmode import NoSocketError, SocketHub

RETRY_AFTER_S: tuple[float, ...] = (0.0, 60.0, 300.0)
"""Waits before the first, second and third retry of an event."""


@dataclass(slots=True)
class Outcome:
    """How one try of an event ended: `failure` in Slack's words (empty: taken), `final` when no retry is wanted."""

    failure: str = ""
    final: bool = False


class NoAnswerError(Exception):
    """The app did not take an interactive payload in time; `reason` is what the person's client says."""

    def __init__(self, reason: str) -> None:
        """Take the client's words."""
        super().__init__(reason)
        self.reason = reason


class Delivery:
    """Sends events (with retries) and interactive payloads (without)."""

    def __init__(
        self, config: SlackConfig, clock: Clock, faults: Faults, feed: Feed, hub: SocketHub, limits: Limits
    ) -> None:
        """Take the app's settings and the sandbox's common parts."""
        self._config = config
        self._clock = clock
        self._faults = faults
        self._feed = feed
        self._hub = hub
        self._limits = limits
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._limited_minute = 0
        self._epoch = int(clock.now())

    async def stop(self) -> None:
        """Give up what is under way and close the client."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def settled(self) -> None:
        """Wait until every event is delivered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background until the sandbox stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def event(self, inner: Json) -> str | None:
        """Send an event to the app in the background.

        Returns its `event_id`, or None when the limit of events per hour drops it.
        """
        if self._config.rate_limits and not self._limits.event():
            self._rate_limited()
            return None
        number = next(self._numbers)
        now = int(self._clock.now())
        event_id = f"Ev0{self._epoch:X}{number:06d}"
        self._deliver(self._callback(inner, event_id, number, now))
        return event_id

    def _callback(self, inner: Json, event_id: str, number: int, now: int) -> Json:
        config = self._config
        grant = {
            "enterprise_id": None,
            "team_id": config.team_id,
            "user_id": config.bot_user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return {
            "token": config.verification_token,
            "team_id": config.team_id,
            "context_team_id": config.team_id,
            "context_enterprise_id": None,
            "api_app_id": config.app_id,
            "event": inner,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": now,
            "authorizations": [grant],
            "is_ext_shared_channel": False,
            "event_context": f"4-{self._epoch:x}-{number:04d}",
        }

    def app_rate_limited(self) -> None:
        """Tell the app that events of this minute were dropped."""
        minute = int(self._clock.now()) // 60 * 60
        self._deliver(
            {
                "token": self._config.verification_token,
                "type": "app_rate_limited",
                "team_id": self._config.team_id,
                "minute_rate_limited": minute,
                "api_app_id": self._config.app_id,
            }
        )

    def _rate_limited(self) -> None:
        minute = int(self._clock.now() * self._clock.scale) // 60
        if minute != self._limited_minute:
            self._limited_minute = minute
            self.app_rate_limited()

    def _deliver(self, payload: Json) -> None:
        fault = self._faults.take("slack.event", "delay", "duplicate", "reorder", "drop_socket")
        self.spawn(self._with_retries(payload, fault))
        if fault and fault.kind == "duplicate":
            self.spawn(self._with_retries(payload, None))

    async def _with_retries(self, payload: Json, fault: Fault | None) -> None:
        if fault and fault.kind in ("delay", "reorder"):
            await self._clock.sleep(float(fault.params["seconds"]))
        drop = fault is not None and fault.kind == "drop_socket"
        event_id = payload.get("event_id", "")
        inner = payload.get("event", payload)
        kind, about = inner["type"], {"channel": inner.get("channel"), "ts": inner.get("ts")}
        reason = ""
        for attempt in range(len(RETRY_AFTER_S) + 1):
            if attempt:
                await self._clock.sleep(RETRY_AFTER_S[attempt - 1])
            self._feed.publish(
                "slack.event.sent", event_id=event_id, type=kind, attempt=attempt, reason=reason, **about
            )
            outcome = await self._try(payload, attempt, reason, drop=drop and attempt == 0)
            if not outcome.failure:
                self._feed.publish(
                    "slack.event.acked", event_id=event_id, type=kind, attempt=attempt, **about
                )
                return
            reason = outcome.failure
            if outcome.final:
                break
        self._feed.publish("slack.event.lost", event_id=event_id, type=kind, reason=reason, **about)

    async def _try(self, payload: Json, attempt: int, reason: str, *, drop: bool) -> Outcome:
        if self._config.mode == "http":
            return await self._post_event(payload, attempt, reason)
        words = "timeout" if reason == "http_timeout" else reason
        try:
            await self._hub.send(
                "events_api",
                payload,
                accepts=False,
                ack_s=self._config.ack_s,
                retry=(attempt, words),
                drop=drop,
            )
        except NoSocketError:
            return Outcome("connection_failed")
        except TimeoutError:
            return Outcome("http_timeout")
        return Outcome()

    async def _post_event(self, payload: Json, attempt: int, reason: str) -> Outcome:
        retry = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason} if attempt else {}
        body = orjson.dumps(payload)
        try:
            status, headers, _ = await self._post(
                self._config.events_url, body, "application/json", retry, redirects=2
            )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Outcome(_failure(error))
        if 200 <= status < 300:
            return Outcome()
        return Outcome("http_error", final=headers.get("X-Slack-No-Retry") == "1")

    async def _post(
        self, url: str, body: bytes, content_type: str, headers: Json, redirects: int = 10
    ) -> tuple[int, Any, bytes]:
        session = self._session
        if session is None:
            session = self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=self._clock.scaled(self._config.ack_s))
        sent = self.signed(body) | {"Content-Type": content_type, **headers}
        async with session.post(
            url, data=body, headers=sent, timeout=timeout, max_redirects=redirects
        ) as answer:
            return answer.status, answer.headers, await answer.read()

    def signed(self, body: bytes, at: int | None = None) -> dict[str, str]:
        """Slack's signature headers over the raw bytes, for the Unix second `at` (default: now)."""
        stamp = str(int(self._clock.now()) if at is None else at)
        base = b"v0:" + stamp.encode() + b":" + body
        digest = hmac.new(self._config.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}

    async def verify_url(self) -> bool:
        """The one-time check of the events address: whether it answers with the challenge."""
        challenge = f"challenge-{next(self._numbers)}"
        body = orjson.dumps(
            {
                "token": self._config.verification_token,
                "challenge": challenge,
                "type": "url_verification",
            }
        )
        try:
            status, _, answer = await self._post(self._config.events_url, body, "application/json", {})
        except (aiohttp.ClientError, TimeoutError):
            return False
        return status == 200 and challenge.encode() in answer

    async def ask(self, kind: str, payload: Json, url: str = "") -> Json:
        """Send a slash command or an interactive payload and return the app's answer (`{}` when it is empty).

        `kind` is `slash_commands` or `interactive`; `url` is used in HTTP mode. Raises `NoAnswerError` with the words of
        Slack's client; such payloads are never retried.
        """
        fault = self._faults.take(f"slack.{kind}", "delay", "drop_socket")
        if fault and fault.kind == "delay":
            await self._clock.sleep(float(fault.params["seconds"]))
        label = str(payload.get("command") or payload.get("type"))
        self._feed.publish("slack.payload.sent", type=label)
        if self._config.mode == "http":
            answer = await self._post_form(kind, payload, url)
        else:
            answer = await self._ask_socket(
                kind, payload, drop=fault is not None and fault.kind == "drop_socket"
            )
        self._feed.publish("slack.payload.acked", type=label)
        return answer

    async def _ask_socket(self, kind: str, payload: Json, *, drop: bool) -> Json:
        accepts = kind == "slash_commands" or payload.get("type") in ("view_submission", "block_suggestion")
        try:
            return await self._hub.send(kind, payload, accepts=accepts, ack_s=self._config.ack_s, drop=drop)
        except NoSocketError:
            raise NoAnswerError("dispatch_failed") from None
        except TimeoutError:
            raise NoAnswerError("operation_timeout") from None

    async def _post_form(self, kind: str, payload: Json, url: str) -> Json:
        form = payload if kind == "slash_commands" else {"payload": orjson.dumps(payload).decode()}
        body = urlencode(form).encode()
        try:
            status, headers, answer = await self._post(url, body, "application/x-www-form-urlencoded", {})
        except TimeoutError:
            raise NoAnswerError("operation_timeout") from None
        except (aiohttp.ClientError, ValueError):
            raise NoAnswerError("dispatch_failed") from None
        if status != 200:
            raise NoAnswerError("dispatch_failed")
        if not answer.strip():
            return {}
        if "json" in headers.get("Content-Type", ""):
            decoded = orjson.loads(answer)
            return decoded if isinstance(decoded, dict) else {}
        return {"text": answer.decode()}


def _failure(error: Exception) -> str:
    """Slack's word for a failed request."""
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (TimeoutError, "http_timeout"),
        (aiohttp.TooManyRedirects, "too_many_redirects"),
        (aiohttp.ClientSSLError, "ssl_error"),
        (aiohttp.ClientConnectionError, "connection_failed"),
    )
    return next((word for kind, word in reasons if isinstance(error, kind)), "unknown_error")
