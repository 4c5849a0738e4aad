"""The tree: a closed union of small frozen nodes, packed by msgspec as arrays with one-letter tags.

Two ground rules keep every reader simple:

* A line break is a newline character inside the text of a node; there is no node for it.
* `Pre`, `Quote` and `ListBlock` stand on lines of their own. Their neighbours need no newline to separate them,
  and one that ends the text before them is not doubled.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

import msgspec


class MentionKind(StrEnum):
    """Whom a `Mention` names. The values are short because they are stored with every message."""

    PERSON = "p"
    TEAM = "t"
    CHANNEL = "c"
    EVERYONE = "e"
    BOT = "b"
    """Ourselves; at the start of a text another way to type a command."""


class Text(msgspec.Struct, frozen=True, array_like=True, tag="t", gc=False):
    """Literal characters, never to be read as markup; a newline breaks the line."""

    text: str


class Bold(msgspec.Struct, frozen=True, array_like=True, tag="b", gc=False):
    """Strong text."""

    children: tuple[Node, ...]


class Italic(msgspec.Struct, frozen=True, array_like=True, tag="i", gc=False):
    """Emphasised text."""

    children: tuple[Node, ...]


class Strike(msgspec.Struct, frozen=True, array_like=True, tag="s", gc=False):
    """Text that is struck through."""

    children: tuple[Node, ...]


class Code(msgspec.Struct, frozen=True, array_like=True, tag="c", gc=False):
    """Monospaced characters inside a line."""

    text: str


class Pre(msgspec.Struct, frozen=True, array_like=True, tag="f", gc=False):
    """A monospaced block on lines of its own."""

    text: str


class Quote(msgspec.Struct, frozen=True, array_like=True, tag="q", gc=False):
    """A quotation on lines of its own."""

    children: tuple[Node, ...]


class ListBlock(msgspec.Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A list on lines of its own; a nested list is a further `ListBlock` with a larger `indent`."""

    ordered: bool
    items: tuple[tuple[Node, ...], ...]
    indent: int = 0
    start: int = 1


class Link(msgspec.Struct, frozen=True, array_like=True, tag="a", gc=False):
    """A hyperlink. An empty `label` means that the reader sees the `url` itself."""

    url: str
    label: str = ""


class Mention(msgspec.Struct, frozen=True, array_like=True, tag="m", gc=False):
    """Somebody or something named by a platform id; `label` is the name the platform sent along, or empty.

    For `MentionKind.EVERYONE` the id is the platform's word (``here``, ``channel``, ``everyone``).
    """

    kind: MentionKind
    id: str
    label: str = ""


class Emoji(msgspec.Struct, frozen=True, array_like=True, tag="e", gc=False):
    """An emoji by its platform name (skin tone included); `unicode` is None for a custom one."""

    name: str
    unicode: str | None = None


class Instant(msgspec.Struct, frozen=True, array_like=True, tag="d", gc=False):
    """A point in time, in Unix seconds, that a platform shows in its reader's zone; else `fallback` is shown."""

    unix: int
    fallback: str


Node: TypeAlias = (
    Text | Bold | Italic | Strike | Code | Pre | Quote | ListBlock | Link | Mention | Emoji | Instant
)
Document: TypeAlias = tuple[Node, ...]

_SPANS = (Bold, Italic, Strike)


def compact(nodes: Iterable[Node]) -> Document:
    """The same document with adjacent texts and equal spans joined, and empty nodes dropped, at every level."""
    out: list[Node] = []
    for node in nodes:
        tidy = _tidy(node)
        last = out[-1] if out else None
        if tidy is None:
            continue
        if isinstance(tidy, Text) and isinstance(last, Text):
            out[-1] = Text(last.text + tidy.text)
        elif isinstance(tidy, _SPANS) and type(last) is type(tidy) and isinstance(last, _SPANS):
            out[-1] = type(tidy)(compact(last.children + tidy.children))
        else:
            out.append(tidy)
    return tuple(out)


def _tidy(node: Node) -> Node | None:
    """One node with tidy children, or None when nothing is left of it."""
    match node:
        case Bold() | Italic() | Strike() | Quote():
            children = compact(node.children)
            return type(node)(children) if children else None
        case ListBlock():
            items = tuple(compact(item) for item in node.items)
            return ListBlock(node.ordered, items, node.indent, node.start) if items else None
        case Text() | Code() | Pre():
            return node if node.text else None
        case _:
            return node
