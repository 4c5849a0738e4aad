"""WhatsApp text markup, read and written.

WhatsApp: ``*bold*``, ``_italic_``, ``~strike~``, backticks, ``> `` quotes, ``- `` or ``* `` bullets, ``1. `` numbers. It
has no labelled links and, in a conversation with one person, no mentions. `rows` knows the rules within a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from bridge.adapters.base import Loss
from bridge.adapters.fit import fit
from bridge.adapters.whatsapp.rows import DIALECT, Form, Run, regions, tokens, write_row
from bridge.markup import (
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
    clean,
    strip_invisible,
    visible,
)
from bridge.markup.marks import GUARD, MARKS, read

TEXT_LIMIT = 4096
"""Code points in the body of a text message. WhatsApp: messages, type text."""

LOST_EMOJI = "emoji"
"""`Loss.kind` of a custom emoji: it exists on the desk's platform alone."""
LOST_MENTION = "mention"
"""`Loss.kind` of a mention of somebody whose name we do not know."""

_MARK_OF = {node: mark for mark, node in MARKS.items()}
_STAND_IN = {
    MentionKind.PERSON: "@colleague",
    MentionKind.TEAM: "@team",
    MentionKind.CHANNEL: "#channel",
    MentionKind.EVERYONE: "@all",
    MentionKind.BOT: "@us",
}
_TICKS = re.compile("`(?=`)")
_MAYBE_MARKED = re.compile(r"[*_~`]|^(?:[>-] |[0-9])", re.MULTILINE)
"""Finds something in every text that has markup, and in a few that have none."""


def from_whatsapp(text: str) -> Document:
    """The document for a text a contact typed. Never raises; what is no markup stays literal."""
    text = clean(text)
    if _MAYBE_MARKED.search(text):
        return read([token.cell for token in tokens(text)], DIALECT)
    # Most messages have no marks, and they come through the busiest path there is.
    return (Text(text),) if text else ()


def to_whatsapp(document: Document, names: Mapping[str, str]) -> str:
    """The document as WhatsApp text; `names` gives the display name for the id of each mention.

    Mentions read ``@Name`` or ``#name``, labelled links ``label: url``. Custom emoji are left out (see `compose`).
    """
    return _written(document, names).text()


class Composed(NamedTuple):
    """Words as WhatsApp takes them."""

    parts: tuple[str, ...]
    losses: tuple[Loss, ...]


def compose(document: Document, names: Mapping[str, str], limit: int = TEXT_LIMIT) -> Composed:
    """The messages, at most `limit` code points each, that bring the document to a contact, and what they lack.

    No parts when nothing visible is left, for example of a lone custom emoji.
    """
    page = _written(document, names)
    return Composed(split(page.text().strip(), limit), tuple(page.losses))


def split(text: str, limit: int = TEXT_LIMIT) -> tuple[str, ...]:
    """WhatsApp text in parts of at most `limit` code points; formatting that is open at a cut goes on in the next."""
    if not strip_invisible(text).strip():
        return ()
    found = regions(text) if len(text) > limit else []

    def open_marks(offset: int) -> tuple[tuple[str, str], ...]:
        return tuple((region.opening, region.closing) for region in found if region.holds(offset))

    return fit(text, limit, open_marks)


def _written(document: Document, names: Mapping[str, str]) -> _Page:
    page = _Page(names)
    page.nodes(document, ())
    return page


class _Row(msgspec.Struct):
    """A row in the making. `block` is set for a monospaced block, which is written as it is."""

    prefix: str
    runs: list[Run] = []
    block: str = ""

    def text(self) -> str:
        return self.block or write_row(self.runs, self.prefix)


class _Page:
    """Lays a document out in rows of runs. A block owes a line break, paid when something follows."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.rows: list[_Row] = []
        self.losses: list[Loss] = []
        self._names = names
        self._prefix = ""
        self._first = ""
        self._owed = False
        self._skip_space = False

    def text(self) -> str:
        return "\n".join(row.text() for row in self.rows)

    def nodes(self, nodes: tuple[Node, ...], styles: tuple[str, ...]) -> None:
        for node in nodes:
            match node:
                case Bold() | Italic() | Strike():
                    mark = _MARK_OF[type(node)]
                    self.nodes(node.children, styles if mark in styles else (*styles, mark))
                case Quote():
                    self._block(node.children, "> ", "> ", styles)
                case ListBlock():
                    self._list(node, styles)
                case Pre():
                    self._pre(node.text)
                case _:
                    self._leaf(node, styles)

    def _leaf(self, node: Node, styles: tuple[str, ...]) -> None:
        match node:
            case Code():
                self._put(node.text, styles, Form.CODE)
            case Link():
                label, url = _link(node)
                self._put(label, styles)
                self._put(url, styles, Form.FIXED)
            case Mention():
                self._put(self._name(node), styles)
            case Emoji(unicode=None):
                self.losses.append(Loss(LOST_EMOJI, f":{node.name}:"))
                before = self.rows[-1].runs[-1].text if self.rows and self.rows[-1].runs else " "
                self._skip_space = before[-1:].isspace()
            case Instant() | Text() | Emoji():
                self._put(visible(node), styles)

    def _name(self, node: Mention) -> str:
        name = (self._names.get(node.id) or node.label).strip().lstrip("@#")
        if not name and node.kind is MentionKind.EVERYONE:
            name = node.id
        if name:
            return _STAND_IN[node.kind][0] + " ".join(name.split())
        self.losses.append(Loss(LOST_MENTION, visible(node)))
        return _STAND_IN[node.kind]

    def _list(self, block: ListBlock, styles: tuple[str, ...]) -> None:
        indent = "  " * block.indent
        # Only a sign at the very start of a line makes a list; deeper ones are shown by a sign of their own.
        bullet = "- " if not indent and not self._prefix else "\u2022 "
        for number, item in enumerate(block.items, block.start):
            sign = indent + (f"{number}. " if block.ordered else bullet)
            self._block(item, sign, " " * len(sign), styles)

    def _block(self, nodes: tuple[Node, ...], first: str, rest: str, styles: tuple[str, ...]) -> None:
        self._owe()
        outer = self._prefix
        self._first, self._prefix = (self._first or outer) + first, outer + rest
        self.nodes(nodes, styles)
        self._first, self._prefix = "", outer
        self._owe()

    def _pre(self, text: str) -> None:
        self._owe()
        if self._prefix or not text.strip():
            self._put(text, ())
        else:
            body = _TICKS.sub(f"`{GUARD}", clean(text))
            body = GUARD * body.startswith("`") + body + GUARD * body.endswith("`")
            pad_before, pad_after = "\n" * body.startswith("\n"), "\n" * body.endswith("\n")
            if self._owed or not self.rows:
                self._new_row()
            self.rows[-1].block = f"```{pad_before}{body}{pad_after}```"
        self._owe()

    def _owe(self) -> None:
        if self.rows and (self.rows[-1].runs or self.rows[-1].block):
            self._owed = True

    def _put(self, text: str, styles: tuple[str, ...], form: Form = Form.LITERAL) -> None:
        if self._skip_space and text:
            text, self._skip_space = text.removeprefix(" "), False
        for index, line in enumerate(clean(text).split("\n") if text else ()):
            if index or self._owed or not self.rows:
                self._new_row()
            if line:
                self._sign()
                self.rows[-1].runs.append(Run(line, form, styles))

    def _new_row(self) -> None:
        if self.rows:
            self._sign()
        self.rows.append(_Row(""))
        self._owed = False

    def _sign(self) -> None:
        row = self.rows[-1]
        if not row.runs and not row.block:
            row.prefix, self._first = self._first or self._prefix, ""


def _link(node: Link) -> tuple[str, str]:
    """What to write before the address, and the address; nothing before it when the label says the same."""
    url = re.sub(r"\s", "%20", node.url)
    label = " ".join(node.label.split())
    scheme, _, rest = url.partition(":")
    if scheme.lower() == "tel" and re.sub(r"\D", "", label) == re.sub(r"\D", "", rest):
        return "", label or rest
    if scheme.lower() in ("mailto", "tel"):
        return ("", rest) if label in ("", rest, url) else (f"{label}: ", rest)
    try:
        host = urlsplit(url).netloc
    except ValueError:
        host = ""
    bare = rest.strip("/")
    if label.rstrip("/") in ("", url.rstrip("/"), host, host.removeprefix("www."), bare):
        return "", url
    return f"{label}: ", url
