"""A primary that Sentinel watches: found, followed, and named when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bridge.errors import StoreUnavailableError, StoreUnknownError
from bridge.model import LaneId
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from bridge.store.sentinel import Watched, parse_sentinels
from tests.support.valkey import free_port
from tests.support.valkey_sentinel import NAME, WatchedValkey
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(120)

SHORT = Timing(answer_s=2.0, connect_s=1.0, patience_s=0.3)


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedValkey]:
    """A primary, its replica, and three who watch them."""
    watched = WatchedValkey(tmp_path_factory.mktemp("watched"))
    try:
        watched.start()
        yield watched
    finally:
        watched.remove()


def connect(addresses: list[str], name: str = NAME) -> JoinedRedis:
    """A connection whose own host does not exist."""
    return JoinedRedis(
        "redis://nowhere.invalid/0", SHORT, Watched(sentinels=parse_sentinels(addresses), name=name)
    )


async def test_the_primary_is_found_and_followed(valkey: WatchedValkey) -> None:
    """Killed, it is replaced: commands are unknown, then unavailable, then run at the new one, reads included."""
    dead = f"127.0.0.1:{free_port()}"
    redis = connect([dead, *valkey.addresses])
    store, lane = LiveStore(redis), LaneId("s1")
    await redis("SET", "k", "v")
    assert (await redis("INFO", "server")).find(b"tcp_port:%d" % valkey.primary.port) > 0
    reading = asyncio.create_task(store.read({lane: "0-0"}, 1, 60.0))
    assert await redis("WAIT", 1, 5_000) == 1
    valkey.primary.pause()
    under_way = asyncio.ensure_future(redis("INCR", "n"))
    await asyncio.sleep(0)
    valkey.primary.kill()
    with pytest.raises(StoreUnknownError):
        await under_way
    with pytest.raises(StoreUnavailableError):
        await reading

    async def served() -> bool:
        try:
            return bool(await redis("SET", "k", "w", "GET") in {b"v", b"w"})
        except StoreUnavailableError:
            return False

    await until(served, 60, "the replica to take over")
    assert (await redis("INFO", "server")).find(b"tcp_port:%d" % valkey.replica.port) > 0
    assert await redis("INCR", "n") == 1
    reading = asyncio.create_task(store.read({lane: "0-0"}, 1, 30.0))
    await store.emit(lane, "u", b"e")
    assert [entry.event for entry in await reading] == [b"e"]
    await redis.aclose()


async def test_what_sentinel_does_not_know_is_said(valkey: WatchedValkey) -> None:
    """A wrong name, and Sentinels that do not answer, are named."""
    redis = connect(valkey.addresses, "somebody")
    await until(lambda: _says(redis, "names no primary 'somebody'"), 10, "the words")
    await redis.aclose()
    redis = connect([f"127.0.0.1:{free_port()}"])
    await until(lambda: _says(redis, "names no primary"), 10, "the words")
    await redis.aclose()


async def _says(redis: JoinedRedis, words: str) -> bool:
    with pytest.raises(StoreUnavailableError) as caught:
        await redis("PING")
    return words in str(caught.value)


@pytest.mark.parametrize(
    "word, found",
    [
        ("redis-1", ("redis-1", 26_379)),
        ("redis-1:5000", ("redis-1", 5000)),
        ("10.0.0.1:26379", ("10.0.0.1", 26_379)),
        ("[fd00::1]:5000", ("fd00::1", 5000)),
        ("[fd00::1]", ("fd00::1", 26_379)),
    ],
)
def test_addresses_of_sentinels(word: str, found: tuple[str, int]) -> None:
    """The port may be left out."""
    assert parse_sentinels([word]) == (found,)


@pytest.mark.parametrize("word", ["", ":5000", "host:port"])
def test_no_address_of_a_sentinel(word: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="host:port"):
        parse_sentinels([word])
