"""The ledger: every message of a period is counted once, and what is missing or doubled is named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import ledger as books
from bridge.ledger import Archived, Inbound, Ledger, Sent, Shown, Twice, Undecided, UnderWay
from bridge.model import ConversationId, Fate, LaneId, MessageId

SINCE = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
START = int(SINCE.timestamp()) * 1_000_000
MINUTE = 60_000_000
CONVERSATION = ConversationId("7-65")
SHARDS = 16


def shown(name: str, post: str | None = "100", **more: Any) -> Shown:
    """A message of a contact; its post is committed a second after it arrived."""
    fields: dict[str, Any] = {
        "conversation": CONVERSATION,
        "at": START + MINUTE,
        "plain": True,
        "place": None if post is None else "desk:C1",
        "post": post,
        "posted_at": None if post is None else START + MINUTE + int(post),
        **more,
    }
    return Shown(MessageId(f"7-{name}"), **fields)


def sent(name: str, fate: Fate = Fate.PENDING) -> Sent:
    """A reply that may be on its way."""
    return Sent(MessageId(f"7-{name}"), CONVERSATION, START + MINUTE, int(fate))


def undecided(name: str, at: int = START + MINUTE) -> Undecided:
    """A message that nobody decided on."""
    return Undecided(MessageId(f"7-{name}"), at)


def account(
    rows: Sequence[Shown] = (),
    *,
    live: UnderWay | None = None,
    dropped: Sequence[Undecided | None] = (),
    pages: int = 1,
    **more: Any,
) -> Ledger:
    """The account of a day; nothing is on its way unless said."""
    live = live or UnderWay()
    thrown = [one for one in dropped if one is not None]
    inbound = Inbound(SHARDS, [*live.arriving, *live.buried, *thrown])
    for start in range(0, len(rows), pages):
        inbound.take(rows[start : start + pages])
    fields: dict[str, Any] = {"fates": {}, "open_replies": (), "twice": (), "archived": Archived(), **more}
    return books.ledger(SINCE, UNTIL, inbound=inbound.end(), live=live, dropped=dropped, **fields)


def named(lines: Sequence[books.Remark]) -> list[str]:
    """The messages of lines."""
    return [one.message.removeprefix("7-") for one in lines]


# ------------------------------------------------------------------------------------------- all is well


def test_an_empty_period_balances() -> None:
    """Nothing in, nothing out."""
    found = account()
    assert found.balanced
    assert books.line(found) == "1 d: in 0 = shown 0 · out 0 = accepted 0 · missing 0 · doubled 0"


def test_a_quiet_day_in_one_line() -> None:
    """What the digest will say."""
    rows = [shown(str(number), post=str(1000 + number)) for number in range(1204)]
    fates = {int(Fate.READ): 700, int(Fate.DELIVERED): 100, int(Fate.ACCEPTED): 71, int(Fate.FAILED): 2}
    found = account(rows, fates=fates)
    assert found.balanced
    assert (found.accepted, found.delivered, found.read, found.failed) == (871, 800, 700, 2)
    words = "1 d: in 1,204 = shown 1,204 · out 873 = accepted 871 + failed 2 · missing 0 · doubled 0"
    assert books.line(found) == words


def test_a_placeholder_is_shown_too() -> None:
    """It is counted, and nothing is wrong with it."""
    found = account([shown("a"), shown("b", "101", plain=False)])
    assert (found.shown, found.placeholders, found.balanced) == (2, 1, True)


def test_merged_messages_share_a_post_and_parts_one_commit() -> None:
    """Neither is doubled, nor out of order."""
    merged = [shown("a", "100"), shown("b", "100")]
    split = [
        shown("c", "101", posted_at=5),
        shown("c", "102", posted_at=5),
        shown("d", "103"),
    ]
    found = account([*merged, *split])
    assert (found.received, found.shown, found.balanced) == (4, 4, True)


# ------------------------------------------------------------------------------------------- in


def test_a_message_without_a_post_is_on_its_way_or_missing() -> None:
    """The live store knows which."""
    live = UnderWay(showing=frozenset({MessageId("7-b")}))
    found = account([shown("a"), shown("b", None), shown("c", None)], live=live)
    assert named(found.arriving) == ["b"]
    assert named(found.missing_in) == ["c"]
    (line,) = found.missing_in
    assert (line.number, line.conversation, line.at) == (1047, CONVERSATION, SINCE + timedelta(minutes=1))
    assert not found.balanced
    words = "in 3 = shown 1 + on their way 1 + missing 1 · out 0 = accepted 0 · missing 1 · doubled 0"
    assert words in books.line(found)


def test_a_message_that_nobody_decided_on_counts_as_received() -> None:
    """On its way, among the dead letters, or dropped; once, whoever says it."""
    letter = undecided("letter")
    live = UnderWay(arriving=(undecided("waits"), undecided("old", START - 1)), letters=2, buried=(letter,))
    found = account([shown("a")], live=live, dropped=[undecided("dropped"), None])
    assert (found.received, found.shown, found.buried, found.dropped) == (4, 1, 1, 1)
    assert named(found.arriving) == ["waits"]
    assert (found.letters, found.dropped_letters) == (2, 2)
    assert not found.balanced, "somebody has to do something about the dead letters"
    words = "in 4 = shown 1 + on their way 1 + dead letters 1 + dropped 1 ·"
    assert words in books.line(found)
    assert books.line(found).endswith("doubled 0 · dead letters 2")


def test_what_was_decided_after_all_counts_once() -> None:
    """It was seen undecided a moment ago, or came again and could be decided."""
    live = UnderWay(arriving=(undecided("a"),), buried=(undecided("b"),), letters=1)
    found = account([shown("a"), shown("b", "101")], live=live, dropped=[undecided("c"), undecided("c")])
    assert (found.received, found.shown, found.buried, found.dropped) == (3, 2, 0, 1)


def test_a_message_with_two_posts_is_doubled() -> None:
    """Both are named."""
    found = account([shown("a", "100"), shown("a", "105"), shown("b", "106")])
    assert named(found.doubled_in) == ["a"]
    assert "100, 105" in found.doubled_in[0].what
    assert (found.received, found.shown, found.balanced) == (2, 2, False)


@pytest.mark.parametrize("pages", [1, 2, 3, 10])
def test_rows_may_come_in_any_pages(pages: int) -> None:
    """A message's rows may be cut between two."""
    rows = [shown("a", "100"), shown("a", "105"), shown("b", "106"), shown("c", None), shown("d", "107")]
    found = account(rows, pages=pages)
    assert (named(found.doubled_in), named(found.missing_in), found.received) == (["a"], ["c"], 4)


@pytest.mark.parametrize(
    "posts, swapped",
    [
        (["100", "101", "102"], []),
        (["100", "102", "101"], ["2"]),
        (["102", "100", "101"], ["1", "2"]),
        (["99", "100", "1000"], []),
        (["100", "99"], ["1"]),
    ],
)
def test_posts_stand_in_the_order_in_which_messages_came(posts: list[str], swapped: list[str]) -> None:
    """Longer ids are later ones; whatever stands above an earlier message is out of order."""
    found = account([shown(str(at), post) for at, post in enumerate(posts)])
    assert named(found.swapped) == swapped
    assert found.balanced is not bool(swapped)


def test_order_holds_within_a_conversation_and_a_place() -> None:
    """Two conversations, and two channels of one that moved, have nothing to do with each other."""
    rows = [
        shown("a", "105"),
        shown("b", "101", conversation=ConversationId("7-66")),
        shown("c", "102", place="desk:C2"),
        shown("d", "106"),
    ]
    assert account(rows).balanced


# ------------------------------------------------------------------------------------------- out


def test_a_pending_reply_is_on_its_way_or_missing() -> None:
    """A retry counts like a first try, and no more as failed."""
    fates = {int(Fate.PENDING): 2, int(Fate.FAILED): 3, int(Fate.UNCERTAIN): 1}
    open_replies = [sent("a"), sent("b"), sent("c", Fate.FAILED), sent("d", Fate.UNCERTAIN)]
    live = UnderWay(sending=frozenset({MessageId("7-a"), MessageId("7-c")}))
    found = account(fates=fates, open_replies=open_replies, live=live)
    assert (found.replies, found.failed, found.uncertain) == (6, 2, 0)
    assert named(found.sending) == ["a", "c"]
    assert named(found.missing_out) == ["b", "d"]
    words = "out 6 = accepted 0 + failed 2 + on their way 2 + missing 2 · missing 2"
    assert words in books.line(found)


def test_what_waits_for_its_author_is_no_fault() -> None:
    """Held replies and texts that want a choice are still the desk's."""
    found = account(live=UnderWay(held=2, choices=1))
    assert found.balanced
    assert "out 3 = accepted 0 + held 2 + waiting for a choice 1" in books.line(found)


def test_failed_and_uncertain_replies_balance() -> None:
    """Visibly: people know and can do something."""
    found = account(fates={int(Fate.FAILED): 1, int(Fate.UNCERTAIN): 1})
    assert found.balanced
    assert "accepted 0 + failed 1 + uncertain 1" in books.line(found)


def test_a_part_that_was_accepted_twice_is_doubled() -> None:
    """With both of the platform's ids."""
    twice = Twice(MessageId("7-a"), CONVERSATION, START, 1, ("wamid.1", "wamid.2"))
    found = account(fates={int(Fate.READ): 1}, twice=[twice])
    assert found.doubled == 1
    assert found.doubled_out[0].what == "part 2 accepted as wamid.1, wamid.2"


# ------------------------------------------------------------------------------------------- not certain


def test_where_the_archive_is_behind_nothing_is_called_missing() -> None:
    """Only in the lanes that it has not come to the end of; the account does not balance before it has."""
    behind = Archived(behind=frozenset({LaneId("s7")}), waiting=3, lag_s=12.0)
    other = Shown(MessageId("3-x"), ConversationId("3-65"), START, plain=True)
    found = account([shown("a", None), other], archived=behind, open_replies=[sent("b")], fates={0: 1})
    assert (named(found.unsettled_in), named(found.unsettled_out)) == (["a"], ["b"])
    assert [one.message for one in found.missing_in] == ["3-x"]
    assert not account(archived=behind).balanced
    assert "not archived 1" in books.line(found)


def test_only_what_was_suspect_before_is_missing() -> None:
    """What was decided between the looks at the two stores is in neither."""
    rows = [shown("a", None), shown("b", None)]
    found = account(rows, suspects={MessageId("7-b")})
    assert (named(found.arriving), named(found.missing_in)) == (["a"], ["b"])


# ------------------------------------------------------------------------------------------- a law

States = st.lists(st.sampled_from(["shown", "twice", "pending", "nowhere", "waits", "letter", "dropped"]))


@given(States)
def test_every_message_is_counted_once(states: list[str]) -> None:
    """In = shown + on their way + dead letters + dropped + missing, whatever happened."""
    rows: list[Shown] = []
    showing, arriving, buried, thrown = set(), [], [], []
    for at, state in enumerate(states):
        name, post = str(at), str(1000 + at * 2)
        match state:
            case "shown":
                rows.append(shown(name, post))
            case "twice":
                rows += [shown(name, post), shown(name, str(int(post) + 1))]
            case "pending":
                rows.append(shown(name, None))
                showing.add(MessageId(f"7-{name}"))
            case "nowhere":
                rows.append(shown(name, None))
            case "waits":
                arriving.append(undecided(name))
            case "letter":
                buried.append(undecided(name))
            case _:
                thrown.append(undecided(name))
    live = UnderWay(
        arriving=tuple(arriving), showing=frozenset(showing), buried=tuple(buried), letters=len(buried)
    )
    found = account(rows, live=live, dropped=thrown)
    counts = [found.shown, len(found.arriving), found.buried, found.dropped, len(found.missing_in)]
    assert found.received == len(states) == sum(counts)
    assert counts == [
        states.count("shown") + states.count("twice"),
        states.count("pending") + states.count("waits"),
        *(states.count(one) for one in ("letter", "dropped", "nowhere")),
    ]
    assert len(found.doubled_in) == states.count("twice")
    assert not found.swapped
