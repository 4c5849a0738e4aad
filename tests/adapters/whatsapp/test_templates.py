"""The list of an account's templates, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.adapters.whatsapp.numbers import Number
from bridge.errors import PlatformError
from bridge.markup import Bold, Text
from bridge.model import InboxId
from bridge.sandbox.faults import Fault
from bridge.sandbox.whatsapp.config import TemplateConfig, WhatsAppConfig
from tests.support.whatsapp_sandbox import Endpoint, Rig

INBOX = InboxId("support")
COUNT = 250


def templates() -> list[TemplateConfig]:
    header: dict[str, Any] = {"type": "HEADER", "format": "IMAGE"}
    body = {"type": "BODY", "text": "Hello *{{1}}*"}
    button = {"type": "URL", "text": "Open", "url": "https://a.example/{{1}}"}
    parts = [header, body, {"type": "BUTTONS", "buttons": [button]}]
    return [TemplateConfig(f"t{at}", "en_US", parts, str(10**9 + at)) for at in range(COUNT)]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Endpoint() as endpoint, aiohttp.ClientSession() as session:
        config = replace(WhatsAppConfig(webhook_url=endpoint.url), templates=templates())
        rig = Rig(config, 20.0, session, endpoint)
        await rig.start()
        yield rig
        await rig.stop()


@pytest.fixture
async def channel(rig: Rig) -> AsyncIterator[WhatsAppChannel]:
    first = rig.config.numbers[0]
    number = Number(
        inbox=INBOX,
        phone_number_id=first.phone_number_id,
        waba_id=first.waba_id,
        token=rig.config.access_token,
        app_secret=rig.config.app_secret,
    )
    async with WhatsAppChannel(f"{rig.url}/whatsapp", "v26.0", [number]) as calls:
        yield calls


async def test_all_pages_are_read(channel: WhatsAppChannel) -> None:
    """Each template with its parts."""
    found = await channel.templates(INBOX)
    assert [one.name for one in found] == [f"t{at}" for at in range(COUNT)]
    first = found[0]
    assert first.body == (Text("Hello "), Bold((Text("{{1}}"),)))
    assert (first.header_kind, first.category, first.buttons[0].kind) == ("image", "utility", "url")


async def test_a_list_that_changes_meanwhile_is_read_anew(rig: Rig, channel: WhatsAppChannel) -> None:
    """A cursor that leads nowhere any more; a real refusal is told."""
    where = "whatsapp.message_templates.get"
    rig.faults.add(Fault(where, "error", 1, params={"code": 131059}))
    assert len(await channel.templates(INBOX)) == COUNT
    rig.faults.add(Fault(where, "error", 1, params={"code": 190}))
    with pytest.raises(PlatformError):
        await channel.templates(INBOX)
