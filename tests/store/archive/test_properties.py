"""Whatever happens, and however it is cut, repeated or broken off: the tables are those that a rebuild makes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test
from sqlalchemy import delete

from bridge.events import ContactLaneEvent
from bridge.journal import (
    AliasesNoted,
    AssigneeNoted,
    CommandNoted,
    ContactNoted,
    ContactStored,
    ConversationOpened,
    DeliveryNoted,
    DroppedNoted,
    Fact,
    MessageNoted,
    PartFate,
    PostNoted,
    PriorityNoted,
    ReactionNoted,
    StatusNoted,
    TagsNoted,
    ThreadNoted,
    TouchNoted,
    VerdictNoted,
    pack,
)
from bridge.markup import Bold, Text
from bridge.model import Direction, Fate, LaneId, Mode, Place, Post, Priority, Status
from bridge.routing.decision import Decision
from bridge.store.archive import index, tables
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry
from bridge.store.archive.schema import migrate
from bridge.store.archive.writer import Writer
from tests.routing.test_properties import Conversations
from tests.routing.world import World
from tests.support.archive import START, everything, new_sqlite
from tests.support.postgres import PostgresServer
from tests.support.waiting import aside

OFTEN = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SELDOM = settings(OFTEN, max_examples=4)

# ------------------------------------------------------------------------------------------------ facts

some = st.sampled_from
who = some([None, "ana", "ben"])
texts = st.text(st.characters(codec="utf-8"), max_size=20)
posts = st.builds(Post, desk=st.just("desk"), channel=st.just("C1"), id=some(["1", "2", "3"]))
messages = some(["3-a", "3-b", "3-c", "3-d"])
parts = st.lists(
    st.builds(PartFate, part=st.integers(0, 2), fate=some(Fate), platform_id=some(["", "p1", "p2"])),
    max_size=3,
).map(tuple)
tags = st.lists(some(["vip", "old", "späť", "a\0b"]), max_size=3, unique=True).map(tuple)
bodies = st.one_of(texts.map(lambda one: (Text(one),)), texts.map(lambda one: (Bold((Text(one),)),)))

KINDS: list[tuple[type[Fact], dict[str, st.SearchStrategy[Any]]]] = [
    (
        ConversationOpened,
        {"number": st.integers(1000, 1100), "name": texts, "previous": some([None, "3-65"])},
    ),
    (
        MessageNoted,
        {
            "message": messages,
            "direction": some(Direction),
            "body": bodies,
            "internal": st.booleans(),
            "imported": st.booleans(),
            "kind": some(["text", "file"]),
            "author": who,
            "account": some([None, "desk:U1"]),
            "platform_id": some([None, "w1", "w2"]),
            "post": st.none() | posts,
        },
    ),
    (ReactionNoted, {"platform_id": some(["w1", "w2"]), "emoji": texts}),
    (
        TouchNoted,
        {
            "kind": some(["template", "ad", "elsewhere"]),
            "sent_at": st.just(START),
            "name": texts,
            "campaign": texts,
            "platform_id": some(["", "w1"]),
            "answer": st.none() | messages,
        },
    ),
    (PostNoted, {"post": posts, "message": st.none() | messages}),
    (
        ThreadNoted,
        {
            "place": st.builds(Place, desk=st.just("desk"), channel=st.just("C1"), thread=some(["1", "2"])),
            "card": posts,
        },
    ),
    (
        DeliveryNoted,
        {
            "message": messages,
            "fate": some(Fate),
            "parts": parts,
            "total": st.integers(0, 3),
            "imported": st.booleans(),
            "code": some(["", "131026"]),
            "words": texts,
        },
    ),
    (
        VerdictNoted,
        {
            "message": messages,
            "verdict": some(["retry", "arrived"]),
            "part": st.integers(0, 2),
            "by": st.just("ana"),
            "account": st.just("desk:U1"),
        },
    ),
    (DroppedNoted, {"kind": st.just("StaffWrote"), "arrived_at": st.just(START), "reason": texts}),
    (
        CommandNoted,
        {
            "command": st.just("tag"),
            "args": tags,
            "by": st.just("ana"),
            "account": st.just("desk:U1"),
        },
    ),
    (StatusNoted, {"before": some(Status), "after": some(Status), "by": who}),
    (AssigneeNoted, {"before": who, "after": who, "by": who}),
    (TagsNoted, {"before": tags, "after": tags, "by": who}),
    (PriorityNoted, {"before": some(Priority), "after": some(Priority), "by": who}),
    (ContactNoted, {"name": texts, "username": some([None, "ana"]), "phone": some([None, "4915112345678"])}),
    (
        AliasesNoted,
        {
            "aliases": some([("phone:p:1",), ("phone:p:1", "bsuid:p:2"), ()]),
            "merged": some([None, "3-abc", "9-def"]),
        },
    ),
    (ContactStored, {"state": st.binary(max_size=10)}),
]


@st.composite
def entries(draw: st.DrawFn) -> list[JournalEntry]:
    """Facts of two lanes, legal or not, with clocks that do not agree."""
    found = []
    for place in range(draw(st.integers(1, 40))):
        kind, fields = draw(some(KINDS))
        shard = draw(some([3, 9]))
        fact = kind(
            at=START + timedelta(seconds=place + draw(st.integers(-3, 3))),
            cause=f"e{place}",
            contact=draw(some(["3-abc", "9-def"])) if kind is not DroppedNoted else "",
            conversation=f"{shard}-{draw(some([66, 67]))}",
            inbox="support",
            **{name: draw(values) for name, values in fields.items()},
        )
        found.append(JournalEntry(LaneId(f"s{shard}"), f"{place + 1}-0", pack(fact)))
    return found


# ------------------------------------------------------------------------------------------- the archive


async def archived(
    database: Database, writer: Writer, journal: list[JournalEntry], dice: random.Random
) -> None:
    """Archive in batches of any size; some are broken off and come again, some come twice, some overlap."""
    place = 0
    while place < len(journal):
        batch = journal[max(place - dice.choice([0, 0, 3]), 0) : place + dice.randint(1, 12)]
        if dice.random() < 0.2:
            await broken_off(database, writer, batch)
            continue
        if dice.random() < 0.2:
            await cancelled(writer, batch, dice.randint(1, 60))
            continue
        for _ in range(dice.choice([1, 1, 2])):
            await writer.write(batch)
        place = journal.index(batch[-1]) + 1


class BrokenOffError(Exception):
    """The power went."""


async def broken_off(database: Database, writer: Writer, batch: list[JournalEntry]) -> None:
    """A batch is written and never committed."""
    with contextlib.suppress(BrokenOffError):
        async with database.write() as connection:
            await writer.append(connection, batch)
            raise BrokenOffError


async def cancelled(writer: Writer, batch: list[JournalEntry], turns: int) -> None:
    """Whoever writes a batch is told to stop, somewhere on the way or after it."""
    writing = asyncio.ensure_future(writer.write(batch))
    for _ in range(turns):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


async def equal_to_a_rebuild(url: str, journal: list[JournalEntry], seed: int) -> None:
    """Archive anyhow, then make the projections anew: no row is another one."""
    database = Database(url)
    try:
        writer = Writer(database)
        await archived(database, writer, journal, random.Random(seed))  # noqa: S311 - a test repeats
        async with database.read() as connection:
            before = await everything(connection, journal=True)
        # Every fact once, in the order it was journaled in.
        assert [bytes(row[tables.journal.c.data.name]) for row in await journaled(database)] == [
            one.data for one in journal
        ]
        assert await writer.rebuild() == len(journal)
        async with database.read() as connection:
            assert await everything(connection, journal=True) == before
    finally:
        await database.close()


async def journaled(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        found = await connection.execute(tables.journal.select().order_by(tables.journal.c.seq))
        return [dict(row) for row in found.mappings()]


async def emptied(url: str) -> None:
    """A database without a row."""
    database = Database(url)
    await migrate(database)
    async with database.write() as connection:
        for table in (*tables.PROJECTIONS, tables.journal, tables.watermarks):
            await connection.execute(delete(table))
        await index.clear(connection)
    await database.close()


@OFTEN
@given(journal=entries(), seed=st.integers(0, 2**32))
def test_any_facts_on_sqlite(journal: list[JournalEntry], seed: int) -> None:
    """Legal or not, of joined contacts, in any batches."""
    with tempfile.TemporaryDirectory() as folder:
        aside(equal_to_a_rebuild(new_sqlite(Path(folder)), journal, seed))


@pytest.mark.postgresql
def test_any_facts_on_postgresql(postgres_server: PostgresServer) -> None:
    """The same on the other engine, fewer times."""
    url = aside(postgres_server.new_database())

    @SELDOM
    @given(journal=entries(), seed=st.integers(0, 2**32))
    def check(journal: list[JournalEntry], seed: int) -> None:
        aside(emptied(url))
        aside(equal_to_a_rebuild(url, journal, seed))

    check()


# ------------------------------------------------------------------------------- what routing really says


class Noting(World):
    """Keeps the facts of all decisions."""

    def __init__(self, **how: Any) -> None:
        self.facts: list[Fact] = []
        super().__init__(**how)

    def decide(self, event: ContactLaneEvent) -> Decision:
        decision = super().decide(event)
        self.facts += decision.facts
        return decision


class Archived(Conversations):
    """A contact's shard under everything that can happen to it, and then the archive of it."""

    @initialize(mode=some(list(Mode)), hold_s=some([0.0, 5.0]), assignee=some([None, "ana"]))
    def begin(self, mode: Mode, hold_s: float, assignee: str | None) -> None:
        self.world = Noting(mode=mode, hold_s=hold_s).start(assignee=assignee)
        self.received = 1
        self.rendered = {self.world.conversation.id: self.world.conversation.card_version}

    def teardown(self) -> None:
        if not isinstance(self.world, Noting) or not self.world.facts:
            return
        facts = list({pack(one): None for one in self.world.facts})
        journal = [JournalEntry(LaneId("s3"), f"{place}-0", data) for place, data in enumerate(facts, 1)]
        with tempfile.TemporaryDirectory() as folder:
            aside(equal_to_a_rebuild(new_sqlite(Path(folder)), journal, len(facts)))


def test_what_decisions_journal() -> None:
    """Random events through routing: the facts that there really are."""
    run_state_machine_as_test(
        Archived,
        settings=settings(
            max_examples=6,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
