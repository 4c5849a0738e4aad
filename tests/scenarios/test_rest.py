"""Customers whom nobody heard of for long: they leave Redis, and nobody notices when they come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.model import Contact, ContactId, lane_of
from bridge.store import stub
from tests.support.stack import Stack, running_stack, shown
from tests.support.waiting import until

REST: dict[str, Any] = {"archive": {"rest_after_days": 1e-6, "stub_days": 30.0}}
"""A tenth of a second is long here."""


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[Stack]:
    """A bridge whose contacts rest as soon as they may."""
    async with running_stack(redis_url, **REST) as running:
        yield running


async def contact_of(stack: Stack, phone: str) -> ContactId:
    """Who has this phone."""
    bridge = stack.bridge
    assert bridge is not None
    found = [key async for key in _keys(stack, f"alias:phone:*:{phone}")]
    owner = await bridge.redis("GET", found[0])
    return ContactId(owner.decode())


async def _keys(stack: Stack, pattern: str) -> AsyncIterator[bytes]:
    assert stack.bridge is not None
    for key in await stack.bridge.redis("KEYS", pattern):
        yield key


async def kept(stack: Stack, contact: ContactId) -> str:
    """What Redis has of a contact: `Contact`, `Stub` or `Shelved`."""
    assert stack.bridge is not None
    record = await stack.bridge.store.load(lane_of(contact), contact)
    return type(stub.unpack(record.data or b"")).__name__


async def rests(stack: Stack, contact: ContactId, *, days_later: float = 0) -> None:
    """The schedule fires until the contact is at rest; and again so many days later."""
    bridge = stack.bridge
    assert bridge is not None
    for step in range(40):
        await until(lambda: bridge.lag.caught_up(1.0), 20, "the archive")
        # Each firing is later than the one before, as it is when a minute lies between them.
        await bridge.resting.fire(datetime.now(UTC).replace(microsecond=0) + timedelta(hours=7 * step + 1))
        await until(lambda: _quiet(stack), 20, "the shards to have heard")
        if await kept(stack, contact) != Contact.__name__:
            break
    assert await kept(stack, contact) == "Stub"
    if days_later:
        await bridge.resting.fire(datetime.now(UTC) + timedelta(days=days_later))
        await until(lambda: _quiet(stack), 20, "the shards to have heard")


async def _quiet(stack: Stack) -> bool:
    bridge = stack.bridge
    assert bridge is not None
    waiting = [await bridge.redis("XLEN", key) async for key in _keys(stack, "{s*}:in")]
    busy = [key async for key in _keys(stack, "{*}:busy")]
    return not any(waiting) and not busy


async def settled_talk(stack: Stack) -> tuple[str, ContactId]:
    """Ana asks, Ben answers and resolves; the thread and who she is."""
    ana = stack.customer("ana")
    await ana.writes("Where is my parcel?")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "Where is my parcel?")
    await stack.person("ben").replies("support", card.ts, "!claim")
    await stack.person("ben").replies("support", card.ts, "It is on its way")
    await until(lambda: "It is on its way" in [one.text for one in ana.inbox], 10, "the answer")
    await stack.person("ben").replies("support", card.ts, "!resolve")
    await until(lambda: _quiet(stack), 20, "everything to be done")
    return card.ts, await contact_of(stack, ana.wa_id)


async def test_a_customer_at_rest_is_shown_in_the_old_thread_and_answered(stack: Stack) -> None:
    """Nothing of it is to be seen on either side."""
    thread, contact = await settled_talk(stack)
    await rests(stack, contact)
    ana = stack.customer("ana")
    await ana.writes("It has not come yet")
    card = await stack.card("Ana García")
    assert card.ts == thread
    await stack.in_thread(card, "It has not come yet")
    await stack.person("ben").replies("support", thread, "I shall ask")
    await until(lambda: "I shall ask" in [one.text for one in ana.inbox], 10, "the answer")
    assert await kept(stack, contact) == Contact.__name__


async def test_words_in_a_thread_that_redis_forgot_find_their_customer(stack: Stack) -> None:
    """Not even a stub is left: the thread's root says whose it is, and the archive the rest."""
    thread, contact = await settled_talk(stack)
    await rests(stack, contact, days_later=31)
    assert await kept(stack, contact) == "Shelved"
    assert not [key async for key in _keys(stack, "thread:*")]
    await stack.person("ben").replies("support", thread, "One more thing")
    ana = stack.customer("ana")
    await until(lambda: "One more thing" in [one.text for one in ana.inbox], 20, "the words")
    assert await kept(stack, contact) == Contact.__name__
    replies = [shown(one) for one in stack.channel().thread(thread)]
    assert sum("One more thing" in one for one in replies) == 1
