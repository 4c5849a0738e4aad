"""Short rounds of the crash campaign with fixed seeds: nothing lost, doubled, out of order or leaked."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.round import Outcome, play
from tests.campaign.script import Rule, Script, Size, Vanish, draw

SHORT = Size(talks=10, seconds=9.0, messages=70, replies=55, faults=18, workers=2)
SEED, POSTGRESQL_SEED = 207, 19


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_a_short_round_is_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two processes and Valkey are killed and cut off, platforms break down: the checker finds nothing wrong."""
    outcome = await _survived(draw(SEED, SHORT), tmp_path, caplog)
    assert outcome.faults["valkey kill"] >= 1


@pytest.mark.crash
@pytest.mark.postgresql
@pytest.mark.timeout(300)
async def test_a_short_round_on_postgresql_is_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The archive's server and whoever writes to it are killed in the middle of transactions, too."""
    outcome = await _survived(draw(POSTGRESQL_SEED, replace(SHORT, postgresql=True)), tmp_path, caplog)
    assert outcome.faults["archive kill"] >= 1
    assert outcome.faults["archiver kill"] >= 1


async def _survived(script: Script, folder: Path, caplog: pytest.LogCaptureFixture) -> Outcome:
    caplog.set_level(logging.CRITICAL, "aiohttp.server")  # connections are cut on purpose
    outcome = await play(script, folder)
    assert outcome.wrongs == []
    assert outcome.written >= SHORT.messages * 0.9
    assert outcome.faults.total() >= SHORT.faults
    assert outcome.joined >= 1
    return outcome


def test_a_seed_is_a_script() -> None:
    """The same seed draws the same script, another one another; faults lie within the round."""
    assert draw(5, SHORT) == draw(5, SHORT)
    assert draw(5, SHORT) != draw(6, SHORT)
    for seed in range(50):
        script = draw(seed, SHORT)
        assert len(script.faults) == SHORT.faults
        assert all(0 < fault.at <= SHORT.seconds for fault in script.faults)
        words = [
            one for talk in script.talks for step in talk.customer_steps for one in getattr(step, "texts", ())
        ]
        words += [one for talk in script.talks for one in talk.last_words]
        assert len({one.split()[0] for one in words}) == len(words) >= SHORT.messages * 0.8


def test_every_kind_of_fault_is_drawn_some_time() -> None:
    """No seed has them all; a hundred do."""
    size = replace(SHORT, postgresql=True)
    faults = [fault for seed in range(100) for fault in draw(seed, size).faults]
    kinds = {fault.kind for fault in faults if not isinstance(fault, Vanish)}
    assert any(isinstance(fault, Vanish) for fault in faults)
    assert {"kill", "pause", "remove", "valkey kill", "valkey pause", "redis cut", "redis cut after"} <= kinds
    assert {"archive locked", "archive kill", "archiver kill"} <= kinds
    on_files = {getattr(fault, "kind", "") for seed in range(100) for fault in draw(seed, SHORT).faults}
    assert "archiver kill" in on_files
    assert "archive kill" not in on_files
    assert {"cut_before", "cut_after", "status", "error", "rate_limit", "delay"} <= kinds
    assert {"duplicate", "reorder", "batch", "drop_socket"} <= kinds
    assert {fault.where.partition(".")[0] for fault in faults if isinstance(fault, Rule)} == {
        "slack",
        "whatsapp",
    }
