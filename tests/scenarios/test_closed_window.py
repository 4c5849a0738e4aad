"""When the time for free text is over: templates still go, and texts wait for the customer's answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bridge.sandbox.slack.state import Ephemeral
from tests.scenarios.test_templates import ready
from tests.support.stack import shown
from tests.support.talk import DELIVERED, FAILED, LOCK, Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_template_goes_out_all_the_same(shop: Shop) -> None:
    """It is what the platform made them for."""
    await ready(shop)
    talk = await shop.old_talk("ben")
    post = await talk.staff("ben", "!template order_update 4471 | Nora | Friday")
    await talk.receipt(post, DELIVERED)
    assert "Hi Nora, your order ships on Friday." in talk.heard[0]


async def test_texts_wait_for_the_answer_and_go_in_order(shop: Shop) -> None:
    """Each kept by its author; the card says so; once the customer writes they go out, each once."""
    talk = await shop.old_talk("ben")
    posts = [await kept(shop, talk, words) for words in ("First", "Second")]
    await talk.card_shows("2 sent when they answer")
    await talk.card_shows_not("not delivered")
    assert not talk.heard
    await talk.customer_writes("I am back")
    await talk.hears("First", "Second")
    for post in posts:
        await talk.receipt(post, DELIVERED)
    await talk.card_shows_not("sent when they answer")
    await talk.customer_writes("And again")
    await talk.heard_nothing_but("First", "Second")


async def kept(shop: Shop, talk: Talk, words: str) -> str:
    """Somebody types, is refused, and has the text wait; the post's ts."""
    ben = shop.person("ben")

    def refusals() -> list[Ephemeral]:
        return [one for one in ben.ephemerals if "the time for free text ended" in shown(one)]

    post = await talk.staff("ben", words)
    await talk.receipt(post, FAILED)
    told = await talk.told("ben", "the time for free text ended")
    await talk.press("ben", told, "when_answered")
    await talk.thread_shows(f"when the contact answers: {words}")
    await until(lambda: not refusals(), 10, "an answered prompt to go")
    return post


async def test_one_can_be_taken_back_by_whoever_may(shop: Shop) -> None:
    """Its author; no viewer. An edit changes it, a deleted post takes it back."""
    talk = await shop.old_talk("ben")
    ben = shop.person("ben")
    first, second, third = [await kept(shop, talk, words) for words in ("One", "Two", "Three")]
    notice = await talk.thread_shows("when the contact answers: One")
    await talk.press("gil", notice, "drop_waiting")
    await talk.told("gil", "Only agents")
    await talk.press("ben", notice, "drop_waiting")
    await talk.told("ben", "Taken back: “One”")
    await talk.receipt(first, LOCK)
    await ben.edits(talk.channel, second, "Two and a half")
    await talk.told("ben", "Two and a half")
    await ben.deletes(talk.channel, third)
    await talk.told("ben", "Taken back: “Three”")
    await talk.customer_writes("I am back")
    await talk.hears("Two and a half")
    await talk.heard_nothing_but("Two and a half")


async def test_the_assignee_is_reminded_while_there_is_time(shop: Shop) -> None:
    """Once for each time the customer wrote, and not after an answer. (In this inbox "soon" is the whole day.)"""
    talk = await shop.talk("Is anybody there?", inbox="unread")
    await talk.claimed_by("ben")
    other = await shop.talk("And I?", inbox="unread")
    await other.claimed_by("ben")
    post = await other.staff("ben", "Here we are.")
    await other.receipt(post, DELIVERED)
    bridge = shop.bridge
    assert bridge is not None

    async def reminded() -> bool:
        await bridge.closing.fire(datetime.now(UTC) + timedelta(seconds=1))
        return talk.said("waits for an answer since") > 0

    await until(reminded, 20, "the reminder")
    notice = await talk.thread_shows("waits for an answer since")
    assert f"<@{shop.person('ben').id}>" in shown(notice)
    await reminded()
    await talk.customer_writes("Hello?")
    await until(lambda: _count(reminded, talk), 20, "another one")
    assert not other.said("waits for an answer")


async def _count(reminded: Callable[[], Awaitable[bool]], talk: Talk) -> bool:
    await reminded()
    return talk.said("waits for an answer since") == 2
