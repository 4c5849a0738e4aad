"""The closed union of what a message can say, packed by msgspec as arrays with one-letter tags: new fields go at the end.

All words in it come from outside and are shown literally, whoever shows them. Lengths are bounded where it is made.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TypeAlias

import msgspec

from bridge.markup import Document


class MediaKind(enum.StrEnum):
    """What sort of file it is, as the contact's platform shows it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    """Recorded in the chat, not picked from the phone's files."""
    DOCUMENT = "document"
    STICKER = "sticker"


MEDIA_KINDS = frozenset(kind.value for kind in MediaKind)


class Words(msgspec.Struct, frozen=True, array_like=True, tag="w", gc=False):
    """Formatted text."""

    body: Document


class Attachment(msgspec.Struct, frozen=True, array_like=True, tag="a", gc=False):
    """A file. Its bytes are fetched by `media`."""

    kind: MediaKind
    media: str
    """The platform's opaque id of the bytes; empty where it names none."""
    mime: str = ""
    """As the platform says, without parameters; its word only."""
    sha256: str = ""
    """Base64, as the platform says."""
    size: int | None = None
    """Bytes, where the platform says."""
    name: str = ""
    """The contact's name for it: hostile, may hold path parts."""
    caption: Document = ()
    animated: bool = False
    inline: str = ""
    """Its whole text, where it is one that we made: nothing is fetched."""


class Location(msgspec.Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A place: degrees north and east."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    url: str = ""
    live: bool = False
    """The contact shares where they are for a while; only this one position is known."""


class Detail(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A number, an address … with what sort it is (`work`, `home`), where that is said."""

    value: str
    label: str = ""


class Card(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One contact card. Any part of it may be missing, its name too."""

    name: str = ""
    phones: tuple[Detail, ...] = ()
    emails: tuple[Detail, ...] = ()
    company: str = ""
    title: str = ""
    addresses: tuple[Detail, ...] = ()
    """On one line each."""
    urls: tuple[Detail, ...] = ()
    birthday: str = ""
    """As it was written, `YYYY-MM-DD` as a rule."""
    given: str = ""
    family: str = ""


class Cards(msgspec.Struct, frozen=True, array_like=True, tag="c", gc=False):
    """Contact cards."""

    cards: tuple[Card, ...]
    own: bool = False
    """The contact shares their own number because they were asked for it."""


class Tapped(msgspec.Struct, frozen=True, array_like=True, tag="t", gc=False):
    """An answer that was tapped: a button, a row of a list, a quick reply of a template."""

    title: str
    id: str = ""
    description: str = ""


class Form(msgspec.Struct, frozen=True, array_like=True, tag="f", gc=False):
    """A form that was filled in: the fields in order, by name."""

    rows: tuple[tuple[str, str], ...]


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of an order; `price` is for one."""

    product: str
    quantity: int
    price: Decimal | None = None
    currency: str = ""


class Order(msgspec.Struct, frozen=True, array_like=True, tag="o", gc=False):
    """What the contact ordered from a catalogue."""

    items: tuple[Item, ...]
    note: str = ""
    catalogue: str = ""


class Call(msgspec.Struct, frozen=True, array_like=True, tag="k", gc=False):
    """The contact called, or a call ended."""

    ended: bool
    inbound: bool = True
    completed: bool = True
    """Somebody answered; known when it ended."""
    duration_s: int | None = None
    permission: str = ""
    """Instead of a call: the contact's answer to the question whether they may be called (`accept`, `reject`)."""


class Unsupported(msgspec.Struct, frozen=True, array_like=True, tag="u", gc=False):
    """Something that cannot be shown: `kind` is the platform's own word for it, empty where it says none."""

    kind: str = ""
    words: str = ""
    """Any text that came with it."""


Content: TypeAlias = Words | Attachment | Location | Cards | Tapped | Form | Order | Call | Unsupported


# ----------------------------------------------------------------------------------------------------- marks


class Forwarded(enum.IntEnum):
    """Whether the contact passed on what somebody else wrote."""

    NO = 0
    ONCE = 1
    OFTEN = 2
    """It has gone from hand to hand."""


class Referral(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the contact tapped to come here: an advertisement or a post."""

    kind: str = ""
    """`ad` or `post`."""
    id: str = ""
    url: str = ""
    headline: str = ""
    body: str = ""
    picture: str = ""
    """Address of its picture, or of its video's."""
    click: str = ""
    """The click's id, for reports to the advertiser."""


class Marks(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What else is known of a contact's message."""

    forwarded: Forwarded = Forwarded.NO
    referral: Referral | None = None
    product: str = ""
    """The product of a catalogue that the message is about."""
    group: str = ""
    """Opaque id of the group that it was written in; empty: to us alone."""


NO_MARKS = Marks()
