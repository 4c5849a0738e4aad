"""The checker finds each way in which the archive can disagree with what was seen, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.campaign.checker import check
from tests.campaign.record import (
    Arrived,
    Card,
    Intent,
    Kind,
    Post,
    Receipt,
    Remembered,
    Seen,
    Typed,
    Way,
    Written,
    token,
)

HELLO, ANSWER, NOTE, FAILED = token(1), token(11), token(12), token(13)
WRITTEN = (Written(HELLO, "Ana", "support", f"{HELLO} hello", Way(1.0, 1.1)),)
TYPED = (
    Typed(ANSWER, "Ana", "support", "ben", f"{ANSWER} yes", Intent.PUBLIC, "10"),
    Typed(NOTE, "Ana", "support", "ben", f"{NOTE} psst", Intent.INTERNAL, "11"),
    Typed(FAILED, "Ana", "support", "ben", f"{FAILED} no", Intent.OPEN, "12"),
)
ROWS = (
    Remembered(f"{HELLO} hello", outbound=False, posts=frozenset({"support/3"})),
    Remembered(f"{ANSWER} yes", outbound=True, fate="read", parts={"w1": "failed", "w2": "read"}),
    Remembered(f"note: {NOTE} psst", outbound=True, internal=True),
    Remembered(f"{FAILED} no", outbound=True, fate="failed", parts={"": "failed"}),
)
SEEN = Seen(
    cards=(Card("support", "1", "Ana"),),
    posts=(
        Post("support", "1", "3", "Ana", f"{HELLO} hello"),
        Post("support", "1", "4", "", f"“{FAILED} no” did not reach the contact", frozenset({"retry"})),
    ),
    arrived=(
        Arrived("Ana", "support", f"{ANSWER} yes", "failed", "w1"),
        Arrived("Ana", "support", f"{ANSWER} yes", "read", "w2"),
    ),
    receipts={
        "10": frozenset({Receipt.READ}),
        "11": frozenset({Receipt.INTERNAL}),
        "12": frozenset({Receipt.FAILED}),
    },
    archive=ROWS,
)
Rows = tuple[Remembered, ...]


def found(change: Callable[[Rows], Rows], typed: tuple[Typed, ...] = TYPED) -> list[tuple[Kind, str]]:
    """What the checker says when the archive holds something else."""
    seen = replace(SEEN, archive=change(ROWS))
    return [(one.kind, one.token) for one in check(WRITTEN, typed, seen)]


def row(index: int, **changes: object) -> Callable[[Rows], Rows]:
    """One row is different."""
    return lambda rows: (*rows[:index], replace(rows[index], **changes), *rows[index + 1 :])  # type: ignore[arg-type]


def without(index: int) -> Callable[[Rows], Rows]:
    """One row is missing."""
    return lambda rows: rows[:index] + rows[index + 1 :]


def twice(index: int) -> Callable[[Rows], Rows]:
    """One row is there twice."""
    return lambda rows: (*rows, rows[index])


def more(text: str, *, outbound: bool, internal: bool = False) -> Callable[[Rows], Rows]:
    """There is one row more."""
    return lambda rows: (*rows, Remembered(text, outbound=outbound, internal=internal))


def test_an_archive_that_agrees_is_right() -> None:
    """So is one that nobody looked into, and notes of which the script knows nothing."""
    assert found(lambda rows: rows) == []
    assert check(WRITTEN, TYPED, replace(SEEN, archive=None)) == []
    assert found(more("!who", outbound=True, internal=True)) == []


TABLE: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "a customer's message is missing": (without(0), HELLO),
    "a customer's message is there twice": (twice(0), HELLO),
    "a customer's message is cut short": (row(0, text=HELLO), HELLO),
    "a post is missing": (row(0, posts=frozenset()), HELLO),
    "a post that nobody sees": (row(0, posts=frozenset({"support/3", "support/9"})), HELLO),
    "a reply is missing": (without(1), ANSWER),
    "a reply is there twice": (twice(1), ANSWER),
    "a reply is a note": (row(1, internal=True), ANSWER),
    "a fate behind the phone's": (row(1, fate="delivered"), ANSWER),
    "a delivery behind the phone's": (row(1, parts={"w1": "failed", "w2": "delivered"}), ANSWER),
    "a delivery is missing": (row(1, parts={}), ANSWER),
    "a delivery that WhatsApp does not know": (row(1, parts={"w2": "read", "w3": "read"}), ANSWER),
    "a note is missing": (without(2), NOTE),
    "a note is a reply": (row(2, internal=False), NOTE),
    "what failed arrived": (row(3, fate="read"), FAILED),
    "a customer said what nobody said": (more("hm", outbound=False), ""),
    "staff said what nobody said": (more("hm", outbound=True), ""),
}


@pytest.mark.parametrize("name", TABLE)
def test_an_archive_that_disagrees_is_found(name: str) -> None:
    """Missing, doubled, cut short, in the wrong place, with a fate that is not the phone's, or made up."""
    change, about = TABLE[name]
    assert found(change) == [(Kind.ARCHIVE, about)]


def test_a_reply_of_which_a_part_failed_is_failed() -> None:
    """Although the phone has the other part."""
    cut = tuple(replace(one, text=f"{one.text} {one.text}") if one.token == ANSWER else one for one in TYPED)
    seen = replace(
        SEEN,
        posts=(
            *SEEN.posts,
            Post("support", "1", "5", "", f"“{ANSWER} yes” did not reach", frozenset({"retry"})),
        ),
        receipts={**SEEN.receipts, "10": frozenset({Receipt.FAILED})},
    )
    failed = replace(seen, archive=row(1, fate="failed")(ROWS))
    assert check(WRITTEN, cut, failed) == []
    assert [one.kind for one in check(WRITTEN, cut, seen)] == [Kind.ARCHIVE]


def test_words_that_slack_never_brought_may_be_missing() -> None:
    """Nobody can remember them."""
    silent = tuple(replace(one, given_up=True) for one in TYPED)
    assert found(without(2), silent) == []
