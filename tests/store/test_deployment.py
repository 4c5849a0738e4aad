"""Whose Redis and archive are, and what is missing: every combination that matters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.model import DESK_LANE, LaneId
from bridge.store.deployment import (
    ArchiveSide,
    ForeignError,
    Judgement,
    Marker,
    RedisSide,
    UnsureError,
    judge,
)

LANES = (LaneId("s0"), LaneId("s1"), DESK_LANE)
OURS = ("1055500001", "1055500002")
MARKER = Marker(id="ours", numbers=OURS, begun_at=datetime(2026, 11, 23, tzinfo=UTC))
EMPTY = RedisSide(marker=None, shards=None, begun={}, counters={}, journaled={})
FULL = RedisSide(
    marker=MARKER,
    shards=2,
    begun=dict.fromkeys(LANES, "ours"),
    counters={LANES[0]: 510},
    journaled={LANES[0]: "1700-3"},
)
NEW = ArchiveSide(id=None, numbers=(), shards=None, counters={}, watermarks={}, where="a.sqlite3")
KNOWS = ArchiveSide(
    id="ours",
    numbers=OURS,
    shards=2,
    counters={LANES[0]: 510},
    watermarks={LANES[0]: "1700-3"},
    where="a.sqlite3",
)


def found(redis: RedisSide, archive: ArchiveSide | None, numbers: tuple[str, ...] = OURS) -> Judgement:
    """What is made of it."""
    return judge(redis, archive, numbers, LANES)


def test_everything_new_is_begun() -> None:
    """With an id that nobody had."""
    judgement = found(EMPTY, NEW)
    assert (judgement.new, judgement.broken) == (LANES, ())
    assert len(judgement.id) == 16
    assert judgement.id != found(EMPTY, NEW).id


def test_a_first_start_that_failed_in_between_goes_on() -> None:
    """Whatever was written already."""
    assert found(EMPTY, replace(NEW, id="ours", numbers=OURS)).id == "ours"
    marked = found(replace(EMPTY, marker=MARKER), NEW)
    assert (marked.id, marked.new, marked.broken) == ("ours", LANES, ())


def test_a_deployment_that_goes_on_as_it_was() -> None:
    """Nothing to do, with or without the archive."""
    assert found(FULL, KNOWS) == Judgement(id="ours")
    assert found(FULL, None) == Judgement(id="ours")


def test_a_database_of_an_earlier_release_is_taken_as_it_is() -> None:
    """It has no marker, and its lanes were never begun; what is in it is in it."""
    before = replace(FULL, marker=None, begun={})
    judgement = found(before, NEW)
    assert (judgement.new, judgement.broken) == (LANES, ())
    assert found(before, KNOWS).broken == ()


def test_an_empty_redis_of_which_the_archive_knows_more_has_lost_its_data() -> None:
    """All of it."""
    judgement = found(EMPTY, KNOWS)
    assert (judgement.id, judgement.lost, judgement.older, judgement.new) == ("ours", LANES, (), ())


def test_a_part_that_lost_its_data_is_told_from_the_rest() -> None:
    """One node of a cluster came back empty."""
    begun = {LANES[0]: "ours", LANES[2]: "ours"}
    judgement = found(replace(FULL, begun=begun), KNOWS)
    assert (judgement.lost, judgement.older, judgement.new) == ((LANES[1],), (), ())
    assert found(replace(FULL, begun=begun, marker=None), KNOWS).lost == (LANES[1],)


@pytest.mark.parametrize(
    "changes",
    [{"counters": {LANES[0]: 509}}, {"counters": {}}, {"journaled": {LANES[0]: "1700-2"}}, {"journaled": {}}],
)
def test_older_data_than_the_archive_has(changes: dict[str, Any]) -> None:
    """Numbers that go back, or a journal that ends before what was archived of it."""
    assert found(replace(FULL, **changes), KNOWS).older == (LANES[0],)


def test_an_archive_that_is_behind_is_as_it_should_be() -> None:
    """It always is."""
    behind = replace(KNOWS, counters={LANES[0]: 400}, watermarks={LANES[0]: "900-0"})
    assert found(FULL, behind) == Judgement(id="ours")


@pytest.mark.parametrize("redis", [EMPTY, replace(FULL, marker=None), replace(FULL, begun={})])
def test_without_the_archive_nobody_can_tell(redis: RedisSide) -> None:
    """Whether Redis is new or lost its data: nothing is begun until it answers."""
    with pytest.raises(UnsureError, match="does not answer"):
        found(redis, None)


def test_two_deployments_on_one_redis() -> None:
    """Other numbers: the words say whose it is and what to do."""
    with pytest.raises(ForeignError) as refused:
        found(FULL, NEW, ("999",))
    words = str(refused.value)
    assert "numbers 1055500001, 1055500002" in words
    assert "number 999" in words
    assert "redis.url" in words
    assert "[[inboxes]]" in words


def test_two_deployments_on_one_archive() -> None:
    """The second one's Redis is empty; it must not get what the first one knows."""
    with pytest.raises(ForeignError, match=r"archive\.url"):
        found(EMPTY, KNOWS, ("999",))


def test_the_redis_of_one_deployment_with_the_archive_of_another() -> None:
    """Also where they answer the same numbers (a copied file of settings)."""
    with pytest.raises(ForeignError, match=r"two deployments.*archive\.url or redis\.url"):
        found(FULL, replace(KNOWS, id="theirs"))


def test_numbers_may_come_and_go() -> None:
    """As long as one is known from before."""
    assert found(FULL, KNOWS, ("1055500002", "1055500003")) == Judgement(id="ours")


def test_many_numbers_are_named_shortly() -> None:
    """Three, and how many more."""
    many = replace(FULL, marker=replace(MARKER, numbers=tuple(map(str, range(10)))))
    with pytest.raises(ForeignError, match="numbers 0, 1, 2 and 7 more"):
        found(many, NEW)


def test_a_new_archive_for_a_redis_that_worked_before() -> None:
    """It is taken, and said."""
    judgement = found(FULL, NEW)
    assert (judgement.id, judgement.archive_new, judgement.broken) == ("ours", True, ())
