"""What the eye reads in a document: its lines, its words, and how it opens.

Rules ("is this an internal note?") must see exactly what a person sees, so everything here looks through
formatting, and `strip_invisible` looks through characters that show nothing.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from bridge.markup.nodes import (
    Bold,
    Code,
    Document,
    Emoji,
    Instant,
    Italic,
    Link,
    ListBlock,
    Mention,
    MentionKind,
    Node,
    Pre,
    Quote,
    Strike,
    Text,
    compact,
)

_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSENDABLE = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")

# Characters that show nothing: controls, soft hyphen, joiners, bidi controls, variation selectors, tags. Written
# out because the category Cf also holds visible signs (the Arabic number signs).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_ODD_SPACES = (
    "\t\u00a0\u115f\u1160\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u2800\u3000\u3164\uffa0"
)
# Input methods for Chinese and Japanese type the full-width forms of "!" and ":"; the rest are look-alikes.
_LOOK_ALIKES = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {
    ord(sign): plain
    for signs, plain in (
        ("\ufe55\u2236\ua789\u02d0", ":"),
        ("\ufe57\u01c3", "!"),
        ("\ufe54\u037e", ";"),
        ("\u2215\u2044", "/"),
        ("\ufe68\u2216", "\\"),
    )
    for sign in signs
}
_TO_MATCH = {ord(space): " " for space in _ODD_SPACES} | _LOOK_ALIKES

_LINE_SIGNS = re.compile(r"(?:[\s>*_~`|]|[-\u2022\u25e6\u25aa\u2013\u2014](?=\s)|\d{1,3}[.)]\s)+")


def clean(text: str) -> str:
    """`text` with one kind of line break, without control characters, and with lone surrogates replaced.

    Every adapter passes what it received through here, so that a document can always be packed and sent.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _UNSENDABLE.sub("", _BREAKS.sub("\n", text)))


def text(value: str) -> Document:
    """A document that shows `value` literally."""
    value = clean(value)
    return (Text(value),) if value else ()


def strip_invisible(value: str) -> str:
    """`value` as rules should match it: nothing invisible, odd spaces as spaces, look-alike signs as ASCII.

    Each character becomes one character or none, so an offset in the result counts visible characters, which is
    what `drop_prefix` takes. Never show or send the result.
    """
    return (
        value if value.isascii() and value.isprintable() else _INVISIBLE.sub("", value).translate(_TO_MATCH)
    )


def one_line(value: str) -> str:
    """`value` on one line and without invisible characters, so that a name cannot hide, reorder or add anything."""
    if value.isascii() and value.isprintable():
        return " ".join(value.split())
    shown = "".join(sign for sign in clean(value) if sign.isspace() or strip_invisible(sign))
    return " ".join(shown.split())


def line_opening(line: str) -> str:
    """`line` for matching marks at its start: without invisible characters, white space, and typed list or quote signs.

    A person who types ``> note: …`` or ``- *note:* …`` as plain characters means the same as one who formats it.
    """
    shown = strip_invisible(line)
    signs = _LINE_SIGNS.match(shown)
    return shown[signs.end() :] if signs else shown


def lines(document: Document) -> list[str]:
    """Each line the eye reads, from the top, without formatting, bullets, numbers or quote signs.

    Items of lists, lines of quotes and blocks, and lines inside a span all count. An empty document has no lines.
    """
    return [_joined(row) for row in _rows(document)]


def bare(document: Document) -> str:
    """`lines` in one string; the text whose visible characters `drop_prefix` counts."""
    if _is_bare(document):
        return visible(document[0])
    return "\n".join(lines(document))


def plain(document: Document) -> str:
    """The document for a reader without formatting: as `bare`, with ``> `` before quotes, bullets and numbers."""
    if _is_bare(document):
        return visible(document[0])
    return "\n".join(_joined(row) for row in _rows(document, signs=True))


def is_blank(document: Document) -> bool:
    """True when a reader would see nothing at all."""
    return not strip_invisible(bare(document)).strip()


def opening_mention(document: Document) -> Mention | None:
    """The mention the document opens with, ignoring formatting, white space and invisible characters before it."""
    for row in _rows(document):
        for piece, node in row:
            if isinstance(node, Mention):
                return node
            if strip_invisible(piece).strip():
                return None
    return None


def line_mentions(document: Document) -> list[Mention]:
    """The mentions that open a line, in order: `opening_mention`, asked of every line."""
    found = []
    for row in _rows(document):
        for piece, node in row:
            if isinstance(node, Mention):
                found.append(node)
            if strip_invisible(piece).strip():
                break
    return found


def drop_prefix(document: Document, count: int) -> Document:
    """The document without its first `count` visible characters, the rest with its formatting.

    Counts what ``strip_invisible(bare(document))`` shows, line breaks included. A mention, emoji or date that is
    partly inside the prefix goes as a whole; of a link the rest of the label stays.
    """
    return compact(_Dropper(count).nodes(document))


def keep_prefix(document: Document, count: int) -> Document:
    """Its first `count` visible characters, counted as `drop_prefix` does, with their formatting.

    What is partly inside and has no characters of its own (a mention, an emoji) becomes the characters that are.
    """
    return compact(_Keeper(count).nodes(document))


def visible(node: Node) -> str:
    """What one leaf of the tree shows; the empty string for a node that only holds others."""
    match node:
        case Text() | Code() | Pre():
            return node.text
        case Link():
            return node.label or node.url
        case Mention():
            sign = "#" if node.kind is MentionKind.CHANNEL else "@"
            return sign + (node.label or node.id).lstrip("@#")
        case Emoji():
            return node.unicode or f":{node.name}:"
        case Instant():
            return node.fallback
        case _:
            return ""


def _is_bare(document: Document) -> bool:
    """True for one line of plain characters, which is what most messages are: nothing has to be laid out."""
    return (
        len(document) == 1
        and isinstance(only := document[0], Text)
        and only.text.isascii()
        and only.text.isprintable()
    )


_Row = list[tuple[str, Node]]


def _joined(row: _Row) -> str:
    return "".join(piece for piece, _ in row)


def _rows(document: Document, *, signs: bool = False) -> list[_Row]:
    flow = _Flow(signs=signs)
    flow.nodes(document)
    return flow.rows


class _Flow:
    """Lays a document out in rows. A block owes a line break, which is paid only when something follows it."""

    def __init__(self, *, signs: bool) -> None:
        self.rows: list[_Row] = []
        self._signs = signs
        self._owed = False
        self._before = ""
        self._first = ""

    def nodes(self, nodes: tuple[Node, ...]) -> None:
        for node in nodes:
            match node:
                case Bold() | Italic() | Strike():
                    self.nodes(node.children)
                case Quote():
                    self._block(node.children, "> ", "> ")
                case ListBlock():
                    self._list(node)
                case Pre():
                    self._block((Text(node.text),), "", "")
                case _:
                    self._put(visible(node), node)

    def _list(self, block: ListBlock) -> None:
        indent = "  " * block.indent
        for number, item in enumerate(block.items, block.start):
            sign = f"{indent}{number}. " if block.ordered else f"{indent}\u2022 "
            self._block(item, sign, " " * len(sign))

    def _block(self, nodes: tuple[Node, ...], first: str, rest: str) -> None:
        self._break()
        outer = self._before
        self._first = (self._first or outer) + first
        self._before = outer + rest
        self.nodes(nodes)
        self._before, self._first = outer, ""
        self._break()

    def _break(self) -> None:
        if self.rows and self.rows[-1]:
            self._owed = True

    def _put(self, value: str, node: Node) -> None:
        for index, line in enumerate(clean(value).split("\n") if value else ()):
            if index or self._owed or not self.rows:
                self._new_row()
            if line:
                if not self.rows[-1]:
                    self._sign(self._first or self._before)
                self.rows[-1].append((line, node))

    def _new_row(self) -> None:
        if self.rows and not self.rows[-1]:
            self._sign((self._first or self._before).rstrip())
        self.rows.append([])
        self._owed = False

    def _sign(self, sign: str) -> None:
        """Opens a row with the signs of the blocks it is in; a blank row of a quotation keeps its sign."""
        self._first = ""
        if self._signs and sign:
            self.rows[-1].append((sign, Text(sign)))


class _Cutter(ABC):
    """Walks a document up to a number of visible characters, paying line breaks exactly as `_Flow` does."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._owed = False
        self._row_is_empty = True

    def nodes(self, nodes: tuple[Node, ...]) -> list[Node]:
        return [part for node in nodes for part in self._of(node)]

    @abstractmethod
    def _of(self, node: Node) -> tuple[Node, ...]:
        """What of a node is wanted."""

    def _block(self, nodes: tuple[Node, ...]) -> list[Node]:
        self._owed = self._owed or not self._row_is_empty
        found = self.nodes(nodes)
        self._owed = self._owed or not self._row_is_empty
        return found

    def _pre(self, node: Pre) -> Pre:
        return Pre("".join(visible(part) for part in self._block((Text(node.text),))))

    def _cut(self, value: str) -> tuple[str, str]:
        """What of a leaf's text is within the number, and what is behind it."""
        value = clean(value)
        if not value:
            return "", ""
        if self._owed:
            self._left -= 1
            self._owed, self._row_is_empty = False, True
        for index, character in enumerate(value):
            if self._left <= 0:
                return value[:index], value[index:]
            if not _INVISIBLE.match(character):
                self._left -= 1
            self._row_is_empty = character == "\n"
        return value, ""


class _Dropper(_Cutter):
    """What is behind the number."""

    def _of(self, node: Node) -> tuple[Node, ...]:
        if self._left <= 0:
            return (node,)
        rest: tuple[Node, ...]
        match node:
            case Bold() | Italic() | Strike():
                rest = (type(node)(tuple(self.nodes(node.children))),)
            case Quote():
                rest = (Quote(tuple(self._block(node.children))),)
            case ListBlock():
                rest = self._list(node)
            case Pre():
                rest = (self._pre(node),)
            case Text() | Code():
                rest = (type(node)(self._cut(node.text)[1]),)
            case _:
                rest = self._leaf(node)
        return rest

    def _list(self, block: ListBlock) -> tuple[Node, ...]:
        kept: list[tuple[Node, ...]] = []
        for item in block.items:
            touched = self._left > 0
            rest = compact(self._block(item))
            if rest or not touched:
                kept.append(rest)
        start = block.start + len(block.items) - len(kept)
        return (ListBlock(block.ordered, tuple(kept), block.indent, start),) if kept else ()

    def _leaf(self, node: Node) -> tuple[Node, ...]:
        shown = visible(node)
        rest = self._cut(shown)[1]
        if rest == shown:
            return (node,)
        if isinstance(node, Link) and rest:
            return (Link(node.url, rest) if node.label and node.label != node.url else Text(rest),)
        return ()


class _Keeper(_Cutter):
    """What is within the number."""

    def _of(self, node: Node) -> tuple[Node, ...]:
        if self._left <= 0:
            return ()
        kept: Node
        match node:
            case Bold() | Italic() | Strike():
                kept = type(node)(tuple(self.nodes(node.children)))
            case Quote():
                kept = Quote(tuple(self._block(node.children)))
            case ListBlock():
                items = tuple(compact(self._block(item)) for item in node.items if self._left > 0)
                kept = ListBlock(node.ordered, items, node.indent, node.start)
            case Pre():
                kept = self._pre(node)
            case Text() | Code():
                kept = type(node)(self._cut(node.text)[0])
            case _:
                shown = visible(node)
                inside = self._cut(shown)[0]
                kept = node if inside == shown else Text(inside)
        return (kept,)
