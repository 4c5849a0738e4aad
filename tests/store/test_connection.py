"""The contract of a connection, over every implementation."""

import asyncio
import contextlib

import pytest

from bridge.errors import StoreUnavailableError
from bridge.store.connection import Redis, RedisReplyError, reply_error
from bridge.store.joined import JoinedRedis, Timing
from tests.store.conftest import Database, servers
from tests.support.library_redis import LibraryRedis
from tests.support.valkey import ValkeyServer, free_port
from tests.support.waiting import until


async def test_replies_are_those_of_the_wire(redis: Redis) -> None:
    """Status and bulk are bytes, numbers int, nothing None, arrays lists."""
    assert await redis("SET", "k", b"\x00\xff") == b"OK"
    assert await redis("GET", "k") == b"\x00\xff"
    assert await redis("GET", "none") is None
    assert await redis("INCRBY", "n", 3) == 3
    await redis("SET", "{t}:k", "v")
    assert await redis("MGET", "{t}:k", "{t}:none") == [b"v", None]
    assert await redis("HGETALL", "none") == []


async def test_many_callers_each_get_their_own_reply(redis: Redis) -> None:
    """Replies are never mixed up between callers."""
    names = [f"value {index}" for index in range(300)]
    assert await asyncio.gather(*[redis("ECHO", name) for name in names]) == [n.encode() for n in names]


async def test_a_batch_keeps_its_order_on_one_connection(redis: Redis) -> None:
    """Commands of a batch run one after the other, and connection state carries from one to the next."""
    assert await redis.batch([("RPUSH", "l", "a"), ("RPUSH", "l", "b"), ("LRANGE", "l", 0, -1)]) == [
        1,
        2,
        [b"a", b"b"],
    ]
    first, second = await redis.batch([("CLIENT", "ID"), ("CLIENT", "ID")])
    assert first == second


async def test_a_refused_command_of_a_batch_is_raised_after_all_ran(redis: Redis) -> None:
    """The first refusal is raised; the commands around it took effect; the connection goes on."""
    with pytest.raises(RedisReplyError, match="WRONGTYPE"):
        await redis.batch([("SET", "{t}:k", 1), ("LPUSH", "{t}:k", 1), ("SET", "{t}:l", 2)])
    assert await redis("MGET", "{t}:k", "{t}:l") == [b"1", b"2"]


async def test_a_mistake_of_ours_is_a_reply_error(redis: Redis) -> None:
    """An error reply that says nothing about Redis's state keeps its code and text."""
    await redis("SET", "k", "v")
    with pytest.raises(RedisReplyError) as caught:
        await redis("LPUSH", "k", "v")
    assert caught.value.code == "WRONGTYPE"
    with pytest.raises(RedisReplyError, match="unknown command"):
        await redis("NOSUCHCOMMAND")
    assert await redis("GET", "k") == b"v"


async def test_a_blocking_read_keeps_nobody_waiting(redis: Redis, database: Database) -> None:
    """Other commands run while a blocking one waits, and it gets what they bring."""
    waiting = asyncio.create_task(redis.blocking("BLPOP", "l", 5, wait_s=5))
    await until(lambda: _blocked(database) == 1, what="the blocked client")
    await redis("RPUSH", "l", "x")
    assert await waiting == [b"l", b"x"]
    assert await redis.blocking("BLPOP", "l", 0.01, wait_s=0.01) is None


async def test_a_cancelled_blocking_read_takes_nothing_from_the_next(
    redis: Redis, database: Database
) -> None:
    """After a cancelled wait its late reply reaches nobody, and its place on the server is given up."""
    waiting = asyncio.create_task(redis.blocking("BLPOP", "l", 5, wait_s=5))
    await until(lambda: _blocked(database) == 1, what="the blocked client")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: _blocked(database) == 0, what="the end of the wait")
    await redis("RPUSH", "l", "x")
    assert await redis.blocking("BLPOP", "l", 1, wait_s=1) == [b"l", b"x"]


async def test_a_cancelled_command_takes_nothing_from_the_next(redis: Redis) -> None:
    """The reply to a command whose caller went away is dropped, not handed to somebody else."""
    await redis("PING")
    slow = asyncio.ensure_future(redis("ECHO", "slow"))
    await asyncio.sleep(0)
    slow.cancel()
    assert await redis("ECHO", "next") == b"next"


async def test_a_script_is_loaded_when_the_server_forgot_it(redis: Redis, database: Database) -> None:
    """It runs by hash, and once more in full after the server's scripts were flushed."""
    script = redis.script("return {KEYS[1], ARGV[1]}")
    assert await script(["k"], ["a"]) == [b"k", b"a"]
    for server in servers(database):
        with contextlib.closing(server.client()) as client:
            client.script_flush()
    assert await script(["k"], ["b"]) == [b"k", b"b"]
    assert await script(["k"], ["c"]) == [b"k", b"c"]


async def test_a_script_that_fails_is_not_run_twice(redis: Redis) -> None:
    """Only NOSCRIPT leads to a second try."""
    script = redis.script("redis.call('INCR', KEYS[1]) return redis.error_reply('NOPE no')")
    for _ in range(2):
        with pytest.raises(RedisReplyError, match="NOPE"):
            await script(["n"])
    assert await redis("GET", "n") == b"2"


@pytest.mark.parametrize("kind", [JoinedRedis, LibraryRedis])
async def test_nobody_there_is_unavailable(kind: type[JoinedRedis | LibraryRedis]) -> None:
    """A command to a port where nothing listens fails in words."""
    connection = kind(f"redis://:secret@127.0.0.1:{free_port()}/0")
    with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
        await connection("PING")
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreUnavailableError):
        await connection.blocking("BLPOP", "l", 1, wait_s=1)
    await connection.aclose()


@pytest.mark.parametrize("kind", [JoinedRedis, LibraryRedis])
async def test_a_wrong_password_is_said(
    kind: type[JoinedRedis | LibraryRedis], restartable_valkey: ValkeyServer
) -> None:
    """A refused password is named as such; the right one and the database of the address are used."""
    client = restartable_valkey.client()
    client.config_set("requirepass", "open sesame")
    client.close()
    port = restartable_valkey.port
    wrong = kind(f"redis://:wrong@127.0.0.1:{port}/0")
    with pytest.raises(StoreUnavailableError, match="password"):
        await wrong("PING")
    await wrong.aclose()
    right = kind(f"redis://default:open%20sesame@127.0.0.1:{port}/3")
    assert b" db=3 " in await right("CLIENT", "INFO")
    await right.aclose()


@pytest.mark.parametrize("kind", [JoinedRedis, LibraryRedis])
async def test_a_full_or_read_only_server_is_unavailable(
    kind: type[JoinedRedis | LibraryRedis], restartable_valkey: ValkeyServer
) -> None:
    """Refusals that concern the server's state are StoreUnavailableError and say what to do."""
    connection = kind(restartable_valkey.url)
    await connection("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(StoreUnavailableError, match="full"):
        await connection("SET", "k", "v")
    await connection("CONFIG", "SET", "maxmemory", 0)
    await connection("REPLICAOF", "127.0.0.1", free_port())
    with pytest.raises(StoreUnavailableError, match="read-only"):
        await connection("SET", "k", "v")
    await connection("REPLICAOF", "NO", "ONE")
    assert await connection("SET", "k", "v") == b"OK"
    await connection.aclose()


@pytest.mark.parametrize("kind", [JoinedRedis, LibraryRedis])
async def test_a_stalled_server_is_given_up_within_the_bound(
    kind: type[JoinedRedis | LibraryRedis], restartable_valkey: ValkeyServer
) -> None:
    """A server that answers nothing costs the bound and not more; afterwards all goes on."""
    connection: Redis
    if kind is JoinedRedis:
        connection = JoinedRedis(restartable_valkey.url, Timing(answer_s=0.2, connect_s=0.2))
    else:
        connection = LibraryRedis(restartable_valkey.url, answer_s=0.2, connect_s=0.2)
    await connection("PING")
    restartable_valkey.pause()
    async with asyncio.timeout(2):
        with pytest.raises(StoreUnavailableError):
            await connection("INCR", "n")
    restartable_valkey.resume()
    await until(lambda: _works(connection), what="a working connection")
    await connection.aclose()


@pytest.mark.parametrize(
    "code", ["OOM", "READONLY", "LOADING", "MISCONF", "CLUSTERDOWN", "NOREPLICAS", "MASTERDOWN", "BUSY"]
)
def test_refusals_for_the_servers_state_are_unavailable(code: str) -> None:
    """Each is explained, with the server's own words behind."""
    error = reply_error(f"{code} as the server says it")
    assert isinstance(error, StoreUnavailableError)
    assert f"({code} as the server says it)" in str(error)


async def _works(redis: Redis) -> bool:
    try:
        return bool(await redis("PING") == b"PONG")
    except StoreUnavailableError:
        return False


def _blocked(database: Database) -> int:
    """How many clients wait in a blocking command."""
    count = 0
    for server in servers(database):
        with contextlib.closing(server.client()) as client:
            count += client.info("clients")["blocked_clients"]
    return count
