"""The nouns: contact, inbox, conversation, message, agent. Plain frozen data, no I/O.

Everything here is a frozen `msgspec.Struct`: it packs small (Redis holds millions of these), it has no
behaviour beyond reading itself, and a change is `msgspec.structs.replace(old, field=new)`. Such a value is made of
older ones, so it never takes part in a cycle: the collector need not look at it (`gc=False`).
Identifiers are opaque outside the place that makes them, and distinct types so that they cannot be mixed up.
Times are aware UTC datetimes; a name that ends in `_s` is seconds.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import NewType

import msgspec

from bridge.content import Attachment, Outward
from bridge.content.limits import Limits
from bridge.content.templates import Template
from bridge.markup import Document
from bridge.phone import mask_phone

LaneId = NewType("LaneId", str)
"""Unit of order and placement: a shard (`s0` … `s15`) or the one `desk` lane."""
ContactId = NewType("ContactId", str)
"""`<shard>-<hash of the alias it was first seen under>`, e.g. `7-9f3c0a1b2d4e`."""
ConversationId = NewType("ConversationId", str)
"""`<shard>-<per-shard counter>`, e.g. `7-66`."""
MessageId = NewType("MessageId", str)
"""`<shard>-<hash of the event that caused it>`; the same cause gives the same id again."""
InboxId = NewType("InboxId", str)
AgentId = NewType("AgentId", str)
EventId = NewType("EventId", str)
"""Derived from the cause (`wa:<wamid>`, `slack:<channel>:<ts>`), so that a repeat is recognised."""
ActionId = NewType("ActionId", str)
"""`<event id>/<index>`."""
DeskUser = NewType("DeskUser", str)
"""A person's account on a desk, `<desk>:<opaque>`."""
Token = NewType("Token", str)
"""Names one timer, choice or prompt; one that is no longer current is ignored."""

DESK_LANE = LaneId("desk")
DESK_UNIT = "desk"
"""The one unit of the desk lane."""


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of the model's values."""


# ------------------------------------------------------------------------------------------------ identity


def digest(text: str, size: int = 8) -> str:
    """Hex of a keyless BLAKE2b over `text`; `size` bytes. Used to derive ids from their causes."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def shard_lane(shard: int) -> LaneId:
    """The lane of shard number `shard`."""
    return LaneId(f"s{shard}")


def lane_of(owner: ContactId | ConversationId | MessageId) -> LaneId:
    """The shard's lane that an id was made in."""
    return LaneId("s" + owner.partition("-")[0])


def contact_id(alias: str, shards: int) -> ContactId:
    """The id a contact gets when it is first seen under `alias`, in a deployment of `shards` shards."""
    name = digest(alias, 6)
    return ContactId(f"{int(name, 16) % shards}-{name}")


def message_id(lane: LaneId, cause: EventId) -> MessageId:
    """The id of the message that `cause` brought into `lane` (a shard's lane)."""
    return MessageId(f"{lane[1:]}-{digest(cause)}")


def conversation_id(lane: LaneId, counter: int) -> ConversationId:
    """The id of the `counter`-th conversation of a shard."""
    return ConversationId(f"{lane[1:]}-{counter}")


def conversation_number(conversation: ConversationId, shards: int) -> int:
    """The short number people type (`#1042`): counter x shards + shard, unique in the deployment."""
    shard, _, counter = conversation.partition("-")
    return int(counter) * shards + int(shard)


def conversation_of_number(number: int, shards: int) -> ConversationId:
    """The inverse of `conversation_number`."""
    return ConversationId(f"{number % shards}-{number // shards}")


# ------------------------------------------------------------------------------------------------- people


class Role(enum.IntEnum):
    """What somebody on the desk may do; ordered, each includes the ones below."""

    VIEWER = 0
    AGENT = 1
    LEAD = 2
    MANAGER = 3
    ADMIN = 4


class Agent(Struct, frozen=True, kw_only=True):
    """Somebody who may answer (or, as `VIEWER`, only look on)."""

    id: AgentId
    name: str
    role: Role
    accounts: tuple[DeskUser, ...] = ()
    inboxes: tuple[InboxId, ...] = ()
    """Inboxes this role holds in; empty: in all."""
    also: tuple[str, ...] = ()
    """Other names under which a desk shows them."""

    def role_in(self, inbox: InboxId) -> Role:
        """What they may do in an inbox."""
        return Role.VIEWER if self.inboxes and inbox not in self.inboxes else self.role


class Roster(Struct, frozen=True, kw_only=True):
    """A versioned snapshot of the people of all desks. Whoever is not in it is a viewer."""

    version: int = 0
    agents: tuple[Agent, ...] = ()

    def find(self, account: DeskUser) -> Agent | None:
        """The agent that a desk account belongs to."""
        return next((agent for agent in self.agents if account in agent.accounts), None)

    def get(self, agent: AgentId | None) -> Agent | None:
        """The agent with this id."""
        return next((one for one in self.agents if one.id == agent), None)


# ------------------------------------------------------------------------------------------------ policy


class Mode(enum.StrEnum):
    """Whose plain text in a thread reaches the contact."""

    ASSIGNEE = "assignee"
    EVERYONE = "everyone"
    EXPLICIT = "explicit"


class InboxPolicy(Struct, frozen=True, kw_only=True):
    """What routing needs to know of an inbox: one business number and its settings."""

    id: InboxId
    name: str
    desk: str
    channel: str
    """Opaque id of the desk's channel where threads are opened."""
    mode: Mode = Mode.ASSIGNEE
    hold_s: float = 0.0
    """How long a reply is held back so that its author can undo it; 0 sends at once."""
    read_receipts: bool = True
    window_s: float = 86_400.0
    """The service window: how long free text may be sent after the contact last wrote."""
    nudge_s: float = 7_200.0
    """How long before the window closes people are told that the contact still waits; 0: never."""
    reactions: tuple[str, ...] = ()
    """Emoji with which staff react to the contact; others stay on the desk."""
    admin_channel: str | None = None
    team: str | None = None
    """Who answers here, for people to read."""


class Policies(Struct, frozen=True, kw_only=True):
    """A versioned snapshot of the settings that decisions read."""

    version: int = 0
    shards: int = 16
    inboxes: dict[InboxId, InboxPolicy] = {}
    choice_reminder_s: float = 120.0
    late_after_s: float = 60.0
    """A customer's message that arrives later than this shows the time it was written."""
    recap_messages: int = 5
    templates: Mapping[InboxId, tuple[Template, ...]] = {}
    """What can be sent outside the service window."""
    limits: Limits = Limits()
    """Of what goes to contacts beside words."""


# ------------------------------------------------------------------------------------------- on the desk


class Place(Struct, frozen=True, kw_only=True):
    """Where something is posted: a desk's channel, and a thread in it when `thread` is set. Opaque ids."""

    desk: str
    channel: str
    thread: str | None = None


class Post(Struct, frozen=True, kw_only=True):
    """One post on a desk."""

    desk: str
    channel: str
    id: str


class ThreadRef(Struct, frozen=True, kw_only=True):
    """What a thread stands for; stored under its place the moment the platform answers."""

    contact: ContactId
    conversation: ConversationId
    inbox: InboxId


class Receipt(enum.IntEnum):
    """The fate of a staff message as its author sees it; a higher one replaces a lower one."""

    INTERNAL = 1
    NEEDS_YOU = 2
    HELD = 3
    UNCERTAIN = 4
    ACCEPTED = 5
    DELIVERED = 6
    READ = 7
    FAILED = 8


# ------------------------------------------------------------------------------------------ conversations


class Status(enum.StrEnum):
    """`resolved` re-opens when the contact writes; `closed` never does; `deleted` is out of every inbox."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DELETED = "deleted"


class Priority(enum.StrEnum):
    """How soon a conversation wants an answer."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Draft(Struct, frozen=True, kw_only=True):
    """Staff words on their way to the contact."""

    message: MessageId
    author: AgentId
    account: DeskUser
    body: Document
    post: Post | None = None
    """The staff post that carries the receipt; None when the words came from a command or a modal."""
    extras: tuple[Outward, ...] = ()
    """What goes along with the words, in order."""
    answers: Post | None = None
    """The post whose message it answers; None: none in particular."""


class Choice(Struct, frozen=True, kw_only=True):
    """A text whose author has to say what becomes of it. Durable; settled once."""

    token: Token
    draft: Draft
    may_claim: bool = True
    reminded: bool = False


class Held(Struct, frozen=True, kw_only=True):
    """A reply that waits a moment so that its author can take it back."""

    token: Token
    draft: Draft
    due: datetime


class Undo(Struct, frozen=True, kw_only=True):
    """How to take back the last undoable command of a person: the fields as they were before it."""

    what: str
    """In words, e.g. `assigned to Ben`."""
    at: datetime
    status: Status
    assignee: AgentId | None = None
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()


class Conversation(Struct, frozen=True, kw_only=True):
    """One case between a contact and an inbox."""

    id: ConversationId
    number: int
    inbox: InboxId
    opened_at: datetime
    episode_at: datetime
    """Start of the current episode: opening, or the last re-opening."""
    status: Status = Status.ACTIVE
    assignee: AgentId | None = None
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    thread: Place | None = None
    """Where it is answered now; None until the desk has made the thread."""
    card: Post | None = None
    former: tuple[Place, ...] = ()
    healed_at: datetime | None = None
    """When the latest former thread was found to be gone; what was said before is recapped on the card."""
    opening: ActionId | None = None
    """The pending `OpenThread`, if there is one."""
    stuck: bool = False
    """No thread can be opened, and those with rights were told."""
    card_version: int = 0
    """Counts changes of what the card shows."""
    opened_version: int = 0
    """`card_version` when the thread was asked for: its card shows at least that."""
    waiting_since: datetime | None = None
    """When the contact wrote the first message that no staff answer followed."""
    window_until: datetime | None = None
    last_inbound: str | None = None
    """Platform id of the contact's latest message (for read receipts)."""
    last_inbound_at: datetime | None = None
    """When it came in."""
    read_inbound: str | None = None
    previous: ConversationId | None = None
    continued: int | None = None
    """Number of the conversation this one goes on in, after its contact was joined into another (0: not known)."""
    choices: tuple[Choice, ...] = ()
    held: tuple[Held, ...] = ()
    awaiting: tuple[Draft, ...] = ()
    """Texts that go out when the contact writes again."""
    undo: dict[AgentId, Undo] = {}
    failed: int = 0
    """Staff messages whose delivery failed and that nobody dealt with yet."""


class Reaction(Struct, frozen=True, kw_only=True, array_like=True):
    """The contact's reaction to one of the platform's messages, by that one's id."""

    platform_id: str
    emoji: str
    """Unicode, without variation selectors; empty: taken back."""
    at: datetime
    """When, as the platform says: an older one that arrives later changes nothing."""


class Touch(Struct, frozen=True, kw_only=True, array_like=True):
    """Something by which the contact was addressed, or came to us: a template, an advertisement, another program's message.

    Packed without the names of its fields: new ones go at the end.
    """

    kind: str
    """`template`, `ad` or `elsewhere`."""
    at: datetime
    name: str = ""
    """Of the template, or what the advertisement says."""
    campaign: str = ""
    platform_id: str = ""
    answer: str = ""
    """How what the contact said to it begins; empty while they have not."""
    answered_at: datetime | None = None


TOUCHES_KEPT = 10
"""Touches that a contact's state remembers."""
REACTIONS_KEPT = 20
"""Messages whose reactions a contact's state remembers, so that they can be taken off again."""
ENDED_KEPT = 5
"""Replaced conversations that a contact's state still holds."""
FORMER_KEPT = 5
"""Former threads that a conversation remembers."""


class Contact(Struct, frozen=True, kw_only=True):
    """The person on WhatsApp, with the current conversation per inbox: the unit of loading, order and commit."""

    id: ContactId
    name: str = ""
    username: str | None = None
    phone: str | None = None
    """Digits as the platform spelled them last; never dropped when a later event omits them."""
    address: str | None = None
    """What to send to, opaque to everybody but the contact-side adapter."""
    aliases: tuple[str, ...] = ()
    conversations: dict[InboxId, Conversation] = {}
    ended: tuple[Conversation, ...] = ()
    """The latest few conversations that were closed or deleted and then followed by a new one: their threads
    still exist, and what is pending for them still has to arrive."""
    redirect: ContactId | None = None
    """Set when this contact was joined into another: its events are forwarded there."""
    joined: dict[ContactId, datetime] = {}
    """The contacts that were joined into this one lately, and when."""
    reactions: tuple[Reaction, ...] = ()
    """The latest, in order of their arrival."""
    marketing: bool = True
    """False: they do not want marketing messages."""
    touches: tuple[Touch, ...] = ()
    """The latest, in order of time."""
    past: dict[InboxId, ConversationId] = {}
    """What was said before the bridge, by inbox: a conversation of the archive, closed from the start."""
    seq: int = 0
    """Counts this contact's actions; gives them their order."""
    resting: datetime | None = None
    """When this very state was journaled for the archive (see `routing.rest`); None once it changed since."""
    partial: datetime | None = None
    """Made from what a stub says, of the state stored then: the archive did not answer and has still to be asked."""

    def label(self) -> str:
        """Masked number or @username; never a full number. Empty while neither is known."""
        if self.phone:
            return mask_phone(f"+{self.phone}")
        return f"@{self.username}" if self.username else ""

    def conversation(self, conversation: ConversationId) -> Conversation | None:
        """The conversation with this id: a current one, or one of the latest that ended."""
        current = (one for one in self.conversations.values() if one.id == conversation)
        return next(current, None) or next((one for one in self.ended if one.id == conversation), None)


class Direction(enum.StrEnum):
    """Which way a message went."""

    INBOUND = "in"
    OUTBOUND = "out"


class Fate(enum.IntEnum):
    """What became of an outbound message; only ever rises, but for `FAILED` (see `routing.lifecycle`)."""

    PENDING = 0
    UNCERTAIN = 1
    ACCEPTED = 2
    DELIVERED = 3
    READ = 4
    FAILED = 5


ACCEPTED_FATES = (Fate.ACCEPTED, Fate.DELIVERED, Fate.READ)
"""What the contact's platform has taken, and did not fail afterwards."""


class Part(Struct, frozen=True, kw_only=True):
    """One platform message that carries (part of) an outbound message."""

    platform_id: str
    fate: Fate = Fate.ACCEPTED


class Reference(Struct, frozen=True, kw_only=True):
    """A message that another one is about, as the contact's platform names it."""

    platform_id: str
    cause: EventId
    """The id that the event would have that brought it, were it the contact's own: what its `MessageId` is made from."""


class Recalled(Struct, frozen=True, kw_only=True):
    """What is still known of a message that a `Reference` names."""

    message: MessageId
    conversation: ConversationId
    direction: Direction
    words: str
    posts: tuple[Post, ...] = ()
    """Where it stands on the desk."""


class Sending(Struct, frozen=True, kw_only=True):
    """The pending `Send` of an outbound message, so that a status can move it on."""

    action: ActionId
    seq: int
    first_part: int = 0


class MessageRecord(Struct, frozen=True, kw_only=True, array_like=True):
    """What must be findable about a message for 48 hours: its posts, its parts, its fate.

    Redis holds one for every message, so it is packed without the names of its fields: new ones go at the end.
    """

    id: MessageId
    conversation: ConversationId
    direction: Direction
    at: datetime
    posts: tuple[Post, ...] = ()
    """Inbound: where it was shown. Outbound: the staff post it came from. Many-to-many with messages."""
    platform_id: str | None = None
    """Inbound: the platform's id."""
    parts: tuple[Part, ...] = ()
    """Outbound: the platform's messages, in order."""
    total: int = 0
    """Outbound: how many parts there are; 0 until the first was accepted."""
    sending: Sending | None = None
    """Outbound: set while a `Send` is pending."""
    superseded: tuple[str, ...] = ()
    """Outbound: platform ids of failed parts that were sent again; what becomes of them counts no more."""
    fate: Fate = Fate.PENDING
    draft: Draft | None = None
    """Outbound: kept so that a failed message can be sent again."""
    problem: str = ""
    file: Attachment | None = None
    """Inbound: what it says where that is a file, kept so that it can be fetched again. `fate` is then `FAILED` while it is
    not shown.
    """
    correction: Draft | None = None
    """Outbound: what its author changed it into after it was delivered; sent as a message of its own if they want."""


RECENT_KEPT = 20
"""Lines of a conversation's recent history."""


class Recent(Struct, frozen=True, kw_only=True, array_like=True):
    """One line of the recent history (a bounded list per conversation in Redis)."""

    at: datetime
    direction: Direction
    author: str
    text: str
    internal: bool = False
    message: MessageId | None = None
    """Which message it is; None in lines that an earlier release wrote."""


# ------------------------------------------------------------------------------------------- what is shown


class Button(Struct, frozen=True, kw_only=True):
    """A button under one of our posts. `name` is what `ButtonPressed` reports; `token` tells prompts apart."""

    name: str
    label: str
    token: Token | None = None
    style: str = "default"
    """`default`, `primary` or `danger`."""
    confirm: str | None = None


class CardView(Struct, frozen=True, kw_only=True):
    """All that a card shows, rendered from current state when its turn comes. Instants are absolute."""

    contact: ContactId
    conversation: ConversationId
    version: int
    number: int
    inbox: str
    name: str
    contact_label: str
    """Masked number or @username; never a full number."""
    status: Status
    assignee: str | None
    """The assignee's account on this desk, or their name where they have none."""
    assignee_account: DeskUser | None
    priority: Priority
    tags: tuple[str, ...]
    mode: Mode
    opened_at: datetime
    waiting_since: datetime | None
    window_until: datetime | None
    needs_you: int = 0
    held: int = 0
    awaiting: int = 0
    failed: int = 0
    previous_number: int | None = None
    recap: tuple[Recent, ...] = ()
    """Set when the thread replaces one that vanished."""
    former: Place | None = None
    campaign: str = ""
    """The latest touch of the last weeks, in words."""


class OpenConversation(Struct, frozen=True, kw_only=True):
    """What the desk lane knows of a conversation: enough for lists, loads and pickers."""

    id: ConversationId
    contact: ContactId
    number: int
    inbox: InboxId
    name: str
    status: Status
    assignee: AgentId | None = None
    waiting_since: datetime | None = None


class DeskState(Struct, frozen=True, kw_only=True):
    """State of the `desk` lane: what belongs to no contact. Open conversations per agent are rows beside it
    (`Row`), so that one change never rewrites all of them.
    """

    roster: Roster = Roster()
    modes: dict[InboxId, Mode] = {}
    """Modes chosen from chat; they win over the settings file."""
    seq: int = 0
    """Counts this lane's actions."""
