"""The main job, as a transcript: a customer writes, a thread appears, an agent answers."""

from collections.abc import AsyncIterator

import pytest

from tests.support.stack import Stack, running_stack, shown
from tests.support.waiting import until


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[Stack]:
    async with running_stack(redis_url) as running:
        yield running


async def test_a_customer_writes_and_the_agent_who_claims_it_answers(stack: Stack) -> None:
    """Message in, card and thread up, claim, plain words out, receipts back."""
    ana, ben = stack.customer("ana"), stack.person("ben")

    await ana.writes("Hello, is my order on its way?")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "Hello, is my order on its way?")

    await stack.press("ben", card, "claim")
    await until(lambda: "U0BEN00001" in shown(stack.channel().message(card.ts)), 8, "ben on the card")
    reply = await ben.replies("support", card.ts, "It left this morning.")
    received = await ana.expects("It left this morning.", timeout_s=8)
    assert received.text == "It left this morning."

    await ana.reads()
    await until(lambda: "eyes" in stack.channel().message(reply).reactions, 8, "the read receipt")
