"""People and platforms at their oddest: long, empty, racing, broken."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio

from tests.support.stack import shown
from tests.support.talk import DELIVERED, Shop, open_shop
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u202egnp.exe",
        "x" * 512,
        "😀" * 200,
        "a\nb\tc",
        "&amp; <b> ``` ~~~",
        "\u200b\u200b",
        ":lock: :x:",
        "@here",
    ],
)
async def test_whatever_a_customer_is_called_there_is_a_card(shop: Shop, name: str) -> None:
    """Slack's limits and markup hold for any profile name."""
    customer = shop.newcomer()
    customer.name = name
    before = {post.ts for post in shop.channel().messages}
    text = f"My name is odd {customer.wa_id}"
    await customer.writes(text)
    card = await until(
        lambda: next((p for p in shop.channel().messages if p.ts not in before and not p.thread_ts), None), 10
    )
    post = await shop.in_thread(card, text)
    assert post.username
    assert post.username.strip()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4096,
        "😀" * 4096,
        "*" * 3000,
        "```" * 900,
        "\n" * 500 + "end",
        "> " * 500 + "end",
        "\n".join(f"{number}. item" for number in range(400)),
        "https://example.com/" + "a" * 3900,
        "&<>" * 1300,
        "\u202e\u2066\u200d end",
    ],
)
async def test_whatever_a_customer_writes_is_shown(shop: Shop, text: str) -> None:
    """Long, formatted, repeated: it stands in the thread, and what follows stands behind it."""
    talk = await shop.talk("start")
    await talk.customer.writes(text)
    await talk.customer_writes("and after")
    assert len(talk.thread) == 3
    assert "could not be shown" not in talk.thread[1]
    assert sum(map(len, talk.thread[1].split())) >= min(3, len("".join(text.split())))


@pytest.mark.parametrize("text", [" ", "\n", "\u200b", "\u2800", "."])
async def test_next_to_nothing_is_still_a_message(shop: Shop, text: str) -> None:
    """A message without visible words gets a post, too."""
    talk = await shop.talk("start")
    await talk.customer.writes(text)
    await talk.customer_writes("and after")
    assert len(talk.thread) == 3


async def test_two_who_claim_at_once(shop: Shop) -> None:
    """Both presses count in some order; the card shows one assignee, and both know whose it is."""
    talk = await shop.talk()
    await asyncio.gather(talk.press("ben", talk.card, "claim"), talk.press("carla", talk.card, "claim"))
    await talk.told("ben", "is yours")
    await talk.told("carla", "is yours")
    await until(
        lambda: (shop.person("ben").id in talk.shows()) != (shop.person("carla").id in talk.shows()), 10
    )


async def test_a_very_long_reply_by_command(shop: Shop) -> None:
    """Twenty thousand characters in `!reply`: all of it, in order."""
    talk = await shop.talk()
    text = " ".join(f"word{number}" for number in range(2200))
    await talk.staff("ben", f"!reply {text}")
    await until(lambda: talk.heard and talk.heard[-1].endswith("word2199"), 15)
    assert " ".join(part.strip() for part in talk.heard) == text


async def test_a_note_of_any_length_by_slash_command(shop: Shop) -> None:
    """Long notes from elsewhere stand in the thread."""
    talk = await shop.talk()
    await shop.person("ben").slash("/note", f"#{talk.number} " + "long " * 1500 + "end", "general")
    await talk.thread_shows("end", timeout_s=10)


async def test_slash_replies_are_checked_for_marks(shop: Shop) -> None:
    """No door lets a marked line out."""
    talk = await shop.talk()
    for text in ("note: hidden", "// hidden", "fine\n;; hidden", "!note hidden"):
        await shop.person("ben").slash("/wa", f"#{talk.number} reply {text}", "general")
        await until(lambda: any("Kept internal" in shown(one) for one in shop.person("ben").ephemerals), 10)
    await talk.heard_nothing_but()


async def test_twenty_tags_of_full_length_fit_on_the_card(shop: Shop) -> None:
    """The card stays within Slack's limits."""
    talk = await shop.talk()
    tags = " ".join(f"{'t' * 36}{number:04d}" for number in range(20))
    await talk.staff("ben", f"!tag {tags}")
    await talk.told("ben", "Tags of")
    await talk.card_shows(f"{'t' * 36}0019")
    await talk.staff("ben", "!tag another")
    await talk.told("ben", "takes up to 20 tags")


async def test_a_customer_reacts_and_nothing_breaks(shop: Shop) -> None:
    """Reactions are not shown yet; they cost nothing and move nothing."""
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "Here you are")
    await talk.hears("Here you are")
    await talk.customer.reacts(talk.customer.inbox[0].id, "👍")
    await talk.customer.reacts(talk.customer.inbox[0].id, None)
    await talk.customer_writes("Thanks")
    assert talk.said("Thanks") == 1


async def test_a_thread_that_the_store_forgot_is_found_by_its_root(shop: Shop) -> None:
    """The look-up from thread to conversation is lost: the root's metadata names it, and no word is dropped."""
    talk = await shop.talk(inbox="everyone")
    client = redis.asyncio.Redis.from_url(shop.redis_url)
    try:
        keys = [key async for key in client.scan_iter("thread:*")]
        assert await client.delete(*keys) == len(keys)
    finally:
        await client.aclose()
    await talk.staff("ben", "Does anybody know this thread?")
    await talk.hears("Does anybody know this thread?")
    await talk.staff("ben", "It does again.")
    await talk.hears("Does anybody know this thread?", "It does again.")


async def test_a_deleted_customer_post_changes_nothing(shop: Shop) -> None:
    """An administrator removes one of our posts from the thread; the conversation goes on."""
    talk = await shop.talk("please forget this", assignee="ben")
    shop.channel().delete(shop.channel().thread(talk.card.ts)[1].ts)
    await talk.customer_writes("next")
    await talk.staff("ben", "Forgotten.")
    await talk.hears("Forgotten.")


async def test_a_receipt_that_slack_refuses_holds_nothing_up(shop: Shop) -> None:
    """Too many reactions on a post: the message still goes, the next receipt still shows."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong("slack.reactions.add", "error", times=3, error="too_many_reactions")
    await talk.staff("ben", "one")
    post = await talk.staff("ben", "two")
    await talk.hears("one", "two")
    after = await talk.staff("ben", "three")
    await talk.receipt(after, DELIVERED)
    assert post


async def test_a_prompt_reaches_its_author_even_when_ephemerals_fail(shop: Shop) -> None:
    """A question that must arrive finds another way."""
    talk = await shop.talk()
    shop.goes_wrong("slack.chat.postEphemeral", "error", times=1, error="user_not_in_channel")
    text = f"Which way {talk.number}?"
    await talk.staff("ben", text)
    message = await talk.dm("ben", text)
    await shop.press("ben", message, "send", channel=shop.person("ben").dm.id)
    await talk.hears(text)


async def test_modals_that_slack_refuses_are_answered(shop: Shop) -> None:
    """A press whose modal cannot open does not end in silence."""
    talk = await shop.talk()
    shop.goes_wrong("slack.views.open", "error", error="expired_trigger_id")
    await talk.press("carla", talk.card, "assign")
    await talk.told("carla", "took too long")


@pytest.mark.asyncio(loop_scope="function")
async def test_inner_limits_lose_nothing(redis_url: str) -> None:
    """A burst far above what one conversation may have in memory arrives whole and in order."""
    async with open_shop(redis_url, engine={"max_in_hand_per_contact": 2, "max_in_hand": 4}) as shop:
        talk = await shop.talk("start")
        texts = [f"message {number:03d}" for number in range(60)]
        for text in texts:
            await talk.customer.writes(text)
        await talk.thread_shows(texts[-1], timeout_s=25)
        whole = "\n".join(talk.thread)
        places = [whole.index(text) for text in texts]
        assert places == sorted(places)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_dead_slack_token_keeps_everything_for_later(redis_url: str) -> None:
    """invalid_auth: not ready, nothing lost; with a good token everything is posted."""
    async with open_shop(redis_url) as shop:
        talk = await shop.talk("before")
        shop.sandbox.slack.workspace.refusal = "token_revoked"
        await talk.customer.writes("meanwhile")
        await until(lambda: shop.calls("slack.call", error="token_revoked") > 0, 10)
        assert talk.said("meanwhile") == 0
        shop.sandbox.slack.workspace.refusal = ""
        await talk.thread_shows("meanwhile", timeout_s=15)
