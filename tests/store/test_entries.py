"""Ids of stream entries: their order, and their neighbours."""

import pytest

from bridge.store.entries import after, before, stream_key, written_ms

LAST = (1 << 64) - 1


@pytest.mark.parametrize(
    "first, second", [("5-0", "5-1"), ("5-2", "5-10"), ("5-7", "6-0"), (f"5-{LAST}", "6-0"), ("5", "5-1")]
)
def test_order_is_that_of_numbers(first: str, second: str) -> None:
    """Time first, then the number within a millisecond; neither is compared as text."""
    assert stream_key(first) < stream_key(second)


@pytest.mark.parametrize("entry", ["5-1", "5-10"])
def test_neighbours_enclose_an_entry(entry: str) -> None:
    """Nothing stands between them and the entry."""
    assert stream_key(after(before(entry))) == stream_key(entry) == stream_key(before(after(entry)))


def test_before_the_first_of_a_millisecond_is_the_last_of_the_one_before() -> None:
    """Redis numbers up to 64 bits."""
    assert before("5-0") == f"4-{LAST}"


def test_an_id_tells_when_it_was_written() -> None:
    """In milliseconds."""
    assert written_ms("1700000000123-4") == 1_700_000_000_123
