"""Many at once: several processes, several inboxes, threads that vanish while messages are on their way."""

from __future__ import annotations

import asyncio

import pytest

from bridge.app import Bridge
from bridge.settings import ProcessRole, Settings
from tests.support.stack import shown
from tests.support.talk import DELIVERED, Shop, Talk, open_shop
from tests.support.waiting import until


def another(shop: Shop, *roles: ProcessRole) -> Bridge:
    """One more process of the same deployment."""
    values = shop.settings().model_dump()
    values["roles"], values["web"]["port"] = roles, 0
    return Bridge(Settings.model_validate(values))


async def test_workers_come_and_go_and_nothing_is_lost_or_doubled(redis_url: str) -> None:
    """Three processes share the shards; one stops in the middle of the talk, and everybody is served in order."""
    async with open_shop(redis_url) as shop:
        second, third = another(shop, ProcessRole.WORKER), another(shop, ProcessRole.WORKER)
        await second.start()
        await third.start()
        try:
            assert second.engine is not None
            assert third.engine is not None
            engines = (second.engine, third.engine)
            await until(lambda: all(engine.held() for engine in engines), 15, "shards for both")
            people = [shop.newcomer("Guest") for _ in range(8)]
            talks = await asyncio.gather(*(shop.talk(f"start {one.id}", one) for one in people))
            await asyncio.gather(*(talk.claimed_by("ben") for talk in talks))

            async def chats(talk: Talk) -> None:
                for number in range(6):
                    await talk.customer.writes(f"question {number}")
                    await talk.staff("ben", f"answer {number}")

            chatting = asyncio.gather(*(chats(talk) for talk in talks))
            await second.stop()
            await chatting
            for talk in talks:
                await talk.hears(*(f"answer {number}" for number in range(6)), timeout_s=20)
                await talk.thread_shows("question 5", timeout_s=20)
                whole = "\n".join(talk.thread)
                places = [whole.index(f"question {number}") for number in range(6)]
                assert places == sorted(places)
                assert all(talk.said(f"question {number}") == 1 for number in range(6))
        finally:
            await third.stop()


@pytest.mark.asyncio(loop_scope="module")
async def test_no_door_leads_into_an_inbox_that_is_not_ones_own(shop: Shop) -> None:
    """An agent of one inbox is a viewer in another, by number, too; even `who` tells them nothing."""
    talk = await shop.talk(inbox="sales")
    ben = shop.person("ben")

    def refusals() -> int:
        return len([one for one in ben.ephemerals if "Only agents" in shown(one)])

    start = refusals()
    lines = ("reply Hello from the wrong desk", "claim", "who", "resolve Bye")
    for line in lines:
        name, _, rest = line.partition(" ")
        await ben.slash("/wa", f"{name} #{talk.number} {rest}", "general")
    await until(lambda: refusals() == start + len(lines), 10)
    assert not any(talk.customer.name in shown(one) for one in ben.ephemerals)
    await talk.heard_nothing_but()
    assert "Nobody" in talk.shows()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_card_deleted_while_messages_are_on_their_way(shop: Shop) -> None:
    """Whatever thread each message ends up in: all of them, once, in order."""
    talk = await shop.talk("message 00")
    number = talk.number
    for at in range(1, 12):
        await talk.customer.writes(f"message {at:02d}")
        if at == 4:
            shop.channel().delete(talk.card.ts)
    await until(
        lambda: any("message 11" in shown(post) for post in shop.channel().everything() if post.thread_ts), 15
    )
    posts = [post for post in shop.channel().everything() if post.thread_ts and post.username]
    mine = sorted((post for post in posts if post.username == talk.customer.name), key=lambda post: post.ts)
    whole = "\n".join(post.text for post in mine)
    places = [whole.index(f"message {at:02d}") for at in range(12)]
    assert places == sorted(places)
    assert all(whole.count(f"message {at:02d}") == 1 for at in range(12))
    cards = [post for post in shop.channel().messages if f"#{number} ·" in shown(post)]
    assert len(cards) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_everybody_talks_at_once(shop: Shop) -> None:
    """Ten conversations with colleagues speaking across each other: each customer hears theirs alone, in order."""
    talks = await asyncio.gather(*(shop.talk(inbox="everyone") for _ in range(10)))

    async def busy(talk: Talk) -> str:
        post = ""
        for at in range(5):
            post = await talk.staff(("ben", "carla", "dana")[at % 3], f"{talk.number} says {at}")
        return post

    posts = await asyncio.gather(*(busy(talk) for talk in talks))
    for talk, post in zip(talks, posts, strict=True):
        await talk.hears(*(f"{talk.number} says {at}" for at in range(5)), timeout_s=20)
        await talk.receipt(post, DELIVERED)
