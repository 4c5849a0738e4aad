"""A short round of the crash campaign on a cluster: primaries are killed and replaced while processes are, too."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.campaign.round import play
from tests.campaign.script import Script, Size, Vanish, draw

SHORT = Size(talks=10, seconds=9.0, messages=50, replies=40, faults=14, workers=2)


def _script() -> Script:
    """The first one in which a primary, a process and connections are lost."""
    wanted = {"valkey kill", "kill", "redis cut"}
    for seed in range(1_000):
        script = draw(seed, SHORT)
        if wanted <= {fault.kind for fault in script.faults if not isinstance(fault, Vanish)}:
            return script
    raise AssertionError(f"no seed has {wanted}")


@pytest.mark.crash
@pytest.mark.timeout(400)
async def test_a_short_round_on_a_cluster_is_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a failover or more in the middle: the checker finds nothing wrong."""
    caplog.set_level(logging.CRITICAL, "aiohttp.server")  # connections are cut on purpose
    outcome = await play(_script(), tmp_path, cluster=True)
    assert outcome.wrongs == []
    assert outcome.written >= SHORT.messages * 0.9
    assert outcome.faults["valkey kill"] >= 1
