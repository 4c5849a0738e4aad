"""Delivers updates to the program's webhook as Meta does: signed, concurrent, retried for seven days."""

import asyncio
import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.whatsapp.config import WhatsAppConfig
from bridge.sandbox.whatsapp.wire import Update, encode, envelope, sign

NAME = "whatsapp.webhook"
"""What fault rules call a delivery."""

RETRY_AFTER_S = (0.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0)
"""Waits before each retry: at once, then with falling frequency (Meta publishes no figures); later ones a day each."""

GIVE_UP_AFTER_S = 7 * 86_400.0
"""WhatsApp: create-webhook-endpoint: dropped after seven days."""

KEPT_DELIVERIES = 1_000


@dataclass(frozen=True)
class Attempt:
    """One POST: when (Unix seconds), the HTTP status or None with the reason, and how long the answer took."""

    at: float
    status: int | None
    error: str
    latency_ms: float


@dataclass
class Delivery:
    """One body and what became of it: `waiting`, `delivered` (answered 200) or `dropped`.

    `subjects` are the ids of the messages that its updates bring or are about.
    `tried` is set after the first attempt, or at once when the delivery is held back.
    """

    id: int
    body: bytes
    signature: str
    updates: int
    subjects: tuple[str, ...] = ()
    state: str = "waiting"
    attempts: list[Attempt] = field(default_factory=list)
    duplicate_of: int | None = None
    on_delivered: list[Callable[[], None]] = field(default_factory=list)
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    async def tried_within(self, patience_s: float) -> None:
        """Wait until the first attempt has ended, at most `patience_s` real seconds."""
        try:
            async with asyncio.timeout(patience_s):
                await self.tried.wait()
        except TimeoutError:
            pass

    def shown(self) -> dict[str, Any]:
        """The delivery as plain JSON values, for the control API."""
        return {
            "id": self.id,
            "state": self.state,
            "updates": self.updates,
            "duplicate_of": self.duplicate_of,
            "body": self.body.decode("ascii"),
            "attempts": [asdict(each) for each in self.attempts],
        }


@dataclass
class _Batch:
    size: int
    updates: list[Update] = field(default_factory=list)
    on_delivered: list[Callable[[], None]] = field(default_factory=list)


def retry_waits(longest_s: float = 86_400.0) -> Iterator[float]:
    """The platform's seconds before each retry, until seven days have passed; none is longer than `longest_s`."""
    total = 0.0
    for planned in itertools.chain(RETRY_AFTER_S, itertools.repeat(86_400.0)):
        wait = min(planned, longest_s)
        total += wait
        if total > GIVE_UP_AFTER_S:
            return
        yield wait


class Webhook:
    """The sender. `deliveries` is its log, newest last; `delivered` and `failed_attempts` count since the start."""

    def __init__(self, config: WhatsAppConfig, clock: Clock, faults: Faults, feed: Feed) -> None:
        """Deliver to `config.webhook_url`, read anew for each attempt; `overrides` (by WABA id) beat it."""
        self._config = config
        self._clock = clock
        self._faults = faults
        self._feed = feed
        self.overrides: dict[str, str] = {}
        self.subscribed = {each.waba_id: config.subscribed for each in config.numbers}
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT_DELIVERIES)
        self.delivered = 0
        self.failed_attempts = 0
        self._ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[int, asyncio.Event] = {}
        self._batch: _Batch | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connections outward."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._config.webhook_connections),
            timeout=aiohttp.ClientTimeout(total=self._config.webhook_timeout_s),
            headers={"User-Agent": "facebookexternalua", "Accept": "*/*"},
        )

    async def stop(self) -> None:
        """Give up what is under way and close."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def verify(self, url: str | None = None, token: str | None = None) -> bool:
        """The GET handshake; True when the endpoint answered 200 with the challenge as its whole body."""
        challenge = str(secrets.randbelow(9 * 10**8) + 10**8)
        target = URL(url or self._config.webhook_url).update_query(
            {
                "hub.mode": "subscribe",
                "hub.challenge": challenge,
                "hub.verify_token": token or self._config.verify_token,
            }
        )
        try:
            async with self._open_session().get(target, allow_redirects=False) as response:
                verified = response.status == 200 and await response.read() == challenge.encode()
        except (aiohttp.ClientError, TimeoutError):
            verified = False
        self._feed.publish("whatsapp.webhook.verified", url=str(target.with_query(None)), ok=verified)
        return verified

    def post(self, update: Update, on_delivered: Callable[[], None] | None = None) -> Delivery | None:
        """Send an update on its way and return at once.

        Returns None when nothing is sent now: the app is not subscribed to the account, or the update waits in a
        batch. `on_delivered` is called once, when a POST that carries the update was answered 200.
        """
        if not self.subscribed.get(update.waba_id, False):
            self._feed.publish("whatsapp.webhook.unsubscribed", waba_id=update.waba_id)
            return None
        calls = [] if on_delivered is None else [on_delivered]
        if self._batch is None:
            fault = self._faults.take(NAME, "batch")
            if fault is None:
                return self._dispatch([update], calls)
            self._batch = _Batch(int(fault.params["size"]))
            self._spawn(self._flush_later(self._batch, float(fault.params.get("seconds", 1.0))))
        self._batch.updates.append(update)
        self._batch.on_delivered += calls
        if len(self._batch.updates) >= self._batch.size:
            return self._flush(self._batch)
        return None

    async def _flush_later(self, batch: _Batch, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if self._batch is batch and batch.updates:
            self._flush(batch)

    def _flush(self, batch: _Batch) -> Delivery:
        self._batch = None
        return self._dispatch(batch.updates, batch.on_delivered)

    def _dispatch(self, updates: list[Update], on_delivered: list[Callable[[], None]]) -> Delivery:
        body = encode(envelope(updates))
        subjects = tuple(str(update.item["id"]) for update in updates)
        delivery = Delivery(
            next(self._ids), body, sign(body, self._config.app_secret), len(updates), subjects
        )
        delivery.on_delivered = on_delivered
        self.deliveries.append(delivery)
        self._spawn(self._run(delivery, updates[0].waba_id))
        return delivery

    async def _run(self, delivery: Delivery, waba_id: str) -> None:
        held = self._faults.take(NAME, "reorder")
        if held is not None:
            delivery.tried.set()
            await self._hold(delivery.id, float(held.params["seconds"]))
        again = self._faults.take(NAME, "duplicate")
        await self._try_until_taken(delivery, waba_id)
        if again is not None:
            copy = Delivery(
                next(self._ids), delivery.body, delivery.signature, delivery.updates, delivery.subjects
            )
            copy.duplicate_of = delivery.id
            self.deliveries.append(copy)
            await self._try_until_taken(copy, waba_id)

    async def _hold(self, delivery_id: int, seconds: float) -> None:
        released = self._held[delivery_id] = asyncio.Event()
        try:
            async with asyncio.timeout(self._clock.scaled(seconds)):
                await released.wait()
        except TimeoutError:
            pass
        finally:
            del self._held[delivery_id]

    async def _try_until_taken(self, delivery: Delivery, waba_id: str) -> None:
        waits = retry_waits(self._config.longest_retry_s)
        while True:
            taken = await self._attempt(delivery, waba_id)
            self._after_attempt(delivery)
            if taken:
                delivery.state = "delivered"
                self.delivered += 1
                for call in delivery.on_delivered:
                    call()
                return
            self.failed_attempts += 1
            wait = next(waits, None)
            if wait is None:
                delivery.state = "dropped"
                self._feed.publish("whatsapp.webhook.dropped", delivery=delivery.id)
                return
            await self._clock.sleep(wait)

    def _after_attempt(self, delivery: Delivery) -> None:
        delivery.tried.set()
        for held_id, released in self._held.items():
            if held_id < delivery.id:
                released.set()

    async def _attempt(self, delivery: Delivery, waba_id: str) -> bool:
        delay = self._faults.take(NAME, "delay")
        if delay is not None:
            await self._clock.sleep(float(delay.params["seconds"]))
        fault = self._faults.take(NAME, "cut_before", "cut_after")
        at, started = self._clock.now(), time.perf_counter()
        status, error = None, "cut before it was sent"
        if fault is None or fault.kind == "cut_after":
            status, error = await self._post(
                delivery, self.overrides.get(waba_id) or self._config.webhook_url
            )
        if fault is not None and fault.kind == "cut_after":
            status, error = None, "cut before the answer arrived"
        latency_ms = (time.perf_counter() - started) * 1_000
        delivery.attempts.append(Attempt(at, status, error, round(latency_ms, 3)))
        self._feed.publish(
            "whatsapp.webhook.attempt",
            delivery=delivery.id,
            subjects=list(delivery.subjects),
            attempt=len(delivery.attempts),
            status=status,
            error=error,
            latency_ms=round(latency_ms, 3),
        )
        return status == 200

    async def _post(self, delivery: Delivery, url: str) -> tuple[int | None, str]:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": delivery.signature}
        try:
            async with self._open_session().post(
                url, data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                await response.read()
                return response.status, ""
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, f"{type(error).__name__}: {error}"

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the sandbox has not been started")
        return self._session

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
