"""Fixtures for every test: real Valkey servers, and settings of the property tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.valkey import ValkeyServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# The wall clock of a shared machine says nothing about our code, so examples have no deadline of their own;
# pytest's timeout bounds the whole test.
settings.register_profile(
    "threadline", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("threadline")


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One server for all tests of this process (each xdist worker has its own)."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.remove()


@pytest.fixture
def redis_url(valkey_server: ValkeyServer) -> str:
    """Address of an empty database: keys are fixed names, so each test starts from a flush."""
    with contextlib.closing(valkey_server.client()) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture
def restartable_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A running server of the test's own, to kill, start again, pause and reconfigure."""
    server = ValkeyServer(tmp_path_factory.mktemp("restartable"))
    server.start()
    yield server
    server.remove()
