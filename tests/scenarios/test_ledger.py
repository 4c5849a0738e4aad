"""The ledger after a conversation over the real SDKs: every message of both sides is accounted for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.operate.verify import verify
from tests.support.talk import DELIVERED, FAILED, LOCK, QUESTION, Shop

SEND = "whatsapp.messages.send"


async def account(shop: Shop, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `threadline verify --json` says of the last hour, with its exit code."""
    capsys.readouterr()  # the log
    code = await verify(shop.settings(), datetime.now(UTC) - timedelta(hours=1), as_json=True, wait_s=20.0)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {**found, "code": code}


async def test_a_conversation_adds_up(own_shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Shown, a placeholder, a note, a command, delivered, failed, sent again, and a text that waits for a choice."""
    talk = await own_shop.talk("Hello", assignee="ben")
    await talk.customer_writes("Is anybody there?")
    await talk.customer.sends("location", {"latitude": 41.4, "longitude": 2.2})
    await talk.thread_shows("Open the map")
    await talk.receipt(await talk.staff("ben", "note: a regular"), LOCK)
    await talk.receipt(await talk.staff("ben", "!tag vip"), LOCK)
    await talk.receipt(await talk.staff("ben", "We are."), DELIVERED)
    own_shop.goes_wrong(SEND, "error", code=131026)
    failed = await talk.staff("ben", "Does this arrive?")
    await talk.receipt(failed, FAILED)
    found = await account(own_shop, capsys)
    assert (found["code"], found["placeholders"], found["failed"]) == (0, 1, 1)
    assert found["line"] == "1 h: in 3 = shown 3 · out 2 = accepted 1 + failed 1 · missing 0 · doubled 0"

    await talk.press("ben", await talk.thread_shows("did not reach the contact"), "retry")
    await talk.receipt(failed, DELIVERED)
    other = await own_shop.talk("Nobody has me")
    await other.receipt(await other.staff("carla", "Shall I?"), QUESTION)
    found = await account(own_shop, capsys)
    assert (found["code"], found["choices"]) == (0, 1)
    assert found["line"] == (
        "1 h: in 4 = shown 4 · out 3 = accepted 2 + waiting for a choice 1 · missing 0 · doubled 0"
    )
