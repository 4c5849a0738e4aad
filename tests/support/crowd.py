"""Many conversations at once, and what has to be true of each of them in the end."""

from __future__ import annotations

import asyncio
import contextlib

from bridge.sandbox.slack.state import Message
from tests.support.stack import shown
from tests.support.talk import Shop, Talk
from tests.support.waiting import until

PATIENCE_S = 60.0


async def opened(shop: Shop, people: int) -> list[Talk]:
    """Conversations that Ben has claimed; they spread over the shards."""
    customers = [shop.newcomer("Guest") for _ in range(people)]
    talks = await asyncio.gather(*(shop.talk(f"start {one.id}", one) for one in customers))
    await asyncio.gather(*(claimed(talk, "ben") for talk in talks))
    return talks


async def claimed(talk: Talk, who: str) -> None:
    """Somebody presses Claim, and once more where Slack says that it got no answer in time."""

    async def shown_on_card() -> bool:
        with contextlib.suppress(AssertionError):
            await talk.press(who, talk.card, "claim")
            await talk.card_shows(talk.shop.person(who).id)
            return True
        return False

    await until(shown_on_card, PATIENCE_S, f"the claim of {who}")


async def chats(talk: Talk, rounds: range) -> None:
    """The customer and Ben write in turn, and neither waits for the other's words to arrive."""
    for number in rounds:
        await talk.customer.writes(_question(number))
        await talk.staff("ben", _answer(number))


async def all_arrived(talk: Talk, rounds: int, refused: range = range(0)) -> None:
    """Every question stands in the thread once, every answer reached the customer once, and both are in order, except
    for those that may have been refused: of these both platforms say no more than that they deliver them again.

    An answer may also be asked about, visibly; then Ben sends it again where it did not arrive.
    """
    questions, answers = [*map(_question, range(rounds))], [*map(_answer, range(rounds))]
    await until(lambda: all(talk.said(one) for one in questions), PATIENCE_S, "all questions")
    await until(lambda: all(is_settled(talk, one) for one in answers), PATIENCE_S, "all answers")
    in_doubt = [one for one in answers if doubt(talk, one) is not None]
    for answer in in_doubt:
        post = doubt(talk, answer)
        if post is not None and answer not in talk.heard:
            await talk.press("ben", post, "resend")
    await until(lambda: set(answers) <= set(talk.heard), PATIENCE_S, "all answers")
    assert [talk.said(one) for one in questions] == [1] * rounds
    assert sorted(talk.heard) == answers
    whole = "\n".join(talk.thread)
    steady = [number for number in range(rounds) if number not in refused]
    asked = [whole.index(questions[number]) for number in steady]
    assert asked == sorted(asked)
    said = [
        one for one in talk.heard if one in {answers[number] for number in steady} and one not in in_doubt
    ]
    assert said == sorted(said)


def doubt(talk: Talk, answer: str) -> Message | None:
    """The post that asks whether an answer arrived."""
    thread = talk.shop.channel(talk.channel).thread(talk.card.ts)
    return next((one for one in thread if "It arrived" in shown(one) and answer in shown(one)), None)


def is_settled(talk: Talk, answer: str) -> bool:
    """Whether the customer has it, or it is asked about."""
    return answer in talk.heard or doubt(talk, answer) is not None


def _question(number: int) -> str:
    return f"question {number:02d}"


def _answer(number: int) -> str:
    return f"answer {number:02d}"
