"""WhatsApp's webhook: check the raw bytes, turn them into events, store these, and only then answer.

Answers: 200 everything that could be stored is stored, and what we do not know is counted · 401 the signature is
missing or wrong · 400, 408, 413, 415 the body cannot be read (`adapters.body`) · 400 signed, but no JSON (Meta never
sends that; whoever does must see it) · 503 the store did not take it, so WhatsApp sends it again. Anything but 200 is sent again for days, so nothing that
would fail again in the same way may answer otherwise. (WhatsApp: webhooks/create-webhook-endpoint.)
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import partial

import structlog
from aiohttp import web

from bridge.adapters.base import Inlet, Placed
from bridge.adapters.body import UnreadableError, read_body
from bridge.adapters.whatsapp import wire
from bridge.adapters.whatsapp.broken import packable
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.reader import Oddity, Reader
from bridge.adapters.whatsapp.whose import settle
from bridge.errors import StoreUnavailableError

MAX_BODY = 3 * 1024 * 1024
"""Bytes. WhatsApp: webhook bodies reach 3 MB."""

_PREFIX = "sha256="
_HEADER_LENGTH = len(_PREFIX) + 64
_KINDS_LOGGED = 1000

log = structlog.get_logger(__name__)


def signature(secret: str, body: bytes) -> str:
    """The `X-Hub-Signature-256` of `body` under an app secret."""
    return _PREFIX + hmac.digest(secret.encode(), body, "sha256").hex()


class OddityLog:
    """Counts everything out of the ordinary and logs each kind of it once."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._seen: set[tuple[Oddity, str]] = set()

    def __call__(self, oddity: Oddity, detail: str = "") -> None:
        """Count `oddity`; log it when this `detail` of it is new."""
        self._count(oddity.value)
        kind = (oddity, detail[:80])
        if kind not in self._seen and len(self._seen) < _KINDS_LOGGED:
            self._seen.add(kind)
            log.warning("whatsapp.webhook", what=oddity.value, detail=kind[1], note="logged once per kind")


class _Order:
    """Bodies about the same contact are stored in the order in which they came in.

    Without it a contact's second message could pass the first one, whose look-up takes longer because it mints
    the contact.
    """

    def __init__(self) -> None:
        self._latest: dict[str, asyncio.Future[None]] = {}

    async def turn(self, aliases: AbstractSet[str], work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` after that of everybody who came earlier for one of these aliases."""
        latest = self._latest
        earlier = {latest[alias] for alias in aliases if alias in latest}
        mine = asyncio.get_running_loop().create_future()
        latest.update(dict.fromkeys(aliases, mine))
        try:
            if earlier:
                await asyncio.wait(earlier)
            await work()
        finally:
            mine.set_result(None)
            for alias in aliases:
                if latest.get(alias) is mine:
                    del latest[alias]


class WhatsAppWebhook:
    """The handlers of `GET|POST /webhooks/whatsapp` for all numbers.

    A body is believed only about the numbers of the app whose secret signed it. `count` is told the name of each
    oddity (`reader.Oddity`); `clock` gives the arrival time.
    """

    def __init__(
        self,
        inlet: Inlet,
        numbers: Iterable[Number],
        verify_token: str,
        count: Callable[[str], None],
        *,
        max_body: int = MAX_BODY,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._inlet = inlet
        self._verify_token = verify_token.encode()
        self._odd = OddityLog(count)
        self._order = _Order()
        self._max_body = max_body
        self._clock = clock
        apps: dict[str, dict[str, Number]] = {}
        for number in numbers:
            apps.setdefault(number.app_secret, {})[number.phone_number_id] = number
        # Copying a prepared HMAC costs half of making one from the secret.
        self._apps = tuple(
            (hmac.new(secret.encode(), digestmod="sha256"), Reader(mine, self._shards, self._odd))
            for secret, mine in apps.items()
        )

    def _shards(self) -> int:
        return self._inlet.policies().shards

    async def get(self, request: web.Request) -> web.Response:
        """The handshake: the challenge back when the token is ours, else 403."""
        query: Mapping[str, str] = request.query
        token = query.get("hub.verify_token", "").encode("utf-8", "replace")
        if query.get("hub.mode") == "subscribe" and hmac.compare_digest(token, self._verify_token):
            return web.Response(text=query.get("hub.challenge", ""))
        self._odd(Oddity.BAD_HANDSHAKE, "the verify token in Meta's form is not whatsapp.verify_token")
        return web.Response(status=403, text="The verify token is not the one in whatsapp.verify_token.\n")

    async def post(self, request: web.Request) -> web.Response:
        """A delivery; see the module for the answers."""
        try:
            raw = await read_body(request, self._max_body)
        except UnreadableError as problem:
            self._odd(Oddity.TOO_LARGE if problem.status == 413 else Oddity.UNREADABLE, problem.words)
            return problem.answer()
        signed = request.headers.get("X-Hub-Signature-256")
        reader = self._signer(signed, raw)
        if reader is None:
            # WhatsApp signs everything. `threadline check` does not, and must not use up the advice.
            advice = "check whatsapp.app_secret if these deliveries are WhatsApp's"
            self._odd(Oddity.BAD_SIGNATURE, advice if signed else "unsigned, so not WhatsApp's")
            return web.Response(
                status=401,
                text="X-Hub-Signature-256 is missing, ill-formed or not made with our app secret.\n",
            )
        try:
            reading = wire.read(raw)
        except wire.NotJsonError:
            self._odd(Oddity.NOT_JSON)
            return web.Response(status=400, text="The body is signed but is not JSON.\n")
        now = self._clock()
        drafts, announced = reader.drafts(reading, now), reader.announcements(reading, now)

        async def store() -> None:
            if placed := [*await settle(self._inlet, drafts), *announced]:
                await self._append(placed)

        try:
            await self._order.turn({alias for draft in drafts for alias in draft.aliases}, store)
        except StoreUnavailableError:
            self._odd(Oddity.NOT_STORED)
            return web.Response(
                status=503,
                headers={"Retry-After": "5"},
                text="Could not be stored; please deliver it again.\n",
            )
        return web.Response()

    async def _append(self, placed: Sequence[Placed]) -> None:
        """Store everything that can be stored at all."""
        try:
            await self._inlet.append(placed)
        except StoreUnavailableError:
            raise
        except Exception:
            # Nothing was stored. One event that cannot be packed may not keep the others out, again and again.
            good = list(packable(placed, partial(self._odd, Oddity.MALFORMED)))
            if good == list(placed):
                raise
            if good:
                await self._inlet.append(good)

    def _signer(self, header: str | None, raw: bytes) -> Reader | None:
        """The reader for the numbers of the app whose secret signed `raw`."""
        if header is None or len(header) != _HEADER_LENGTH or not header.startswith(_PREFIX):
            return None
        try:
            given = bytes.fromhex(header[len(_PREFIX) :])
        except ValueError:
            return None
        for prepared, reader in self._apps:
            mac = prepared.copy()
            mac.update(raw)
            if hmac.compare_digest(mac.digest(), given):
                return reader
        return None
