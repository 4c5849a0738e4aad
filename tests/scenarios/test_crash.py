"""A process killed (`kill -9`) at each gap of the road and started again loses nothing and shows nothing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.slack.state import Message
from tests.support.crash import CrashStack, When, crash_stack
from tests.support.stack import shown
from tests.support.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]

GAPS: list[tuple[str, When]] = [
    ("append", "before"),
    ("append", "after"),
    ("commit", "before"),
    ("commit", "after"),
    ("mark", "before"),
    ("mark", "after"),
    ("result", "before"),
    ("result", "after"),
]
"""`mark after` is the gap before the send, `result before` the one after it."""


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[CrashStack]:
    async with crash_stack(redis_url) as running:
        yield running


def cards(stack: CrashStack) -> list[Message]:
    """All cards in the channel."""
    return [one for one in stack.channel().messages if "#1" in shown(one) and not one.thread_ts]


@pytest.mark.parametrize("step, when", GAPS)
async def test_a_first_message_opens_one_thread_and_is_shown_once(
    stack: CrashStack, step: str, when: When
) -> None:
    """Killed while the thread is being opened: one thread, and the message in it once."""
    ana = stack.customer("ana")
    await stack.killed_at(step, when, lambda: ana.writes("Is anybody there?"))
    card = await stack.card("Ana García", timeout_s=20)
    await stack.in_thread(card, "Is anybody there?", timeout_s=20)
    await ana.writes("Hello?")
    await stack.in_thread(card, "Hello?", timeout_s=20)
    assert len(cards(stack)) == 1
    said = [shown(one) for one in stack.channel().thread(card.ts)[1:]]
    assert [sum(words in one for one in said) for words in ("Is anybody there?", "Hello?")] == [1, 1]


@pytest.mark.parametrize("step, when", GAPS)
async def test_a_further_message_is_shown_once_and_in_order(stack: CrashStack, step: str, when: When) -> None:
    """Killed while a message is on its way into an open thread: it is there once, in order."""
    ana = stack.customer("ana")
    await ana.writes("First")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "First")
    await stack.killed_at(step, when, lambda: ana.writes("Second"))
    await stack.in_thread(card, "Second", timeout_s=20)
    await ana.writes("Third")
    await stack.in_thread(card, "Third", timeout_s=20)
    said = [shown(one).strip().split("\n")[0] for one in stack.channel().thread(card.ts)[1:]]
    assert said == ["First", "Second", "Third"]
    assert len(cards(stack)) == 1


@pytest.mark.parametrize("step, when", GAPS)
async def test_a_reply_reaches_the_customer_once_or_is_asked_about(
    stack: CrashStack, step: str, when: When
) -> None:
    """Killed while a reply is on its way out: the customer has it once, or the agent is asked, never silence."""
    ana, ben = stack.customer("ana"), stack.person("ben")
    await ana.writes("First")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "First")
    await stack.press("ben", card, "claim")
    await until(lambda: "U0BEN00001" in shown(stack.channel().message(card.ts) or card), 10, "the claim")

    await stack.killed_at(step, when, lambda: ben.replies("support", card.ts, "Here is your answer"))

    def settled() -> bool:
        thread = stack.channel().thread(card.ts)
        asked = any("It arrived" in shown(one) for one in thread)
        return asked or any(one.text == "Here is your answer" for one in ana.inbox)

    await until(settled, 30, "the reply, or the question about it")
    await ben.replies("support", card.ts, "And one more")
    await ana.expects("And one more", timeout_s=20)
    assert [one.text for one in ana.inbox].count("Here is your answer") <= 1
    if (step, when) != ("mark", "after"):
        # Only a crash between the mark and the send leaves a doubt that nobody but people can settle.
        assert [one.text for one in ana.inbox] == ["Here is your answer", "And one more"]


@pytest.mark.parametrize("step, when", GAPS)
async def test_a_conversation_that_an_agent_begins_begins_once(
    stack: CrashStack, step: str, when: When
) -> None:
    """Killed while somebody is written to first: one thread, and the template at most once, or the agent is asked."""
    maya, ben = stack.customer("maya"), stack.person("ben")
    line = f"new +{maya.wa_id} order_update en_US 4471 | Maya | Friday"

    async def known() -> bool:
        await ben.slash("/wa", "new +49 1", "support")
        answer = await ben.slash("/wa", f"new +{maya.wa_id} no_such_template", "support")
        return answer["ok"] and any("`!templates` lists" in shown(one) for one in ben.ephemerals)

    await until(known, 20, "the templates")
    await stack.killed_at(step, when, lambda: ben.slash("/wa", line, "support"))
    if (step, when) == ("append", "before"):
        # Slack repeats no command: whoever typed it was told that it failed, and types it again.
        await until(lambda: _again(stack, line), 20, "a bridge that answers")

    def settled() -> bool:
        asked = any(
            "It arrived" in shown(one) for card in cards(stack) for one in stack.channel().thread(card.ts)
        )
        return bool(maya.inbox) or asked

    await until(settled, 30, "the template, or the question about it")
    await maya.writes("Friday is fine")
    (card,) = await until(lambda: cards(stack), 10, "the card")
    await stack.in_thread(card, "Friday is fine", timeout_s=20)
    await stack.in_thread(card, "began this conversation with", timeout_s=20)
    assert len(maya.inbox) <= 1
    said = [shown(one) for one in stack.channel().thread(card.ts)]
    assert sum("began this conversation with" in one for one in said) == 1


async def _again(stack: CrashStack, line: str) -> bool:
    answer = await stack.person("ben").slash("/wa", line, "support")
    return bool(answer["ok"])
