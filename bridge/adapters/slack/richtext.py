"""Writing a document as parts of ``rich_text``, literally.

Slack: words in a ``text`` element are never parsed, so nothing in them can mention or format. A link element is made
only of an address that stands in the words as such, and shows exactly that address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bridge.adapters.fit import pieces
from bridge.markup import (
    Bold,
    Code,
    Document,
    Instant,
    Italic,
    Link,
    ListBlock,
    Mention,
    Node,
    Pre,
    Quote,
    Strike,
    Text,
    clean,
    plain,
    visible,
)

Element = dict[str, Any]

# Short parts cost more than their letters: counted so, a block stays well below 1,000 parts.
_PART_COST = 4
_MAX_INDENT = 8
_MAX_FALLBACK = 255

_STYLES = {Bold: "bold", Italic: "italic", Strike: "strike"}
_URL = re.compile(r"https?://[!-;=?-~]*[^\s!\"'(),.:;<>?\[\]*_~`{}\u0080-\U0010ffff]")
# They make what follows read backwards, so that a name or an address can pass for another. No language needs them.
_OVERRIDES = re.compile("[\u202d\u202e]")


def rich_text_parts(document: Document, limit: int) -> Iterator[tuple[Element, int]]:
    """The parts of a ``rich_text`` block for `document`, each with its size: at most `limit` characters of text."""
    section: list[Node] = []
    for node in _raised(document):
        if not isinstance(node, Quote | ListBlock | Pre):
            section.append(node)
            continue
        yield from _part("rich_text_section", section, limit)
        section = []
        if isinstance(node, ListBlock):
            yield from _list(node, limit)
        elif isinstance(node, Quote):
            yield from _part("rich_text_quote", list(node.children), limit)
        else:
            yield from _part("rich_text_preformatted", [Text(node.text)], limit, is_linked=False)
    yield from _part("rich_text_section", section, limit)


def _raised(document: Document) -> Iterator[Node]:
    """The document with blocks out of spans: ``rich_text`` has them at the top alone."""
    for node in document:
        if isinstance(node, Bold | Italic | Strike) and any(
            isinstance(c, Quote | ListBlock | Pre) for c in node.children
        ):
            yield from _raised(node.children)
        else:
            yield node


def _part(
    kind: str, nodes: list[Node], limit: int, *, is_linked: bool = True
) -> Iterator[tuple[Element, int]]:
    for elements, size in _chunks(_inline(tuple(nodes), {}, limit, is_linked=is_linked), limit):
        yield {"type": kind, "elements": elements}, size + _PART_COST


def _list(block: ListBlock, limit: int) -> Iterator[tuple[Element, int]]:
    items: list[Element] = []
    total, number = 0, block.start
    for item in block.items:
        chunks = list(_chunks(_inline(item, {}, limit), limit)) or [([_text(" ", {})], 1)]
        for index, (elements, size) in enumerate(chunks):
            if items and (total + size > limit or index):
                yield _list_part(block, items, number), total
                number, items, total = number + len(items) - bool(index), [], 0
            items.append({"type": "rich_text_section", "elements": elements})
            total += size + _PART_COST
    if items:
        yield _list_part(block, items, number), total


def _list_part(block: ListBlock, items: list[Element], number: int) -> Element:
    part = {
        "type": "rich_text_list",
        "style": "ordered" if block.ordered else "bullet",
        "indent": min(block.indent, _MAX_INDENT),
        "elements": items,
    }
    return part | {"offset": number - 1} if block.ordered and number > 1 else part


def _chunks(elements: Iterator[Element], limit: int) -> Iterator[tuple[list[Element], int]]:
    chunk: list[Element] = []
    total = 0
    for element in elements:
        size = len(element.get("text") or element.get("url") or element.get("fallback") or "")
        if chunk and total + size > limit:
            yield chunk, total
            chunk, total = [], 0
        chunk.append(element)
        total += size
    if chunk:
        yield chunk, total


def _inline(
    nodes: tuple[Node, ...], style: dict[str, bool], limit: int, *, is_linked: bool = True
) -> Iterator[Element]:
    for node in nodes:
        match node:
            case Bold() | Italic() | Strike():
                yield from _inline(
                    node.children, style | {_STYLES[type(node)]: True}, limit, is_linked=is_linked
                )
            case Code():
                yield from _texts(node.text, style | {"code": True}, limit)
            case Link() if node.label and node.label != node.url:
                yield from _texts(f"{node.label} (", style, limit)
                yield from _linked(node.url, style, limit)
                yield _text(")", style)
            case Instant():
                yield from _date(node, style)
            case Quote() | ListBlock() | Pre():
                yield from _texts(f"\n{plain((node,))}\n", style, limit)
            case _ if is_linked and not isinstance(node, Mention):
                yield from _linked(visible(node), style, limit)
            case _:
                yield from _texts(visible(node), style, limit)


def _linked(text: str, style: dict[str, bool], limit: int) -> Iterator[Element]:
    """Text with the addresses in it as links that show themselves."""
    text = _literal(text)
    start = 0
    for found in _URL.finditer(text):
        # An address that goes on in another script would lead elsewhere than it reads.
        is_whole = not text[found.end() : found.end() + 1].isalnum()
        if is_whole and len(found[0]) <= limit and _is_honest(found[0]):
            yield from _texts(text[start : found.start()], style, limit)
            yield {"type": "link", "url": found[0]} | ({"style": style} if style else {})
            start = found.end()
    yield from _texts(text[start:], style, limit)


def _is_honest(url: str) -> bool:
    """False for an address whose beginning passes for another host (``https://bank.example@evil.example``)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and "\\" not in url


def _texts(text: str, style: dict[str, bool], limit: int) -> Iterator[Element]:
    for piece in pieces(_literal(text), limit):
        yield _text(piece, style)


def _text(text: str, style: dict[str, bool]) -> Element:
    return {"type": "text", "text": text} | ({"style": style} if style else {})


def _date(node: Instant, style: dict[str, bool]) -> Iterator[Element]:
    yield {
        "type": "date",
        "timestamp": node.unix,
        "format": "{date_short_pretty} {time}",
        "fallback": node.fallback[:_MAX_FALLBACK] or str(node.unix),
    } | ({"style": style} if style else {})


def _literal(text: str) -> str:
    text = clean(text)
    return text if text.isascii() else _OVERRIDES.sub("", text)
