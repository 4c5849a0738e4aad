"""The whole road on a cluster of three nodes, and with one of them killed in the middle of the talk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bridge.sandbox.slack.state import Message
from tests.support.stack import shown
from tests.support.talk import Shop, Talk, open_shop
from tests.support.valkey_cluster import ValkeyCluster
from tests.support.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

PEOPLE = 12
ROUNDS = 4
PATIENCE_S = 60.0


async def chats(talk: Talk, rounds: range) -> None:
    """A customer and Ben write in turn, and neither waits for the other's words to arrive."""
    for number in rounds:
        await talk.customer.writes(f"question {number:02d}")
        await talk.staff("ben", f"answer {number:02d}")


async def opened(shop: Shop) -> list[Talk]:
    """A dozen conversations, claimed by Ben; they spread over the shards, and so over the nodes."""
    people = [shop.newcomer("Guest") for _ in range(PEOPLE)]
    talks = await asyncio.gather(*(shop.talk(f"start {one.id}", one) for one in people))
    await asyncio.gather(*(talk.claimed_by("ben") for talk in talks))
    return talks


async def all_arrived(talk: Talk, rounds: int, refused: range = range(0)) -> None:
    """Every question stands in the thread once, every answer reached the customer once, and both are in order, except
    for those that may have been refused: of these both platforms say no more than that they deliver them again.

    An answer may also be asked about, visibly; then Ben sends it again where it did not arrive.
    """
    questions = [f"question {number:02d}" for number in range(rounds)]
    answers = [f"answer {number:02d}" for number in range(rounds)]
    await until(lambda: all(talk.said(one) for one in questions), PATIENCE_S, "all questions")
    await until(lambda: all(_is_settled(talk, one) for one in answers), PATIENCE_S, "all answers")
    for answer in answers:
        doubt = _doubt(talk, answer)
        if doubt is not None and answer not in talk.heard:
            await talk.press("ben", doubt, "resend")
    await until(lambda: set(answers) <= set(talk.heard), PATIENCE_S, "all answers")
    assert [talk.said(one) for one in questions] == [1] * rounds
    assert sorted(talk.heard) == answers
    whole = "\n".join(talk.thread)
    steady = [number for number in range(rounds) if number not in refused]
    for places in (
        [whole.index(questions[at]) for at in steady],
        [talk.heard.index(answers[at]) for at in steady],
    ):
        assert places == sorted(places)


def _doubt(talk: Talk, answer: str) -> Message | None:
    """The post that asks whether an answer arrived."""
    thread = talk.shop.channel(talk.channel).thread(talk.card.ts)
    return next((one for one in thread if "It arrived" in shown(one) and answer in shown(one)), None)


def _is_settled(talk: Talk, answer: str) -> bool:
    return answer in talk.heard or _doubt(talk, answer) is not None


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    """A cluster of the test's own, with replicas that take over."""
    own = ValkeyCluster(tmp_path_factory.mktemp("mortal"), replicas=True, node_timeout_ms=2_000)
    try:
        own.start()
        yield own
    finally:
        own.remove()


async def test_a_dozen_talk_on_a_cluster(cluster_url: str) -> None:
    """Both ways, in order, once; and the process calls itself ready."""
    async with open_shop(cluster_url, redis={"cluster": True}) as shop:
        talks = await opened(shop)
        await asyncio.gather(*(chats(talk, range(ROUNDS)) for talk in talks))
        await asyncio.gather(*(all_arrived(talk, ROUNDS) for talk in talks))
        assert shop.bridge is not None
        assert await shop.bridge._check_redis() is None
        assert await shop.bridge._check_streams() is None


async def test_a_failover_in_the_middle_loses_and_doubles_nothing(mortal: ValkeyCluster) -> None:
    """A primary is killed while everybody talks; its replica takes over, the old one comes back as a replica."""
    async with open_shop(
        mortal.url, redis={"cluster": True, "replicas": 1}, engine={"hold_ttl_s": 6.0, "send_timeout_s": 2.0}
    ) as shop:
        talks = await opened(shop)
        await asyncio.gather(*(chats(talk, range(ROUNDS)) for talk in talks))
        await asyncio.gather(*(all_arrived(talk, ROUNDS) for talk in talks))
        gone = mortal.primary_of(f"{{s{talks[0].number % 16}}}")
        meanwhile = range(ROUNDS, 3 * ROUNDS)
        chatting = asyncio.gather(*(chats(talk, meanwhile) for talk in talks))
        await asyncio.to_thread(gone.kill)
        await until(lambda: len(mortal.primaries()) == 3, PATIENCE_S, "the replica to take over")
        await asyncio.to_thread(gone.start)
        await chatting
        await asyncio.gather(*(all_arrived(talk, 3 * ROUNDS, meanwhile) for talk in talks))
        await asyncio.gather(*(chats(talk, range(3 * ROUNDS, 4 * ROUNDS)) for talk in talks))
        await asyncio.gather(*(all_arrived(talk, 4 * ROUNDS, meanwhile) for talk in talks))
        assert shop.sandbox.whatsapp.webhook.failed_attempts > 0, "the failover was felt"
