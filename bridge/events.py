"""What happened, in the past tense: the closed union of everything that can be decided upon.

An adapter (or a timer, or the performer) makes an event, the store appends it to a lane's stream, and routing
decides on it. Events are inert: they hold no connection and know no adapter. `id` is derived from the cause;
the commit refuses an id it has seen in the last days, so repeating an event changes nothing.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.content import NO_MARKS, Content, Marks, Outward, StaffFile, TemplateMessage
from bridge.errors import Failure
from bridge.markup import Document
from bridge.model import (
    ActionId,
    Agent,
    AgentId,
    Contact,
    ContactId,
    ConversationId,
    DeskUser,
    EventId,
    Fate,
    InboxId,
    MessageId,
    OpenConversation,
    Place,
    Post,
    Reference,
    Token,
)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, gc=False):
    """Base. `at` is when it happened as far as we know (arrival, unless the platform's own time is meant)."""

    id: EventId
    at: datetime


class ContactEvent(Event, frozen=True, kw_only=True):
    """An event of one contact; decided in that contact's shard."""

    contact: ContactId


# ------------------------------------------------------------------------------------------ from the contact


class MessageReceived(ContactEvent, frozen=True, kw_only=True):
    """The contact wrote, or sent something else: whatever `content` says."""

    inbox: InboxId
    platform_id: str
    """Empty for what can be neither quoted nor marked as read, such as a call."""
    content: Content
    sent_at: datetime
    """The platform's time; shown when it is much older than `at`."""
    name: str | None = None
    username: str | None = None
    phone: str | None = None
    address: str | None = None
    aliases: tuple[str, ...] = ()
    quoted: Reference | None = None
    """The message that it answers."""
    marks: Marks = NO_MARKS
    asked: bool = False
    """To or from a contact that was joined into another: whether it is known there; see `routing.joins.asks`."""


class ContactAmended(ContactEvent, frozen=True, kw_only=True):
    """The contact edited a message of theirs, or deleted it for everybody."""

    inbox: InboxId
    about: Reference
    content: Content | None
    """What it says now; None: deleted."""
    sent_at: datetime
    """The platform's time."""
    ours: bool = False
    """A colleague did, in the platform's own app, to a message that was written there."""


class AnsweredElsewhere(ContactEvent, frozen=True, kw_only=True):
    """A colleague wrote to the contact without us, in the platform's own app."""

    inbox: InboxId
    platform_id: str
    content: Content
    sent_at: datetime
    """The platform's time."""


class ContactReacted(ContactEvent, frozen=True, kw_only=True):
    """The contact put an emoji on a message, in place of any other of theirs, or took it off."""

    inbox: InboxId
    about: Reference
    emoji: str
    """Unicode, without variation selectors; empty: taken off."""
    sent_at: datetime
    """The platform's time."""


class PastMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A message from before the bridge."""

    about: Reference
    sent_at: datetime
    content: Content | None
    """None: that there was a file, and no more."""
    ours: bool = False
    fate: Fate = Fate.ACCEPTED
    """Of ours."""


class HistoryImported(ContactEvent, frozen=True, kw_only=True):
    """Part of what was said with the contact before the bridge."""

    inbox: InboxId
    messages: tuple[PastMessage, ...]
    aliases: tuple[str, ...] = ()
    phone: str | None = None
    address: str | None = None
    username: str | None = None


class CampaignImported(ContactEvent, frozen=True, kw_only=True):
    """Another program sent the contact a template: an operator says so."""

    inbox: InboxId
    template: str
    campaign: str
    sent_at: datetime
    platform_id: str = ""
    aliases: tuple[str, ...] = ()
    phone: str | None = None
    address: str | None = None


class ContactChanged(ContactEvent, frozen=True, kw_only=True):
    """The platform told us of a new number or id of the contact."""

    inbox: InboxId
    aliases: tuple[str, ...]
    phone: str | None = None
    address: str | None = None
    what: str = ""
    """In plain words, for the thread."""
    marketing: bool | None = None
    """Whether they want marketing messages, where that is what changed."""
    alert: bool = False
    """The people with rights have to know, too."""


class ContactsJoined(ContactEvent, frozen=True, kw_only=True):
    """Two known contacts turned out to be one person. Appended to the shards of both; `other` is the other one.
    `leads`: whether `contact` is the one that settles the join.
    """

    other: ContactId
    leads: bool


class JoinProposed(ContactEvent, frozen=True, kw_only=True):
    """Sent to the leading contact by the other one, with its state at that moment."""

    other: Contact


class JoinSettled(ContactEvent, frozen=True, kw_only=True):
    """Sent to the one that was not leading: `winner` goes on; the loser redirects to it."""

    winner: ContactId
    continued: dict[InboxId, int] = {}
    """Numbers of the winner's conversations by inbox, for the loser's farewell notice."""


class ContactMerged(ContactEvent, frozen=True, kw_only=True):
    """Sent to the winner by the loser, once the loser has nothing left to send: what it was known under."""

    loser: Contact


class DeliveryChanged(ContactEvent, frozen=True, kw_only=True):
    """The platform reports on something we sent. `message`/`part` are known when our own id came back with it."""

    inbox: InboxId
    platform_id: str
    status: str
    """`sent`, `delivered`, `read`, `played` or `failed`."""
    message: MessageId | None = None
    part: int = 0
    failure: Failure | None = None


# --------------------------------------------------------------------------------------------- from the desk


class StaffEvent(ContactEvent, frozen=True, kw_only=True):
    """Somebody on the desk did something that concerns a contact."""

    author: DeskUser
    author_name: str = ""
    place: Place | None = None
    """The thread (or, for a command from elsewhere, the channel) it was done in: where answers go."""
    reply_handle: str | None = None
    """Opaque and secret: how to answer this person for the next minutes (e.g. a response url). Never logged."""


class DeskEvent(StaffEvent, frozen=True, kw_only=True):
    """Somebody on the desk did something in, or about, a conversation."""

    conversation: ConversationId


class OutreachBegan(StaffEvent, frozen=True, kw_only=True):
    """Somebody writes to a contact first: with a template, since nothing else may be sent."""

    inbox: InboxId
    message: TemplateMessage
    aliases: tuple[str, ...] = ()
    phone: str | None = None
    """Digits, as typed with the country code."""
    address: str | None = None


class StaffWrote(DeskEvent, frozen=True, kw_only=True):
    """Words typed in a thread. The adapter does not interpret them."""

    post: Post
    body: Document
    files: tuple[StaffFile, ...] = ()
    """What came with it, in order."""
    answers: Post | None = None
    """The post that it links to at its beginning or end; that link is no part of `body`."""


class StaffEdited(DeskEvent, frozen=True, kw_only=True):
    """A staff post was edited."""

    post: Post
    body: Document
    cause: EventId
    """Id of the `StaffWrote` of the post."""


class StaffDeleted(DeskEvent, frozen=True, kw_only=True):
    """A staff post was deleted; `author` is whoever wrote it (platforms do not tell who deleted)."""

    post: Post
    cause: EventId


class CommandGiven(DeskEvent, frozen=True, kw_only=True):
    """A slash command, menu entry or submitted modal. `line` is a command line as typed after the `!`."""

    line: str
    body: Document | None = None
    """Formatted text for commands that take one (`note`, `reply`), when it came from a modal."""
    answers: Post | None = None
    """The post that it was given at, where its text answers that."""
    quoted: str = ""
    """What that post shows, for those who read along."""


class MessageComposed(DeskEvent, frozen=True, kw_only=True):
    """A form with a message to the contact was sent off."""

    command: str
    """The command that does the same."""
    body: Document
    extras: tuple[Outward, ...] = ()
    answers: Post | None = None
    """The post whose message it answers."""
    quoted: str = ""
    """What that post shows, for those who read along."""


class DraftBegan(DeskEvent, frozen=True, kw_only=True):
    """Somebody is writing to the contact, and what they write is no post yet; told again while that goes on."""


class ButtonPressed(DeskEvent, frozen=True, kw_only=True):
    """A button of one of our posts was pressed. `button` is `model.Button.name`."""

    button: str
    token: Token | None = None
    value: str | None = None


class CardReacted(DeskEvent, frozen=True, kw_only=True):
    """An emoji was put on the card (`added`) or taken off it. `emoji` is Unicode without variation selectors."""

    emoji: str
    added: bool


class StaffReacted(DeskEvent, frozen=True, kw_only=True):
    """An emoji was put on a post in a thread (`added`) or taken off it; told where an inbox lets it out. `emoji` is
    Unicode without variation selectors.
    """

    emoji: str
    added: bool
    answers: Post


class ModeChanged(ContactEvent, frozen=True, kw_only=True):
    """The speaking mode of one of the contact's inboxes is another one now: cards say so."""

    inbox: InboxId


class ThreadVanished(ContactEvent, frozen=True, kw_only=True):
    """The conversation's thread, or the channel around it, is gone; noticed from the desk's own event."""

    conversation: ConversationId
    place: Place
    reason: str


# ----------------------------------------------------------------------------------------------------- rest


class ContactIdle(ContactEvent, frozen=True, kw_only=True):
    """As far as the archive knows nothing happened to the contact since `since`: it may leave Redis."""

    since: datetime


class ContactArchived(ContactEvent, frozen=True, kw_only=True):
    """The archive has the state that was stored at `stored`."""

    stored: datetime


class StubOutlived(ContactEvent, frozen=True, kw_only=True):
    """The state stored at `stored` has rested for so long that not even its stub is needed."""

    stored: datetime


class ContactFetched(ContactEvent, frozen=True, kw_only=True):
    """The archive answered after all: the whole state (a packed `model.Contact`) of a contact whose stub went on
    without it.
    """

    state: bytes


# --------------------------------------------------------------------------------------------------- timers


class ContactForgotten(ContactEvent, frozen=True, kw_only=True):
    """An operator wants everything about the contact to be forgotten. What the state does not say comes along, as far
    as the archive knows it: under what the contact is found, and what is found of them.
    """

    by: str
    """Who asked for it."""
    force: bool = False
    """Also while a conversation is active or something is under way; that ends unsaid."""
    aliases: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    """Threads."""
    conversations: tuple[ConversationId, ...] = ()


class WindowClosing(ContactEvent, frozen=True, kw_only=True):
    """As far as the archive knows the contact waits for an answer, and the time for free text is over soon."""

    conversation: ConversationId


class EventBuried(ContactEvent, frozen=True, kw_only=True):
    """An event of this contact was given up on and lies among the dead letters; people have to know."""

    kind: str
    """Which kind of event, as far as it could be read."""


class TimeReached(ContactEvent, frozen=True, kw_only=True):
    """A timer fired. Ignored unless `token` is still current."""

    conversation: ConversationId
    timer: str
    """`hold` or `choice`."""
    token: Token


# ------------------------------------------------------------------------------------------------- results


class Result(ContactEvent, frozen=True, kw_only=True):
    """What came of an action. Decided at once, ahead of waiting events; the action is pending until then."""

    action: ActionId
    tries: int = 1
    """How often it was tried, as far as that was counted."""


class Posted(Result, frozen=True, kw_only=True):
    """Something stands on the desk. `post` is None where the platform keeps no id (ephemerals)."""

    post: Post | None = None


class ThreadOpened(Result, frozen=True, kw_only=True):
    """The thread of a conversation exists; `card` is its root."""

    place: Place
    card: Post


class PartSent(Result, frozen=True, kw_only=True):
    """The platform accepted part `part` (from 0) of `parts` of an outbound message."""

    platform_id: str
    part: int
    parts: int
    lost: tuple[str, ...] = ()
    """What of the message could not be sent, as its author wrote it; said with the first part."""
    remarks: tuple[str, ...] = ()
    """Why the part was not sent as what it is, where that is so."""


class Done(Result, frozen=True, kw_only=True):
    """It is done, and nothing came back that anybody has to know."""


class Failed(Result, frozen=True, kw_only=True):
    """It did not work and will not by itself. `part` is the part that failed, for a message in parts."""

    failure: Failure
    part: int = 0
    fetched: bool = False
    """Of a contact's file: their platform gave it, and the desk did not take it."""


class Uncertain(Result, frozen=True, kw_only=True):
    """It may or may not have happened, and no look-up settles it: a person has to say."""

    part: int = 0


# ------------------------------------------------------------------------------------------------ desk lane


class RosterRead(Event, frozen=True, kw_only=True):
    """The people of a desk, read anew; replaces that desk's accounts in the roster."""

    desk: str
    agents: tuple[Agent, ...]


class ModeChosen(Event, frozen=True, kw_only=True):
    """Somebody with the right chose an inbox's speaking mode from chat."""

    inbox: InboxId
    mode: str


class AccountChanged(Event, frozen=True, kw_only=True):
    """The contacts' platform says something about our account there that people have to know."""

    inboxes: tuple[InboxId, ...]
    """Those it concerns."""
    body: Document
    """In plain words."""


class ConversationNoted(Event, frozen=True, kw_only=True):
    """A shard tells the desk lane what lists and loads have to know of a conversation."""

    row: OpenConversation
    before: AgentId | None = None
    """Whose row it was until now."""


class StaffEventUnplaced(Event, frozen=True, kw_only=True):
    """A staff event in a thread whose root is ours but which is not known (yet): settled from the root."""

    place: Place
    event: bytes
    """The packed `DeskEvent`, its contact and conversation empty."""


class ThreadFound(Event, frozen=True, kw_only=True):
    """The root of an unknown thread was read: `contact` and `conversation` as it names them, or None."""

    action: ActionId
    place: Place
    event: bytes
    contact: ContactId | None = None
    conversation: ConversationId | None = None
    inbox: InboxId | None = None


class DeskDone(Event, frozen=True, kw_only=True):
    """Result of an action of the desk lane that has nothing more to say."""

    action: ActionId


ContactLaneEvent = (
    MessageReceived
    | ContactAmended
    | AnsweredElsewhere
    | ContactReacted
    | HistoryImported
    | CampaignImported
    | ContactChanged
    | ContactsJoined
    | JoinProposed
    | JoinSettled
    | ContactMerged
    | DeliveryChanged
    | StaffWrote
    | StaffEdited
    | StaffDeleted
    | CommandGiven
    | MessageComposed
    | DraftBegan
    | OutreachBegan
    | ButtonPressed
    | CardReacted
    | StaffReacted
    | ModeChanged
    | ThreadVanished
    | ContactIdle
    | ContactArchived
    | StubOutlived
    | ContactFetched
    | ContactForgotten
    | WindowClosing
    | EventBuried
    | TimeReached
    | Posted
    | ThreadOpened
    | PartSent
    | Done
    | Failed
    | Uncertain
)
"""Everything a shard decides on."""

DeskLaneEvent = (
    RosterRead | ModeChosen | AccountChanged | ConversationNoted | StaffEventUnplaced | ThreadFound | DeskDone
)
"""Everything the desk lane decides on."""

AnyEvent = ContactLaneEvent | DeskLaneEvent

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


def pack(event: Event) -> bytes:
    """The event as it travels in a stream."""
    return _encoder.encode(event)


def unpack(data: bytes) -> AnyEvent:
    """The inverse of `pack`. Raises `msgspec.MsgspecError` on anything else."""
    return _decoder.decode(data)
