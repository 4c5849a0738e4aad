"""What is special about the joined connection: one write a turn, losses, reconnecting, back-pressure."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from bridge.errors import StoreUnavailableError, StoreUnknownError
from bridge.store.connection import RedisReplyError
from bridge.store.joined import JoinedRedis, Timing
from tests.support.relay import Relay
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until

TLS = Path(__file__).parent.parent / "fixtures" / "tls"


async def test_the_commands_of_one_turn_leave_in_one_write(wired: JoinedRedis, relay: Relay) -> None:
    """Fifty commands called in one loop turn are one chunk on the wire."""
    await wired("PING")
    relay.requests.clear()
    await asyncio.gather(*[wired("INCR", "n") for _ in range(50)])
    assert len(relay.requests) == 1
    assert await wired("GET", "n") == b"50"


async def test_a_loss_after_the_effect_is_unknown(
    wired: JoinedRedis, relay: Relay, joined: JoinedRedis
) -> None:
    """A command that ran but whose reply never came is neither done nor undone for the caller; later ones work."""
    await wired("PING")
    relay.hold_answers()
    lost = [asyncio.ensure_future(wired("INCR", "n")) for _ in range(3)]
    await until(lambda: _equals(joined, "n", b"3"), what="the effect")
    relay.cut()
    for one in lost:
        with pytest.raises(StoreUnknownError):
            await one
    relay.pass_answers()
    assert await wired("INCR", "n") == 4


async def test_a_short_loss_is_not_noticed_by_later_commands(wired: JoinedRedis, relay: Relay) -> None:
    """Commands after a cut wait for the new connection; each runs exactly once."""
    await wired("PING")
    for round_number in range(1, 4):
        relay.cut()
        await until(lambda: wired._link is None, what="the loss")
        await asyncio.gather(*[wired("INCR", "n") for _ in range(10)])
        assert await wired("GET", "n") == str(round_number * 10).encode()


async def test_after_the_bound_commands_fail_at_once(restartable_valkey: ValkeyServer) -> None:
    """While Redis is away the first commands wait for the bound, later ones do not wait; then it comes back."""
    connection = JoinedRedis(restartable_valkey.url, Timing(patience_s=0.3))
    await connection("SET", "k", "v")
    restartable_valkey.kill()
    await until(lambda: connection._link is None, what="the loss")
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        await connection("GET", "k")
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreUnavailableError):
            await connection("GET", "k")
    assert time.monotonic() - began < 2.0
    restartable_valkey.start()
    await until(lambda: _answers(connection), what="the new connection")
    assert await connection("GET", "k") == b"v"
    await connection.aclose()


async def test_commands_that_never_left_are_not_unknown(restartable_valkey: ValkeyServer) -> None:
    """A command that found no connection was certainly not carried out."""
    restartable_valkey.kill()
    connection = JoinedRedis(restartable_valkey.url, Timing(patience_s=0.1))
    with pytest.raises(StoreUnavailableError) as caught:
        await connection("INCR", "n")
    assert not isinstance(caught.value, StoreUnknownError)
    await connection.aclose()


async def test_an_impossible_host_is_said() -> None:
    """A name that cannot be looked up is reported like an unreachable one, each time."""
    connection = JoinedRedis(f"redis://{'x' * 64}.example", Timing(patience_s=0.1))
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            await connection("PING")
    await connection.aclose()


async def test_reconnecting_pauses_between_the_tries() -> None:
    """A server that drops every connection at once is not hammered."""
    seen: list[float] = []

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(time.monotonic())
        writer.close()

    refusing = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = refusing.sockets[0].getsockname()[1]
    connection = JoinedRedis(f"redis://127.0.0.1:{port}", Timing(patience_s=0.5, first_pause_s=0.05))
    with pytest.raises(StoreUnavailableError):
        await connection("PING")
    assert 2 <= len(seen) <= 10
    await connection.aclose()
    refusing.close()


async def test_a_server_that_does_not_keep_up_makes_new_commands_wait(
    restartable_valkey: ValkeyServer,
) -> None:
    """What is not read on the other side is held back here instead of piling up in the connection."""
    connection = JoinedRedis(restartable_valkey.url, Timing(answer_s=20))
    await connection("PING")
    restartable_valkey.pause()
    block = b"x" * 500_000
    writes = [asyncio.ensure_future(connection("SET", f"k{n}", block)) for n in range(20)]
    link = connection._link
    assert link is not None
    await until(lambda: link.congested, what="back-pressure")
    in_hand = len(link._pending)
    writes += [asyncio.ensure_future(connection("SET", f"l{n}", block)) for n in range(20)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(link._pending) == in_hand
    restartable_valkey.resume()
    assert await asyncio.gather(*writes) == [b"OK"] * 40
    await connection.aclose()


async def test_a_demoted_primary_is_left(restartable_valkey: ValkeyServer, tmp_path: Path) -> None:
    """After READONLY the next command goes over a new connection: the address may lead elsewhere by now."""
    connection = JoinedRedis(restartable_valkey.url)
    before = await connection("CLIENT", "ID")
    await connection("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(StoreUnavailableError, match="read-only"):
        await connection("SET", "k", "v")
    assert await connection("CLIENT", "ID") != before
    await connection.aclose()


async def test_a_refused_blocking_read_does_not_cost_its_connection(joined: JoinedRedis) -> None:
    """The next one goes over the same connection."""
    await joined("SET", "k", "v")
    for _ in range(3):
        with pytest.raises(RedisReplyError, match="WRONGTYPE"):
            await joined.blocking("BLPOP", "k", 1, wait_s=1)
    assert len(joined._idle) == 1


async def test_closing_fails_what_is_under_way(wired: JoinedRedis, relay: Relay) -> None:
    """Nobody waits for a closed connection, and nothing can be asked of it any more."""
    await wired("PING")
    relay.hold_answers()
    asked = asyncio.ensure_future(wired("PING"))
    waiting = asyncio.ensure_future(wired.blocking("BLPOP", "l", 5, wait_s=5))
    await until(lambda: any(b"BLPOP" in one for one in relay.requests) or relay.accepted > 1)
    await wired.aclose()
    relay.pass_answers()
    for one in (asked, waiting):
        with pytest.raises(StoreUnavailableError):
            await one
    with pytest.raises(StoreUnavailableError, match="closed"):
        await wired("PING")
    with pytest.raises(StoreUnavailableError, match="closed"):
        await wired.blocking("BLPOP", "l", 1, wait_s=1)


async def test_what_is_not_redis_is_given_up() -> None:
    """Another server's words end the connection instead of the process."""

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = JoinedRedis(f"redis://127.0.0.1:{port}", Timing(patience_s=0.2))
    with pytest.raises(StoreUnavailableError, match="not the Redis protocol"):
        await connection("PING")
    await connection.aclose()
    server.close()


async def test_a_socket_file_serves_as_well(relay: Relay, tmp_path: Path) -> None:
    """`unix://` addresses work."""
    path = tmp_path / "redis.sock"
    await relay.open(path=path)
    connection = JoinedRedis(f"unix://{path}?db=1")
    assert b" db=1 " in await connection("CLIENT", "INFO")
    await connection.aclose()


async def test_tls_is_spoken_and_certificates_are_checked(valkey_server: ValkeyServer) -> None:
    """`rediss://` encrypts; a certificate that nobody vouches for is refused unless the address says so."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    wire = Relay(valkey_server.port)
    await wire.open(tls=context)
    base = f"rediss://127.0.0.1:{wire.port}/0"
    trusting = JoinedRedis(f"{base}?ssl_ca_certs={TLS / 'cert.pem'}")
    assert await trusting("PING") == b"PONG"
    careless = JoinedRedis(f"{base}?ssl_cert_reqs=none")
    assert await careless("PING") == b"PONG"
    strict = JoinedRedis(base, Timing(patience_s=0.3))
    with pytest.raises(StoreUnavailableError, match="certificate"):
        await strict("PING")
    for connection in (trusting, careless, strict):
        await connection.aclose()
    await wire.close()


async def _equals(redis: JoinedRedis, key: str, value: bytes) -> bool:
    return bool(await redis("GET", key) == value)


async def _answers(redis: JoinedRedis) -> bool:
    try:
        return bool(await redis("PING") == b"PONG")
    except StoreUnavailableError:
        return False


async def test_an_idle_time_does_not_count_as_a_stall(relay: Relay) -> None:
    """A command that follows a pause has the full time for its answer."""
    loop = asyncio.get_running_loop()
    connection = JoinedRedis(f"redis://127.0.0.1:{relay.port}", Timing(answer_s=1.0))
    await connection("PING")
    began = loop.time()
    await until(lambda: loop.time() > began + 0.8, what="most of the time for an answer")
    relay.hold_answers()
    asked = asyncio.ensure_future(connection("INCR", "n"))
    await until(
        lambda: loop.time() > began + 1.2, what="the end of that time, counted from the first command"
    )
    relay.pass_answers()
    assert await asked == 1
    assert relay.accepted == 1
    await connection.aclose()
