"""Workers on a real Valkey with pretended platforms: engine, performer and store as `app` wires them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bridge import events
from bridge.content import Words
from bridge.engine import Engine, EngineOptions
from bridge.errors import BridgeError
from bridge.events import AnyEvent, DeliveryChanged, MessageReceived, StaffWrote
from bridge.markup import text
from bridge.model import (
    DESK_LANE,
    ActionId,
    Agent,
    AgentId,
    CardView,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    DeskUser,
    EventId,
    InboxId,
    InboxPolicy,
    LaneId,
    MessageRecord,
    Mode,
    Policies,
    Post,
    Recalled,
    Recent,
    Reference,
    Role,
    Roster,
    lane_of,
    message_id,
    shard_lane,
)
from bridge.perform import Performer, PerformOptions
from bridge.perform.pace import Pace
from bridge.recall import Recall
from bridge.routing.cards import card_view
from bridge.routing.decision import Context
from bridge.store import keys, records
from bridge.store.base import Commit, Entry, Hold, Shelf, Told
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from bridge.tracer import Tracer
from tests.support.platforms import FakeChannel, FakeDesk
from tests.support.waiting import until

SHARDS = 4
INBOX = InboxId("support")
BEN = Agent(id=AgentId("ben"), name="Ben", role=Role.AGENT, accounts=(DeskUser("desk:U-ben"),))


class World:
    """See `engine.lane.World`. Everyone's words go out unless told otherwise."""

    def __init__(self, **inbox: Any) -> None:
        fields = {"mode": Mode.EVERYONE, "read_receipts": False, "admin_channel": "ADMIN", **inbox}
        policy = InboxPolicy(id=INBOX, name="Support", desk="desk", channel="C1", **fields)
        self._policies = Policies(shards=SHARDS, inboxes={INBOX: policy})
        self._roster = Roster(version=1, agents=(BEN,))

    def policies(self) -> Policies:
        return self._policies

    def roster(self) -> Roster:
        return self._roster


class Counts:
    """The metrics of engine and performer, as counters."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.sends: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        self.shown_after_s: list[float] = []
        self.sent_after_s: list[float] = []
        self.dead_letters = 0
        self.most_in_hand = 0

    def event(self, kind: str, lag_s: float) -> None:
        self.events[kind] += 1

    def shown(self, lag_s: float) -> None:
        self.shown_after_s.append(lag_s)

    def sent(self, lag_s: float) -> None:
        self.sent_after_s.append(lag_s)

    def ignored(self, kind: str, reason: str) -> None:
        pass

    def error(self, platform: str, failure: str) -> None:
        self.errors[platform, failure] += 1

    def dead_letter(self) -> None:
        self.dead_letters += 1

    def holding(self, lanes: int, in_hand: int) -> None:
        self.most_in_hand = max(self.most_in_hand, in_hand)

    def send(self, platform: str, kind: str, result: str) -> None:
        self.sends[kind, result] += 1

    def retry(self, platform: str, failure: str) -> None:
        pass

    def rate_limit_wait(self, platform: str, method: str, seconds: float) -> None:
        pass


class HeldStore(LiveStore):
    """A live store whose commits for some units, and whose look at what is pending, can be held back."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.commits: dict[str, asyncio.Event] = {}
        """Units whose commits wait, before they are sent."""
        self.commits_waiting: Counter[str] = Counter()
        self.pending_go = asyncio.Event()
        self.pending_go.set()
        self.marked: list[ActionId] = []
        """Actions whose attempts were recorded by themselves, not with their commit."""
        self.ranges_held = 0
        self.range_reached = asyncio.Event()
        self.range_go = asyncio.Event()
        self.reads = 0
        """How often message records were read."""

    async def message_records(
        self, lane: LaneId, units: Sequence[str], ids: Sequence[str], platform_ids: Sequence[str]
    ) -> dict[str, bytes]:
        found = await super().message_records(lane, units, ids, platform_ids)
        self.reads += 1
        return found

    async def commit(self, commit: Commit) -> bool:
        gate = self.commits.get(commit.unit)
        if gate is not None:
            self.commits_waiting[commit.unit] += 1
            await gate.wait()
        return await super().commit(commit)

    async def mark(self, hold: Hold, unit: str, actions: Sequence[ActionId], mark: bytes) -> bool:
        self.marked += actions
        return await super().mark(hold, unit, actions, mark)

    async def pending(self, lane: LaneId, unit: str) -> list[Any]:
        await self.pending_go.wait()
        return await super().pending(lane, unit)

    async def range(self, lane: LaneId, after: str, count: int) -> list[Entry]:
        found = await super().range(lane, after, count)
        if self.ranges_held:
            self.ranges_held -= 1
            self.range_reached.set()
            await self.range_go.wait()
        return found


class NoArchive:
    """An archive that cannot be read."""

    async def told(self, contact: ContactId, conversation: ConversationId, back: int) -> list[Told]:
        raise BridgeError("these workers have none")

    async def standing(self, contact: ContactId, post: Post) -> str | None:
        raise BridgeError("these workers have none")

    async def recalled(self, contact: ContactId, reference: Reference) -> Recalled | None:
        raise BridgeError("these workers have none")


class Worker:
    """One worker process's engine, performer and connection."""

    def __init__(
        self,
        town: Town,
        name: str,
        *,
        url: str | None = None,
        hold_s: float = 30.0,
        scale: float = 0.01,
        engine: dict[str, Any] | None = None,
        perform: dict[str, Any] | None = None,
        shelf: Shelf | None = None,
        guarded: bool = False,
    ) -> None:
        self.name = name
        self.redis = JoinedRedis(url or town.url, Timing(patience_s=0.2, answer_s=2.0))
        self.store = HeldStore(
            self.redis,
            shards=SHARDS,
            hold_s=hold_s,
            alive_s=hold_s,
            guarded=town.lanes if guarded else (),
        )
        self.metrics = Counts()
        self.pace = Pace(self.store.take, scale)

        def cards(contact: Contact, conversation: Conversation, recent: tuple[Recent, ...]) -> CardView:
            world = town.world
            context = Context(
                now=self.engine.clock.now(),
                policies=world.policies(),
                roster=world.roster(),
                counter=0,
                recent=recent,
            )
            return card_view(contact, conversation, context)

        self.performer = Performer(
            self.store,
            {town.desk.name: town.desk},
            town.channel,
            cards,
            town.world.policies,
            lambda: self.engine.clock.now(),  # noqa: PLW0108 - the engine is made after it
            self.pace,
            self.metrics,
            PerformOptions(**{"send_timeout_s": 20.0, **(perform or {})}),
            recall=Recall(self.store, NoArchive()),
            tracer=Tracer(
                self.store,
                NoArchive(),
                lambda _lane, _within_s: asyncio.sleep(0, result=True),
                policies=town.world.policies,
                roster=town.world.roster,
                now=lambda: self.engine.clock.now(),  # noqa: PLW0108 - as above
                mask=str,
            ),
        )
        rhythm = {"balance_every_s": 0.05, "renew_every_s": 0.2, "sweep_every_s": 0.05, "read_block_s": 0.05}
        self.engine = Engine(
            self.store,
            self.performer,
            town.world,
            self.metrics,
            town.lanes,
            name,
            EngineOptions(**{**rhythm, "drain_s": 5.0, **(engine or {})}),
            shelf,
        )
        self.performer.attach(self.engine)

    async def holds(self, count: int) -> None:
        """Wait until it holds exactly so many lanes."""
        await until(lambda: len(self.engine.held()) == count, 10, f"{self.name} to hold {count} lanes")

    async def crash(self) -> None:
        """End as a killed process does: nothing is finished, released or said."""
        everything = [*self.engine._tasks, *self.engine._releasing, *self.performer._tasks]
        for run in self.engine._runs.values():
            everything += run._tasks
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)
        await self.redis.aclose()

    async def stop(self) -> None:
        """Stop in good order."""
        await self.engine.stop()
        await self.redis.aclose()


class Town:
    """What all workers of a test share, and the people who cause events."""

    def __init__(self, url: str, world: World | None = None) -> None:
        self.url = url
        self.world = world or World()
        self.desk = FakeDesk()
        self.channel = FakeChannel()
        self.lanes: tuple[LaneId, ...] = (*(shard_lane(one) for one in range(SHARDS)), DESK_LANE)
        self.redis = JoinedRedis(url)
        self.store = LiveStore(self.redis, shards=SHARDS)
        self.inlet = LiveInlet(self.redis, self.world.policies())
        self.workers: list[Worker] = []
        self._ids = itertools.count(1)

    async def worker(self, name: str = "w1", *, all_lanes: bool = True, **options: Any) -> Worker:
        """Start a worker; with `all_lanes`, wait until it holds them."""
        worker = Worker(self, name, **options)
        self.workers.append(worker)
        worker.engine.start()
        if all_lanes:
            await worker.holds(len(self.lanes))
        return worker

    async def aclose(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            with contextlib.suppress(Exception):
                await worker.crash()
        await self.redis.aclose()

    # ------------------------------------------------------------------------------------------- events

    async def append(self, contact: ContactId, *what: AnyEvent) -> None:
        """Store events of a contact."""
        for event in what:
            await self.store.emit(lane_of(contact), contact, events.pack(event))

    def received(self, contact: ContactId, words: str, event_id: str = "") -> MessageReceived:
        """The contact wrote."""
        now = datetime.now(UTC)
        name = event_id or f"wa:{next(self._ids)}"
        return MessageReceived(
            id=EventId(name),
            at=now,
            contact=contact,
            inbox=INBOX,
            platform_id=name,
            content=Words(text(words)),
            sent_at=now,
            name=f"Name of {contact}",
            address=f"to-{contact}",
        )

    async def writes(self, contact: ContactId, *words: str) -> list[MessageReceived]:
        """The contact writes messages."""
        made = [self.received(contact, one) for one in words]
        await self.append(contact, *made)
        return made

    async def replies(self, contact: ContactId, *words: str) -> list[StaffWrote]:
        """Ben replies in the contact's thread, which exists."""
        conversation = await self.conversation(contact)
        made = []
        for one in words:
            post = Post(desk="desk", channel="C1", id=f"staff{next(self._ids)}")
            event = StaffWrote(
                id=EventId(f"desk:C1:{post.id}"),
                at=datetime.now(UTC),
                contact=contact,
                conversation=conversation.id,
                author=BEN.accounts[0],
                author_name="Ben",
                place=conversation.thread,
                post=post,
                body=text(one),
            )
            made.append(event)
        await self.append(contact, *made)
        return made

    async def status(self, cause: StaffWrote, status: str, platform_id: str, part: int = 0) -> None:
        """The contact's platform reports on what became of a reply."""
        contact = cause.contact
        event = DeliveryChanged(
            id=EventId(f"wa:{platform_id}:{status}"),
            at=datetime.now(UTC),
            contact=contact,
            inbox=INBOX,
            platform_id=platform_id,
            status=status,
            message=message_id(lane_of(contact), cause.id),
            part=part,
        )
        await self.append(contact, event)

    # --------------------------------------------------------------------------------------------- looks

    async def contact(self, contact: ContactId) -> Contact:
        """A contact as committed."""
        return await self.inlet.contact(contact) or Contact(id=contact)

    async def conversation(self, contact: ContactId) -> Conversation:
        """The contact's conversation, once it has a thread."""

        async def look() -> Conversation | None:
            found = (await self.contact(contact)).conversations.get(INBOX)
            return found if found is not None and found.thread is not None else None

        found: Conversation | None = await until(look, 10, f"a thread for {contact}")
        assert found is not None
        return found

    async def record(self, cause: MessageReceived | StaffWrote) -> MessageRecord:
        """What is remembered of a message."""
        lane = lane_of(cause.contact)
        name = message_id(lane, cause.id)
        found = await self.store.message_records(lane, [cause.contact], [name], [])
        return records.unpack(name, found[name])

    async def is_settled(self) -> bool:
        """Nothing waits, nothing is pending."""
        for lane in self.lanes:
            if await self.redis("XLEN", keys.stream(lane)) or await self.redis("SCARD", keys.busy(lane)):
                return False
        return True

    async def settled(self, timeout_s: float = 15.0) -> None:
        """Wait until nothing waits and nothing is pending."""
        await until(self.is_settled, timeout_s, "everything to be done")

    async def pending(self, contact: ContactId) -> int:
        """How many actions of a contact are pending."""
        return len(await self.store.pending(lane_of(contact), contact))

    async def dead(self, contact: ContactId) -> int:
        """How many dead letters lie in a contact's lane."""
        return int(await self.redis("XLEN", keys.dead(lane_of(contact))))


def contact_of(number: int) -> ContactId:
    """The `number`-th contact; they spread over the shards."""
    return ContactId(f"{number % SHARDS}-c{number:04d}")


@contextlib.asynccontextmanager
async def a_town(url: str, world: World | None = None) -> AsyncIterator[Town]:
    """A town that is cleaned up afterwards."""
    town = Town(url, world)
    try:
        yield town
    finally:
        await town.aclose()
