"""The whole road on a cluster of three nodes, and with one of them killed in the middle of the talk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.crowd import PATIENCE_S, all_arrived, chats, opened
from tests.support.talk import open_shop
from tests.support.valkey_cluster import ValkeyCluster
from tests.support.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

PEOPLE = 12
ROUNDS = 4


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
        talks = await opened(shop, PEOPLE)
        await asyncio.gather(*(chats(talk, range(ROUNDS)) for talk in talks))
        await asyncio.gather(*(all_arrived(talk, ROUNDS) for talk in talks))
        assert shop.bridge is not None
        assert await shop.bridge.readiness.redis_problem() is None
        assert await shop.bridge.readiness.streams_problem() is None


async def test_a_failover_in_the_middle_loses_and_doubles_nothing(mortal: ValkeyCluster) -> None:
    """A primary is killed while everybody talks; its replica takes over, the old one comes back as a replica."""
    async with open_shop(
        mortal.url, redis={"cluster": True, "replicas": 1}, engine={"hold_ttl_s": 6.0, "send_timeout_s": 2.0}
    ) as shop:
        talks = await opened(shop, PEOPLE)
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
