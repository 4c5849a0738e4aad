"""The checker of the campaign finds each kind of wrong, and nothing wrong where all is well.

Each row breaks one thing in a round in which all was well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.campaign.checker import check
from tests.campaign.record import (
    Arrived,
    Card,
    Intent,
    Kind,
    Left,
    Post,
    Receipt,
    Seen,
    Typed,
    Way,
    Whisper,
    Written,
    token,
)

HELLO, AGAIN, OTHER = token(1), token(2), token(3)
ANSWER, SECOND, NOTE, LONG = token(11), token(12), token(13), token(14)


@dataclass(frozen=True)
class Round:
    """A round as the checker gets it."""

    written: tuple[Written, ...]
    typed: tuple[Typed, ...]
    seen: Seen


def well() -> Round:
    """Two customers, three messages; two replies, a note and a reply in two parts. All as it should be."""
    written = (
        Written(HELLO, "Ana", "support", f"{HELLO} hello", Way(1.0, 1.1)),
        Written(AGAIN, "Ana", "support", f"{AGAIN} again", Way(2.0, 2.1)),
        Written(OTHER, "Bob", "support", f"{OTHER} hi", Way(1.5, 1.6)),
    )
    typed = (
        Typed(ANSWER, "Ana", "support", "ben", f"{ANSWER} yes", Intent.PUBLIC, "10", Way(3.0, 3.1)),
        Typed(SECOND, "Ana", "support", "ben", f"{SECOND} no", Intent.OPEN, "11", Way(4.0, 4.1)),
        Typed(NOTE, "Ana", "support", "ben", f"note: {NOTE} psst", Intent.INTERNAL, "12", Way(5.0, 5.1)),
        Typed(LONG, "Bob", "support", "ben", f"{LONG} one. {LONG} two.", Intent.PUBLIC, "13", Way(6.0, 6.1)),
    )
    seen = Seen(
        cards=(Card("support", "1", "Ana"), Card("support", "2", "Bob")),
        posts=(
            Post("support", "1", "3", "Ana", f"{HELLO} hello\n{AGAIN}  again"),
            Post("support", "2", "4", "Bob", f"{OTHER} hi"),
        ),
        arrived=(
            Arrived("Ana", "support", f"{ANSWER} yes", "read"),
            Arrived("Bob", "support", f"{LONG} one.", "delivered"),
            Arrived("Ana", "support", f"{SECOND} no", "sent"),
            Arrived("Bob", "support", f"{LONG} two.", "read"),
        ),
        receipts={
            "10": frozenset({Receipt.ACCEPTED, Receipt.READ}),
            "11": frozenset({Receipt.ACCEPTED}),
            "12": frozenset({Receipt.INTERNAL}),
            "13": frozenset({Receipt.DELIVERED}),
        },
    )
    return Round(written, typed, seen)


Change = Callable[[Round], Round]


def seen(change: Callable[[Seen], Seen]) -> Change:
    """Change what was seen."""
    return lambda one: replace(one, seen=change(one.seen))


def posts(change: Callable[[tuple[Post, ...]], tuple[Post, ...]]) -> Change:
    """Change the posts."""
    return seen(lambda one: replace(one, posts=change(one.posts)))


def arrived(change: Callable[[tuple[Arrived, ...]], tuple[Arrived, ...]]) -> Change:
    """Change what reached phones."""
    return seen(lambda one: replace(one, arrived=change(one.arrived)))


def receipts(post: str, *names: str) -> Change:
    """Change the receipts of a staff post."""
    return seen(lambda one: replace(one, receipts={**one.receipts, post: frozenset(names)}))


def typed(token_: str, **changes: object) -> Change:
    """Change what is known of staff words."""
    return lambda one: replace(
        one,
        typed=tuple(replace(each, **changes) if each.token == token_ else each for each in one.typed),  # type: ignore[arg-type]
    )


def without(token_: str) -> Change:
    """Words never reached the phone."""
    return arrived(lambda those: tuple(one for one in those if token_ not in one.text))


def notice(text: str, *buttons: str) -> Change:
    """A notice of the bot in Ana's thread."""
    return posts(lambda those: (*those, Post("support", "1", "20", "", text, frozenset(buttons))))


def whisper(text: str, *buttons: str, person: str = "ben") -> Change:
    """Something that only one person sees."""
    one = Whisper(person, text, frozenset(buttons))
    return seen(lambda all_: replace(all_, whispers=(*all_.whispers, one)))


def both(*changes: Change) -> Change:
    """Several changes."""

    def change(one: Round) -> Round:
        for each in changes:
            one = each(one)
        return one

    return change


def found(change: Change) -> list[tuple[Kind, str]]:
    """What the checker says of a changed round."""
    changed = change(well())
    return [(one.kind, one.token) for one in check(changed.written, changed.typed, changed.seen)]


def test_nothing_is_wrong_where_all_is_well() -> None:
    """The round that every row below breaks passes."""
    assert found(lambda one: one) == []


SPLIT = (
    Post("support", "1", "3", "Ana", f"{AGAIN} again"),
    Post("support", "1", "5", "Ana", f"{HELLO} hello"),
    Post("support", "2", "4", "Bob", f"{OTHER} hi"),
)

CUSTOMERS: dict[str, tuple[Change, list[tuple[Kind, str]]]] = {
    "not shown": (posts(lambda those: those[:1]), [(Kind.LOST, OTHER)]),
    "shown by the bot only": (
        posts(lambda those: (those[0], replace(those[1], name=""))),
        [(Kind.LOST, OTHER)],
    ),
    "shown twice": (
        posts(lambda those: (*those, Post("support", "2", "9", "Bob", f"{OTHER} hi"))),
        [(Kind.DOUBLED, OTHER)],
    ),
    "twice in one post": (
        posts(lambda those: (those[0], replace(those[1], text=f"{OTHER} hi\n{OTHER} hi"))),
        [(Kind.DOUBLED, OTHER)],
    ),
    "cut short": (
        posts(lambda those: (those[0], replace(those[1], text=f"{OTHER}"))),
        [(Kind.GARBLED, OTHER)],
    ),
    "in another's thread": (
        posts(lambda those: (those[0], replace(those[1], thread="1"))),
        [(Kind.WRONG_THREAD, OTHER)],
    ),
    "in another's name": (
        posts(lambda those: (those[0], replace(those[1], name="Ana"))),
        [(Kind.WRONG_THREAD, OTHER)],
    ),
    "in another channel": (
        posts(lambda those: (those[0], replace(those[1], channel="sales"))),
        [(Kind.WRONG_THREAD, OTHER)],
    ),
    "under no card": (
        seen(lambda one: replace(one, cards=one.cards[:1])),
        [(Kind.WRONG_THREAD, OTHER)],
    ),
    "words that nobody wrote": (
        posts(lambda those: (*those, Post("support", "2", "9", "Bob", "hm"))),
        [(Kind.WRONG_THREAD, "")],
    ),
    "in the wrong order in one post": (
        posts(lambda those: (replace(those[0], text=f"{AGAIN} again\n{HELLO} hello"), those[1])),
        [(Kind.OUT_OF_ORDER, HELLO)],
    ),
    "in the wrong order in two posts": (posts(lambda _: SPLIT), [(Kind.OUT_OF_ORDER, HELLO)]),
}


@pytest.mark.parametrize("name", CUSTOMERS)
def test_a_customers_message_that_fared_badly_is_found(name: str) -> None:
    """Lost, doubled, garbled, in the wrong thread or order."""
    change, wrong = CUSTOMERS[name]
    assert found(change) == wrong


def test_messages_that_were_on_their_way_together_may_stand_in_any_order() -> None:
    """Nobody can tell which came first when the second was sent before the first was taken, or neither was."""

    def together(one: Round) -> Round:
        first, second, other = one.written
        return replace(one, written=(first, replace(second, way=Way(1.05, 1.2)), other))

    def untaken(one: Round) -> Round:
        first, second, other = one.written
        return replace(one, written=(replace(first, way=Way(1.0, None)), second, other))

    assert found(both(together, posts(lambda _: SPLIT))) == []
    assert found(both(untaken, posts(lambda _: SPLIT))) == []


def test_messages_under_two_ids_may_stand_in_any_order() -> None:
    """Until it turns out that both are one person."""

    def moved(one: Round) -> Round:
        first, second, other = one.written
        return replace(one, written=(first, replace(second, under="49"), other))

    assert found(both(moved, posts(lambda _: SPLIT))) == []


def last(one: Round) -> Round:
    """Ana was taken for two people; both of her messages were written once all was at rest."""
    first, second, other = one.written
    return replace(
        one, written=(replace(first, under="34", last=True), replace(second, under="ES", last=True), other)
    )


MOVED = (
    Post("support", "1", "3", "Ana", f"{HELLO} hello"),
    Post("support", "3", "5", "Ana", f"{AGAIN} again"),
    Post("support", "2", "4", "Bob", f"{OTHER} hi"),
)
SECOND_CARD = seen(lambda one: replace(one, cards=(*one.cards, Card("support", "3", "Ana"))))
LAST: dict[str, tuple[Change, list[tuple[Kind, str]]]] = {
    "all is well": (last, []),
    "in the wrong order": (both(last, posts(lambda _: SPLIT)), [(Kind.OUT_OF_ORDER, HELLO)]),
    "in two threads": (both(last, SECOND_CARD, posts(lambda _: MOVED)), [(Kind.WRONG_THREAD, "")]),
    "not yet last, in two threads": (both(SECOND_CARD, posts(lambda _: MOVED)), []),
    "in a thread that is continued elsewhere": (
        both(last, notice("It is continued in #1002.")),
        [(Kind.WRONG_THREAD, HELLO), (Kind.WRONG_THREAD, AGAIN)],
    ),
}


@pytest.mark.parametrize("name", LAST)
def test_what_somebody_wrote_who_is_known_by_then_stands_in_the_thread_that_goes_on(name: str) -> None:
    """Whatever it came under: in order, in one thread, and not in one that says that it is continued elsewhere."""
    change, wrong = LAST[name]
    assert found(change) == wrong


def test_replies_in_two_threads_of_one_customer_may_arrive_in_any_order() -> None:
    """Who was taken for two people was answered in two threads; within one the order holds."""
    swapped = arrived(lambda those: (those[2], those[0], those[1], those[3]))
    apart = both(typed(ANSWER, line="1"), typed(SECOND, line="3"))
    assert found(both(swapped, apart)) == []
    assert found(both(swapped, typed(ANSWER, line="1"), typed(SECOND, line="1"))) == [
        (Kind.OUT_OF_ORDER, ANSWER)
    ]


def test_messages_of_one_request_keep_their_order() -> None:
    """What came in one body is in order, whenever it was taken."""

    def batched(one: Round) -> Round:
        first, second, other = one.written
        ways = Way(1.0, 9.0, body=7, index=0), Way(1.0, 9.0, body=7, index=1)
        return replace(one, written=(replace(first, way=ways[0]), replace(second, way=ways[1]), other))

    assert found(batched) == []
    assert found(both(batched, posts(lambda _: SPLIT))) == [(Kind.OUT_OF_ORDER, HELLO)]


RETRY = notice(f"“{ANSWER} yes” did not reach the contact", "retry")
DOUBT = notice(f"Nobody can tell whether “{ANSWER} yes” reached the contact", "resend", "arrived")
GONE = without(ANSWER)

STAFF: dict[str, tuple[Change, list[tuple[Kind, str]]]] = {
    "never sent": (both(GONE, receipts("10")), [(Kind.SILENT, ANSWER)]),
    "never sent, and the receipt lies": (GONE, [(Kind.SILENT, ANSWER)]),
    "kept in although it was meant to go out": (
        both(GONE, receipts("10", Receipt.INTERNAL)),
        [(Kind.SILENT, ANSWER)],
    ),
    "failed without a notice": (both(GONE, receipts("10", Receipt.FAILED)), [(Kind.SILENT, ANSWER)]),
    "failed with a notice about something else": (
        both(GONE, receipts("10", Receipt.FAILED), notice(f"“{SECOND} no” did not reach", "retry")),
        [(Kind.SILENT, ANSWER)],
    ),
    "failed with a notice without Retry": (
        both(GONE, receipts("10", Receipt.FAILED), notice(f"“{ANSWER} yes” did not reach the contact")),
        [(Kind.SILENT, ANSWER)],
    ),
    "in doubt and nobody is asked": (
        both(GONE, receipts("10", Receipt.UNCERTAIN), RETRY),
        [(Kind.SILENT, ANSWER)],
    ),
    "to be chosen and nobody is asked": (
        both(without(SECOND), receipts("11", Receipt.NEEDS_YOU), whisper(SECOND, "send", person="carla")),
        [(Kind.SILENT, SECOND)],
    ),
    "half of it": (arrived(lambda those: those[:3]), [(Kind.SILENT, LONG)]),
    "in other words": (
        arrived(lambda those: (replace(those[0], text=f"{ANSWER} maybe"), *those[1:])),
        [(Kind.GARBLED, ANSWER), (Kind.SILENT, ANSWER)],
    ),
    "twice": (arrived(lambda those: (*those, those[0])), [(Kind.DOUBLED, ANSWER)]),
    "to somebody else as well": (
        arrived(lambda those: (*those, replace(those[0], customer="Bob"))),
        [(Kind.LEAKED, ANSWER)],
    ),
    "in the wrong order": (
        arrived(lambda those: (those[2], those[0], those[1], those[3])),
        [(Kind.OUT_OF_ORDER, ANSWER)],
    ),
    "a note went out": (
        arrived(lambda those: (*those, Arrived("Ana", "support", f"{NOTE} psst", "failed"))),
        [(Kind.LEAKED, NOTE)],
    ),
    "words went out that nobody typed": (
        arrived(lambda those: (*those, Arrived("Ana", "support", "#1001 is yours.", "read"))),
        [(Kind.LEAKED, "")],
    ),
    "a note without a receipt": (receipts("12"), [(Kind.WRONG_RECEIPT, NOTE)]),
    "a note that looks sent": (
        receipts("12", Receipt.INTERNAL, Receipt.ACCEPTED),
        [(Kind.WRONG_RECEIPT, NOTE)],
    ),
    "a receipt behind the truth": (receipts("10", Receipt.ACCEPTED), [(Kind.WRONG_RECEIPT, ANSWER)]),
    "a receipt ahead of the truth": (
        receipts("11", Receipt.ACCEPTED, Receipt.DELIVERED),
        [(Kind.WRONG_RECEIPT, SECOND)],
    ),
    "no receipt": (receipts("11"), [(Kind.WRONG_RECEIPT, SECOND)]),
    "a receipt of the further part": (receipts("13", Receipt.READ), [(Kind.WRONG_RECEIPT, LONG)]),
    "it says failed, and it arrived": (receipts("10", Receipt.FAILED), [(Kind.WRONG_RECEIPT, ANSWER)]),
    "an event waits": (
        seen(lambda one: replace(one, left=Left({"{s1}:in": 1, "{s2}:in": 0}))),
        [(Kind.LEFT_OVER, "")],
    ),
    "a dead letter that nobody was told of": (
        seen(lambda one: replace(one, left=Left(dead=1))),
        [(Kind.LEFT_OVER, "")],
    ),
}


@pytest.mark.parametrize("name", STAFF)
def test_a_reply_that_fared_badly_is_found(name: str) -> None:
    """Lost without a word, doubled, leaked, out of order, with a receipt that is not true; and what is left over."""
    change, wrong = STAFF[name]
    assert found(change) == wrong


VISIBLE: dict[str, Change] = {
    "failed, with Retry": both(GONE, receipts("10", Receipt.FAILED), RETRY),
    "refused at once, with Retry": both(GONE, receipts("10", Receipt.FAILED), whisper(ANSWER, "retry")),
    "in doubt, with the question": both(GONE, receipts("10", Receipt.UNCERTAIN), DOUBT),
    "failed, then sent again": receipts("10", Receipt.FAILED, Receipt.READ),
    "open words that were kept in": both(without(SECOND), receipts("11", Receipt.INTERNAL)),
    "open words whose author is asked": both(
        without(SECOND), receipts("11", Receipt.NEEDS_YOU), whisper(SECOND, "send", "keep")
    ),
    "Slack gave up bringing it": both(GONE, receipts("10"), typed(ANSWER, given_up=True)),
    "Slack gave up bringing a note": both(receipts("12"), typed(NOTE, given_up=True)),
    "one that failed went out again later": both(
        typed(ANSWER, pressed=True),
        receipts("10", Receipt.FAILED, Receipt.READ),
        arrived(lambda those: (those[2], replace(those[0], status="failed"), those[1], those[0], those[3])),
    ),
    "a dead letter that was announced": both(
        seen(lambda one: replace(one, left=Left(dead=1))),
        notice("Something here could not be dealt with and was put aside"),
    ),
}


@pytest.mark.parametrize("name", VISIBLE)
def test_what_people_can_see_is_no_loss(name: str) -> None:
    """Visible failures and questions, and words that stayed in as their receipt says, are as promised."""
    assert found(VISIBLE[name]) == []
