"""The shared clock follows Redis and never runs backwards."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.clock import SharedClock


def test_it_shows_what_redis_said() -> None:
    """A reading decides, whatever this machine's wall clock says."""
    clock = SharedClock()
    clock.set(4_000_000_000_000)
    now = clock.now()
    assert now.tzinfo is UTC
    assert 0 <= (now - datetime.fromtimestamp(4_000_000_000, UTC)).total_seconds() < 5


@given(st.lists(st.integers(0, 4_000_000_000_000), min_size=1, max_size=30))
def test_it_never_runs_backwards(readings: list[int]) -> None:
    """Whatever Redis says, in any order, later looks show later times."""
    clock = SharedClock()
    seen = [clock.now()]
    for reading in readings:
        clock.set(reading)
        seen.append(clock.now())
    assert seen == sorted(seen)
