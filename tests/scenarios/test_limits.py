"""Whoever runs into a platform's limit waits alone: others go on meanwhile."""

from __future__ import annotations

import asyncio

from bridge.sandbox.config import SandboxConfig
from tests.support.talk import Shop, open_shop
from tests.support.waiting import until

PAIR_BURST = 3
LONG = 3_000
"""Characters of a message that shares its post with few others."""


def _strict_pairs(config: SandboxConfig) -> None:
    """So many messages to one customer, and then none for hours."""
    config.whatsapp.rate_limits = True
    config.whatsapp.pair_burst, config.whatsapp.pair_interval_s = PAIR_BURST, 360_000.0


def _refusals(shop: Shop) -> int:
    return shop.calls("whatsapp.api", name="whatsapp.messages.send", status=400)


async def test_a_customer_at_the_pair_limit_delays_nobody_else(redis_url: str) -> None:
    """131056 for one: the others of the same shard and inbox get their replies while that one's wait; then it goes on."""
    everyone = {"support": {"mode": "everyone"}}
    async with open_shop(redis_url, arrange=_strict_pairs, inboxes=everyone, shards=1) as shop:
        throttled, *others = [await shop.talk() for _ in range(3)]
        words = [f"number {n}" for n in range(2 * PAIR_BURST)]
        for text in words:
            await throttled.staff("ben", text)
        await until(lambda: _refusals(shop), 10, "WhatsApp to refuse")
        for talk in others:
            await talk.staff("ben", "Your turn")
            await talk.hears("Your turn")
        await throttled.hears(*words[:PAIR_BURST])
        shop.sandbox.config.whatsapp.rate_limits = False
        await throttled.hears(*words, timeout_s=60)


async def test_a_burst_in_one_thread_does_not_hold_up_another_conversation(redis_url: str) -> None:
    """At so many posts a second and channel a new customer's card and first words come before the burst is through."""
    async with open_shop(redis_url, limits=True, scale=2.0) as shop:
        busy, newcomer = await shop.talk("a first word"), shop.newcomer("Nora")
        burst = [f"<{n}>".ljust(LONG, "x") for n in range(30)]
        await asyncio.gather(*(busy.customer.writes(text) for text in burst), newcomer.writes("me, too"))
        card = await shop.card(newcomer.name, timeout_s=60)
        first = await shop.in_thread(card, "me, too", timeout_s=60)
        await until(
            lambda: all(busy.said(f"<{n}>") for n in range(len(burst))), 60, "the burst to be through"
        )
        assert all(busy.said(f"<{n}>") == 1 for n in range(len(burst)))
        posts = shop.channel().thread(busy.card.ts)[2:]
        assert len(posts) >= 5, "else nobody had to wait"
        assert float(card.ts) < float(first.ts) < float(posts[-1].ts)
