"""The commit: all of it or nothing, once, on the version it was decided on."""

from __future__ import annotations

import asyncio
import contextlib
import functools

import msgspec
import pytest

from bridge.errors import StaleVersionError, StoreUnavailableError, StoreUnknownError
from bridge.model import ActionId, LaneId
from bridge.store import keys
from bridge.store.base import (
    Commit,
    Entry,
    Hold,
    MessageWrite,
    NumberWrite,
    RecentWrite,
    Record,
    RowWrite,
    Swept,
    TimerWrite,
)
from bridge.store.commit import Bounds, CommitTooLargeError
from bridge.store.connection import Redis
from bridge.store.decided import DAY_S, period_of
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from tests.store.conftest import Database, everything
from tests.support.library_redis import LibraryRedis
from tests.support.relay import Relay
from tests.support.valkey import ValkeyServer, free_port
from tests.support.waiting import until

LANE = LaneId("s1")


class SetClock:
    """Redis time as the test says."""

    def __init__(self, now_s: float) -> None:
        self.at = now_s

    def now_s(self) -> float:
        return self.at


@pytest.fixture
async def hold(store: LiveStore) -> Hold:
    """The lane, held."""
    held = await store.acquire(LANE, "me")
    assert held is not None
    return held


def full(hold: Hold, version: int = 0, event: str = "e1", entry: str | None = None) -> Commit:
    """A commit that writes something of every kind."""
    return Commit(
        hold=hold,
        unit="u",
        version=version,
        state=b"state",
        event_id=event,
        entry=entry,
        actions=((ActionId(f"{event}/0"), b"A"), (ActionId(f"{event}/1"), b"B")),
        timers=(TimerWrite(token="t", due_ms=1, event=b"tick\0\xff"),),
        messages=(MessageWrite(id="m", data=b"M", platform_ids=("p1", "p2")),),
        recent=(RecentWrite(conversation="c", data=b"line"),),
        journal=(b"fact 1", b"fact 2"),
        rows=(RowWrite(before="", after="ben", field="1-64", data=b"row"),),
        number=NumberWrite(counter=64, conversation="1-64", data=b"ref"),
    )


async def test_everything_of_a_commit_is_there_afterwards(store: LiveStore, hold: Hold, redis: Redis) -> None:
    """State, actions, timers, messages, recent lines, journal, rows and number are written, the entry is gone."""
    await store.emit(LANE, "u", b"event")
    (entry,) = await store.range(LANE, "0", 10)
    assert await store.commit(full(hold, entry=entry.id))
    assert await store.load(LANE, "u") == Record(version=1, data=b"state")
    assert {one.id: one.action for one in await store.pending(LANE, "u")} == {"e1/0": b"A", "e1/1": b"B"}
    assert await store.busy_units(LANE) == ["u"]
    assert await store.range(LANE, "0", 10) == []
    assert await store.message_records(LANE, ["u"], ["m"], []) == {"m": b"M"}
    assert await store.message_records(LANE, ["u"], [], ["p2", "unknown"]) == {"m": b"M"}
    assert await store.recent(LANE, "c", 5) == [b"line"]
    ((_, facts),) = await redis("XRANGE", keys.journal(LANE), "-", "+")
    assert facts == [b"f", b"fact 1", b"f", b"fact 2"]
    assert await redis("HGETALL", keys.rows("ben", LANE)) == [b"1-64", b"row"]
    assert await store.counter(LANE) == 64
    assert await redis("GET", keys.number(LANE, "1-64")) == b"ref"
    assert await store.sweep(hold, 10) == Swept()
    assert [one.event for one in await store.range(LANE, "0", 10)] == [b"tick\0\xff"]


async def test_what_a_commit_drops_is_gone(store: LiveStore, hold: Hold, redis: Redis) -> None:
    """Recent history and the way from a number, of the conversations named; lines of the same commit stay."""
    assert await store.commit(full(hold))
    assert await store.commit(
        Commit(
            hold=hold,
            unit="u",
            version=1,
            state=b"stub",
            forgotten=("c", "d"),
            unnumbered=("1-64",),
            recent=(RecentWrite(conversation="d", data=b"new"),),
        )
    )
    assert await store.load(LANE, "u") == Record(version=2, data=b"stub")
    assert await store.recent(LANE, "c", 5) == []
    assert await store.recent(LANE, "d", 5) == [b"new"]
    assert await redis("EXISTS", keys.number(LANE, "1-64")) == 0


async def test_a_state_that_did_not_change_keeps_its_version(store: LiveStore, hold: Hold) -> None:
    """What is decided without changing the state leaves the record alone; everything else of it is written."""
    assert await store.commit(full(hold))
    settled = Commit(
        hold=hold,
        unit="u",
        version=1,
        state=None,
        requires=ActionId("e1/0"),
        done=(ActionId("e1/0"),),
        messages=(MessageWrite(id="m", data=b"M2"),),
    )
    assert await store.commit(settled)
    assert await store.load(LANE, "u") == Record(version=1, data=b"state")
    assert [one.id for one in await store.pending(LANE, "u")] == ["e1/1"]
    assert await store.message_records(LANE, ["u"], ["m"], []) == {"m": b"M2"}
    with pytest.raises(StaleVersionError):
        await store.commit(
            msgspec.structs.replace(settled, version=0, requires=None, event_id="e2", done=(), messages=())
        )


async def test_an_attempt_can_be_marked_with_the_action_itself(store: LiveStore, hold: Hold) -> None:
    """A mark that comes with the commit is like one that is made later, and goes with its action."""
    first = ActionId("e1/0")
    assert await store.commit(msgspec.structs.replace(full(hold), marks=((first, b"mark"),)))
    assert {one.id: one.mark for one in await store.pending(LANE, "u")} == {"e1/0": b"mark", "e1/1": None}
    assert await store.commit(
        Commit(hold=hold, unit="u", version=1, state=b"2", done=(first, ActionId("e1/1")))
    )
    assert await store.pending(LANE, "u") == []
    assert await store.busy_units(LANE) == []


async def test_every_key_of_a_lane_carries_its_tag(store: LiveStore, hold: Hold, database: Database) -> None:
    """A commit is one slot of a cluster."""
    await store.emit(LANE, "u", b"event")
    await store.commit(full(hold))
    await store.mark(hold, "u", [ActionId("e1/0")], b"m")
    await store.park(hold, "u", "thread", 5)
    await store.count_try(hold, "1-1")
    await store.bury(hold, (await store.range(LANE, "0", 1))[0], "why")
    found = everything(database)
    assert len(found) > 15
    assert all(key.startswith(b"{s1}:") for key in found), sorted(found)


async def test_an_event_is_decided_once(store: LiveStore, hold: Hold, database: Database) -> None:
    """A repeated event writes nothing but its entry's removal, whatever version it was decided on."""
    assert await store.commit(full(hold))
    before = everything(database)
    await store.emit(LANE, "u", b"event")
    (entry,) = await store.range(LANE, "0", 10)
    await store.count_try(hold, entry.id)
    for version in (0, 1):
        again = msgspec.structs.replace(full(hold, version=version, entry=entry.id), tried=True)
        assert not await store.commit(again)
    after = everything(database)
    after.pop(keys.stream(LANE).encode())
    assert after == before
    assert await store.range(LANE, "0", 10) == []


async def test_another_version_is_refused_and_nothing_written(
    store: LiveStore, hold: Hold, database: Database
) -> None:
    """A decision on an older or newer state than the stored one leaves no trace, and can be made anew."""
    await store.emit(LANE, "u", b"event")
    (entry,) = await store.range(LANE, "0", 10)
    await store.commit(full(hold))
    before = everything(database)
    for version in (0, 2, 7):
        with pytest.raises(StaleVersionError):
            await store.commit(full(hold, version=version, event="e2", entry=entry.id))
    assert everything(database) == before
    assert await store.commit(full(hold, version=1, event="e2", entry=entry.id))
    assert (await store.load(LANE, "u")).version == 2


async def test_a_result_counts_once_while_its_action_is_pending(store: LiveStore, hold: Hold) -> None:
    """`requires` guards results: the second one changes nothing; the last action's end frees the unit."""
    await store.commit(full(hold))
    await store.mark(hold, "u", [ActionId("e1/0")], b"m")
    first = Commit(
        hold=hold, unit="u", version=1, state=b"2", requires=ActionId("e1/0"), done=(ActionId("e1/0"),)
    )
    assert await store.commit(first)
    assert not await store.commit(first)
    assert [one.id for one in await store.pending(LANE, "u")] == ["e1/1"]
    assert await store.busy_units(LANE) == ["u"]
    last = Commit(
        hold=hold, unit="u", version=2, state=b"3", requires=ActionId("e1/1"), done=(ActionId("e1/1"),)
    )
    assert await store.commit(last)
    assert await store.busy_units(LANE) == []
    assert await store.pending(LANE, "u") == []


async def test_an_action_can_be_replaced_and_be_followed(store: LiveStore, hold: Hold) -> None:
    """The same id gets new contents; actions that end and begin in one commit leave the unit busy."""
    await store.commit(full(hold))
    await store.commit(
        Commit(
            hold=hold,
            unit="u",
            version=1,
            state=b"2",
            requires=ActionId("e1/0"),
            done=(ActionId("e1/0"),),
            actions=((ActionId("e1/1"), b"B2"), (ActionId("x/0"), b"X")),
        )
    )
    assert {one.id: one.action for one in await store.pending(LANE, "u")} == {"e1/1": b"B2", "x/0": b"X"}
    assert await store.busy_units(LANE) == ["u"]


async def test_marks_are_put_replaced_and_end_with_their_action(store: LiveStore, hold: Hold) -> None:
    """An attempt mark stands beside its pending action and nowhere else."""
    await store.commit(full(hold))
    ids = [ActionId("e1/0"), ActionId("e1/1"), ActionId("ended/0")]
    await store.mark(hold, "u", [*ids, ActionId("ended/1")], b"try")
    assert {one.id: one.mark for one in await store.pending(LANE, "u")} == {"e1/0": b"try", "e1/1": b"try"}
    await store.mark(hold, "u", [ids[0], ids[2]], b"closed")
    assert {one.id: one.mark for one in await store.pending(LANE, "u")} == {"e1/0": b"closed", "e1/1": b"try"}
    await store.commit(Commit(hold=hold, unit="u", version=1, state=b"2", done=tuple(ids[:2])))
    assert await store.pending(LANE, "u") == []
    assert await store.busy_units(LANE) == []


async def test_timers_are_replaced_and_cleared(store: LiveStore, hold: Hold) -> None:
    """A token set again has its new time and event; a cleared one never fires."""
    timers = tuple(TimerWrite(token=name, due_ms=1, event=name.encode()) for name in "abc")
    await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", timers=timers))
    later = TimerWrite(token="a", due_ms=await store.now_ms() + 60_000, event=b"later")
    await store.commit(Commit(hold=hold, unit="u", version=1, state=b"", timers=(later,), cleared=("b", "x")))
    await store.sweep(hold, 10)
    assert [one.event for one in await store.range(LANE, "0", 10)] == [b"c"]


async def test_rows_move_between_lists(store: LiveStore, hold: Hold, redis: Redis) -> None:
    """A row leaves its former list, stands in the new one, and goes when it has no data."""

    async def rows(agent: str) -> list[bytes]:
        found: list[bytes] = await redis("HVALS", keys.rows(agent, LANE))
        return found

    moves = [
        RowWrite(before="", after="", field="c", data=b"1"),
        RowWrite(before="", after="ben", field="c", data=b"2"),
        RowWrite(before="ben", after="ben", field="c", data=b"3"),
        RowWrite(before="ben", after="", field="c", data=None),
    ]
    expected = [([b"1"], []), ([], [b"2"]), ([], [b"3"]), ([], [])]
    for version, (move, (nobody, ben)) in enumerate(zip(moves, expected, strict=True)):
        await store.commit(Commit(hold=hold, unit="u", version=version, state=b"", rows=(move,)))
        assert (await rows(""), await rows("ben")) == (nobody, ben)


async def test_what_is_kept_is_bounded(redis: Redis, database: Database) -> None:
    """Recent lines, message records and decided events have a length or an end; the journal has none."""
    store = LiveStore(redis, bounds=Bounds(recent_lines=5))
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    for index in range(400):
        await store.commit(
            Commit(
                hold=hold,
                unit="u",
                version=index,
                state=b"s",
                event_id=f"e{index}",
                messages=(MessageWrite(id="m", data=b"M", platform_ids=("p",)),),
                recent=(RecentWrite(conversation="c", data=str(index).encode()),),
                journal=(b"f",),
            )
        )
    assert await store.recent(LANE, "c", 100) == [b"395", b"396", b"397", b"398", b"399"]
    assert await store.recent(LANE, "c", 2) == [b"398", b"399"]
    assert await store.recent(LANE, "c", 0) == []
    assert await redis("XLEN", keys.journal(LANE)) == 400
    (records,) = (key for key in everything(database) if key.startswith(b"{s1}:m:u:"))
    assert 48 * 3600 < await redis("TTL", records) <= 72 * 3600
    seen = [key for key in everything(database) if key.startswith(b"{s1}:seen:") and key.count(b":") == 3]
    assert sum([await redis("SCARD", one) for one in seen]) == 400
    for one in seen:
        assert 16 * DAY_S < await redis("TTL", one) <= 17 * DAY_S


@pytest.mark.parametrize(
    "after_s, decided",
    [(0, False), (60, False), (7 * DAY_S, False), (8 * DAY_S - 1200, False), (16 * DAY_S, True)],
)
@pytest.mark.parametrize("of_day_s", [0, 43_200, 86_100, 8 * DAY_S - 300])
async def test_repeats_are_known_for_eight_days(
    redis: Redis, after_s: int, decided: bool, of_day_s: int
) -> None:
    """Meta repeats for seven days; eight are remembered, whatever time of day the first one came."""
    clock = SetClock(20_000 * DAY_S + of_day_s)
    store = LiveStore(redis, clock=clock)
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    assert await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", event_id="e"))
    clock.at += after_s
    assert (await store.commit(Commit(hold=hold, unit="u", version=1, state=b"", event_id="e"))) is decided


async def test_days_follow_redis_and_not_this_machine(
    redis: Redis, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wall clock that is years off here changes nothing: the day comes from Redis."""
    monkeypatch.setattr("time.time", lambda: 1.0)
    store = LiveStore(redis)
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", event_id="e"))
    spread, _ = sorted(key for key in everything(database) if key.startswith(b"{s1}:seen:"))
    assert spread.decode() == keys.seen(LANE, period_of(await store.now_ms() / 1000))


async def test_a_commit_beyond_all_bounds_is_refused_before_it_starts(store: LiveStore, hold: Hold) -> None:
    """What a script could not carry out as a whole is never sent; a thousand of a kind is carried out."""
    names = tuple(ActionId(f"e/{n}") for n in range(1001))
    with pytest.raises(CommitTooLargeError):
        await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", done=names))
    actions = tuple((name, b"A") for name in names[:1000])
    facts = tuple(b"f" for _ in range(1000))
    await store.commit(Commit(hold=hold, unit="u", version=0, state=b"", actions=actions, journal=facts))
    assert len(await store.pending(LANE, "u")) == 1000
    await store.commit(Commit(hold=hold, unit="u", version=1, state=b"", done=names[:1000]))
    assert await store.busy_units(LANE) == []


async def test_unknown_units_and_counters_have_a_beginning(store: LiveStore) -> None:
    """Nothing stored reads as version 0; conversation numbers begin above 1,000 for any number of shards."""
    assert await store.load(LANE, "nobody") == Record(version=0, data=None)
    assert await store.message_records(LANE, ["u"], [], []) == {}
    assert await store.message_records(LANE, ["u"], ["m"], ["p"]) == {}
    for shards in (1, 3, 16, 64):
        counter = await LiveStore(store._redis, shards=shards).counter(LaneId("s0"))
        assert 1000 < (counter + 1) * shards <= 1000 + 2 * shards


@pytest.mark.parametrize("kind", [JoinedRedis, LibraryRedis], ids=["joined", "library"])
@pytest.mark.parametrize("trouble", ["full", "read-only"])
async def test_a_server_that_takes_no_writes_gets_none(
    kind: type[JoinedRedis | LibraryRedis], trouble: str, restartable_valkey: ValkeyServer
) -> None:
    """Every writing call is StoreUnavailableError, nothing at all is written, and afterwards the commit works."""
    redis: Redis = kind(restartable_valkey.url)
    store = LiveStore(redis)
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    await store.emit(LANE, "u", b"event")
    (entry,) = await store.range(LANE, "0", 10)
    await store.commit(full(hold))
    before = everything(restartable_valkey)
    if trouble == "full":
        await redis("CONFIG", "SET", "maxmemory", 1)
    else:
        await redis("REPLICAOF", "127.0.0.1", free_port())
    writes = (
        lambda: store.commit(full(hold, version=1, event="e2", entry=entry.id)),
        lambda: store.mark(hold, "u", [ActionId("e1/0")], b"m"),
        lambda: store.park(hold, "u", "thread", 0),
        lambda: store.sweep(hold, 10),
        lambda: store.count_try(hold, entry.id),
        lambda: store.bury(hold, entry, "why"),
        lambda: store.emit(LANE, "u", b"event"),
        lambda: store.acquire(LaneId("s2"), "me"),
        lambda: store.take("b", 1, 1),
        lambda: store.beat("me"),
    )
    for write in writes:
        with pytest.raises(StoreUnavailableError, match=trouble):
            await write()
    assert everything(restartable_valkey) == before
    if trouble == "full":
        assert set(await store.renew([hold])) == {LANE}, "a full server does not cost us the lane"
        await redis("CONFIG", "SET", "maxmemory", 0)
    else:
        await redis("REPLICAOF", "NO", "ONE")
    assert await store.commit(full(hold, version=1, event="e2", entry=entry.id))
    await redis.aclose()


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    wired: JoinedRedis, relay: Relay, joined: JoinedRedis
) -> None:
    """The outcome is unknown to the caller; the same commit again finds that it was made."""
    store, other = LiveStore(wired), LiveStore(joined)
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    await store.commit(full(hold))
    relay.hold_answers()
    again = asyncio.ensure_future(store.commit(full(hold, version=1, event="e2")))
    await until(lambda: _version_is(other, 2), what="the commit's effect")
    relay.cut()
    with pytest.raises(StoreUnknownError):
        await again
    relay.pass_answers()
    assert not await store.commit(full(hold, version=1, event="e2"))
    assert (await store.load(LANE, "u")).version == 2


async def test_a_killed_server_comes_back_with_every_commit(restartable_valkey: ValkeyServer) -> None:
    """What was answered survives kill -9 (append-only file, fsync always); scripts are loaded anew."""
    redis = JoinedRedis(restartable_valkey.url, Timing(patience_s=5))
    store = LiveStore(redis, hold_s=60)
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    for version in range(20):
        await store.commit(full(hold, version=version, event=f"e{version}"))
    restartable_valkey.kill()
    restartable_valkey.start()
    await until(lambda: _reached(store), what="the new connection")
    assert await store.commit(full(hold, version=20, event="e20"))
    assert not await store.commit(full(hold, version=3, event="e3"))
    assert (await store.load(LANE, "u")).version == 21
    await redis.aclose()


async def test_a_busy_lane_stays_consistent_through_kills(restartable_valkey: ValkeyServer) -> None:
    """Commits under way while the server is killed are whole or absent: version, actions and journal agree."""
    redis = JoinedRedis(restartable_valkey.url, Timing(patience_s=5))
    store = LiveStore(redis, hold_s=60)
    hold = await store.acquire(LANE, "me")
    assert hold is not None

    made = 0

    async def work(unit: str) -> None:
        nonlocal made
        version = 0
        while version < 30:
            event = f"{unit}-{version}"
            commit = Commit(
                hold=hold,
                unit=unit,
                version=version,
                state=b"s",
                event_id=event,
                actions=((ActionId(f"{event}/0"), b"A"),),
                journal=(event.encode(),),
            )
            with contextlib.suppress(StoreUnavailableError):
                written = await store.commit(commit)
                made += written
                version += 1

    tasks = [asyncio.create_task(work(f"u{n}")) for n in range(10)]
    for progress in (50, 150):
        await until(functools.partial(lambda least: made >= least, progress), what="work")
        restartable_valkey.kill()
        restartable_valkey.start()
    await asyncio.gather(*tasks)
    facts = [fields[1] for _, fields in await redis("XRANGE", keys.journal(LANE), "-", "+")]
    assert sorted(facts) == sorted(f"u{n}-{v}".encode() for n in range(10) for v in range(30))
    for number in range(10):
        assert (await store.load(LANE, f"u{number}")).version == 30
        assert len(await store.pending(LANE, f"u{number}")) == 30
    await redis.aclose()


async def test_dead_letters_keep_all_that_was_known(store: LiveStore, hold: Hold, redis: Redis) -> None:
    """A buried entry leaves the stream with its unit, event, place and reason; a second burial adds nothing."""
    await store.emit(LANE, "u", b"event")
    (entry,) = await store.range(LANE, "0", 10)
    assert [await store.count_try(hold, entry.id) for _ in range(3)] == [1, 2, 3]
    await store.bury(hold, entry, "it failed")
    await store.bury(hold, entry, "it failed again")
    assert await store.range(LANE, "0", 10) == []
    ((_, fields),) = await redis("XRANGE", keys.dead(LANE), "-", "+")
    expected = {b"u": b"u", b"e": b"event", b"id": entry.id.encode(), b"why": b"it failed"}
    assert dict(zip(fields[::2], fields[1::2], strict=True)) == expected
    assert await redis("EXISTS", keys.tries(LANE)) == 0
    assert isinstance(entry, Entry)


async def _version_is(store: LiveStore, version: int) -> bool:
    return (await store.load(LANE, "u")).version == version


async def _reached(store: LiveStore) -> bool:
    with contextlib.suppress(StoreUnavailableError):
        return await store.now_ms() > 0
    return False


async def test_a_record_goes(redis: Redis, store: LiveStore, hold: Hold) -> None:
    """With everything else that is written; the next commit begins anew."""
    assert await store.commit(Commit(hold=hold, unit="u", version=0, state=b"state", event_id="e1"))
    gone = Commit(hold=hold, unit="u", version=1, state=b"", gone=True, event_id="e2", journal=(b"fact",))
    assert await store.commit(gone)
    assert await redis("EXISTS", keys.unit(LANE, "u")) == 0
    assert await redis("XLEN", keys.journal(LANE)) == 1
    assert await store.commit(Commit(hold=hold, unit="u", version=0, state=b"anew", event_id="e3"))
    assert (await store.load(LANE, "u")).data == b"anew"
