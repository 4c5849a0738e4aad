"""An inlet in memory, a webhook server on it, and the fixtures."""

import asyncio
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.adapters.base import Claim, Placed
from bridge.adapters.whatsapp.arrive import WhatsAppWebhook, signature
from bridge.adapters.whatsapp.numbers import Number
from bridge.errors import StoreUnavailableError
from bridge.events import AnyEvent, pack
from bridge.model import (
    AgentId,
    Contact,
    ContactId,
    InboxId,
    OpenConversation,
    Place,
    Policies,
    Roster,
    ThreadRef,
    contact_id,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "whatsapp"
NOT_BODIES = {"index.json", "signature_vectors.json"}
BODIES = sorted(path.name for path in FIXTURES.glob("*.json") if path.name not in NOT_BODIES)
SECRET = "fixture-app-secret"
NOW = datetime(2026, 9, 27, 9, 0, tzinfo=UTC)
NUMBER_ID = "200300400500600"

SUPPORT = Number(InboxId("support"), NUMBER_ID, "100200300400500", "token", SECRET, "acme")
SALES = Number(InboxId("sales"), "200300400500601", "100200300400999", "token", SECRET, "acme")


class MemoryInlet:
    """Aliases and events in plain dictionaries and lists; `broken` makes it refuse like a store without Redis."""

    def __init__(self) -> None:
        self.aliases: dict[str, ContactId] = {}
        self.placed: list[Placed] = []
        self.appends = 0
        self.claims: list[tuple[str, ...]] = []
        self.broken = ""
        self.minting = asyncio.Event()
        """Claims of new contacts wait for it."""
        self.minting.set()

    @property
    def events(self) -> list[AnyEvent]:
        return [each.event for each in self.placed]

    async def claim(self, aliases: Sequence[str], *, linked: bool = False) -> Claim:
        self._check("claim")
        self.claims.append(tuple(aliases))
        if not any(alias in self.aliases for alias in aliases):
            await self.minting.wait()
        found = list(dict.fromkeys(self.aliases[alias] for alias in aliases if alias in self.aliases))
        contact = found[0] if found else contact_id(aliases[0], 16)
        for alias in aliases:
            self.aliases.setdefault(alias, contact)
        return Claim(contact=contact, joins=found[1] if len(found) > 1 else None)

    async def known(self, aliases: Sequence[str]) -> ContactId | None:
        self._check("known")
        return next((self.aliases[alias] for alias in aliases if alias in self.aliases), None)

    async def append(self, events: Sequence[Placed]) -> None:
        self._check("append")
        # Like the real one, which stores nothing of what it cannot pack as a whole.
        for each in events:
            pack(each.event)
        self.appends += 1
        self.placed += events

    async def thread(self, place: Place) -> ThreadRef | None:
        return None

    async def detour(self, place: Place) -> None:
        raise NotImplementedError

    async def detoured(self, place: Place) -> bool:
        raise NotImplementedError

    async def numbered(self, number: int) -> ThreadRef | None:
        return None

    async def contact(self, contact: ContactId) -> Contact | None:
        return None

    async def open_of(self, agent: AgentId | None) -> tuple[OpenConversation, ...]:
        return ()

    def roster(self) -> Roster:
        return Roster()

    def policies(self) -> Policies:
        return Policies()

    def _check(self, call: str) -> None:
        if call == self.broken:
            raise StoreUnavailableError("Redis is not there")


class Hook:
    """A webhook on a real socket, its inlet, and what it counted."""

    def __init__(self, *numbers: Number, max_body: int = 3 * 1024 * 1024) -> None:
        self.inlet = MemoryInlet()
        self.counted: list[str] = []
        webhook = WhatsAppWebhook(
            self.inlet,
            numbers or (SUPPORT, SALES),
            "verify-me",
            self.counted.append,
            max_body=max_body,
            clock=lambda: NOW,
        )
        app = web.Application()
        app.router.add_get("/webhooks/whatsapp", webhook.get)
        app.router.add_post("/webhooks/whatsapp", webhook.post)
        self.client = TestClient(TestServer(app))

    async def __aenter__(self) -> Self:
        await self.client.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def post(self, body: bytes | dict[str, Any], header: str | None = "", secret: str = SECRET) -> int:
        """Deliver a body, signed unless another header is given; the HTTP status."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if header is not None:
            headers["X-Hub-Signature-256"] = header or signature(secret, raw)
        async with self.client.post("/webhooks/whatsapp", data=io.BytesIO(raw), headers=headers) as response:
            await response.read()
            return response.status


def fixture(name: str) -> dict[str, Any]:
    """A webhook body as parsed JSON."""
    loaded: dict[str, Any] = json.loads((FIXTURES / name).read_bytes())
    return loaded


def body_of(*messages: dict[str, Any], **value: Any) -> dict[str, Any]:
    """A body about our number with these messages and any other keys of `value`."""
    inner = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550100200", "phone_number_id": NUMBER_ID},
        **({"messages": list(messages)} if messages else {}),
        **value,
    }
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "100200300400500", "changes": [{"field": "messages", "value": inner}]}],
    }


def text(wamid: str = "wamid.A", words: str = "hello", **more: Any) -> dict[str, Any]:
    """A text message from a phone."""
    return {
        "id": wamid,
        "from": "34600000101",
        "timestamp": "1790500060",
        "type": "text",
        "text": {"body": words},
    } | more
