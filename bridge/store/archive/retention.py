"""What is too old to be kept goes: messages and notes, their deliveries and posts, commands, and the journal's facts
about them. Only of conversations that are not active; their numbers stay (`pruned`), and so does everything that was
decided. In small transactions, oldest first, so that the archiver never waits for long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.instants import instant, micros
from bridge.journal import DroppedNoted, EpisodeKept, PruningNoted, pack, unpack
from bridge.model import AgentId, ContactId, ConversationId, EventId, InboxId, Status, lane_of
from bridge.store.archive import erasing, tables
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry
from bridge.store.archive.writer import Writer

MESSAGES_A_BATCH = 500
"""Of one conversation in one transaction."""
HUSKS_DAYS = 30
"""How long the husks of forgotten facts are kept: nothing is written again that late."""
LAST_SETTING = "retention"
"""The row of `settings` that says for which instant it was done last."""
_NOWHERE = "0-0"
"""Where facts that the archive itself notes stand in a lane's journal."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How many days messages are kept; None: for ever."""

    days: int | None = None
    inboxes: Mapping[InboxId, int | None] = {}
    """Where an inbox differs."""

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is ever too old."""
        return self.days is None and not any(self.inboxes.values())

    def cutoffs(self, now: datetime) -> list[tuple[datetime, ColumnElement[bool]]]:
        """Before when messages are too old, and the messages that this holds for."""
        said = tables.messages
        found = [
            (now - timedelta(days=days), said.c.inbox == inbox)
            for inbox, days in self.inboxes.items()
            if days is not None
        ]
        if self.days is not None:
            others = said.c.inbox.not_in(list(self.inboxes))
            found.append((now - timedelta(days=self.days), others))
        return found


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or would."""

    messages: int = 0
    notes: int = 0
    conversations: int = 0
    facts: int = 0
    """Of the journal; not known beforehand."""

    @property
    def anything(self) -> bool:
        """Whether there was something."""
        return bool(self.messages or self.notes or self.facts)


def _old(cutoff: datetime, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    said = tables.messages
    return and_(said.c.at < micros(cutoff), condition, said.c.conversation.not_in(_active()))


def _active() -> ColumnElement[str]:
    cases = tables.conversations
    return select(cases.c.id).where(cases.c.status == Status.ACTIVE.value)  # type: ignore[return-value]  # IN takes it


async def would_prune(database: Database, policy: Policy, now: datetime) -> Pruned:
    """What a run at `now` would take out. Raises `ArchiveError`."""
    counts: Counter[str] = Counter()
    said = tables.messages
    async with database.read() as connection:
        for cutoff, condition in policy.cutoffs(now):
            old = _old(cutoff, condition)
            counted = select(said.c.internal, func.count()).where(old).group_by(said.c.internal)
            for internal, count in await connection.execute(counted):
                counts["notes" if internal else "messages"] += count
            cases = select(func.count(said.c.conversation.distinct())).where(old)
            counts["conversations"] += await connection.scalar(cases) or 0
    return Pruned(**counts)


async def prune(
    database: Database,
    policy: Policy,
    now: datetime,
    progress: Callable[[int], None] = lambda _done: None,
    batch: int = MESSAGES_A_BATCH,
) -> Pruned:
    """Take out everything that is too old at `now`; a second run at the same time finds nothing. `progress` is told
    how many messages and notes are gone. Raises `ArchiveError`; what was done until then stays done.
    """
    writer = Writer(database)
    counts: Counter[str] = Counter()
    for cutoff, condition in policy.cutoffs(now):
        seen: set[str] = set()
        while (case := await _next(database, cutoff, condition)) is not None:
            async with database.write() as connection:
                done = await _prune_some(connection, writer, case, cutoff, now, batch)
            counts.update(messages=done.messages_in + done.messages_out, notes=done.notes)
            counts["facts"] += done.facts
            counts["conversations"] += case not in seen
            seen.add(case)
            progress(counts["messages"] + counts["notes"])
    counts["facts"] += await _tidy(database, policy, now)
    await _empty_letters(database, policy, now)
    return Pruned(**counts)


async def prune_once(database: Database, policy: Policy, instant: datetime) -> Pruned | None:
    """`prune` for a scheduled instant; None when that was done before, by whichever process. Raises `ArchiveError`."""
    settings, done = tables.settings, instant.isoformat()
    async with database.read() as connection:
        last = await connection.scalar(select(settings.c.value).where(settings.c.name == LAST_SETTING))
    if last is not None and datetime.fromisoformat(last) >= instant:
        return None
    pruned = await prune(database, policy, instant)
    async with database.write() as connection:
        await connection.execute(delete(settings).where(settings.c.name == LAST_SETTING))
        await connection.execute(insert(settings).values(name=LAST_SETTING, value=done))
    return pruned


async def _next(database: Database, cutoff: datetime, condition: ColumnElement[bool]) -> str | None:
    """The conversation with the oldest message that has to go."""
    said = tables.messages
    oldest = select(said.c.conversation).where(_old(cutoff, condition)).order_by(said.c.at, said.c.seq)
    async with database.read() as connection:
        return await connection.scalar(oldest.limit(1))


class _Done(msgspec.Struct, frozen=True, kw_only=True):
    messages_in: int = 0
    messages_out: int = 0
    notes: int = 0
    facts: int = 0


async def _prune_some(
    connection: AsyncConnection, writer: Writer, case: str, cutoff: datetime, now: datetime, batch: int
) -> _Done:
    """Take out the oldest messages of a conversation, about a batch of them."""
    said, cases = tables.messages, tables.conversations
    old = select(said.c.at).where(said.c.conversation == case, said.c.at < micros(cutoff))
    times = list((await connection.execute(old.order_by(said.c.at).limit(batch + 1))).scalars())
    status = await connection.scalar(select(cases.c.status).where(cases.c.id == case))
    if not times or status == Status.ACTIVE.value:
        return _Done()
    until = micros(cutoff)
    if len(times) > batch:
        # Those of one instant go together, or there would be no end.
        until = times[-1] if times[-1] > times[0] else times[-1] + 1
    fact = await _noted(connection, case, until, now)
    entry = JournalEntry(lane_of(fact.conversation), _NOWHERE, pack(fact))
    await writer.append(connection, [entry])
    facts = await erasing.prune_journal(connection, fact)
    return _Done(messages_in=fact.messages_in, messages_out=fact.messages_out, notes=fact.notes, facts=facts)


async def _noted(connection: AsyncConnection, case: str, until: int, now: datetime) -> PruningNoted:
    """The fact that says what goes, and keeps what it had told."""
    said, cases, contacts = tables.messages, tables.conversations, tables.contacts
    sorts = (said.c.contact, said.c.inbox, said.c.internal, said.c.direction)
    counted = (
        select(*sorts, func.count()).where(said.c.conversation == case, said.c.at < until).group_by(*sorts)
    )
    counts: Counter[str] = Counter()
    contact = inbox = ""
    for contact, inbox, internal, direction, count in await connection.execute(counted):  # noqa: B007 - used below
        counts["notes" if internal else f"messages_{direction}"] += count
    row = (await connection.execute(select(cases).where(cases.c.id == case))).mappings().first()
    last_at = await connection.scalar(select(contacts.c.last_at).where(contacts.c.id == contact))
    episodes = tables.episodes
    kept = [
        EpisodeKept(
            episode=one.episode,
            first_inbound_at=_time(one.first_inbound_at),
            first_answer_at=_time(one.first_answer_at),
            first_answer_by=None if one.first_answer_by is None else AgentId(one.first_answer_by),
        )
        for one in await connection.execute(select(episodes).where(episodes.c.conversation == case))
    ]
    return PruningNoted(
        at=now,
        cause=EventId(f"retention:{until}"),
        contact=ContactId(contact),
        conversation=ConversationId(case),
        inbox=InboxId(inbox),
        until=instant(until),
        contact_last_at=_time(last_at),
        last_at=_time(row["last_at"]) if row else None,
        last_inbound_at=_time(row["last_inbound_at"]) if row else None,
        last_outbound_at=_time(row["last_outbound_at"]) if row else None,
        episodes=tuple(kept),
        messages_in=counts["messages_in"],
        messages_out=counts["messages_out"],
        notes=counts["notes"],
    )


def _time(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)


async def _empty_letters(database: Database, policy: Policy, now: datetime) -> None:
    """Of dead letters that were dropped only that they were stays, and why: what was in them was said, too."""
    if policy.days is None:
        return
    dropped, journal = tables.dropped, tables.journal
    old = select(dropped.c.seq).where(
        dropped.c.at < micros(now - timedelta(days=policy.days)), dropped.c.data != b""
    )
    async with database.read() as connection:
        seqs = list((await connection.execute(old)).scalars())
    for seq in seqs:
        async with database.write() as connection:
            data = await connection.scalar(select(journal.c.data).where(journal.c.seq == seq))
            fact = unpack(data) if data else None
            if isinstance(fact, DroppedNoted):
                emptied = pack(msgspec.structs.replace(fact, data=b""))
                await connection.execute(update(journal).where(journal.c.seq == seq).values(data=emptied))
            await connection.execute(update(dropped).where(dropped.c.seq == seq).values(data=b""))


async def _tidy(database: Database, policy: Policy, now: datetime) -> int:
    """Take out of the journal what no table is made from any more: states that newer ones replaced, and husks."""
    journal, states = tables.journal, tables.contact_states
    husk = journal.c.kind == erasing.ERASED
    gone = [and_(husk, journal.c.at < micros(now - timedelta(days=HUSKS_DAYS)))]
    if policy.days is not None:
        stale = journal.c.seq.not_in(select(states.c.seq))
        old = journal.c.at < micros(now - timedelta(days=policy.days))
        gone.append(and_(journal.c.kind == "ContactStored", old, stale))
    # The last number stays taken, so that numbers only ever rise.
    last = select(func.max(journal.c.seq)).scalar_subquery()
    async with database.read() as connection:
        # Looked for beside the writer, because that takes long.
        found = select(journal.c.seq).where(or_(*gone), journal.c.seq < last)
        seqs = list((await connection.execute(found)).scalars())
    for start in range(0, len(seqs), MESSAGES_A_BATCH):
        async with database.write() as connection:
            some = seqs[start : start + MESSAGES_A_BATCH]
            await connection.execute(delete(journal).where(journal.c.seq.in_(some)))
    return len(seqs)
