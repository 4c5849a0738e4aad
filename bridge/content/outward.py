"""What goes to a contact beside words: files, questions with buttons, lists, places, templates. A closed union, packed as
arrays with one-letter tags: new fields go at the end.

Lengths are held to the channel's limits where people make them; what comes here is not checked again.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from bridge.content.kinds import Cards, Location
from bridge.markup import Document


class StaffFile(msgspec.Struct, frozen=True, array_like=True, tag="A", gc=False):
    """A file that stands on the desk."""

    file: str
    """By what the desk finds its bytes; opaque."""
    name: str = ""
    """As its owner calls it; may hold path parts."""
    mime: str = ""
    """As the desk says, without parameters; its word only."""
    size: int | None = None
    """Bytes, where the desk says."""
    voice: bool = False
    """Recorded on the desk, to be heard at once."""


class Buttons(msgspec.Struct, frozen=True, array_like=True, tag="B", gc=False):
    """Answers to tap below the words, which ask."""

    titles: tuple[str, ...]


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One answer of a list."""

    title: str
    description: str = ""


class Section(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Answers of a list that belong together."""

    rows: tuple[Row, ...]
    title: str = ""


class Menu(msgspec.Struct, frozen=True, array_like=True, tag="M", gc=False):
    """A list of answers behind a button below the words, which ask."""

    button: str
    sections: tuple[Section, ...]


class LinkButton(msgspec.Struct, frozen=True, array_like=True, tag="U", gc=False):
    """A web address behind a button below the words."""

    title: str
    url: str


class AskLocation(msgspec.Struct, frozen=True, array_like=True, tag="P", gc=False):
    """The words ask where the contact is; one tap answers."""


class Filling(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of a template."""

    part: str
    """`header`, `body` or `button`."""
    value: str
    name: str = ""
    """Of a named parameter; empty for those that go by their place."""
    kind: str = "text"
    """`text`, or what a header or button of another sort takes: `image`, `video`, `document`, `location`, `coupon_code`."""
    button: int = 0
    """Which button, from 0."""


class TemplateMessage(msgspec.Struct, frozen=True, array_like=True, tag="T", gc=False):
    """A message that the channel's owner approved beforehand, with its values."""

    name: str
    language: str
    words: Document
    """As the contact reads it."""
    fillings: tuple[Filling, ...] = ()
    campaign: str = ""
    """What it is sent for, as whoever sends it calls that; the contact never sees it."""


Outward: TypeAlias = (
    StaffFile | Buttons | Menu | LinkButton | AskLocation | TemplateMessage | Location | Cards
)
