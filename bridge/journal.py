"""What a decision changed, as facts for the journal: the closed union that history is made from.

The journal is append-only and written by the same commit as the state. Reports and search are projections of
it, so a fact says everything a projection needs and is never rewritten.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.markup import Document
from bridge.model import (
    AgentId,
    ContactId,
    ConversationId,
    DeskUser,
    Direction,
    EventId,
    Fate,
    InboxId,
    MessageId,
    Priority,
    Status,
)


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Base. `cause` is the event that was decided; `at` its time."""

    at: datetime
    cause: EventId
    contact: ContactId
    conversation: ConversationId
    inbox: InboxId


class ConversationOpened(Fact, frozen=True, kw_only=True):
    """A conversation began."""

    number: int
    name: str
    previous: ConversationId | None = None


class MessageNoted(Fact, frozen=True, kw_only=True):
    """A message or note came to be. `author` is None for the contact and for the bridge itself."""

    message: MessageId
    direction: Direction
    body: Document
    internal: bool = False
    kind: str = "text"
    author: AgentId | None = None
    account: DeskUser | None = None
    platform_id: str | None = None


class DeliveryNoted(Fact, frozen=True, kw_only=True):
    """The fate of a message changed."""

    message: MessageId
    fate: Fate
    platform_id: str | None = None
    code: str = ""


class StatusNoted(Fact, frozen=True, kw_only=True):
    """A conversation changed status."""

    before: Status
    after: Status
    by: AgentId | None = None


class AssigneeNoted(Fact, frozen=True, kw_only=True):
    """A conversation changed hands."""

    before: AgentId | None
    after: AgentId | None
    by: AgentId | None = None


class TagsNoted(Fact, frozen=True, kw_only=True):
    """A conversation's tags changed."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    by: AgentId | None = None


class PriorityNoted(Fact, frozen=True, kw_only=True):
    """A conversation's priority changed."""

    before: Priority
    after: Priority
    by: AgentId | None = None


class AliasesNoted(Fact, frozen=True, kw_only=True):
    """A contact is also known under these aliases; `merged` names a contact that was joined into it."""

    aliases: tuple[str, ...]
    merged: ContactId | None = None


AnyFact = (
    ConversationOpened
    | MessageNoted
    | DeliveryNoted
    | StatusNoted
    | AssigneeNoted
    | TagsNoted
    | PriorityNoted
    | AliasesNoted
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyFact] = msgspec.msgpack.Decoder(AnyFact)


def pack(fact: Fact) -> bytes:
    """The fact as it stands in the journal."""
    return _encoder.encode(fact)


def unpack(data: bytes) -> AnyFact:
    """The inverse of `pack`."""
    return _decoder.decode(data)
