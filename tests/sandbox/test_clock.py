"""Real instants, scaled waits."""

import time

import pytest

from bridge.sandbox.clock import Clock


def test_instants_are_real() -> None:
    """`now` is the wall clock, whatever the scale."""
    assert abs(Clock(1_000).now() - time.time()) < 1


def test_durations_shrink_by_the_scale() -> None:
    """An hour of the platform lasts 3.6 s at scale 1000."""
    assert Clock(1_000).scaled(3_600) == pytest.approx(3.6)


async def test_sleep_is_scaled() -> None:
    """A minute of the platform is over in well under a second at scale 6000, and not at once."""
    started = time.monotonic()
    await Clock(6_000).sleep(60)
    assert 0.009 < time.monotonic() - started < 1


async def test_ticks_count_the_platforms_seconds() -> None:
    """Ticks run as fast as the waits: a sleep of 60 moves them by at least 60."""
    clock = Clock(6_000)
    before = clock.ticks()
    await clock.sleep(60)
    assert clock.ticks() - before >= 60


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_scale_must_be_positive(scale: float) -> None:
    """A scale that would stop or turn time is refused."""
    with pytest.raises(ValueError, match="above 0"):
        Clock(scale)
