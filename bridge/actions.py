"""What to do, in the imperative: the closed union of everything a decision can ask for.

Actions are data. The commit stores them as pending, the performer carries them out, and each stays pending
until its result event has been committed. `seq` orders the actions of a contact; an action belongs to one
*line* (`Line`), and the lines of a conversation run independently of each other, each strictly in order.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import ClassVar

import msgspec

from bridge.content import NO_MARKS, Attachment, Content, Marks, Outward
from bridge.markup import Document
from bridge.model import (
    ActionId,
    Button,
    ContactId,
    ConversationId,
    DeskUser,
    InboxId,
    LaneId,
    MessageId,
    Place,
    Post,
    Receipt,
    Reference,
)


class Line(enum.StrEnum):
    """A destination within which order holds."""

    THREAD = "thread"
    CONTACT = "contact"
    DECORATION = "decoration"
    """Card, receipts: latest state wins, repeating is harmless."""
    ANSWERS = "answers"
    """Answers to one person: ephemerals, direct messages, alerts."""
    LANES = "lanes"
    """Events for other lanes."""


class Repeat(enum.StrEnum):
    """May an action be carried out twice?"""

    SAFE = "safe"
    """Yes: same effect. No attempt mark is written."""
    LOOKUP = "lookup"
    """No, but the platform can be asked whether it happened (metadata in the thread)."""
    ASK = "ask"
    """No, and only a status webhook or a person can tell whether it happened."""


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, gc=False):
    """Base. `id` is `<event id>/<index>`; `seq` rises within a contact (or within the desk lane)."""

    line: ClassVar[Line]
    repeat: ClassVar[Repeat]

    id: ActionId
    seq: int


class ContactAction(Action, frozen=True, kw_only=True):
    """An action of one contact's shard. `conversation` is empty only for those that concern the contact alone."""

    contact: ContactId
    inbox: InboxId
    conversation: ConversationId


# ------------------------------------------------------------------------------------------------- thread


class OpenThread(ContactAction, frozen=True, kw_only=True):
    """Make the conversation's thread in the inbox's channel; its root is the card (rendered when its turn
    comes). Goes ahead of everything else in the thread's line. Result: `ThreadOpened`.
    """

    line = Line.THREAD
    repeat = Repeat.LOOKUP


class Relay(ContactAction, frozen=True, kw_only=True):
    """Show the contact's message in the thread. Waits for the thread. Result: `Posted`."""

    line = Line.THREAD
    repeat = Repeat.LOOKUP
    message: MessageId
    author: str
    content: Content
    sent_at: datetime | None = None
    """Set when the message is late and the time it was written has to be shown."""
    marks: Marks = NO_MARKS
    quoted: Reference | None = None
    """The message that it answers; what is known of that is looked up when the turn comes."""


class Amend(ContactAction, frozen=True, kw_only=True):
    """Say on the post of a contact's message what became of it; its old words stay. Result: `Posted`, or `Failed` where it
    stands nowhere that is known, or its post cannot take it.
    """

    line = Line.THREAD
    repeat = Repeat.SAFE
    message: MessageId
    """That of the change itself."""
    about: Reference
    author: str
    content: Content | None
    """What it says now; None: deleted."""
    sent_at: datetime
    ours: bool = False
    """Not the contact did, but a colleague."""


class PostNotice(ContactAction, frozen=True, kw_only=True):
    """A post of ours in the thread, for all staff: something failed, was moved, needs a hand. Result: `Posted`."""

    line = Line.THREAD
    repeat = Repeat.LOOKUP
    body: Document
    buttons: tuple[Button, ...] = ()
    mention: DeskUser | None = None
    message: MessageId | None = None
    """The contact's message that it stands for, because that could not be shown."""
    file: Attachment | None = None
    """The contact's file that could be fetched all the same: a link to it is added where there is a place for one."""


# ------------------------------------------------------------------------------------------------ contact


class Send(ContactAction, frozen=True, kw_only=True):
    """Send staff words, and what goes with them, to the contact, in as many platform messages as they need. Results: `PartSent` for each,
    `Failed` or `Uncertain` for the part that ended it. `sent` holds the platform ids of the parts done.
    """

    line = Line.CONTACT
    repeat = Repeat.ASK
    message: MessageId
    address: str
    body: Document
    names: dict[str, str] = {}
    """Display names for mentions in `body`, by the mention's opaque id."""
    sent: tuple[str, ...] = ()
    first_part: int = 0
    """Where to go on (a retry of a message whose first parts arrived)."""
    extras: tuple[Outward, ...] = ()
    """What goes along with the words, in order."""
    answers: Post | None = None
    """The post whose message it answers; looked up when its turn comes."""


class SendReaction(ContactAction, frozen=True, kw_only=True):
    """React to a message of the contact, in place of any other reaction of ours to it. Result: `Done` or `Failed`."""

    line = Line.CONTACT
    repeat = Repeat.SAFE
    address: str
    emoji: str
    """Empty: taken off."""
    answers: Post | None = None
    """The post whose message is meant; None: that of `platform_id`."""
    platform_id: str = ""
    by: DeskUser


class MarkRead(ContactAction, frozen=True, kw_only=True):
    """Tell the contact that their message was read. Failure is harmless. Result: `Done`."""

    line = Line.DECORATION
    repeat = Repeat.SAFE
    platform_id: str
    typing: bool = False
    """And that we are writing; that goes away by itself."""


# --------------------------------------------------------------------------------------------- decoration


class ShowDrafting(ContactAction, frozen=True, kw_only=True):
    """Show colleagues that somebody is writing to the contact; that goes away by itself. Failure is harmless. Result:
    `Done`.
    """

    line = Line.DECORATION
    repeat = Repeat.SAFE
    place: Place
    who: str


class UpdateCard(ContactAction, frozen=True, kw_only=True):
    """Render the card from current state. Coalesced: only the newest pending one runs. Result: `Done`."""

    line = Line.DECORATION
    repeat = Repeat.SAFE
    version: int


class ShowReaction(ContactAction, frozen=True, kw_only=True):
    """Show the contact's reaction where the message stands, in place of the one `before`. Result: `Done`, or `Failed`
    where the desk has no such emoji or nothing is known of the message.
    """

    line = Line.DECORATION
    repeat = Repeat.SAFE
    about: Reference
    emoji: str
    """Empty: taken off."""
    before: str = ""


class ShowReceipt(ContactAction, frozen=True, kw_only=True):
    """Show the fate of a staff message on its post. Coalesced per post: the furthest wins. Result: `Done`."""

    line = Line.DECORATION
    repeat = Repeat.SAFE
    post: Post
    receipt: Receipt


# ------------------------------------------------------------------------------------------------ answers


class Answer(ContactAction, frozen=True, kw_only=True):
    """Tell one person something, visible to them alone where the desk can. Result: `Done`.

    With `must_arrive` it goes by direct message where it cannot be shown in place.
    """

    line = Line.ANSWERS
    repeat = Repeat.SAFE
    to: DeskUser
    place: Place
    body: Document
    buttons: tuple[Button, ...] = ()
    reply_handle: str | None = None
    must_arrive: bool = False


class ShowTrace(ContactAction, frozen=True, kw_only=True):
    """Tell one person what happened to a message of the conversation, hop by hop, from the archive. Result: `Done`."""

    line = Line.ANSWERS
    repeat = Repeat.SAFE
    to: DeskUser
    place: Place
    back: int = 1
    """Which message, counted from the end: 1 is the last one."""
    asked: MessageId
    """The words that asked, where they were typed: they are not counted."""
    thread: Place | None = None
    """Where the conversation is answered, for links."""
    reply_handle: str | None = None


class DirectMessage(ContactAction, frozen=True, kw_only=True):
    """A direct message from the bot. Seeing it twice after a crash does no harm. Result: `Done`."""

    line = Line.ANSWERS
    repeat = Repeat.SAFE
    to: DeskUser
    body: Document
    buttons: tuple[Button, ...] = ()
    about: Place | None = None
    """Linked to, where set."""


class Alert(ContactAction, frozen=True, kw_only=True):
    """Something people with rights have to act on; goes to the inbox's admin channel. Seeing it twice after a
    crash does no harm. Result: `Done`.
    """

    line = Line.ANSWERS
    repeat = Repeat.SAFE
    body: Document


# -------------------------------------------------------------------------------------------- between lanes


class Emit(Action, frozen=True, kw_only=True):
    """Append an event to another lane's stream (deduplicated there by its id). Result: `Done` / `DeskDone`."""

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: ContactId | None = None
    """Whose action this is; None in the desk lane."""
    to: LaneId
    unit: str
    """The contact it is for there, or `desk`."""
    event: bytes


class MoveAliases(Action, frozen=True, kw_only=True):
    """Point aliases at this contact (the last step of a join). Result: `Done`."""

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: ContactId
    aliases: tuple[str, ...]


class ForgetThreads(Action, frozen=True, kw_only=True):
    """Words in these threads no longer lead to a conversation by themselves: from now on they are placed by what the
    thread's root names. Result: `Done`.
    """

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: ContactId
    places: tuple[Place, ...]


class EraseTraces(Action, frozen=True, kw_only=True):
    """Take out of Redis what leads to a contact that was forgotten, and what is left of what was said. Result:
    `Done`, after which nothing of the contact is left, unless they wrote again.
    """

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: ContactId
    aliases: tuple[str, ...]
    places: tuple[Place, ...]
    conversations: tuple[ConversationId, ...]


class FindThread(Action, frozen=True, kw_only=True):
    """Read the root of an unknown thread and see whether it names one of our conversations. Result:
    `ThreadFound`.
    """

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: None = None
    place: Place
    event: bytes


class Announce(Action, frozen=True, kw_only=True):
    """Tell the people with rights of these inboxes, each of their channels once. Seeing it twice after a crash does no
    harm. Result: `DeskDone`.
    """

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: None = None
    inboxes: tuple[InboxId, ...]
    body: Document


class ShowMode(Action, frozen=True, kw_only=True):
    """Have the cards of an inbox's open conversations show its new speaking mode. Result: `DeskDone`."""

    line = Line.LANES
    repeat = Repeat.SAFE
    contact: None = None
    inbox: InboxId


AnyAction = (
    OpenThread
    | Relay
    | Amend
    | PostNotice
    | Send
    | SendReaction
    | MarkRead
    | UpdateCard
    | ShowReaction
    | ShowDrafting
    | ShowReceipt
    | Answer
    | ShowTrace
    | DirectMessage
    | Alert
    | Emit
    | MoveAliases
    | ForgetThreads
    | EraseTraces
    | FindThread
    | Announce
    | ShowMode
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyAction] = msgspec.msgpack.Decoder(AnyAction)


def pack(action: Action) -> bytes:
    """The action as it waits in Redis."""
    return _encoder.encode(action)


def unpack(data: bytes) -> AnyAction:
    """The inverse of `pack`. Raises `msgspec.MsgspecError` on anything else."""
    return _decoder.decode(data)
