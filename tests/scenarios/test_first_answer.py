"""The main job, as a transcript: a customer writes, a thread appears, an agent answers."""

import pytest

from tests.support.talk import DELIVERED, READ, SENT, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_customer_writes_and_the_agent_who_claims_it_answers(shop: Shop) -> None:
    """Message in, card and thread up, claim, plain words out, receipts back, resolved."""
    talk = await shop.talk("Hello, is my order on its way?")
    await talk.claimed_by("ben")
    reply = await talk.staff("ben", "It left this morning.")
    await talk.hears("It left this morning.")
    await talk.receipt(reply, DELIVERED)
    await talk.customer.reads()
    await talk.receipt(reply, READ)
    assert set(talk.receipts(reply)) <= {SENT, DELIVERED, READ}
    await talk.staff("ben", "!resolve Have a nice day!")
    await talk.hears("It left this morning.", "Have a nice day!")
    await talk.card_shows("Resolved")
