"""Several processes see a new contact under different aliases at once; every interleaving of their commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import permutations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.base import Claim
from bridge.model import contact_id
from bridge.store import keys
from bridge.store.connection import Arg, Redis, Reply, Script
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis
from tests.store.conftest import POLICIES
from tests.support.valkey import ValkeyServer

BSUID, PHONE, PARENT = "bsuid:p:1", "phone:p:49", "parent:1"
ALIASES = (BSUID, PHONE, PARENT)


class Turns:
    """Lets one command at a time reach Redis, in the order that `choose` says."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._busy = 0

    async def turn(self, process: int) -> None:
        """Wait for one's turn."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((process, future))
        await future
        self._busy += 1

    def over(self) -> None:
        """A command was answered."""
        self._busy -= 1

    async def run(self, claims: Sequence[asyncio.Task[Claim]]) -> list[Claim]:
        """Give turns until all claims are settled."""
        while not all(claim.done() for claim in claims):
            for _ in range(10):
                await asyncio.sleep(0)
            if self._waiting and not self._busy:
                self._waiting.pop(self._choose(len(self._waiting)))[1].set_result(None)
            elif self._busy:
                await asyncio.sleep(0.0002)
        return [claim.result() for claim in claims]


class Paced:
    """One process's connection, whose commands wait for their turns."""

    spread = False

    def __init__(self, redis: Redis, turns: Turns, process: int) -> None:
        self._redis, self._turns, self._process = redis, turns, process

    def __call__(self, *args: Arg) -> Awaitable[Reply]:
        return self._paced(args)

    async def _paced(self, args: tuple[Arg, ...]) -> Reply:
        await self._turns.turn(self._process)
        try:
            return await self._redis(*args)
        finally:
            self._turns.over()

    async def batch(self, commands: Sequence[Sequence[Arg]]) -> list[Reply]:
        return [await self(*command) for command in commands]

    async def blocking(self, *args: Arg, wait_s: float) -> Reply:
        return await self._redis.blocking(*args, wait_s=wait_s)

    def script(self, source: str) -> Script:
        return Script(self, source)

    async def aclose(self) -> None:
        return None


async def race(
    url: str, known: dict[str, str], sights: Sequence[Sequence[str]], choose: Callable[[int], int]
) -> tuple[list[Claim], dict[str, str]]:
    """Let processes claim what they see; their claims and where each alias leads in the end."""
    redis = JoinedRedis(url)
    try:
        await redis("FLUSHALL")
        for alias, owner in known.items():
            await redis("SET", keys.alias(alias), owner)
        turns = Turns(choose)
        inlets = [LiveInlet(Paced(redis, turns, number), POLICIES) for number in range(len(sights))]
        tasks = [asyncio.create_task(inlet.claim(seen)) for inlet, seen in zip(inlets, sights, strict=True)]
        claims = await turns.run(tasks)
        found = await asyncio.gather(*[redis("GET", keys.alias(alias)) for alias in ALIASES])
        ends = {alias: one.decode() for alias, one in zip(ALIASES, found, strict=True) if one is not None}
        return claims, ends
    finally:
        await redis.aclose()


def check(claims: Sequence[Claim], ends: dict[str, str], sights: Sequence[Sequence[str]]) -> None:
    """Whoever saw aliases that lead to different contacts reports it; otherwise all lead to one."""
    for claim, seen in zip(claims, sights, strict=True):
        owners = [ends[alias] for alias in seen]
        assert claim.contact == owners[0]
        if len(set(owners)) > 1:
            assert claim.joins in owners
            assert claim.joins != claim.contact
        else:
            assert claim.joins is None


SIGHT = st.lists(st.sampled_from(range(3)), min_size=1, max_size=3, unique=True).map(
    lambda picked: [ALIASES[index] for index in sorted(picked)]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    known=st.dictionaries(st.sampled_from(ALIASES), st.sampled_from(["1-old", "2-old"]), max_size=2),
    sights=st.lists(SIGHT, min_size=2, max_size=4),
    order=st.lists(st.integers(0, 11), max_size=60),
)
def test_no_interleaving_splits_a_contact_unnoticed(
    valkey_server: ValkeyServer, known: dict[str, str], sights: list[list[str]], order: list[int]
) -> None:
    """Either all aliases somebody saw together lead to one contact, or that one reports the join."""
    # Drawn beforehand: how many wait at a time depends on the machine's load, and a draw must not.
    steps = iter(order)

    def choose(count: int) -> int:
        return next(steps, 0) % count

    claims, ends = asyncio.run(race(valkey_server.url, known, sights, choose))
    check(claims, ends, sights)


@pytest.mark.parametrize("first, second", list(permutations([[BSUID, PHONE], [PHONE]])))
async def test_two_processes_and_every_order_of_their_commands(
    valkey_server: ValkeyServer, first: list[str], second: list[str]
) -> None:
    """One saw both aliases, the other only the phone: all orders, exhaustively; a later claim sees the same."""
    outcomes = set()
    for order in product(range(2), repeat=6):
        steps = iter(order)
        choices = lambda count, steps=steps: min(next(steps, 0), count - 1)  # noqa: E731
        claims, ends = await race(valkey_server.url, {}, [first, second], choices)
        check(claims, ends, [first, second])
        outcomes.add(tuple(claim.joins is not None for claim in claims))
        redis = JoinedRedis(valkey_server.url)
        later = await LiveInlet(redis, POLICIES).claim([BSUID, PHONE])
        await redis.aclose()
        assert later.contact == contact_id(BSUID, 16) or later.contact == contact_id(PHONE, 16)
        assert (later.joins is not None) == any(claim.joins is not None for claim in claims)
    assert len(outcomes) > 1, "the orders must include both outcomes"


async def test_who_comes_second_follows_the_first_answer(valkey_server: ValkeyServer) -> None:
    """In every order, the aliases of one claim lead where its most reliable one leads: no split is made by us."""
    sights = [[BSUID, PHONE], [BSUID, PARENT]]
    owners = set()
    for order in product(range(3), repeat=5):
        steps = iter(order)
        choices = lambda count, steps=steps: min(next(steps, 0), count - 1)  # noqa: E731
        claims, ends = await race(valkey_server.url, {PARENT: "1-old"}, sights, choices)
        check(claims, ends, sights)
        assert ends[PHONE] == ends[BSUID]
        owners.add(ends[BSUID])
    assert owners == {"1-old", contact_id(BSUID, 16)}
