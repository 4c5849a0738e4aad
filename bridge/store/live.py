"""The live store of the lanes, in Redis: `base.LaneStore`.

Whatever writes into a lane is a script that first compares the hold, so a worker whose hold ran out changes
nothing, however late its command arrives. Times are Redis's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

import msgspec

from bridge.errors import FenceLostError, StaleVersionError, StoreUnavailableError
from bridge.model import ActionId, AgentId, ContactId, ConversationId, LaneId, Place, ThreadRef
from bridge.store import decided, keys, records
from bridge.store.base import Commit, Entry, Hold, Pending, Record, Swept, Traces
from bridge.store.clock import Clock, RedisClock, now_ms
from bridge.store.commit import VERSION_BYTES, Bounds, Places, arrange, hold_value
from bridge.store.connection import Arg, Redis, Reply, script_source
from bridge.store.dated import Dated
from bridge.store.reads import LaneReads, entry_of, read_together
from bridge.store.replicated import Copies, replicated

_FENCE_LOST = -1
_STALE = -2
_ERASED_AT_ONCE = 200
_FIRST_NUMBER = 1_000
"""Conversation numbers begin above this one."""
_threads = msgspec.msgpack.Decoder(ThreadRef)


def first_counter(shards: int) -> int:
    """The conversation counter of a shard in which there has been no conversation yet."""
    return -(-_FIRST_NUMBER // shards)


class LiveStore:
    """See `base.LaneStore`. `hold_s` is how long a hold lasts without `renew`, `alive_s` a `beat`; an attempt may be
    made only once the wanted `copies` of its mark exist. Lanes that are `guarded` can be acquired only once they have
    been begun (`deployment`).
    """

    def __init__(
        self,
        redis: Redis,
        *,
        shards: int = 16,
        hold_s: float = 15.0,
        alive_s: float = 10.0,
        bounds: Bounds | None = None,
        clock: Clock | None = None,
        copies: Copies | None = None,
        guarded: Collection[LaneId] = (),
    ) -> None:
        self._redis = redis
        self._guarded = frozenset(guarded)
        self._copies = copies or Copies()
        self._first_counter = first_counter(shards)
        self._hold_s = hold_s
        self._alive_s = alive_s
        self._bounds = bounds or Bounds()
        self._redis_clock = RedisClock()
        self._clock = clock or self._redis_clock
        self._decided = decided.Decided(redis)
        self._dated = Dated()
        self._reads = LaneReads(redis)
        script = redis.script
        self._acquire = script(script_source("acquire"))
        self._renew = script(script_source("renew"))
        self._release = script(script_source("release"))
        self._commit = script(script_source("commit"))
        self._mark = script(script_source("mark"))
        self._park = script(script_source("park"))
        self._sweep = script(script_source("sweep"))
        self._try = script(script_source("try"))
        self._bury = script(script_source("bury"))
        self._take = script(script_source("take"))
        self._beat = script(script_source("beat"))
        self._unset = script(script_source("unset"))

    # --------------------------------------------------------------------------------- holds and workers

    async def acquire(self, lane: LaneId, owner: str) -> Hold | None:
        """Take the lane if nobody holds it."""
        asked = time.monotonic()
        guard = (keys.begun(lane),) if lane in self._guarded else ()
        fence, *now = await self._acquire(
            (keys.hold(lane), keys.fence(lane), *guard), (owner, int(self._hold_s * 1000))
        )
        self._redis_clock.heard(*now)
        if not fence:
            return None
        self._decided.forget(lane)
        self._dated.forget(lane)
        # Counted from before the question: Redis began to count later, so we never believe it for too long.
        return Hold(lane=lane, owner=owner, fence=fence, until=asked + self._hold_s)

    async def renew(self, holds: Sequence[Hold]) -> dict[LaneId, Hold]:
        """Prolong holds; those missing from the answer are lost."""
        asked = time.monotonic()
        life_ms = int(self._hold_s * 1000)
        answers = await asyncio.gather(
            *[self._renew((keys.hold(hold.lane),), (_value(hold), life_ms)) for hold in holds],
            return_exceptions=True,
        )
        problems = [answer for answer in answers if isinstance(answer, BaseException)]
        if problems and (len(problems) == len(holds) or not _unavailable(problems)):
            raise problems[0]
        longer = {hold.lane: msgspec.structs.replace(hold, until=asked + self._hold_s) for hold in holds}
        return {
            # Where a part of a cluster is away its lanes are kept as long as they were known to be ours.
            hold.lane: hold if isinstance(answer, BaseException) else longer[hold.lane]
            for hold, answer in zip(holds, answers, strict=True)
            if answer
        }

    async def release(self, hold: Hold) -> None:
        """Give the lane up at once."""
        await self._release((keys.hold(hold.lane),), (_value(hold),))

    async def beat(self, owner: str) -> int:
        """Say that this worker lives; how many do."""
        alive, *now = await self._beat((keys.WORKERS,), (owner, int(self._alive_s * 1000)))
        self._redis_clock.heard(*now)
        return int(alive)

    async def leave(self, owner: str) -> None:
        """Say that this worker goes."""
        await self._redis("ZREM", keys.WORKERS, owner)

    async def now_ms(self) -> int:
        """Redis time, Unix milliseconds."""
        return await now_ms(self._redis)

    # ------------------------------------------------------------------------------------------ reading

    async def read(self, after: Mapping[LaneId, str], count: int, block_s: float) -> list[Entry]:
        """Entries of all these lanes; waits for the first."""
        if not after:
            await asyncio.sleep(block_s)
            return []
        if self._redis.spread:
            return await self._reads.read(after, count, block_s)
        return await read_together(self._redis, after, count, block_s)

    async def range(self, lane: LaneId, after: str, count: int) -> list[Entry]:
        """Entries of one lane, without waiting."""
        reply = await self._redis("XRANGE", keys.stream(lane), f"({after}", "+", "COUNT", count)
        return [entry_of(lane, entry_id, fields) for entry_id, fields in reply]

    async def load(self, lane: LaneId, unit: str) -> Record:
        """A unit's state."""
        return read_record(await self._redis("GET", keys.unit(lane, unit)))

    async def counter(self, lane: LaneId) -> int:
        """The last conversation counter used in a shard; of a new one, the one before the first."""
        stored = await self._redis("GET", keys.counter(lane))
        return self._first_counter if stored is None else int(stored)

    async def message_records(
        self, lane: LaneId, units: Sequence[str], ids: Sequence[str], platform_ids: Sequence[str]
    ) -> dict[str, bytes]:
        """Message records by message id. Platform ids cost a second round trip."""
        hashes = self._days(lane, units)
        wanted = dict.fromkeys(ids)
        if platform_ids and hashes:
            fields = [records.lead_field(name) for name in platform_ids]
            for led in await self._redis.batch([("HMGET", name, *fields) for name in hashes]):
                wanted.update(dict.fromkeys(found.decode() for found in led if found is not None))
        if not wanted or not hashes:
            return {}
        spots = [records.fields_of(name) for name in wanted]
        every: list[Arg] = [field for fields in spots for field in fields]
        found: dict[str, bytes] = {}
        for values in await self._redis.batch([("HMGET", name, *every) for name in hashes]):
            for at, name in enumerate(wanted):
                data = records.join(values[at * records.MOST_CHUNKS : (at + 1) * records.MOST_CHUNKS])
                if data is not None:
                    found.setdefault(name, data)
        return found

    async def every_record(self, lane: LaneId, units: Sequence[str]) -> list[bytes]:
        """All message records of these units, those of the newest day first."""
        hashes = self._days(lane, units)
        found: list[bytes] = []
        for flat in await self._redis.batch([("HGETALL", name) for name in hashes]) if hashes else ():
            found += records.every(dict(zip(flat[::2], flat[1::2], strict=True)))
        return found

    def _days(self, lane: LaneId, units: Sequence[str]) -> list[str]:
        """The hashes in which records of these units may be, the newest day first."""
        days = records.days_of(self._clock.now_s(), self._bounds.message_s)
        return [keys.messages(lane, unit, day) for day in days for unit in units]

    async def recent(self, lane: LaneId, conversation: str, count: int) -> list[bytes]:
        """The last lines of a conversation, oldest first."""
        if count <= 0:
            return []
        lines: list[bytes] = await self._redis("LRANGE", keys.recent(lane, conversation), -count, -1)
        return lines

    # ------------------------------------------------------------------------------------------ deciding

    async def commit(self, commit: Commit) -> bool:
        """Write a decision, or refuse it as a whole."""
        lane = commit.hold.lane
        places = await self._places(commit, self._clock.now_s())
        for key in places.dropped:
            # Before, because an answer may get lost.
            self._dated.untell(lane, key.encode())
        answer = await self._commit(*arrange(commit, places, self._bounds))
        if answer == _FENCE_LOST:
            raise _lost(commit.hold)
        if answer == _STALE:
            raise StaleVersionError(f"{commit.unit} is not at version {commit.version} any more")
        if answer:
            if places.seen_s:
                self._dated.tell(lane, places.seen[0])
            if places.messages_s:
                self._dated.tell(lane, places.messages)
        if commit.marks:
            await replicated(self._redis, lane, self._copies)
        return bool(answer)

    async def _places(self, commit: Commit, now_s: float) -> Places:
        """Where a commit of now puts what lives for a time."""
        lane = commit.hold.lane
        seen: Sequence[bytes] = ()
        if commit.event_id is not None:
            digest = decided.event_hash(commit.event_id)
            known = self._decided.known(lane, digest, now_s)
            if known is None:
                await self._decided.begin(lane, now_s)
                known = self._decided.known(lane, digest, now_s)
            seen = known or ()
        messages = b""
        if commit.messages:
            messages = keys.messages(lane, commit.unit, records.day_of(now_s)).encode()
        life_s = self._bounds.message_s
        return Places(
            seen=seen,
            seen_s=0 if not seen or self._dated.is_told(lane, seen[0]) else decided.LIFE_S,
            dropped=self._days(lane, [commit.unit]) if commit.erased else (),
            messages=messages,
            messages_s=(
                0
                if not messages or self._dated.is_told(lane, messages)
                else records.expires_in(now_s, life_s)
            ),
        )

    async def count_try(self, hold: Hold, entry: str) -> int:
        """Count a try of a stream entry; how many there were."""
        count = await self._try((keys.hold(hold.lane), keys.tries(hold.lane)), (_value(hold), entry))
        return int(_held(count, hold))

    async def bury(self, hold: Hold, entry: Entry, reason: str, notice: bytes | None = None) -> None:
        """Move an entry to the lane's dead letters, and append the event that tells people."""
        lane = hold.lane
        names = (keys.hold(lane), keys.stream(lane), keys.dead(lane), keys.tries(lane))
        args = (_value(hold), entry.id, entry.unit, entry.event, reason, notice or b"")
        _held(await self._bury(names, args), hold)

    async def sweep(self, hold: Hold, limit: int) -> Swept:
        """Move due timers into the stream; take out due parked lines."""
        lane = hold.lane
        names = (
            keys.hold(lane),
            keys.due(lane),
            keys.timers(lane),
            keys.stream(lane),
            keys.parked(lane),
        )
        next_ms, lines = _held(await self._sweep(names, (_value(hold), limit)), hold)
        return Swept(lines=tuple(_split(line) for line in lines), next_ms=next_ms if next_ms >= 0 else None)

    # ------------------------------------------------------------------------------------------ performing

    async def pending(self, lane: LaneId, unit: str) -> list[Pending]:
        """A unit's pending actions with their attempt marks."""
        flat = await self._redis("HGETALL", keys.actions(lane, unit))
        fields: dict[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))
        return [
            Pending(id=ActionId(name.decode()), action=data, mark=fields.get(b"!" + name))
            for name, data in fields.items()
            if not name.startswith(b"!")
        ]

    async def busy_units(self, lane: LaneId) -> list[str]:
        """Units that have pending actions."""
        return [unit.decode() for unit in await self._redis("SMEMBERS", keys.busy(lane))]

    async def mark(self, hold: Hold, unit: str, actions: Sequence[ActionId], mark: bytes) -> bool:
        """Record that an attempt is about to be made. False: some of the actions have ended, the rest is marked."""
        names = (keys.hold(hold.lane), keys.actions(hold.lane, unit))
        marked = _held(await self._mark(names, (_value(hold), mark, *actions)), hold) == 1
        # A mark that a failover undoes would have a successor make the attempt once more.
        await replicated(self._redis, hold.lane, self._copies)
        return bool(marked)

    async def park(self, hold: Hold, unit: str, line: str, after_s: float) -> None:
        """Put a unit's line aside."""
        wait_ms = max(0, int(after_s * 1000))
        names = (keys.hold(hold.lane), keys.parked(hold.lane))
        _held(await self._park(names, (_value(hold), f"{unit}\0{line}", wait_ms)), hold)

    async def take(self, bucket: str, per_s: float, burst: int) -> float:
        """Take a slot of a shared limit: seconds to wait before it is ours."""
        wait_us = await self._take((keys.pace(bucket),), (max(1, round(1e6 / per_s)), max(1, burst)))
        return int(wait_us) / 1e6

    async def emit(self, lane: LaneId, unit: str, event: bytes) -> None:
        """Append a packed event to any lane."""
        await self._redis("XADD", keys.stream(lane), "*", "u", unit, "e", event)

    async def move_aliases(self, contact: ContactId, aliases: Sequence[str]) -> None:
        """Point aliases at a contact."""
        await asyncio.gather(*[self._redis("SET", keys.alias(name), contact) for name in aliases])

    async def erase(self, lane: LaneId, traces: Traces) -> None:
        """Delete what is left of a contact."""
        names = [keys.recent(lane, one) for one in traces.conversations]
        names += [keys.number(lane, one) for one in traces.conversations]
        for start in range(0, len(names), _ERASED_AT_ONCE):
            await self._redis("DEL", *names[start : start + _ERASED_AT_ONCE])
        for name in traces.aliases:
            await self._unset((keys.alias(name),), (traces.contact,))
        for place in traces.places:
            found = await self._redis("GET", keys.thread(place))
            if found is not None and _thread(found).contact == traces.contact:
                await self._unset((keys.thread(place),), (found,))
        await self._erase_dead(lane, traces.contact)

    async def _erase_dead(self, lane: LaneId, contact: ContactId) -> None:
        letters, after = keys.dead(lane), "-"
        unit = contact.encode()
        while page := await self._redis("XRANGE", letters, after, "+", "COUNT", _ERASED_AT_ONCE):
            found = [name for name, fields in page if fields[1] == unit]
            if found:
                await self._redis("XDEL", letters, *found)
            after = f"({page[-1][0].decode()}"

    async def rows(self, agents: Sequence[AgentId | None]) -> list[bytes]:
        """Packed rows of these agents."""
        lists = await asyncio.gather(*[self._redis("HVALS", keys.rows(agent)) for agent in agents])
        return [row for rows in lists for row in rows]

    async def thread(self, place: Place) -> ThreadRef | None:
        """What a thread stands for."""
        stored = await self._redis("GET", keys.thread(place))
        return None if stored is None else _threads.decode(stored)

    async def remember_thread(self, place: Place, ref: ThreadRef) -> None:
        """Make staff words in this thread find their conversation."""
        await self._redis("SET", keys.thread(place), msgspec.msgpack.encode(ref))

    async def remember_number(self, conversation: ConversationId, ref: ThreadRef) -> None:
        """Make a conversation be found by its number again."""
        await self._redis("SET", keys.numbered(conversation), msgspec.msgpack.encode(ref))

    async def forget_threads(self, places: Sequence[Place]) -> None:
        """Let go of the keys of threads."""
        await asyncio.gather(*[self._redis("DEL", keys.thread(place)) for place in places])


_thread = msgspec.msgpack.Decoder(ThreadRef).decode


def read_record(stored: bytes | None) -> Record:
    """A record as it stands in Redis."""
    if not stored:
        return Record(version=0, data=None)
    return Record(version=int.from_bytes(stored[:VERSION_BYTES], "big"), data=stored[VERSION_BYTES:])


def _unavailable(problems: Sequence[BaseException]) -> bool:
    return all(isinstance(problem, StoreUnavailableError) for problem in problems)


def _value(hold: Hold) -> str:
    return hold_value(hold.owner, hold.fence)


def _lost(hold: Hold) -> FenceLostError:
    return FenceLostError(f"{hold.owner} does not hold lane {hold.lane} any more (fence {hold.fence})")


def _held(answer: Reply, hold: Hold) -> Reply:
    """The script's answer; 0 says that the lane is not ours."""
    if answer == 0:
        raise _lost(hold)
    return answer


def _split(line: bytes) -> tuple[str, str]:
    unit, _, name = line.decode().partition("\0")
    return unit, name
