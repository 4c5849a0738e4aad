"""What the engine and the performer need of the live store.

Values are bytes here: the store knows keys, slots, fences and versions, not what a conversation is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from bridge.model import (
    ActionId,
    AgentId,
    ContactId,
    ConversationId,
    Direction,
    LaneId,
    Place,
    Post,
    Recalled,
    Reference,
    ThreadRef,
)

Marks = tuple[tuple[ActionId, bytes], ...]
"""Attempt marks by action."""


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the store's values."""


class Hold(Value, frozen=True, kw_only=True):
    """A lane held by this worker: `fence` rises with every new holder and guards each write."""

    lane: LaneId
    owner: str
    """Whose it is; stands in Redis beside the fence."""
    fence: int
    until: float
    """Monotonic seconds of this process after which the hold must be taken for lost."""


class Entry(Value, frozen=True, kw_only=True):
    """One event waiting in a lane's stream."""

    lane: LaneId
    id: str
    """Stream id, `<ms>-<n>` on Redis time (the arrival)."""
    unit: str
    event: bytes


class Record(Value, frozen=True, kw_only=True):
    """A unit's state as stored. `version` 0: there is none yet."""

    version: int
    data: bytes | None


class Pending(Value, frozen=True, kw_only=True):
    """An action that has no committed result yet; `mark` is what the last attempt recorded, if one was made."""

    id: ActionId
    action: bytes
    mark: bytes | None = None


class TimerWrite(Value, frozen=True, kw_only=True):
    """A timer: at `due_ms` (Redis time, Unix milliseconds) `event` is appended to the stream for `unit`."""

    token: str
    due_ms: int
    event: bytes


class MessageWrite(Value, frozen=True, kw_only=True):
    """A message record, kept for the message-id lifetime, and the platform ids that lead to it."""

    id: str
    data: bytes
    platform_ids: tuple[str, ...] = ()


class RecentWrite(Value, frozen=True, kw_only=True):
    """A line for a conversation's bounded recent history."""

    conversation: str
    data: bytes


class RowWrite(Value, frozen=True, kw_only=True):
    """A line of the desk lane's lists: removed from `before`'s list, put into `after`'s when `data` is set. An empty
    name is the list of what belongs to nobody.
    """

    before: str
    after: str
    field: str
    data: bytes | None


class NumberWrite(Value, frozen=True, kw_only=True):
    """The shard's counter moved on, and a number leads to a conversation (`data` is a packed `ThreadRef`)."""

    counter: int
    conversation: str
    data: bytes


class Commit(Value, frozen=True, kw_only=True):
    """All that one decision writes, in one script and one slot; refused as a whole."""

    hold: Hold
    unit: str
    version: int
    """The version the decision was made on; the script refuses another (`StaleVersionError`). What is written
    has `version + 1`."""
    state: bytes | None
    """None: as it was, and so is the version."""
    gone: bool = False
    """There is nothing to keep: the record goes, whatever `state` is."""
    erased: bool = False
    """The unit's message records so far go."""
    event_id: str | None = None
    """Deduplicated over the last 8 days; None for results, which `requires` guards."""
    entry: str | None = None
    """Stream entry to delete."""
    tried: bool = False
    """Tries of the entry were counted; the count goes with it."""
    requires: ActionId | None = None
    """Refuse (`False`) unless this action is still pending."""
    actions: tuple[tuple[ActionId, bytes], ...] = ()
    """New or replaced pending actions."""
    marks: Marks = ()
    """Attempt marks of new actions that are attempted as soon as this is written; see `LaneStore.mark`."""
    done: tuple[ActionId, ...] = ()
    """Pending actions that end, with their marks."""
    timers: tuple[TimerWrite, ...] = ()
    cleared: tuple[str, ...] = ()
    messages: tuple[MessageWrite, ...] = ()
    forgotten: tuple[str, ...] = ()
    """Conversations whose recent history goes; `recent` is added after that."""
    unnumbered: tuple[str, ...] = ()
    """Conversations that are no longer found by their number."""
    recent: tuple[RecentWrite, ...] = ()
    journal: tuple[bytes, ...] = ()
    rows: tuple[RowWrite, ...] = ()
    number: NumberWrite | None = None


class Traces(Value, frozen=True, kw_only=True):
    """What is left of a contact that was forgotten."""

    contact: ContactId
    aliases: Sequence[str]
    """Deleted where they still lead to this contact; `places` likewise."""
    places: Sequence[Place]
    conversations: Sequence[str]


class StoredLine(Value, frozen=True, kw_only=True):
    """Something that was said, as the archive has it."""

    conversation: ConversationId
    at: datetime
    direction: Direction
    author: AgentId | None
    """None: the contact, or somebody who is no agent."""
    text: str
    internal: bool


class Stored(Value, frozen=True, kw_only=True):
    """A contact as the archive has it."""

    state: bytes
    """The packed `model.Contact`."""
    lines: tuple[StoredLine, ...] = ()
    """The last lines of its conversations, oldest first."""


class Shelf(Protocol):
    """Where the states of contacts at rest are: the archive."""

    async def state(self, contact: ContactId) -> Stored | None:
        """A contact's state as it was stored last; None: it has none. Raises `BridgeError` when it cannot tell."""


class Swept(msgspec.Struct, frozen=True):
    """What came of a sweep."""

    lines: Sequence[tuple[str, str]] = ()
    """Parked lines whose time has come: unit and line."""
    next_ms: int | None = None
    """When the next timer or parked line is due (Redis time, Unix milliseconds); None while there is none."""


class LaneStore(Protocol):
    """The lanes' side of the store.

    Every method raises `StoreUnavailableError` when Redis does not answer, and
    those that take a hold raise `FenceLostError` when it is not ours any more.
    """

    async def acquire(self, lane: LaneId, owner: str) -> Hold | None:
        """Take the lane if nobody holds it (Redis time decides). None: somebody does."""

    async def renew(self, holds: Sequence[Hold]) -> dict[LaneId, Hold]:
        """Prolong holds; those missing from the answer are lost, those whose place did not answer are as before."""

    async def release(self, hold: Hold) -> None:
        """Give the lane up at once; harmless when it is lost already."""

    async def beat(self, owner: str) -> int:
        """Say that this worker lives; how many workers do."""

    async def leave(self, owner: str) -> None:
        """Say that this worker goes."""

    async def read(self, after: Mapping[LaneId, str], count: int, block_s: float) -> list[Entry]:
        """Entries behind the given stream ids, at most `count` per lane; waits up to `block_s` for the first.

        Not always those of all lanes that have some: in a cluster each lane answers for itself.
        """

    async def range(self, lane: LaneId, after: str, count: int) -> list[Entry]:
        """Entries of one lane behind a stream id, without waiting."""

    async def load(self, lane: LaneId, unit: str) -> Record:
        """A unit's state."""

    async def counter(self, lane: LaneId) -> int:
        """The last conversation counter used in a shard."""

    async def every_record(self, lane: LaneId, units: Sequence[str]) -> list[bytes]:
        """All message records of these units, those of the newest day first, without their ids. For the rare question
        that only looking through them answers.
        """

    async def message_records(
        self, lane: LaneId, units: Sequence[str], ids: Sequence[str], platform_ids: Sequence[str]
    ) -> dict[str, bytes]:
        """Message records of these units by message id, of the ids given and of those the platform ids lead to."""

    async def recent(self, lane: LaneId, conversation: str, count: int) -> list[bytes]:
        """The last `count` lines of a conversation's recent history, oldest first."""

    async def commit(self, commit: Commit) -> bool:
        """Write a decision.

        False: its event was decided before, or its action is no longer pending; then
        nothing was written but the entry's removal. Raises `FenceLostError`, `StaleVersionError`.
        """

    async def pending(self, lane: LaneId, unit: str) -> list[Pending]:
        """A unit's pending actions, in no particular order."""

    async def busy_units(self, lane: LaneId) -> list[str]:
        """Units that have pending actions."""

    async def mark(self, hold: Hold, unit: str, actions: Sequence[ActionId], mark: bytes) -> bool:
        """Record that an attempt is about to be made. False: some of the actions have ended, the rest is marked."""

    async def park(self, hold: Hold, unit: str, line: str, after_s: float) -> None:
        """Put a unit's line aside; `sweep` returns it once the time has come."""

    async def sweep(self, hold: Hold, limit: int) -> Swept:
        """Move due timers into the stream; take out due parked lines."""

    async def count_try(self, hold: Hold, entry: str) -> int:
        """Count a try of a stream entry; how many there were, this one included."""

    async def bury(self, hold: Hold, entry: Entry, reason: str, notice: bytes | None = None) -> None:
        """Move an entry to the lane's dead letters, and append the packed event that tells people, in one step."""

    async def take(self, bucket: str, per_s: float, burst: int) -> float:
        """Take a slot of a shared limit: seconds to wait before it is ours (0: now).

        The slot is taken either way, so the caller waits that long and then goes.
        """

    async def emit(self, lane: LaneId, unit: str, event: bytes) -> None:
        """Append a packed event to any lane (`actions.Emit`); the lane's own dedupe makes repeating it safe."""

    async def move_aliases(self, contact: ContactId, aliases: Sequence[str]) -> None:
        """Point aliases at a contact, whatever they pointed at (`actions.MoveAliases`)."""

    async def erase(self, lane: LaneId, traces: Traces) -> None:
        """Delete what is left of a contact in and outside its lane (`actions.EraseTraces`): keys, dead letters."""

    async def rows(self, agents: Sequence[AgentId | None]) -> list[bytes]:
        """The desk lane's rows of these agents (None: of nobody), packed."""

    async def thread(self, place: Place) -> ThreadRef | None:
        """What a thread stands for, as far as it is known."""

    async def remember_thread(self, place: Place, ref: ThreadRef) -> None:
        """Make staff words in this thread find their conversation."""

    async def remember_number(self, conversation: ConversationId, ref: ThreadRef) -> None:
        """Make a conversation be found by its number again."""

    async def forget_threads(self, places: Sequence[Place]) -> None:
        """Staff words in these threads no longer find their conversation by a key (`actions.ForgetThreads`)."""

    async def now_ms(self) -> int:
        """Redis time, Unix milliseconds."""


class Told(Value, frozen=True, kw_only=True):
    """One fact as the archive keeps it."""

    entry: str
    """Where it stood in its lane's journal, `<ms>-<n>`: ms is when it was committed."""
    fact: bytes


class History(Protocol):
    """What the archive tells of single messages. Raises `errors.BridgeError`, in words, when it cannot."""

    async def told(self, contact: ContactId, conversation: ConversationId, back: int) -> list[Told]:
        """Everything about a conversation since its `back`-th last message (or note), in order."""

    async def standing(self, contact: ContactId, post: Post) -> str | None:
        """What the contacts' platform calls the latest message, of or to a contact or one that was joined into it, that
        stands in a post; None when there is none.
        """

    async def recalled(self, contact: ContactId, reference: Reference) -> Recalled | None:
        """A message of, or to, a contact or one that was joined into it; None when there is no such message."""
