"""The servers that other tests stand on behave as those tests assume."""

import contextlib

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.valkey import ValkeyServer
from tests.support.waiting import until


def test_each_test_starts_from_an_empty_database(redis_url: str) -> None:
    """Whatever ran before, the database is empty, durable and never evicts."""
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        assert client.dbsize() == 0
        assert client.config_get("append*")["appendfsync"] == "always"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_what_was_written_survives_a_kill(restartable_valkey: ValkeyServer) -> None:
    """A killed server keeps its port and every acknowledged write."""
    with contextlib.closing(restartable_valkey.client()) as client:
        client.set("colour", "green")
        restartable_valkey.kill()
        restartable_valkey.start()
        assert client.get("colour") == b"green"


def test_a_paused_server_keeps_connections_open_and_answers_later(restartable_valkey: ValkeyServer) -> None:
    """Pausing looks like a stalled network, not like a crash."""
    client = redis.Redis(port=restartable_valkey.port, socket_timeout=0.05, retry=Retry(NoBackoff(), 0))
    with contextlib.closing(client):
        client.ping()
        restartable_valkey.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        restartable_valkey.resume()
    with contextlib.closing(restartable_valkey.client()) as patient:
        assert patient.ping()


async def test_until_names_what_it_waited_for() -> None:
    """A wait that fails says what never came."""
    with pytest.raises(AssertionError, match="the last bus"):
        await until(lambda: False, timeout_s=0.01, what="the last bus")
    assert await until(lambda: 7) == 7
