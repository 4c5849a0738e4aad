"""What an adapter has to offer, and what it may rely on.

Two kinds: a *desk* (where staff work) and a *channel* (where contacts are). Both turn what their platform
tells them into events and hand these to the `Inlet`; both carry out single actions when the performer asks.
They decide nothing, keep no state that a restart would miss, and raise `errors.PlatformError` (classified in
one place per adapter) for every refusal and break-down. A call that may have had its effect although no answer
came raises it with `FailureKind.UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from bridge.actions import Alert, Amend, Answer, DirectMessage, PostNotice, Relay, Send
from bridge.content import Attachment, Outward, StaffFile
from bridge.content.limits import Limits
from bridge.content.templates import Template
from bridge.events import AnyEvent
from bridge.media.spool import Spooled
from bridge.model import (
    ActionId,
    Agent,
    AgentId,
    CardView,
    Contact,
    ContactId,
    ConversationId,
    InboxId,
    LaneId,
    MessageId,
    OpenConversation,
    Place,
    Policies,
    Post,
    Receipt,
    Roster,
    Struct,
    ThreadRef,
)


class Bucket(Struct, frozen=True, kw_only=True):
    """A platform limit that is shared by all workers: `per_s` grants a second, `burst` at once."""

    key: str
    per_s: float
    burst: int = 1


FROM_CONTACT: tuple[str, ...] = (
    "text",
    "picture",
    "video",
    "audio",
    "voice message",
    "document",
    "sticker",
    "place",
    "contact card",
    "tapped answer",
    "form",
    "order",
    "call",
    "kind nobody knows",
    "quote",
    "reaction",
    "edit",
    "deletion",
    "forwarding mark",
    "advertisement",
    "group message",
    "new number or id",
)
"""What contacts send: `Capabilities.from_contact` says of each what becomes of it."""
TO_CONTACT: tuple[str, ...] = (
    "text",
    "picture",
    "video",
    "audio",
    "voice message",
    "document",
    "place",
    "contact card",
    "buttons",
    "list",
    "link behind a button",
    "question for a place",
    "template",
    "quote",
    "reaction",
    "edit",
    "deletion",
)
"""What staff send: `Capabilities.to_contact` says of each what becomes of it."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a place can do; data, so that nobody else needs to know the platform."""

    from_contact: Mapping[str, str]
    """Of each of `FROM_CONTACT`: how it is shown on this desk, or sent by this channel. Words for people."""
    to_contact: Mapping[str, str]
    """Of each of `TO_CONTACT`: how it is given on this desk, or taken by this channel. Words for people."""
    limits: Limits = Limits()
    """Of what goes along with words."""


class Reach(Struct, frozen=True, kw_only=True):
    """Under what a contact is known, and where they are reached, of whom there is only a phone number."""

    aliases: tuple[str, ...]
    address: str
    phone: str
    """Digits."""


class Loss(msgspec.Struct, frozen=True):
    """Something of a message that a platform could not take. `kind` is one of a short list, `detail` names the thing."""

    kind: str
    detail: str


class Outgoing(msgspec.Struct, frozen=True):
    """One message as a channel sends it: words in its own markup, and what they come with."""

    text: str = ""
    extra: Outward | None = None
    quotes: str = ""
    """The platform's id of the message that it answers."""


class Uploaded(msgspec.Struct, frozen=True):
    """A file that a channel has, and that was not sent yet."""

    media: str
    """What the channel calls its bytes."""
    kind: str = ""
    """What the channel sends it as."""
    name: str = ""
    """What it is called there: harmless, and true to its bytes."""
    remark: str = ""
    """Why it is not sent as what it is, where that is so: for its author."""


class Fitted(msgspec.Struct, frozen=True):
    """A message as a platform takes it: `parts` in the order of sending, and the `losses` to tell the author about."""

    parts: tuple[Outgoing, ...]
    losses: tuple[Loss, ...] = ()


class Quoted(Struct, frozen=True, kw_only=True):
    """A message that a contact's message answers, as far as it is still known."""

    words: str
    """On one line; empty where nothing is known of it."""
    url: str | None = None
    """Opens it on the desk."""
    own: bool = False
    """The contact's own message."""


NOT_KNOWN = Quoted(words="")
"""Older than what is kept, or sent from elsewhere."""


class Marker(Struct, frozen=True, kw_only=True):
    """Stored with a post (never shown) so that it can be found again when we do not know whether it was made."""

    actions: tuple[ActionId, ...]
    contact: ContactId
    conversation: ConversationId
    inbox: InboxId


class Desk(Protocol):
    """A platform where staff work. Methods wait on the network; the performer bounds each call's time."""

    name: str
    capabilities: Capabilities

    def post_bucket(self, channel: str) -> Bucket:
        """The limit that every post in `channel` counts against."""

    async def open_thread(self, channel: str, card: CardView, marker: Marker) -> tuple[Place, Post]:
        """Post the card in `channel` and open its thread. Not repeatable; found again by `marker`."""

    async def relay(
        self,
        place: Place,
        relays: Sequence[Relay],
        marker: Marker,
        quotes: Mapping[ActionId, Quoted],
    ) -> Post:
        """Show one or several consecutive messages of the contact as one post; `quotes` has what those of them answer
        that answer something. Not repeatable.
        """

    async def upload(self, file: Spooled, name: str, content: Attachment) -> str:
        """Bring a file to the desk under a `name` that is safe, where nobody sees it yet: what the desk calls it.
        Repeatable. A refusal of this file is `NEVER`, a break-down while its bytes travel `LIMITED`.
        """

    async def show_file(self, place: Place, relay: Relay, file: str, quoted: Quoted) -> None:
        """Show an uploaded file with the words that belong to it, and what it answers, as one post, at once or some time later. Not repeatable;
        `find_file` tells.
        """

    async def find_file(self, place: Place, file: str) -> Post | None:
        """The post that shows an uploaded file, once it is there."""

    async def fetch_file(self, file: StaffFile, into: Spooled) -> None:
        """Write a file that a colleague attached into `into`. Repeatable; takes minutes at worst. A file that is gone,
        too large or not there to be had is `NEVER`.
        """

    async def drop_file(self, file: str) -> None:
        """Take an upload away, so that no post can show it any more. Repeatable."""

    def mergeable(self, relays: Sequence[Relay]) -> int:
        """How many of `relays`, from the first on, may be shown in one post (at least 1)."""

    async def notice(self, place: Place, notice: PostNotice, marker: Marker) -> Post:
        """A post of ours for all staff. Not repeatable."""

    async def update_card(self, card: Post, view: CardView) -> None:
        """Render the card anew. Repeatable."""

    async def show_receipt(self, post: Post, receipt: Receipt) -> None:
        """Show a fate on a staff post. Repeatable; success when it is there already."""

    async def show_drafting(self, place: Place, who: str) -> None:
        """Show in a thread, for a while, that somebody is writing. Repeatable."""

    async def amend(self, post: Post, thread: Place | None, amend: Amend, was: str) -> bool:
        """Say on a post of ours that shows a contact's message what became of that, beside what stands there; `was` are
        its old words. Repeatable. False: the post cannot take it.
        """

    async def react(self, post: Post, emoji: str, *, on: bool) -> bool:
        """Put a contact's emoji on a post, or take it off; repeatable. False: it cannot stand there, because the desk has
        no such emoji or gives it a meaning of its own.
        """

    async def answer(self, answer: Answer) -> None:
        """Tell one person something in place; by direct message where that cannot be done and `must_arrive`."""

    async def direct(self, message: DirectMessage, marker: Marker) -> None:
        """A direct message. Not repeatable."""

    async def alert(self, alert: Alert, channel: str, marker: Marker) -> None:
        """Post an alert in `channel` (the inbox's admin channel, or its own)."""

    async def find(self, place: Place, marker: Marker, since: datetime) -> Post | None:
        """Look whether a post with one of the marker's actions stands in `place` (its thread, or the channel
        itself when `place.thread` is None).
        """

    async def remove(self, post: Post) -> bool:
        """Delete a post of ours. False: it is gone already."""

    async def find_thread(self, place: Place) -> ThreadRef | None:
        """What the root of a thread names, or None when it is not one of ours."""

    async def link(self, post: Post, thread: Place | None) -> str | None:
        """A web address that opens a post, which stands in `thread` where that is known; None when there is none."""

    async def read_roster(self) -> tuple[Agent, ...]:
        """Who works here, with their roles, as the settings and the platform say."""


class Channel(Protocol):
    """A platform where contacts are."""

    name: str
    capabilities: Capabilities

    def fitted(self, send: Send) -> Fitted:
        """The messages, in order, that `send` becomes on this platform (formatted, split within the limits), and what
        of it cannot be sent. The same every time.
        """

    def buckets(self, inbox: InboxId, address: str) -> tuple[Bucket, ...]:
        """The limits that a message to `address` counts against."""

    def reach(self, inbox: InboxId, digits: str) -> Reach:
        """How somebody with this phone number is known and reached."""

    async def send(self, send: Send, part: int, outgoing: Outgoing, uploaded: Uploaded | None = None) -> str:
        """Send one part, with what `upload` made of its file; its platform id. Not repeatable: our message id and the
        part travel with it and come back in its statuses.
        """

    async def upload(self, inbox: InboxId, file: StaffFile, spooled: Spooled, *, captioned: bool) -> Uploaded:
        """Bring a colleague's file to the channel, changed where the channel takes it only so; `captioned`: words will
        come with it. Repeatable; nobody sees it yet. A refusal of this file is `NEVER`, a break-down while its bytes
        travel `LIMITED`.
        """

    async def templates(self, inbox: InboxId) -> tuple[Template, ...]:
        """The inbox's message templates, whatever their status. Repeatable."""

    async def fetch(self, inbox: InboxId, attachment: Attachment, into: Spooled) -> str:
        """Write a file that a contact sent into `into`; its type as its bytes show it (`image/png`). Repeatable; takes
        minutes at worst. A file that is gone, too large or not what it is said to be is `NEVER`.
        """

    async def react(self, inbox: InboxId, address: str, platform_id: str, emoji: str) -> None:
        """Put an emoji on a message of the contact, in place of any other of ours; none takes it off. Repeatable."""

    async def mark_read(self, inbox: InboxId, platform_id: str, *, typing: bool = False) -> None:
        """Tell the contact that we read up to this message, and with `typing` that an answer is being written. Repeatable."""


class Placed(Struct, frozen=True, kw_only=True):
    """An event and where it belongs."""

    lane: LaneId
    unit: str
    """Contact id, or `desk`."""
    event: AnyEvent


class Claim(Struct, frozen=True, kw_only=True):
    """Whose a set of aliases is. `joins`: another contact that some of them pointed to."""

    contact: ContactId
    joins: ContactId | None = None


class Inlet(Protocol):
    """What adapters may use of the store, on arrival and for three-second answers. Every method raises
    `errors.StoreUnavailableError` when Redis does not answer; then nothing may be acknowledged.
    """

    async def claim(self, aliases: Sequence[str], *, linked: bool = False) -> Claim:
        """The contact that these aliases (most reliable first) belong to; a new one is minted. When two known
        contacts meet, the first answer wins and the other is in `joins`.

        An alias is `<family>:<scope>:<value>`. A contact that already has another alias of the first one's
        family and scope is somebody else (a phone number that was given to a new person): its less reliable
        aliases move to the first one's owner. `linked` says that the platform itself declares all of them to be
        one person's, old and new.
        """

    async def known(self, aliases: Sequence[str]) -> ContactId | None:
        """Like `claim`, but never mints or writes."""

    async def append(self, events: Sequence[Placed]) -> None:
        """Store events durably, in order, one round trip per lane. Returns only once they are stored. All are packed
        first: where one cannot be, this raises what `events.pack` does, and none is stored.
        """

    async def thread(self, place: Place) -> ThreadRef | None:
        """What a thread stands for."""

    async def detour(self, place: Place) -> None:
        """Words of a thread that is not known yet go through the desk's lane, which finds out whose it is. Until all of
        them have surely got through, later words have to go the same way, or they would overtake.
        """

    async def detoured(self, place: Place) -> bool:
        """True for a while after `detour`."""

    async def numbered(self, number: int) -> ThreadRef | None:
        """The conversation with this number."""

    async def contact(self, contact: ContactId) -> Contact | None:
        """A read-only look at a contact as last committed."""

    async def open_of(self, agent: AgentId | None) -> tuple[OpenConversation, ...]:
        """An agent's active conversations (None: the unassigned ones), longest waiting first."""

    def roster(self) -> Roster:
        """The latest snapshot of the people."""

    def policies(self) -> Policies:
        """The latest snapshot of the settings."""


class Acquaintance(Struct, frozen=True, kw_only=True):
    """A contact, as people choose among them."""

    contact: ContactId
    name: str
    label: str
    """Masked number or @username."""


class Outreach(Protocol):
    """What a desk needs so that staff can write to somebody first."""

    def reach(self, inbox: InboxId, digits: str) -> Reach:
        """See `Channel.reach`."""

    async def look_up(self, typed: str, inboxes: tuple[InboxId, ...]) -> Sequence[Acquaintance]:
        """Contacts of these inboxes whose name, username or number begins like what was typed; none while nobody knows."""


CARD_BUTTONS: Mapping[str, str] = {
    "claim": "Claim",
    "assign": "Assign…",
    "resolve": "Resolve",
}
"""Buttons of the card, by name, in order; everything else is in its overflow menu."""


class OutboundRef(msgspec.Struct, frozen=True):
    """What travels with an outbound platform message and comes back in its statuses."""

    contact: ContactId
    message: MessageId
    part: int

    def encode(self) -> str:
        """At most 100 ASCII characters."""
        return f"tl1|{self.contact}|{self.message}|{self.part}"

    @classmethod
    def decode(cls, text: str) -> OutboundRef | None:
        """None when it is not one of ours."""
        fields = text.split("|")
        if len(fields) != 4 or fields[0] != "tl1" or not fields[3].isdecimal():
            return None
        return cls(ContactId(fields[1]), MessageId(fields[2]), int(fields[3]))
