"""Slack slows down, breaks, loses threads and channels: what customers write still stands there, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.sandbox.config import SandboxConfig
from tests.support.stack import shown
from tests.support.talk import LOCK, Shop, Talk, open_shop
from tests.support.waiting import until

POST = "slack.chat.postMessage"
pytestmark = pytest.mark.asyncio(loop_scope="module")


def with_admin_channel(config: SandboxConfig) -> None:
    """Let the bot into a channel for alerts."""
    general = next(one for one in config.slack.channels if one.name == "general")
    general.bot_member = True


@pytest.fixture
async def alarmed_shop(redis_url: str) -> AsyncIterator[Shop]:
    """A shop of a test's own, whose alerts go to #general."""
    async with open_shop(
        redis_url, arrange=with_admin_channel, slack={"admin_channel": "C0GENERAL1"}
    ) as running:
        yield running


def lines(talk: Talk) -> list[str]:
    """What customers said in the thread, message by message, merged posts taken apart."""
    found = []
    for post in talk.shop.channel(talk.channel).thread(talk.card.ts)[1:]:
        for block in post.blocks or []:
            if block["type"] == "rich_text":
                found += ["".join(e.get("text", "") for s in block["elements"] for e in s["elements"])]
    return found


@pytest.mark.parametrize(
    "kind, params",
    [
        ("rate_limit", {"retry_after": 2}),
        ("status", {"status": 500}),
        ("status", {"status": 503, "body": "<html>busy</html>"}),
        ("error", {"error": "internal_error"}),
        ("error", {"error": "service_unavailable"}),
        ("error", {"error": "ratelimited"}),
        ("cut_before", {}),
        ("cut_after", {}),
        ("delay", {"seconds": 5}),
    ],
)
async def test_a_post_that_goes_wrong_is_there_once(shop: Shop, kind: str, params: dict[str, Any]) -> None:
    """Whatever happens to `chat.postMessage`, for a card or for a message: once, in order."""
    nora = shop.newcomer()
    shop.goes_wrong(POST, kind, **params)
    await nora.writes("one")
    talk = Talk(shop, nora, await shop.card(nora.name))
    await talk.thread_shows("one")
    shop.goes_wrong(POST, kind, times=2, **params)
    await nora.writes("two")
    await nora.writes("three")
    await talk.thread_shows("three")
    assert lines(talk) == ["one", "two", "three"]
    cards = [post for post in shop.channel().messages if nora.name in shown(post)]
    assert len(cards) == 1


async def test_retry_after_is_honoured_for_its_method_only(shop: Shop) -> None:
    """While posts wait, the rest goes on: an agent's reply reaches the customer."""
    talk = await shop.talk(assignee="ben")
    shop.goes_wrong(POST, "rate_limit", retry_after=15)
    before = shop.calls("slack.call", error="ratelimited")
    await talk.customer.writes("Are you there?")
    await until(lambda: shop.calls("slack.call", error="ratelimited") > before, 10)
    await talk.staff("ben", "Yes.")
    await talk.hears("Yes.")
    assert talk.said("Are you there?") == 0
    calls = shop.calls("slack.call", method="chat.postMessage")
    await talk.thread_shows("Are you there?")
    assert shop.calls("slack.call", method="chat.postMessage") == calls + 1


@pytest.mark.asyncio(loop_scope="function")
async def test_many_fast_messages_are_merged_and_complete(redis_url: str) -> None:
    """At Slack's real pace: a hundred messages of three customers, fewer posts, everything once and in order."""
    async with open_shop(redis_url, scale=8.0, limits=True) as shop:
        talks = [await shop.talk(f"start {number}") for number in range(3)]

        async def pours_out(talk: Talk) -> None:
            for number in range(33):
                await talk.customer.writes(f"message {number}")

        await asyncio.gather(*(pours_out(talk) for talk in talks))
        for talk in talks:
            await talk.thread_shows("message 32", timeout_s=30)
            said = lines(talk)[1:]
            assert said == [f"message {number}" for number in range(33)]
        posts = sum(len(talk.thread) for talk in talks)
        assert posts < 3 * 34
        assert shop.calls("slack.call", method="chat.postMessage", error="ratelimited") == 0


@pytest.mark.asyncio(loop_scope="function")
async def test_a_deleted_card_heals_in_a_new_thread(alarmed_shop: Shop) -> None:
    """The thread's root is gone: a new one with a recap and a link, nothing lost; words in the old one are answered."""
    shop = alarmed_shop
    talk = await shop.talk("Before it was deleted", assignee="ben")
    number = talk.number
    await talk.staff("ben", "note: keep this in mind")
    await talk.staff("ben", "An answer")
    await talk.hears("An answer")
    shop.channel().delete(talk.card.ts)
    fresh = await until(
        lambda: next(
            (p for p in shop.channel().messages if talk.customer.name in shown(p) and p.ts > talk.card.ts),
            None,
        ),
        10,
        "a new card",
    )
    healed = Talk(shop, talk.customer, fresh)
    assert healed.number == number
    assert "Before it was deleted" in healed.shows()
    assert "An answer" in healed.shows()
    assert talk.card.ts.replace(".", "") in str(fresh.blocks)
    await shop.channel("general").expects("cannot be used any more")
    await healed.customer_writes("After it was deleted")
    await healed.staff("ben", "Still here")
    await talk.hears("An answer", "Still here")
    old = await shop.person("ben").replies("support", talk.card.ts, "Is anybody reading this?")
    await healed.receipt(old, LOCK)
    await until(lambda: any("has moved" in shown(one) for one in shop.person("ben").ephemerals), 10)
    await healed.heard_nothing_but("An answer", "Still here")


@pytest.mark.asyncio(loop_scope="function")
async def test_messages_wait_while_the_bot_is_not_in_the_channel(alarmed_shop: Shop) -> None:
    """Kicked: an alert where it can be read; invited again: everything in order, in the same thread."""
    shop = alarmed_shop
    talk = await shop.talk("one")
    shop.channel().kick()
    await shop.channel("general").expects("The bot was removed from")
    newcomer = shop.newcomer()
    for text in ("two", "three"):
        await talk.customer.writes(text)
    await newcomer.writes("I am new")
    await shop.channel("general").expects("does not work")
    assert lines(talk) == ["one"]
    shop.channel().invite()
    await talk.thread_shows("three")
    assert lines(talk) == ["one", "two", "three"]
    await shop.in_thread(await shop.card(newcomer.name), "I am new")


@pytest.mark.asyncio(loop_scope="function")
async def test_messages_wait_while_the_channel_is_archived(alarmed_shop: Shop) -> None:
    """Archived: an alert; brought back: everything in order, wherever the conversation goes on."""
    shop = alarmed_shop
    talk = await shop.talk("one")
    shop.channel().archive("dana")
    await shop.channel("general").expects("was archived")
    await talk.customer.writes("two")
    newcomer = shop.newcomer()
    await newcomer.writes("I am new")
    await shop.channel("general").expects("does not work")
    await talk.customer.writes("three")
    shop.channel().unarchive("dana")
    await shop.in_thread(await shop.card(newcomer.name), "I am new")
    await shop.channel().expects(lambda post: post.thread_ts is not None and "three" in shown(post), 10)
    roots = [post for post in shop.channel().messages if talk.customer.name in shown(post)]
    texts = [line for root in roots for line in lines(Talk(shop, talk.customer, root))]
    assert [text for text in texts if text in {"one", "two", "three"}] == ["one", "two", "three"]


async def test_what_slack_refuses_to_show_is_shown_in_plain_words(shop: Shop) -> None:
    """A message that Slack will not have as it is does not hold up, or fall behind, the others."""
    talk = await shop.talk("one")
    shop.goes_wrong(POST, "error", error="invalid_blocks")
    await talk.customer.writes("two")
    await talk.customer.writes("three")
    await talk.thread_shows("three")
    assert talk.said("two") == 1
    assert "could not be shown as written" in talk.thread[1]


@pytest.mark.asyncio(loop_scope="function")
async def test_an_agents_reply_reaches_the_customer_while_slack_is_down(alarmed_shop: Shop) -> None:
    """The contact's line does not wait for the desk: only the thread does."""
    shop = alarmed_shop
    talk = await shop.talk(assignee="ben")
    shop.goes_wrong("slack.chat.*", "status", times=-1, status=503, body="")
    shop.goes_wrong("slack.reactions.*", "status", times=-1, status=503, body="")
    await talk.staff("ben", "Never mind Slack.")
    await talk.hears("Never mind Slack.")
    await talk.customer.writes("Thanks!")
    shop.sandbox.faults.clear()
    await talk.thread_shows("Thanks!")
    assert lines(talk).count("Thanks!") == 1


@pytest.mark.asyncio(loop_scope="function")
async def test_a_lost_socket_loses_nothing(alarmed_shop: Shop) -> None:
    """The connection to Slack drops in the middle of an event: it comes again, once."""
    shop = alarmed_shop
    talk = await shop.talk(assignee="ben")
    shop.goes_wrong("slack.event", "drop_socket")
    await talk.staff("ben", "Through the gap")
    await talk.hears("Through the gap", timeout_s=20)
    await talk.heard_nothing_but("Through the gap")


@pytest.mark.asyncio(loop_scope="function")
async def test_an_inbox_that_moves_to_another_channel_takes_its_conversations_along(
    alarmed_shop: Shop,
) -> None:
    """The old channel is lost for good; with another one in the settings everything goes on there."""
    shop = alarmed_shop
    talk = await shop.talk("one", assignee="carla")
    number = talk.number
    shop.channel().kick()
    await talk.customer.writes("two")
    await shop.channel("general").expects("does not work")
    await shop.stop_bridge()
    shop.inboxes = {"support": {"channel": shop.channel("sales").id}}
    await shop.start_bridge()
    await talk.customer.writes("three")
    card = await shop.card(talk.customer.name, "sales")
    moved = Talk(shop, talk.customer, card, "sales")
    await moved.thread_shows("three")
    assert moved.number == number
    assert lines(moved) == ["two", "three"]
    assert "one" in moved.shows(), "the recap"
    await moved.staff("carla", "We moved")
    await talk.hears("We moved")
