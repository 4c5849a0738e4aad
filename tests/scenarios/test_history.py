"""What was said before the bridge: in the archive, in no thread, and in no number."""

from __future__ import annotations

from bridge.sandbox.whatsapp import wire
from bridge.store.archive.audit import audit
from bridge.store.archive.database import Database
from bridge.store.archive.search import Search
from tests.adapters.whatsapp.support import FIXTURES
from tests.support.talk import PATIENCE_S, Shop, Talk
from tests.support.waiting import until

OURS = "wamid.HBgLMTU1NTAxMDAzMTEVAgARGBIzMzExMkVFMTRFRTQ2OUMzRUIA"
"""The first message of the chunk."""


async def test_it_can_be_found_and_quoted_and_counts_nowhere(own_shop: Shop) -> None:
    """Twice is once; what the customer writes today begins a conversation, which knows of the one before."""
    chunk = (FIXTURES / "history_chunk.json").read_bytes()
    for _ in range(2):
        assert await own_shop.posts_signed(chunk) == 200
    database = Database(own_shop.archive_url)
    try:
        search = Search(database)

        async def found() -> bool:
            return bool((await search.find("thanks order")).hits)

        await until(found, PATIENCE_S, "the archive")
        (hit,) = (await search.find("thanks order")).hits
        assert (hit.direction, hit.thread) == ("out", None)
        assert not own_shop.channel("support").messages
        customer = own_shop.customer("maya")
        item = wire.inbound(
            "wamid.today",
            "text",
            {"body": "About that order"},
            timestamp=own_shop.sandbox.clock.now(),
            wa_id=customer.wa_id,
            user_id=customer.user_id,
            context={"id": OURS},
        )
        assert await own_shop.delivers(item, customers=(customer,)) == 200
        talk = Talk(own_shop, customer, await own_shop.card("Maya"))
        await talk.thread_shows("About that order")
        await talk.thread_shows("Thanks for your order")
        assert talk.number > (hit.number or 0)

        async def counted() -> bool:
            async with audit(database, 0, 2**60) as account:
                return [len(rows) async for rows in account.inbound()] == [1]

        await until(counted, PATIENCE_S, "one message that counts")
        async with audit(database, 0, 2**60) as account:
            assert not await account.fates()
    finally:
        await database.close()
