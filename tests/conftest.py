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
def chromium() -> Path:
    """The browser's program; tests that use it carry the marker `browser`."""
    found = find_chromium()
    if found is None:
        pytest.skip(NO_CHROMIUM)
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip browser tests where there is no browser, before they start anything."""
    if find_chromium() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say loudly that browser tests did not run: a quiet skip looks like a pass."""
    skipped = [one for one in terminalreporter.stats.get("skipped", []) if "browser" in one.keywords]
    if skipped:
        terminalreporter.section(f"NO CHROMIUM: {len(skipped)} BROWSER TESTS WERE SKIPPED", "!", red=True)
        terminalreporter.line("The playground was not tested. Install Debian's chromium or Google Chrome,")
        terminalreporter.line("or name a browser in the variable CHROMIUM, and run the tests again.")
