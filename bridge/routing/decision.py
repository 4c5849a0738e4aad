"""The shape of a decision: what goes in, what comes out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bridge.actions import AnyAction
from bridge.events import TimeReached
from bridge.journal import AnyFact
from bridge.model import (
    ActionId,
    AgentId,
    Contact,
    ConversationId,
    DeskState,
    MessageId,
    MessageRecord,
    OpenConversation,
    Policies,
    Recent,
    Roster,
    Struct,
    Token,
)


class Context(Struct, frozen=True, kw_only=True):
    """What a decision may know beyond the state: all of it snapshots."""

    now: datetime
    policies: Policies
    roster: Roster
    counter: int
    """The shard's next conversation counter; used up when `Decision.opened` is set."""
    messages: Mapping[MessageId, MessageRecord] = msgspec.field(default_factory=dict)
    """The records that `needs` asked for, as far as they exist."""
    pending: tuple[ActionId, ...] = ()
    """Actions of the contact that are pending; known where `needs` asked."""
    action: AnyAction | None = None
    """For a `Result`: the pending action it answers."""
    recent: tuple[Recent, ...] = ()


class Needs(Struct, frozen=True, kw_only=True):
    """What has to be loaded before an event can be decided."""

    messages: tuple[MessageId, ...] = ()
    platform_ids: tuple[str, ...] = ()
    """Looked up in the shard's index of platform ids."""
    pending: bool = False
    """Which actions are pending."""


class Form(enum.Enum):
    """How much of a contact's state Redis keeps."""

    WHOLE = "whole"
    STUB = "stub"
    """What is needed to go on without the archive for a while."""
    SHELVED = "shelved"
    """Only that the archive has it."""
    GONE = "gone"
    """Nothing: there is nothing to keep."""


class Timer(Struct, frozen=True, kw_only=True):
    """Something to decide upon later; replaces the timer with the same token."""

    token: Token
    due: datetime
    event: TimeReached


class Row(Struct, frozen=True, kw_only=True):
    """A line of the desk lane's lists: moves `row` from one agent's list to another's (None: unassigned)."""

    before: AgentId | None
    after: AgentId | None
    conversation: ConversationId
    row: OpenConversation | None


class Decision(Struct, frozen=True, kw_only=True):
    """What a contact's shard commits for one event."""

    state: Contact
    actions: tuple[AnyAction, ...] = ()
    """New, in order of `seq`."""
    done: tuple[ActionId, ...] = ()
    """Pending actions that end with this decision."""
    replaced: tuple[AnyAction, ...] = ()
    """Pending actions that go on changed (same id, same seq)."""
    timers: tuple[Timer, ...] = ()
    cleared: tuple[Token, ...] = ()
    messages: tuple[MessageRecord, ...] = ()
    recent: tuple[tuple[ConversationId, Recent], ...] = ()
    facts: tuple[AnyFact, ...] = ()
    opened: ConversationId | None = None
    form: Form = Form.WHOLE
    """How `state` is kept; what only the archive has of it comes back when it is asked for."""
    forgotten: tuple[ConversationId, ...] = ()
    """Conversations whose recent history goes."""
    unnumbered: tuple[ConversationId, ...] = ()
    """Conversations that are no longer found by their number."""
    ignored: str | None = None
    """Why nothing was done, for the metrics; one or two words."""


class DeskDecision(Struct, frozen=True, kw_only=True):
    """What the desk lane commits for one event."""

    state: DeskState
    actions: tuple[AnyAction, ...] = ()
    done: tuple[ActionId, ...] = ()
    rows: tuple[Row, ...] = ()
    ignored: str | None = None
