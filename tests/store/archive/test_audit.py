"""What the ledger reads from the archive, on both engines: from facts to an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bridge import ledger as books
from bridge.instants import micros
from bridge.journal import DeliveryNoted, DroppedNoted, Fact, PartFate, PostNoted, StatusNoted, VerdictNoted
from bridge.ledger import Archived, Inbound, Ledger, Sent, UnderWay
from bridge.model import AgentId, ConversationId, DeskUser, Fate, MessageId, Post, Status
from bridge.store.archive.audit import audit
from bridge.store.archive.database import Database
from bridge.store.archive.writer import Writer
from tests.support.archive import CONTACT, START, Journal

SINCE, UNTIL = micros(START), micros(START + timedelta(days=1))


class Day(Journal):
    """A day's facts, in the words of this test."""

    def post(self, message: str, post: str, **changes: Any) -> PostNoted:
        """A post shows a message."""
        return PostNoted(
            **self.stamp(**changes),
            post=Post(desk="desk", channel="C1", id=post),
            message=MessageId(message) if message else None,
        )

    def news(self, message: str, fate: Fate, *parts: tuple[int, Fate, str], total: int = 1) -> DeliveryNoted:
        """The platform reports."""
        made = tuple(PartFate(part=part, fate=one, platform_id=name) for part, one, name in parts)
        return DeliveryNoted(**self.stamp(), message=MessageId(message), fate=fate, parts=made, total=total)

    def verdict(self, message: str, verdict: str, part: int = 0) -> VerdictNoted:
        """Somebody pressed Retry, Resend or It arrived."""
        return VerdictNoted(
            **self.stamp(),
            message=MessageId(message),
            verdict=verdict,
            part=part,
            by=AgentId("ben"),
            account=DeskUser("desk:U1"),
        )


@pytest.fixture
def day() -> Day:
    """In a conversation of its own."""
    return Day()


async def write(writer: Writer, day: Day, *facts: Fact) -> None:
    """Archive facts."""
    await writer.write(day.entries(day.opened(), *facts))


async def account(database: Database, *, since: int = SINCE, until: int = UNTIL) -> Ledger:
    """The account of the day, with nothing in the live store."""
    async with audit(database, since, until) as one:
        dropped = await one.dropped()
        inbound = Inbound(16, [letter for letter in dropped if letter is not None])
        async for rows in one.inbound():
            inbound.take(rows)
        return books.ledger(
            START,
            START + timedelta(days=1),
            inbound=inbound.end(),
            fates=await one.fates(),
            open_replies=await one.open_replies(),
            twice=await one.twice(),
            dropped=dropped,
            live=UnderWay(),
            archived=Archived(),
        )


async def open_replies(database: Database) -> list[Sent]:
    """Replies that may be on their way."""
    async with audit(database, SINCE, UNTIL) as one:
        return await one.open_replies()


async def test_a_day_on_which_all_is_well(database: Database, writer: Writer, day: Day) -> None:
    """Messages shown, merged and as placeholders; replies in every state; notes and notices do not count."""
    first, second, strange = day.said("one", "3-a"), day.said("two", "3-b"), day.said("", "3-c")
    await write(
        writer,
        day,
        first,
        second,
        day.post("3-a", "10"),
        day.post("3-b", "10"),
        day.post("", "11"),
        strange,
        day.post("3-c", "12"),
        day.answered("read", "3-d"),
        day.news("3-d", Fate.ACCEPTED, (0, Fate.ACCEPTED, "w1")),
        day.news("3-d", Fate.READ, (0, Fate.READ, "w1")),
        day.answered("failed", "3-e"),
        day.news("3-e", Fate.FAILED, (0, Fate.FAILED, "")),
        day.answered("a note", "3-f", internal=True),
        day.answered("taken", "3-g"),
        day.news("3-g", Fate.ACCEPTED, (0, Fate.ACCEPTED, "w2"), (1, Fate.ACCEPTED, "w3"), total=2),
    )
    found = await account(database)
    assert books.line(found) == (
        "1 d: in 3 = shown 3 · out 3 = accepted 2 + failed 1 · missing 0 · doubled 0"
    )
    assert (found.delivered, found.read, found.balanced) == (1, 1, True)


async def test_what_is_of_another_time_is_left_out(database: Database, writer: Writer, day: Day) -> None:
    """From the first instant on, up to the last, which is not in it."""
    messages = [day.said(str(at), f"3-{at}") for at in range(4)]
    await write(writer, day, *messages)
    at = [micros(one.at) for one in messages]
    found = await account(database, since=at[1], until=at[3])
    assert [one.message for one in found.missing_in] == ["3-1", "3-2"]


async def test_missing_and_doubled_messages_are_named(database: Database, writer: Writer, day: Day) -> None:
    """In with their conversation's number, out with the platform's ids."""
    await write(
        writer,
        day,
        day.said("nowhere", "3-a"),
        day.said("twice", "3-b"),
        day.post("3-b", "10"),
        day.post("3-b", "11"),
        day.said("in its turn", "3-c"),
        day.post("3-c", "15"),
        day.said("too early", "3-d"),
        day.post("3-d", "14"),
        day.answered("pending", "3-e"),
        day.answered("twice", "3-f"),
        day.news("3-f", Fate.ACCEPTED, (0, Fate.ACCEPTED, "w1")),
        day.news("3-f", Fate.ACCEPTED, (0, Fate.DELIVERED, "w2")),
    )
    found = await account(database)
    assert [(one.message, one.number) for one in found.missing_in] == [("3-a", 1059)]
    assert [one.what for one in found.doubled_in] == ["shown 2 times: 10, 11"]
    assert [one.message for one in found.swapped] == ["3-d"]
    assert [one.message for one in found.missing_out] == ["3-e"]
    assert [one.what for one in found.doubled_out] == ["part 1 accepted as w1, w2"]


@pytest.mark.parametrize(
    "verdict, part, doubled", [("resend", 0, 0), ("retry", 0, 0), ("resend", 1, 1), ("arrived", 0, 1)]
)
async def test_what_a_person_had_sent_again_is_not_doubled(
    database: Database, writer: Writer, day: Day, verdict: str, part: int, doubled: int
) -> None:
    """From the part on that they said; whoever says that it arrived had nothing sent."""
    await write(
        writer,
        day,
        day.answered("doubtful", "3-a"),
        day.news("3-a", Fate.UNCERTAIN),
        day.verdict("3-a", verdict, part),
        day.news("3-a", Fate.ACCEPTED, (0, Fate.ACCEPTED, "w1")),
        day.news("3-a", Fate.ACCEPTED, (0, Fate.ACCEPTED, "w2")),
    )
    assert (await account(database)).doubled == doubled


async def test_a_part_that_failed_and_was_sent_again_is_no_double(
    database: Database, writer: Writer, day: Day
) -> None:
    """Its first id is that of a failure."""
    await write(
        writer,
        day,
        day.answered("again", "3-a"),
        day.news("3-a", Fate.FAILED, (0, Fate.FAILED, "w1")),
        day.verdict("3-a", "retry"),
        day.news("3-a", Fate.ACCEPTED, (0, Fate.ACCEPTED, "w2")),
    )
    found = await account(database)
    assert (found.accepted, found.doubled, found.missing) == (1, 0, 0)


async def test_a_retry_is_open_until_there_is_news_of_it(
    database: Database, writer: Writer, day: Day
) -> None:
    """Else it would count as failed although somebody sent it again and it may be lost."""
    begun = [
        day.answered("again", "3-a"),
        day.news("3-a", Fate.FAILED, (0, Fate.FAILED, "")),
        day.answered("never tried", "3-b"),
        day.news("3-b", Fate.FAILED),
    ]
    await write(writer, day, *begun, day.verdict("3-a", "retry"), day.verdict("3-b", "retry"))
    found = await open_replies(database)
    assert sorted((one.message, one.fate) for one in found) == [("3-a", 5), ("3-b", 5)]
    await writer.write(day.entries(day.news("3-a", Fate.FAILED, (0, Fate.FAILED, ""))))
    assert [one.message for one in await open_replies(database)] == ["3-b"]
    account_now = await account(database)
    assert (account_now.failed, account_now.replies) == (1, 2)


async def test_dropped_letters_are_accounted_for(database: Database, writer: Writer, day: Day) -> None:
    """Those with a contact's message count as received."""

    def dropped(message: str | None) -> DroppedNoted:
        return DroppedNoted(
            **day.stamp(conversation=ConversationId("")),
            kind="MessageReceived" if message else "Unheard",
            arrived_at=day.now,
            reason="a test",
            message=MessageId(message) if message else None,
        )

    await write(writer, day, dropped("3-a"), dropped(None))
    found = await account(database)
    assert (found.received, found.dropped, found.dropped_letters, found.balanced) == (1, 1, 2, True)


async def test_contacts_with_something_active(database: Database, writer: Writer, day: Day) -> None:
    """Only of these can something be held or wait for a choice."""
    await write(writer, day)

    async def active() -> list[str]:
        async with audit(database, SINCE, UNTIL) as one:
            return list(await one.active())

    assert await active() == [CONTACT]
    resolved = StatusNoted(**day.stamp(), before=Status.ACTIVE, after=Status.RESOLVED)
    await writer.write(day.entries(resolved))
    assert await active() == []


async def test_many_rows_come_in_pages(database: Database, writer: Writer, day: Day) -> None:
    """And are all there."""
    facts: list[Fact] = []
    for at in range(10):
        facts += [day.said(str(at), f"3-{at}"), day.post(f"3-{at}", str(100 + at))]
    await write(writer, day, *facts)
    async with audit(database, SINCE, UNTIL, at_once=3) as one:
        sizes = [len(rows) async for rows in one.inbound()]
    assert sizes == [3, 3, 3, 1]
    assert books.line(await account(database)).startswith("1 d: in 10 = shown 10 ")
