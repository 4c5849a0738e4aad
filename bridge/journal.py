"""What a decision changed, as facts for the journal: the closed union that history is made from.

The journal is append-only and written by the same commit as the state. Reports and search are projections of
it, so a fact says everything a projection needs and is never rewritten. Facts outlive every release: fields are
only ever added, with a default.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.content import NO_MARKS, Content, Marks, Outward
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
    Place,
    Post,
    Priority,
    Status,
)


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, gc=False):
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
    """What was said, as words."""
    internal: bool = False
    kind: str = "text"
    """`content.kind_of` of it."""
    author: AgentId | None = None
    account: DeskUser | None = None
    platform_id: str | None = None
    sent_at: datetime | None = None
    """Of what was written on the contacts' platform, by the contact or by a colleague there: its time of writing; `at` is
    when it arrived.
    """
    post: Post | None = None
    """Outbound and internal: the staff post that the words were typed in; None for other doors."""
    content: Content | None = None
    """What was said, where it is more than its words."""
    marks: Marks = NO_MARKS
    extras: tuple[Outward, ...] = ()
    """By staff: what went along with the words; `body` tells of it, too."""
    imported: bool = False
    """It was said before the bridge: `at` is when, and nothing was shown or sent here."""


class PostNoted(Fact, frozen=True, kw_only=True):
    """A post of ours stands on the desk. `message` is the contact's message that it shows, or stands for (several
    may share a post, and a message may have several); None for any other notice.
    """

    post: Post
    message: MessageId | None = None
    tries: int = 1
    """How many tries it took."""


class ThreadNoted(Fact, frozen=True, kw_only=True):
    """The conversation is answered in this thread from now on; `card` is its root."""

    place: Place
    card: Post


class PartFate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """News of one of the platform's messages that carry an outbound message."""

    part: int
    """From 0."""
    fate: Fate
    platform_id: str = ""
    """Empty while the platform has given none."""


class ReactionNoted(Fact, frozen=True, kw_only=True):
    """The contact put an emoji on a message, or took it off."""

    platform_id: str
    """Of the message."""
    emoji: str
    """Empty: taken off."""


class TouchNoted(Fact, frozen=True, kw_only=True):
    """The contact was addressed, or came to us: see `model.Touch`. With `answer` they said something to it."""

    kind: str
    sent_at: datetime
    name: str = ""
    campaign: str = ""
    platform_id: str = ""
    answer: MessageId | None = None


class DeliveryNoted(Fact, frozen=True, kw_only=True):
    """There is news of an outbound message: `fate` is that of the whole, `parts` are those that it changed for."""

    message: MessageId
    fate: Fate
    code: str = ""
    words: str = ""
    """Why it failed, for people."""
    parts: tuple[PartFate, ...] = ()
    total: int = 0
    """How many parts there are; 0 until that is known."""
    tries: int = 1
    """How many tries it took until then, of the part that was sent or failed."""
    imported: bool = False
    """As the platform tells of what was sent before the bridge: news only of messages that came the same way."""


class VerdictNoted(Fact, frozen=True, kw_only=True):
    """Somebody said what becomes of an outbound message that failed, or whose fate nobody knows, or of a contact's file
    that could not be shown.
    """

    message: MessageId
    verdict: str
    """`retry` or `resend`: it is sent again, from `part` on; `arrived`: that part did arrive;
    `fetch`: the file is fetched again.
    """
    part: int
    """From 0."""
    by: AgentId
    account: DeskUser


class DroppedNoted(Fact, frozen=True, kw_only=True):
    """An operator dropped a dead letter: an event that could not be decided, and now never will be.

    `cause` names the dead letter, `inbox` and `conversation` are empty where the event does not say.
    """

    kind: str
    """Which kind of event, as far as it could be read."""
    arrived_at: datetime
    reason: str
    """The operator's words."""
    message: MessageId | None = None
    """The contact's message that is not shown because of it."""
    data: bytes = b""
    """The event as it was packed, so that nothing is gone for good."""


class CommandNoted(Fact, frozen=True, kw_only=True):
    """Somebody gave a command that made sense and that they may give, by whichever door."""

    command: str
    """Its name in `bridge.commands`."""
    args: tuple[str, ...] = ()
    """Its arguments but for a text for the contact or for colleagues: that is a message of its own."""
    by: AgentId
    account: DeskUser


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


class ContactNoted(Fact, frozen=True, kw_only=True):
    """What is known of the contact, after it changed. `phone` is digits."""

    name: str = ""
    username: str | None = None
    phone: str | None = None
    address: str | None = None
    """What to send to, opaque to everybody but the contact-side adapter."""


class AliasesNoted(Fact, frozen=True, kw_only=True):
    """A contact is also known under these aliases; `merged` names a contact that was joined into it."""

    aliases: tuple[str, ...]
    merged: ContactId | None = None


class ContactStored(Fact, frozen=True, kw_only=True):
    """The whole state of a contact that has been quiet for long: once it is archived, a stub may stand in its
    stead. It is no news of the contact: nothing happened to them. `at` tells one storing from another.
    """

    state: bytes
    """The packed `model.Contact`."""


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What remains of a contact that was forgotten, in one inbox: numbers, so that reports still add up."""

    inbox: InboxId
    conversations: int = 0
    episodes: int = 0
    messages_in: int = 0
    messages_out: int = 0
    notes: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


class ErasureNoted(Fact, frozen=True, kw_only=True):
    """Everything about the contact up to here is to be forgotten. The archive keeps the fact without the contact's
    id, and with `tallies` in its stead; it concerns no conversation and no inbox.
    """

    by: str
    """Who asked for it: an operator, in their own words."""
    tallies: tuple[Tally, ...] = ()


class EpisodeKept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an episode's pruned messages had told of it."""

    episode: int
    first_inbound_at: datetime | None = None
    first_answer_at: datetime | None = None
    first_answer_by: AgentId | None = None


class PruningNoted(Fact, frozen=True, kw_only=True):
    """What was said in the conversation before `until` was too old to be kept, and is gone: messages and notes,
    their deliveries and posts, and commands. Written by the archive itself. It is no news of the contact.

    Everything else here is what those messages had told of the conversation, so that it stays known.
    """

    until: datetime
    messages_in: int = 0
    messages_out: int = 0
    notes: int = 0
    contact_last_at: datetime | None = None
    last_at: datetime | None = None
    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    episodes: tuple[EpisodeKept, ...] = ()


AnyFact = (
    ConversationOpened
    | MessageNoted
    | PostNoted
    | ThreadNoted
    | ReactionNoted
    | TouchNoted
    | DeliveryNoted
    | VerdictNoted
    | DroppedNoted
    | CommandNoted
    | StatusNoted
    | AssigneeNoted
    | TagsNoted
    | PriorityNoted
    | ContactNoted
    | AliasesNoted
    | ContactStored
    | ErasureNoted
    | PruningNoted
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyFact] = msgspec.msgpack.Decoder(AnyFact)


def pack(fact: Fact) -> bytes:
    """The fact as it stands in the journal."""
    return _encoder.encode(fact)


def unpack(data: bytes) -> AnyFact:
    """The inverse of `pack`."""
    return _decoder.decode(data)
