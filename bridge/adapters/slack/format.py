"""Slack text, read and written.

Two ways out, never to be confused. `to_rich_text` shows somebody's words literally: nothing in them can mention, hide a
link or pass for formatting of ours; it is what a contact's words go through. `to_slack_text` is mrkdwn for our own
texts, with real mentions, labelled links and dates. Whatever goes into ``text`` beside blocks goes through `fallback`.
"""

from __future__ import annotations

import re
from typing import Any

from bridge.adapters.fit import pieces
from bridge.adapters.slack.reading import from_mrkdwn, from_slack
from bridge.adapters.slack.richtext import rich_text_parts
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
    clean,
    visible,
)
from bridge.markup.marks import GUARD, MARKS

__all__ = [
    "MAX_BLOCK",
    "MAX_POST",
    "escape",
    "fallback",
    "from_mrkdwn",
    "from_slack",
    "literal",
    "sections",
    "to_rich_text",
    "to_slack_text",
]

MAX_BLOCK = 3000
"""Characters in one block. Slack: the text of a section; kept for rich_text too."""
MAX_POST = 12_000
"""Characters in the blocks of one post, below what Slack answers with msg_blocks_too_long."""

_MARK_OF = {node: mark for mark, node in MARKS.items()}
_SIGN = {
    MentionKind.PERSON: "@",
    MentionKind.BOT: "@",
    MentionKind.CHANNEL: "#",
    MentionKind.TEAM: "!subteam^",
    MentionKind.EVERYONE: "!",
}
_SAFE_ID = re.compile(r"[A-Z0-9]+|here|channel|everyone")
_SAFE_URL = re.compile(r"(?:https?|mailto|tel|slack):\S+", re.IGNORECASE)
_UNSAFE_IN_URL = re.compile(r"[\s<>|]")
_EMOJI_NAME = re.compile(r"[\w+'-]+(?:::skin-tone-[2-6])?")
_DATE_FORMAT = "{date_short_pretty} {time}"

_MARK_OPENS = re.compile(r"(?<![^\W_])([*_~`])(?=\S)")
_MARK_CLOSES = re.compile(r"(?<=[^\s\u200b])([*_~`])(?![^\W_])")
_EMOJI_OPENS = re.compile(r":(?=[\w+'-]+:)")
_ANY_SIGN = re.compile(r"[*_~`:@>]")
_BROADCAST = re.compile(r"@(?=here|channel|everyone)", re.IGNORECASE)
_QUOTE_OPENS = re.compile(r"(?m)^(?=>)")


def escape(text: str) -> str:
    """`text` with Slack's three entities. Slack: formatting message text; nothing else is an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def literal(text: str) -> str:
    """`text` for mrkdwn, shown as it is: escaped, and guarded.

    mrkdwn has no way to keep marks, emoji names, quotes and bare ``@here`` literal but a zero-width space in them.
    """
    text = clean(text)
    if not _ANY_SIGN.search(text):
        return escape(text)
    text = _QUOTE_OPENS.sub(GUARD, text)
    text = _MARK_CLOSES.sub(rf"{GUARD}\1", _MARK_OPENS.sub(rf"\1{GUARD}", text))
    return escape(_BROADCAST.sub(f"@{GUARD}", _EMOJI_OPENS.sub(f":{GUARD}", text)))


def fallback(text: str, limit: int = MAX_BLOCK) -> str:
    """`text` for the ``text`` of a post with blocks: literal, at most `limit` characters, cut with an ellipsis."""
    out = literal(text[: limit + 1])
    room = limit
    while len(out) > limit and room > 1:
        # Escapes make it longer than what it stands for, so the room is found by trying.
        room = min(room - 1, room * limit // len(out) + 1)
        out = literal(pieces(text[: limit + 1], room)[0].rstrip()) + "\u2026"
    return out


def to_rich_text(document: Document) -> list[dict[str, Any]]:
    """``rich_text`` blocks that show the document literally, at most `MAX_BLOCK` characters each; all of it, in order.

    Mentions are plain words, and a link shows where it leads. Empty for an empty document.
    """
    blocks: list[dict[str, Any]] = []
    room = 0
    for element, size in rich_text_parts(document, MAX_BLOCK):
        if size > room:
            blocks.append({"type": "rich_text", "elements": []})
            room = MAX_BLOCK
        blocks[-1]["elements"].append(element)
        room -= size
    return blocks


def sections(mrkdwn: str) -> list[dict[str, Any]]:
    """``section`` blocks for mrkdwn of ours (`to_slack_text`), at most `MAX_BLOCK` characters each."""
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": part, "verbatim": True}}
        for part in pieces(mrkdwn, MAX_BLOCK)
        if part.strip()
    ]


def to_slack_text(document: Document) -> str:
    """Write a text of ours as mrkdwn: real mentions, labelled links, dates in the reader's zone; literal text is escaped."""
    out, owed = "", False
    for node in document:
        written = _written(node)
        is_block = isinstance(node, Pre | Quote | ListBlock)
        if written and (owed or (is_block and out and not out.endswith("\n"))):
            out += "\n"
        out += written
        owed = (is_block and bool(written)) or (owed and not written)
    return out


def _written(node: Node) -> str:
    match node:
        case Bold() | Italic() | Strike():
            return "\n".join(
                _wrapped(line, _MARK_OF[type(node)]) for line in to_slack_text(node.children).split("\n")
            )
        case Quote():
            return "\n".join(f"> {line}" for line in to_slack_text(node.children).split("\n"))
        case ListBlock():
            return "\n".join(_items(node))
        case Pre():
            return f"```\n{escape(node.text.replace('```', f'`{GUARD}`{GUARD}`'))}\n```"
        case Code():
            return (
                f"`{escape(node.text)}`" if "`" not in node.text and node.text.strip() else literal(node.text)
            )
        case _:
            return _leaf(node)


def _leaf(node: Node) -> str:
    match node:
        case Link():
            return _link(node)
        case Mention() if _SAFE_ID.fullmatch(node.id):
            return f"<{_SIGN[node.kind]}{node.id}>"
        case Emoji() if _EMOJI_NAME.fullmatch(node.name):
            return f":{node.name}:"
        case Instant():
            return f"<!date^{node.unix}^{_DATE_FORMAT}|{_label(node.fallback) or node.unix}>"
        case _:
            return literal(visible(node))


def _wrapped(line: str, mark: str) -> str:
    inner = line.strip()
    if not inner:
        return line
    start = line.index(inner)
    return f"{line[:start]}{mark}{inner}{mark}{line[start + len(inner) :]}"


def _items(block: ListBlock) -> list[str]:
    indent = "    " * block.indent
    return [
        indent
        + (f"{number}. " if block.ordered else "\u2022 ")
        + to_slack_text(item).replace("\n", f"\n{indent}   ")
        for number, item in enumerate(block.items, block.start)
    ]


def _link(node: Link) -> str:
    if not _SAFE_URL.fullmatch(node.url):
        return literal(f"{node.label} ({node.url})" if node.label else node.url)
    url = _UNSAFE_IN_URL.sub(lambda found: f"%{ord(found[0]):02X}", node.url).replace("&", "&amp;")
    label = _label(node.label)
    return f"<{url}|{label}>" if label else f"<{url}>"


def _label(text: str) -> str:
    """Text inside an entity, where a bar would end it."""
    return literal(" ".join(text.split()).replace("|", "\u00a6"))
