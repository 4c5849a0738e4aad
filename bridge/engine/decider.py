"""One decision for one lane: from the stored record and an event to the commit. No I/O.

Contacts' shards and the desk lane differ in their state and in the function that decides; everything around
is the same, and stays the same because of this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bridge import actions as actions_codec
from bridge import journal
from bridge.actions import AnyAction
from bridge.events import AnyEvent, DeskDone, Event, Result, ThreadFound, pack
from bridge.journal import ErasureNoted
from bridge.model import (
    DESK_LANE,
    ActionId,
    Contact,
    ContactId,
    ConversationId,
    DeskState,
    LaneId,
    MessageId,
    MessageRecord,
    Policies,
    Recent,
    Roster,
    ThreadRef,
    conversation_id,
)
from bridge.routing.decide import decide, decide_desk, needs
from bridge.routing.decision import Context, Decision, DeskDecision, Form, Needs
from bridge.store import records, stub
from bridge.store.base import (
    Commit,
    Hold,
    MessageWrite,
    NumberWrite,
    RecentWrite,
    Record,
    RowWrite,
    TimerWrite,
)

_encode = msgspec.msgpack.Encoder().encode
_desk = msgspec.msgpack.Decoder(DeskState).decode

UnitState = Contact | DeskState


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a decision sees of the world outside its unit."""

    now: datetime
    policies: Policies
    roster: Roster
    counter: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision, ready to be written, and what follows from it once it is."""

    commit: Commit
    state: UnitState
    actions: Sequence[AnyAction]
    ended: Sequence[ActionId]
    opened: bool
    messages: Sequence[MessageRecord] = ()
    """Message records as they are once it is written."""
    at_rest: bool = False
    """Redis keeps less than `state`."""
    ignored: str | None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as it stands in Redis."""

    version: int
    state: UnitState
    """Of a contact at rest: what the stub says, or nothing but the id."""
    stub: bytes | None = None
    """What stands there of a contact at rest; written again as it is by decisions that change nothing."""
    shelved: bool = False
    """Not even a stub stands there: only the archive knows the contact."""
    restored: tuple[tuple[ConversationId, Recent], ...] = ()
    """Recent history that came back from the archive together with the state, oldest first."""


def decode(lane: LaneId, unit: str, record: Record) -> Loaded:
    """A unit's record, understood; an empty state when nothing is stored yet."""
    version, data = record.version, record.data
    if lane == DESK_LANE:
        return Loaded(version=version, state=_desk(data) if data else DeskState())
    contact = ContactId(unit)
    kept = stub.unpack(data) if data else Contact(id=contact)
    if isinstance(kept, Contact):
        return Loaded(version=version, state=kept)
    if isinstance(kept, stub.Stub):
        return Loaded(version=version, state=kept.contact(contact), stub=data)
    return Loaded(version=version, state=Contact(id=contact), stub=data, shelved=True)


def needed(lane: LaneId, event: Event, action: AnyAction | None = None) -> Needs:
    """The message records that deciding on `event`, a result of `action` where it is set, takes."""
    return Needs() if lane == DESK_LANE else needs(event, action)  # type: ignore[arg-type]


def decode_messages(stored: Mapping[str, bytes]) -> dict[MessageId, MessageRecord]:
    """Message records as stored, by id."""
    return {name: records.unpack(name, data) for name, data in stored.items()}  # type: ignore[misc, arg-type]


def answered_action(event: Event) -> ActionId | None:
    """The pending action that `event` is the result of."""
    if isinstance(event, Result | ThreadFound | DeskDone):
        return event.action
    return None


def settle(  # noqa: PLR0913 - everything one decision depends on, named
    hold: Hold,
    unit: str,
    loaded: Loaded,
    event: AnyEvent,
    snapshot: Snapshot,
    *,
    messages: Mapping[MessageId, MessageRecord] | None = None,
    pending: tuple[ActionId, ...] = (),
    action: AnyAction | None = None,
    entry: str | None = None,
    tried: bool = False,
) -> Outcome:
    """Decide on `event`, which stands in the stream as `entry` (and was `tried`, so that its tries are counted), and
    lay out everything the commit has to write.
    """
    context = Context(
        now=snapshot.now,
        policies=snapshot.policies,
        roster=snapshot.roster,
        counter=snapshot.counter,
        messages=dict(messages or {}),
        pending=pending,
        action=action,
    )
    answered = answered_action(event)
    base: dict[str, Any] = {
        "hold": hold,
        "unit": unit,
        "version": loaded.version,
        "event_id": None if answered else event.id,
        "requires": answered,
        "entry": entry,
        "tried": tried,
    }
    state = loaded.state
    if isinstance(state, DeskState):
        return _lay_out_desk(decide_desk(state, event, context), base, state)  # type: ignore[arg-type]
    return _lay_out(decide(state, event, context), base, context, loaded)  # type: ignore[arg-type]


def _pack_actions(actions: Sequence[AnyAction]) -> tuple[tuple[ActionId, bytes], ...]:
    return tuple((action.id, actions_codec.pack(action)) for action in actions)


def packed_state(decision: Decision, now: datetime, loaded: Loaded) -> bytes:
    """The state as Redis keeps it from now on."""
    if decision.form is Form.STUB:
        return stub.pack_stub(decision.state, now)
    if decision.form is Form.SHELVED:
        return stub.pack_shelved(decision.state)
    if loaded.stub is not None and decision.state is loaded.state:
        return loaded.stub
    return _encode(decision.state)


def _lay_out(decision: Decision, base: dict[str, Any], context: Context, loaded: Loaded) -> Outcome:
    known = context.messages
    actions = (*decision.actions, *decision.replaced)
    # Most results change nothing of the contact. Then its record, whole or a stub, is not written again.
    as_it_was = decision.form is Form.WHOLE and decision.state is loaded.state
    at_rest = decision.form is not Form.WHOLE or (as_it_was and loaded.stub is not None)
    restored = () if at_rest else loaded.restored
    commit = Commit(
        **base,
        state=None if as_it_was else packed_state(decision, context.now, loaded),
        gone=decision.form is Form.GONE,
        erased=any(isinstance(fact, ErasureNoted) for fact in decision.facts),
        actions=_pack_actions(actions),
        done=decision.done,
        timers=tuple(
            TimerWrite(token=timer.token, due_ms=int(timer.due.timestamp() * 1000), event=pack(timer.event))
            for timer in decision.timers
        ),
        cleared=decision.cleared,
        messages=tuple(_message_write(record, known.get(record.id)) for record in decision.messages),
        # What is restored is the whole of it: a commit whose answer got lost may be followed by another of the kind.
        forgotten=(*decision.forgotten, *dict.fromkeys(owner for owner, _ in restored)),
        unnumbered=decision.unnumbered,
        recent=tuple(_recent_write(owner, line) for owner, line in (*restored, *decision.recent)),
        journal=tuple(journal.pack(fact) for fact in decision.facts),
        number=_number_write(decision, base["hold"], context.counter),
    )
    return Outcome(
        commit=commit,
        state=decision.state,
        actions=actions,
        ended=decision.done,
        opened=decision.opened is not None,
        messages=decision.messages,
        at_rest=at_rest,
        ignored=decision.ignored,
    )


def _lay_out_desk(decision: DeskDecision, base: dict[str, Any], before: DeskState) -> Outcome:
    rows = tuple(
        RowWrite(
            before=row.before or "",
            after=row.after or "",
            field=row.conversation,
            data=_encode(row.row) if row.row else None,
        )
        for row in decision.rows
    )
    commit = Commit(
        **base,
        state=None if decision.state is before else _encode(decision.state),
        actions=_pack_actions(decision.actions),
        done=decision.done,
        rows=rows,
    )
    return Outcome(
        commit=commit,
        state=decision.state,
        actions=decision.actions,
        ended=decision.done,
        opened=False,
        ignored=decision.ignored,
    )


def _message_write(record: MessageRecord, known: MessageRecord | None) -> MessageWrite:
    """The record, and the platform ids that do not lead to it yet."""
    before = _platform_ids(known) if known else ()
    news = tuple(one for one in _platform_ids(record) if one not in before)
    return MessageWrite(id=record.id, data=records.pack(record), platform_ids=news)


def _platform_ids(record: MessageRecord) -> tuple[str, ...]:
    """The ids of the parts that we sent: what the platform reports on and contacts quote. A contact's own message is
    found without one, for its id is derived from its event's, and that from the platform's.
    """
    return tuple(part.platform_id for part in record.parts if part.platform_id)


def _recent_write(owner: ConversationId, line: Recent) -> RecentWrite:
    return RecentWrite(conversation=owner, data=_encode(line))


def _number_write(decision: Decision, hold: Hold, counter: int) -> NumberWrite | None:
    if decision.opened is None:
        return None
    opened = decision.state.conversation(decision.opened)
    if opened is None or decision.opened != conversation_id(hold.lane, counter):
        msg = f"decision opened {decision.opened}, which is not the shard's next conversation"
        raise ValueError(msg)
    ref = ThreadRef(contact=decision.state.id, conversation=opened.id, inbox=opened.inbox)
    return NumberWrite(counter=counter, conversation=opened.id, data=_encode(ref))
