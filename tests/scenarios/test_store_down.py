"""Redis goes away, is full, or stands still: nobody gets an answer for what is not stored, and nothing is lost."""

from __future__ import annotations

import contextlib

from tests.support.stack import shown
from tests.support.talk import Shop, Talk, open_shop
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until


def refused(shop: Shop, status: int) -> int:
    """How many deliveries of WhatsApp's were answered with a status."""
    return shop.calls("whatsapp.webhook.attempt", status=status)


async def test_a_message_while_redis_is_down_is_delivered_again(restartable_valkey: ValkeyServer) -> None:
    """503, so WhatsApp keeps it; once Redis is back it stands in the thread, once and in order."""
    async with open_shop(restartable_valkey.url) as shop:
        talk = await shop.talk("before", assignee="ben")
        restartable_valkey.kill()
        newcomer = shop.newcomer()
        await talk.customer.writes("meanwhile")
        await newcomer.writes("I am new")
        await until(lambda: refused(shop, 503) >= 2, 10, "two 503")
        restartable_valkey.start()
        await talk.thread_shows("meanwhile", timeout_s=20)
        await shop.in_thread(await shop.card(newcomer.name, timeout_s=20), "I am new", timeout_s=20)
        await talk.customer_writes("after")
        assert [line.split("\n")[0] for line in talk.thread] == ["before", "meanwhile", "after"]
        await talk.staff("ben", "We are back")
        await talk.hears("We are back")


async def test_a_full_redis_refuses_and_goes_on(restartable_valkey: ValkeyServer) -> None:
    """`noeviction` and no memory left: 503, nothing evicted; with room again everything arrives."""
    async with open_shop(restartable_valkey.url) as shop:
        talk = await shop.talk("before", assignee="ben")
        with contextlib.closing(restartable_valkey.client()) as client:
            client.config_set("maxmemory", 1)
            await talk.customer.writes("no room")
            await until(lambda: refused(shop, 503) >= 1, 10, "a 503")
            assert talk.said("no room") == 0
            client.config_set("maxmemory", 0)
        await talk.thread_shows("no room", timeout_s=20)
        await talk.staff("ben", "Room again")
        await talk.hears("Room again", timeout_s=20)
        assert talk.said("no room") == 1


async def test_a_redis_that_stands_still_for_a_moment_loses_nothing(restartable_valkey: ValkeyServer) -> None:
    """A pause in which holds expire: what was under way happens once."""
    async with open_shop(
        restartable_valkey.url, redis={"timeout_s": 0.5}, engine={"hold_ttl_s": 3.0, "send_timeout_s": 1.0}
    ) as shop:
        talk = await shop.talk("before", assignee="ben")
        restartable_valkey.pause()
        await talk.customer.writes("during the pause")
        await talk.staff("ben", "said during the pause")
        await until(lambda: refused(shop, 503) >= 1, 10, "a 503")
        restartable_valkey.resume()
        await talk.thread_shows("during the pause", timeout_s=20)
        await talk.hears("said during the pause", timeout_s=20)
        await talk.heard_nothing_but("said during the pause")
        assert talk.said("during the pause") >= 1
        customers = [post for post in shop.channel().thread(talk.card.ts) if post.username]
        assert sum("during the pause" in shown(post) for post in customers) == 1


async def test_a_restart_of_the_bridge_loses_nothing(redis_url: str) -> None:
    """What customers and agents write while it is down is there afterwards, in order."""
    async with open_shop(redis_url, scale=40.0) as shop:
        talk = await shop.talk("before", assignee="ben")
        await shop.stop_bridge()
        await talk.customer.writes("while it was down")
        await talk.staff("ben", "typed while it was down")
        await shop.start_bridge()
        await talk.thread_shows("while it was down", timeout_s=20)
        await talk.customer_writes("after")
        assert [line.split("\n")[0] for line in Talk(shop, talk.customer, talk.card).thread if line[0] != "t"]
        await talk.hears("typed while it was down", timeout_s=20)
