"""Whose time for free text the archive believes to run out, and what the schedule tells the shards of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from bridge.adapters.base import Placed
from bridge.events import WindowClosing
from bridge.journal import StatusNoted
from bridge.model import (
    ContactId,
    ConversationId,
    Direction,
    InboxId,
    InboxPolicy,
    Status,
    lane_of,
)
from bridge.store.archive.closing import Closing
from bridge.store.archive.database import Database
from bridge.store.archive.writer import Writer
from tests.support.archive import INBOX, START, Journal

DAY, TWO_HOURS = timedelta(days=1), timedelta(hours=2)


class Told:
    """The schedule, and what the shards were told by it."""

    def __init__(self, database: Database, *inboxes: InboxPolicy) -> None:
        own = InboxPolicy(id=INBOX, name="Support", desk="desk", channel="C1")
        self.ids: list[str] = []
        self.events: list[str] = []
        self.closing = Closing(database, self.append, inboxes or (own,), at_once=2)

    async def append(self, events: Sequence[Placed]) -> None:
        """See `Closing`."""
        for placed in events:
            assert isinstance(placed.event, WindowClosing)
            assert placed.lane == lane_of(placed.event.contact)
            self.events.append(placed.event.conversation)
            self.ids.append(placed.event.id)

    async def at(self, **after: float) -> list[str]:
        """Whom it tells of at a time after the first message."""
        self.events.clear()
        await self.closing.fire(START + timedelta(**after))
        return list(self.events)


async def talks(writer: Writer, name: str, **more: Any) -> Journal:
    """A contact who wrote at `START`."""
    journal = Journal()
    own: dict[str, Any] = {
        "contact": ContactId(f"3-{name}"),
        "conversation": ConversationId(f"3-{name}"),
        **more,
    }
    await writer.write(journal.entries(journal.opened(**own), journal.said(f"hello from {name}", **own)))
    journal.now = START + timedelta(hours=1)
    return journal


async def test_those_who_wait_when_little_time_is_left(database: Database, writer: Writer) -> None:
    """Neither before nor after, nor what was answered or ended."""
    await talks(writer, "waits")
    ended = await talks(writer, "ended")
    own: dict[str, Any] = {"contact": ContactId("3-ended"), "conversation": ConversationId("3-ended")}
    await writer.write(
        ended.entries(StatusNoted(**ended.stamp(**own), before=Status.ACTIVE, after=Status.RESOLVED))
    )
    answered = await talks(writer, "answered")
    own = {"contact": ContactId("3-answered"), "conversation": ConversationId("3-answered")}
    said = replace(answered.said("Hello", **own), direction=Direction.OUTBOUND)
    await writer.write(answered.entries(said))
    told = Told(database)
    assert await told.at(hours=21, minutes=58) == []
    assert await told.at(hours=22, minutes=2) == ["3-waits"]
    first = told.ids[-1]
    # Looked at again for a while, under the same id, which says nothing twice.
    assert await told.at(hours=22, minutes=3) == ["3-waits"]
    assert told.ids[-1] == first
    assert await told.at(hours=22, minutes=30) == ["3-waits"]
    assert await told.at(hours=22, minutes=31) == []
    assert await Told(database).at(hours=23) == ["3-waits"]
    assert await Told(database).at(hours=24, minutes=2) == []


async def test_every_inbox_by_its_own_setting(database: Database, writer: Writer) -> None:
    """None at all where it is off."""
    await talks(writer, "support")
    await talks(writer, "sales", inbox=InboxId("sales"))
    await talks(writer, "quiet", inbox=InboxId("quiet"))
    base = InboxPolicy(id=INBOX, name="Support", desk="desk", channel="C1")
    told = Told(
        database,
        base,
        InboxPolicy(id=InboxId("sales"), name="Sales", desk="desk", channel="C2", nudge_s=36_000.0),
        InboxPolicy(id=InboxId("quiet"), name="Quiet", desk="desk", channel="C3", nudge_s=0.0),
    )
    assert await told.at(hours=14, minutes=1) == ["3-sales"]
    assert await told.at(hours=14, minutes=20) == ["3-sales"]
    assert await told.at(hours=22, minutes=1) == ["3-support"]


async def test_all_of_many_in_one_firing(database: Database, writer: Writer) -> None:
    """Also those who wrote in the same instant."""
    for at in range(5):
        await talks(writer, f"c{at}")
    assert await Told(database).at(hours=23) == [f"3-c{at}" for at in range(5)]
