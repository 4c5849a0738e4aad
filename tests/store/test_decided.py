"""What a lane has decided is kept in sets of integers that stay small, however much there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.model import LaneId
from bridge.store import decided, keys
from bridge.store.connection import Redis
from bridge.store.decided import PERIOD_S, Decided, event_hash, sets_for

LANE = LaneId("s1")
NOW = 20_000 * PERIOD_S / 8 + 1000.0


def test_hashes_are_integers_of_64_bits() -> None:
    """Both halves of them occur."""
    found = [event_hash(f"wa:{one}") for one in range(200)]
    assert len(set(found)) == 200
    assert min(found) < 0 < max(found)
    assert all(-(1 << 63) <= one < 1 << 63 for one in found)


@given(st.integers(0, 10**9))
def test_sets_are_as_many_as_keep_them_small(events: int) -> None:
    """A power of two; each takes in what it may twice at most."""
    sets = sets_for(events)
    assert sets & (sets - 1) == 0
    assert events / sets <= 2 * decided.AIM or sets == decided.MOST_SETS
    assert sets == 1 or sets >= decided.MOST_SETS or events / sets > decided.AIM / 2.1


@given(st.floats(1.7e9, 1.9e9), st.floats(0, PERIOD_S), st.floats(-590, 590))
def test_periods_overlap_for_eight_days(now: float, later_s: float, skew_s: float) -> None:
    """What was decided is looked for eight days, also by one whose clock is a little behind or ahead."""
    then = max(now + later_s + skew_s, now - 590)
    looked_at = {decided.period_of(then), *decided.others(then)}
    assert decided.period_of(now) in looked_at or then > now + PERIOD_S


async def take_in(redis: Redis, store: Decided, events: range, now_s: float) -> None:
    """Remember events."""
    await store.begin(LANE, now_s)
    for one in events:
        digest = event_hash(f"wa:{one}")
        names = store.known(LANE, digest, now_s)
        assert names
        await redis("SADD", names[0], digest)


async def test_a_period_learns_from_the_one_before(redis: Redis) -> None:
    """As many sets as keep them small, whoever begins it; they are stored as plain integers."""
    store = Decided(redis)
    await take_in(redis, store, range(6_000), NOW)
    period = decided.period_of(NOW)
    assert int(await redis("GET", keys.seen(LANE, period))) == decided.FIRST_SETS
    assert await redis("OBJECT", "ENCODING", keys.seen_set(LANE, period, 0)) == b"intset"
    later = NOW + PERIOD_S
    for one in (store, Decided(redis)):
        assert one.known(LANE, event_hash("wa:1"), later) is None
        await one.begin(LANE, later)
    assert int(await redis("GET", keys.seen(LANE, period + 1))) == 32
    for one in (store, Decided(redis)):
        await one.begin(LANE, later)
        names = one.known(LANE, event_hash("wa:5"), later)
        assert names is not None
        assert [await redis("SISMEMBER", name, event_hash("wa:5")) for name in names] == [0, 1]
    much_later = later + PERIOD_S
    await store.begin(LANE, much_later)
    assert int(await redis("GET", keys.seen(LANE, period + 2))) == 1
    assert len(store.known(LANE, 1, much_later) or ()) == 2


async def test_what_nobody_decided_is_in_no_set(redis: Redis) -> None:
    """Looking for it begins nothing."""
    assert list(await Decided(redis).find(LANE, event_hash("wa:1"), NOW)) == []
    assert await redis("EXISTS", keys.seen(LANE, decided.period_of(NOW))) == 0
