"""Reading what people typed in Slack: ``rich_text`` blocks, or the mrkdwn text where there are none.

Slack sends both for a typed message. The blocks say exactly what was meant; the text has to be parsed. Both come from
outside, so nothing about their shape is taken for granted.
"""

from __future__ import annotations

import re
from typing import Any

from bridge.adapters.slack.emoji import from_code_points, to_unicode
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
    bare,
    clean,
    compact,
    is_blank,
)
from bridge.markup.marks import CODE, PRE, Cell, Dialect, code_cell, read

_ENTITY = r"<(?P<entity>[^<>\n]+)>"
_EMOJI = r"(?<![^\W_]):(?P<emoji>[\w+'-]{1,100}(?:::skin-tone-[2-6](?:-[2-6])?)?):"
_TOKEN = re.compile(rf"{PRE}|{CODE}|{_ENTITY}|{_EMOJI}|[*_~\n]|[^*_~\n`<:]+|.", re.DOTALL)
_MENTION = re.compile(r"(?P<sign>@|#|!subteam\^)(?P<id>[A-Z0-9]+)(?:\|(?P<label>.*))?")
_BROADCAST = re.compile(r"!(?P<range>here|channel|everyone)(?:\|.*)?")
_DATE = re.compile(r"!date\^(?P<unix>-?\d{1,12})\^[^|]*(?:\|(?P<fallback>.*))?")
_LINK = re.compile(r"(?P<url>[A-Za-z][A-Za-z0-9+.-]*:[^|]*)(?:\|(?P<label>.*))?")

_KINDS = {"@": MentionKind.PERSON, "#": MentionKind.CHANNEL, "!subteam^": MentionKind.TEAM}
_NAMED_BY = {
    "user": (MentionKind.PERSON, "user_id"),
    "usergroup": (MentionKind.TEAM, "usergroup_id"),
    "channel": (MentionKind.CHANNEL, "channel_id"),
    "broadcast": (MentionKind.EVERYONE, "range"),
}
_DIALECT = Dialect(
    quote=re.compile(r"(?:>>>|>) ?"),
    bullet=re.compile(r"(?P<indent> *)[\u2022\u25e6\u25aa] +"),
    number=re.compile(r"(?P<indent> *)(?P<number>0|[1-9][0-9]{0,2})\. "),
)
_MAX_INDENT = 8


class _UnknownShape(Exception):  # noqa: N818 - a signal inside this module: read the text instead
    """The blocks hold something that we cannot read without losing words."""


def from_slack(blocks: object, text: object) -> Document:
    """The document of a Slack message from its ``blocks`` and ``text``, whatever JSON they are. Never raises.

    ``rich_text`` blocks are preferred; the text is read when there are none, when they hold an element that is not
    known here (the text then has Slack's own words for it), or when nothing visible is in them.
    """
    try:
        document = compact(_blocks(blocks))
    except _UnknownShape:
        document = ()
    if not is_blank(document) or not isinstance(text, str):
        return document
    return from_mrkdwn(text)


def from_mrkdwn(text: str) -> Document:
    """The document of mrkdwn: entities, emoji names and marks. Never raises; what is no markup stays literal."""
    return read([_cell(found) for found in _TOKEN.finditer(clean(text))], _DIALECT)


def _cell(found: re.Match[str]) -> Cell:
    code = found["pre"] if found["pre"] is not None else found["code"]
    if code is not None:
        return code_cell(found, _unescape(re.sub(_ENTITY, _entity_in_code, code)))
    if found["entity"] is not None:
        return _entity(found["entity"])
    if found["emoji"] is not None:
        return _named_emoji(found["emoji"]) or found[0]
    return _unescape(found[0])


def _entity_in_code(found: re.Match[str]) -> str:
    node = _entity(found["entity"])
    shown = node.url if isinstance(node, Link) else bare((node,))
    return shown.replace("&", "&amp;")


def _unescape(text: str) -> str:
    # The ampersand last, or "&amp;lt;" would turn into "<".
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _entity(inner: str) -> Node:
    """What stands between ``<`` and ``>``."""
    if found := _MENTION.fullmatch(inner):
        label = _unescape(found["label"] or "").lstrip("@#")
        return Mention(_KINDS[found["sign"]], found["id"], label)
    if found := _BROADCAST.fullmatch(inner):
        return Mention(MentionKind.EVERYONE, found["range"])
    if found := _DATE.fullmatch(inner):
        return _instant(int(found["unix"]), _unescape(found["fallback"] or ""))
    if found := _LINK.fullmatch(inner):
        return _link(_unescape(found["url"]), _unescape(found["label"] or ""))
    return Text(_unescape(f"<{inner}>"))


def _named_emoji(name: str) -> Node | None:
    """An emoji by name; None when the name can be none (``10:30:45``)."""
    unicode = to_unicode(name)
    if unicode is None and (name != name.lower() or not re.search(r"[^\W\d_]", name)):
        return None
    return Emoji(name, unicode)


def _link(url: str, label: str) -> Node:
    return Link(url, "" if label == url else label)


def _instant(unix: int, fallback: str) -> Node:
    return Instant(unix, fallback or f"{unix} s")


# ------------------------------------------------------------------------------------------------ rich_text


def _blocks(blocks: object) -> list[Node]:
    out: list[Node] = []
    for block in _dicts(blocks):
        if block.get("type") == "rich_text":
            for element in _dicts(block.get("elements")):
                _append(out, element)
    return out


def _append(out: list[Node], element: dict[str, Any]) -> None:
    """Adds one part of a ``rich_text`` block."""
    inner = element.get("elements")
    match element.get("type"):
        case "rich_text_section":
            nodes = _inline(inner)
            # Sections that follow each other stand on lines of their own.
            if (
                out
                and nodes
                and not isinstance(out[-1], Quote | ListBlock | Pre)
                and not bare((out[-1],)).endswith("\n")
            ):
                out.append(Text("\n"))
            out += nodes
        case "rich_text_quote":
            out.append(Quote(tuple(_inline(inner))))
        case "rich_text_preformatted":
            out.append(Pre(bare(tuple(_inline(inner)))))
        case "rich_text_list":
            out.append(_list(element))
        case _:
            raise _UnknownShape


def _list(element: dict[str, Any]) -> Node:
    items = tuple(tuple(_inline(item.get("elements"))) for item in _dicts(element.get("elements")))
    indent = min(max(_int(element.get("indent")), 0), _MAX_INDENT)
    start = max(_int(element.get("offset")), 0) + 1
    ordered = element.get("style") == "ordered"
    block = ListBlock(ordered, items, indent, start if ordered else 1)
    return Quote((block,)) if element.get("border") else block


def _inline(elements: object) -> list[Node]:
    return [_styled(_leaf(element), element.get("style")) for element in _dicts(elements)]


def _leaf(element: dict[str, Any]) -> Node:
    kind = element.get("type")
    if isinstance(kind, str) and kind in _NAMED_BY:
        mention, key = _NAMED_BY[kind]
        return Mention(mention, _str(element.get(key)))
    match kind:
        case "text":
            return Text(_str(element.get("text")))
        case "link":
            return _link(_str(element.get("url")), _str(element.get("text")))
        case "emoji":
            return _emoji(element)
        case "date":
            return _instant(_int(element.get("timestamp")), _str(element.get("fallback")))
        case "color":
            return Text(_str(element.get("value")))
        case _:
            raise _UnknownShape


def _emoji(element: dict[str, Any]) -> Node:
    name = _str(element.get("name"))
    tone = _int(element.get("skin_tone"))
    if 2 <= tone <= 6 and "::" not in name:
        name = f"{name}::skin-tone-{tone}"
    points = element.get("unicode")
    return Emoji(name, to_unicode(name) or (from_code_points(points) if isinstance(points, str) else None))


def _styled(node: Node, style: object) -> Node:
    if not isinstance(style, dict):
        return node
    if style.get("code"):
        node = Code(node.url if isinstance(node, Link) else bare((node,)))
    for name, span in (("strike", Strike), ("italic", Italic), ("bold", Bold)):
        if style.get(name):
            node = span((node,))
    return node


def _dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a JSON list. Something else in its place is a shape that we do not know."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _UnknownShape
    return value


def _str(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""


def _int(value: object) -> int:
    return value if isinstance(value, int) and abs(value) < 10**12 else 0
