"""Rebuilding what Redis lost from the archive: contacts, and everything that leads to them.

What was never archived is gone: actions and timers under way, held replies and open choices, modes chosen from chat,
what had not been decided yet. What comes back is what people see: whose a number is, in which thread they are answered,
by whom, and under which number. It may be interrupted and done again at any point; a lane is worked only once all of
it is back.

A Redis that came back with older data is brought forward instead: only contacts to whom something happened since are
replaced, and what the archive knows to be done is not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from bridge import actions as actions_codec
from bridge.actions import AnyAction, OpenThread, Relay, Send
from bridge.events import ContactsJoined, pack
from bridge.model import (
    DESK_LANE,
    ContactId,
    Conversation,
    ConversationId,
    EventId,
    LaneId,
    MessageId,
    OpenConversation,
    ThreadRef,
    lane_of,
)
from bridge.store import keys, records, stub
from bridge.store.archive.census import Census, Known
from bridge.store.commit import Bounds, version_bytes
from bridge.store.connection import Arg, Redis
from bridge.store.decided import LIFE_S, Decided, event_hash
from bridge.store.deployment import ArchiveSide, Judgement, RedisSide, begin
from bridge.store.entries import stream_key, written_ms
from bridge.store.live import first_counter

log = structlog.get_logger(__name__)

SKIPPED = 256
"""Conversation counters of a shard that are skipped: so many conversations may have been opened since the archive last
heard of one. A number given twice would show one customer's words to those who answer another.
"""
SEEN_BACK = timedelta(days=1)
"""Events of so long before are remembered as decided."""
EARLIER = timedelta(minutes=1)
"""Contacts are replaced if something happened to them since a little before the end of what Redis has."""
_encode = msgspec.msgpack.Encoder().encode


class Restored(msgspec.Struct):
    """What came of it, for people."""

    contacts: int = 0
    at_rest: int = 0
    conversations: int = 0
    undone: int = 0
    """Pending actions that the archive knows to be done."""
    joined: int = 0


class Restorer:
    """Rebuilds lanes. Raises `StoreUnavailableError`, `ArchiveError`; then it is to be begun anew."""

    def __init__(self, redis: Redis, census: Census, shards: int) -> None:
        self._redis = redis
        self._census = census
        self._shards = shards
        self._bounds = Bounds()

    async def restore(self, judgement: Judgement, redis: RedisSide, archive: ArchiveSide) -> Restored:
        """Rebuild every broken lane, then let all of them be worked."""
        report = Restored()
        for lane in judgement.broken:
            # Whoever holds it has what is not there any more.
            await self._redis("DEL", keys.begun(lane), keys.hold(lane))
        for lane in judgement.lost:
            await self._lane(lane, None, redis, archive, report)
        for lane in judgement.older:
            end = redis.journaled.get(lane)
            since = datetime.fromtimestamp(written_ms(end) / 1000, UTC) if end else None
            await self._lane(lane, since, redis, archive, report)
        await begin(self._redis, judgement.broken, judgement.id)
        return report

    async def _lane(
        self,
        lane: LaneId,
        since: datetime | None,
        redis: RedisSide,
        archive: ArchiveSide,
        report: Restored,
    ) -> None:
        now = datetime.now(UTC)
        # Holds begin to be counted anew; a number that was used before would let a former holder back in.
        await self._redis("SET", keys.fence(lane), int(now.timestamp() * 1000))
        decided = await self._census.causes(lane, min(since or now, now) - SEEN_BACK)
        await self._remember_decided(lane, decided, now)
        watermark = archive.watermarks.get(lane)
        if watermark is not None and stream_key(watermark) > stream_key(redis.journaled.get(lane, "0-0")):
            await self._go_on_from(lane, watermark)
        if since is not None:
            report.undone += await self._end_done(lane, since)
        if lane == DESK_LANE:
            await self._rows(await self._census.active())
            return
        used = max(archive.counters.get(lane, 0), redis.counters.get(lane, 0), first_counter(self._shards))
        await self._redis("SET", keys.counter(lane), used + SKIPPED)
        from_ = None if since is None else since - EARLIER
        every, done = await self._census.count(lane, from_), 0
        async for page in self._census.contacts(lane, from_):
            found = await asyncio.gather(*[self._contact(known, since, now) for known in page])
            report.joined += sum(found)
            report.contacts += len(page)
            report.at_rest += sum(known.stored for known in page)
            report.conversations += sum(len(known.contact.conversations) for known in page)
            done += len(page)
            log.info("redis.restoring", lane=lane, done=done, of=every)

    # ------------------------------------------------------------------------------------------ contacts

    async def _contact(self, known: Known, since: datetime | None, now: datetime) -> int:
        """Write one contact and what leads to it; how many aliases lead to somebody else by now."""
        contact = known.contact
        state = stub.pack_stub(contact, now) if known.stored else _encode(contact)
        writes: list[Sequence[Arg]] = [("SET", keys.contact(contact.id), version_bytes(1) + state)]
        for one in (*contact.conversations.values(), *contact.ended):
            writes += _ways(contact.id, one)
        if since is not None:
            writes += [("SET", keys.alias(name), contact.id) for name in known.aliases]
            await self._all(writes)
            return 0
        await self._all(writes)
        found = await asyncio.gather(
            *[self._redis("SET", keys.alias(name), contact.id, "NX", "GET") for name in known.aliases]
        )
        others = {ContactId(one.decode()) for one in found if one is not None} - {contact.id}
        for other in others:
            await self._join(contact.id, other, now)
        return len(others)

    async def _join(self, contact: ContactId, other: ContactId, now: datetime) -> None:
        """Somebody wrote before all was back, and was taken for new: it is one person."""
        log.warning("redis.restore_joined", contact=contact, other=other)
        for one, two in ((contact, other), (other, contact)):
            event = ContactsJoined(
                id=EventId(f"restored:{contact}:{other}:{one}"),
                at=now,
                contact=one,
                other=two,
                leads=one < two,
            )
            await self._redis("XADD", keys.stream(lane_of(one)), "*", "u", one, "e", pack(event))

    async def _rows(self, rows: Sequence[OpenConversation]) -> None:
        await self._all([("HSET", keys.rows(row.assignee), row.id, _encode(row)) for row in rows])

    async def _all(self, commands: Sequence[Sequence[Arg]]) -> None:
        await asyncio.gather(*[self._redis(*command) for command in commands])

    # ------------------------------------------------------------------------------------- what is done

    async def _go_on_from(self, lane: LaneId, watermark: str) -> None:
        """Have the journal go on behind what is archived of it, else it would look older than the archive for ever. What
        is still in it is archived, too.

        A group is the only way to make a stream without an entry.
        """
        name = keys.journal(lane)
        await self._redis("DEL", name)
        await self._redis("XGROUP", "CREATE", name, "restored", "$", "MKSTREAM")
        await self._redis("XSETID", name, watermark)
        await self._redis("XGROUP", "DESTROY", name, "restored")

    async def _remember_decided(self, lane: LaneId, causes: Sequence[str], now: datetime) -> None:
        """What was decided is not decided again when a platform repeats it."""
        if not causes:
            return
        decided, now_s = Decided(self._redis), now.timestamp()
        await decided.begin(lane, now_s)
        sets: dict[bytes, list[int]] = {}
        for cause in causes:
            digest = event_hash(cause)
            for found in (decided.known(lane, digest, now_s) or ())[:1]:
                sets.setdefault(found, []).append(digest)
        for name, digests in sets.items():
            for at in range(0, len(digests), 500):
                await self._redis("SADD", name, *digests[at : at + 500])
            await self._redis("EXPIRE", name, LIFE_S)

    async def _end_done(self, lane: LaneId, since: datetime) -> int:
        """Take out pending actions that the archive knows to be done: they would be done twice."""
        ended = 0
        for unit in await self._redis("SMEMBERS", keys.busy(lane)):
            name = keys.actions(lane, unit.decode())
            flat = await self._redis("HGETALL", name)
            pending = {
                key: actions_codec.unpack(data)
                for key, data in zip(flat[::2], flat[1::2], strict=True)
                if not key.startswith(b"!")
            }
            done = await self._done(pending, since)
            if done:
                await self._redis("HDEL", name, *(part for key in done for part in (key, b"!" + key)))
                sends = [one for key, one in pending.items() if key in done and isinstance(one, Send)]
                await self._forget_records(lane, unit.decode(), [one.message for one in sends], since)
                ended += len(done)
            if len(done) == len(pending):
                await self._redis("SREM", keys.busy(lane), unit)
        return ended

    async def _forget_records(
        self, lane: LaneId, unit: str, messages: Sequence[MessageId], since: datetime
    ) -> None:
        """Messages that were sent after Redis's data end: what is written of them there is no longer true."""
        fields = [field for message in messages for field in records.fields_of(message)]
        days = records.days_of(since.timestamp(), self._bounds.message_s)
        if fields:
            await self._all([("HDEL", keys.messages(lane, unit, day), *fields) for day in days])

    async def _done(self, pending: Mapping[bytes, AnyAction], since: datetime) -> set[bytes]:
        def messages(kind: type[Send | Relay]) -> set[MessageId]:
            return {one.message for one in pending.values() if isinstance(one, kind)}

        opening = {one.conversation for one in pending.values() if isinstance(one, OpenThread)}
        sent = await self._census.sent(messages(Send))
        shown = await self._census.shown(messages(Relay))
        threaded = await self._census.threaded(opening, since)

        def is_done(action: AnyAction) -> bool:
            match action:
                case Send():
                    return action.message in sent
                case Relay():
                    return action.message in shown
                case OpenThread():
                    return action.conversation in threaded
                case _:
                    return False

        return {key for key, action in pending.items() if is_done(action)}


def _ways(contact: ContactId, conversation: Conversation) -> list[Sequence[Arg]]:
    """What makes a conversation's number and threads lead to it."""
    ref = _encode(ThreadRef(contact=contact, conversation=conversation.id, inbox=conversation.inbox))
    places = (*conversation.former, *((conversation.thread,) if conversation.thread else ()))
    number: ConversationId = conversation.id
    return [("SET", keys.numbered(number), ref), *(("SET", keys.thread(place), ref) for place in places)]
