"""Several worker processes: they share the shards, come and go, and one that slept through its hold does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.support.crash import Steps, When
from tests.support.crowd import all_arrived, chats, claimed, doubt, opened
from tests.support.process import BridgeProcess
from tests.support.redis_proxy import RedisProxy, Stop
from tests.support.stack import shown
from tests.support.talk import Talk
from tests.support.waiting import until
from tests.support.workforce import MOVE_S, Workforce, a_workforce

pytestmark = [pytest.mark.crash, pytest.mark.timeout(240)]

PEOPLE = 8
ROUNDS = 4


@pytest.fixture
async def force(redis_url: str) -> AsyncIterator[Workforce]:
    """A process that listens to the platforms, and nobody who works yet."""
    async with a_workforce(redis_url) as started:
        yield started


@pytest.mark.parametrize("count", [2, 4])
async def test_workers_share_the_lanes_come_and_go(count: int, force: Workforce) -> None:
    """Holds move when one is added, stopped or killed, everybody talking meanwhile: all arrives once and in order."""
    workers = [await force.hire() for _ in range(count)]
    await force.shared_by(*workers)
    talks = await opened(force, PEOPLE)

    async def meanwhile(first: int, change: Callable[[], Awaitable[object]]) -> None:
        chatting = asyncio.gather(*(chats(talk, range(first, first + ROUNDS)) for talk in talks))
        await change()
        await force.shared_by(*(one for one in force.workers if one.is_running))
        await chatting

    await meanwhile(0, force.hire)
    await meanwhile(ROUNDS, workers[0].stop)
    await meanwhile(2 * ROUNDS, workers[1].kill)
    await asyncio.gather(*(all_arrived(talk, 3 * ROUNDS) for talk in talks))


class Sleeper:
    """A worker that can be put to sleep at a step of the road; it alone holds all lanes until then."""

    def __init__(self, force: Workforce, worker: BridgeProcess, proxy: RedisProxy) -> None:
        self._force = force
        self._worker = worker
        self._proxy = proxy
        self._stop: Stop | None = None

    async def sleeps_at(self, step: str, when: When, act: Callable[[], Awaitable[object]]) -> BridgeProcess:
        """Have `act` done and put it to sleep there, past its hold; whoever then holds all lanes."""
        self._stop = self._proxy.stop_at(Steps().named(step), when)
        acting = asyncio.ensure_future(act())
        async with asyncio.timeout(MOVE_S):
            await self._stop.reached.wait()
        self._proxy.go_on()
        self._worker.pause()
        successor = await self._force.hire()
        await self._force.shared_by(successor)
        await acting
        return successor

    async def wakes(self, successor: BridgeProcess) -> None:
        """Let it go on where it was; returns when it holds lanes again, so that it has seen what became of its own."""
        assert self._stop is not None
        self._worker.resume()
        self._stop.released.set()
        await self._force.shared_by(self._worker, successor)


@pytest.fixture
async def sleeper(force: Workforce, redis_url: str) -> AsyncIterator[Sleeper]:
    """The only worker, behind a proxy to Redis."""
    proxy = RedisProxy(redis_url)
    await proxy.start()
    worker = await force.hire(proxy.url)
    await force.shared_by(worker)
    yield Sleeper(force, worker, proxy)
    await proxy.aclose()


SEND_GAPS: list[tuple[str, When]] = [("mark", "after"), ("result", "before")]


@pytest.mark.parametrize("step, when", SEND_GAPS)
async def test_who_slept_through_its_hold_sends_nothing(
    step: str, when: When, force: Workforce, sleeper: Sleeper
) -> None:
    """Asleep just before or after a send: the customer has the reply once, or the thread asks; waking adds nothing."""
    talk = await force.talk("Hello?")
    await claimed(talk, "ben")
    successor = await sleeper.sleeps_at(step, when, lambda: talk.staff("ben", "Here is your answer"))
    await until(lambda: _is_settled(talk), 2 * MOVE_S, "the reply, or the question about it")
    heard = list(talk.heard)
    await sleeper.wakes(successor)
    await talk.customer.writes("Still there?")
    await talk.thread_shows("Still there?", timeout_s=MOVE_S)
    await talk.staff("ben", "And one more")
    await until(lambda: "And one more" in talk.heard, MOVE_S, "the next reply")
    assert talk.heard == [*heard, "And one more"]
    if (step, when) == ("mark", "after"):
        # It slept between the mark and the send: nobody but people can know that nothing went out.
        post = doubt(talk, "Here is your answer")
        assert post is not None
        assert heard == []
        await talk.press("ben", post, "resend")
        await until(lambda: "Here is your answer" in talk.heard, MOVE_S, "the reply, sent again")
    assert talk.heard.count("Here is your answer") == 1


DESK_GAPS: list[tuple[str, When]] = [("commit", "before"), ("mark", "after"), ("result", "before")]


@pytest.mark.parametrize("step, when", DESK_GAPS)
async def test_who_slept_through_its_hold_commits_and_posts_nothing(
    step: str, when: When, force: Workforce, sleeper: Sleeper
) -> None:
    """Asleep while a customer's message is decided or posted: it stands in the thread once, in order."""
    talk = await force.talk("First")
    successor = await sleeper.sleeps_at(step, when, lambda: talk.customer.writes("Second"))
    await talk.thread_shows("Second", timeout_s=2 * MOVE_S)
    await sleeper.wakes(successor)
    await talk.customer.writes("Third")
    await talk.thread_shows("Third", timeout_s=MOVE_S)
    assert [line.split("\n")[0] for line in talk.thread] == ["First", "Second", "Third"]
    cards = [
        one for one in force.channel().messages if talk.customer.name in shown(one) and not one.thread_ts
    ]
    assert len(cards) == 1


def _is_settled(talk: Talk) -> bool:
    return "Here is your answer" in talk.heard or doubt(talk, "Here is your answer") is not None
