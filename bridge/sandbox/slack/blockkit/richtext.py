"""The `rich_text` block and its parts."""

from __future__ import annotations

from bridge.sandbox.slack.blockkit.checks import (
    Check,
    array,
    boolean,
    integer,
    may,
    need,
    number,
    one_of,
    record,
    tagged,
    text,
)

_KIND = need(text(40))
_STYLE = may(
    record({name: may(boolean) for name in ("bold", "italic", "strike", "code", "underline", "highlight")})
)
_ID = need(text(255))

_INLINE: dict[str, Check] = {
    "text": record({"type": _KIND, "text": need(text(40_000)), "style": _STYLE}),
    "link": record(
        {
            "type": _KIND,
            "url": need(text(3000)),
            "text": may(text(40_000, 0)),
            "unsafe": may(boolean),
            "style": _STYLE,
        }
    ),
    "emoji": record(
        {
            "type": _KIND,
            "name": need(text(255)),
            "unicode": may(text(255)),
            "skin_tone": may(integer(1, 6)),
            "style": _STYLE,
        }
    ),
    "user": record({"type": _KIND, "user_id": _ID, "style": _STYLE}),
    "usergroup": record({"type": _KIND, "usergroup_id": _ID, "style": _STYLE}),
    "channel": record({"type": _KIND, "channel_id": _ID, "style": _STYLE}),
    "team": record({"type": _KIND, "team_id": _ID, "style": _STYLE}),
    "broadcast": record(
        {"type": _KIND, "range": need(one_of(("here", "channel", "everyone"))), "style": _STYLE}
    ),
    "color": record({"type": _KIND, "value": need(text(20)), "style": _STYLE}),
    "date": record(
        {
            "type": _KIND,
            "timestamp": need(number),
            "format": need(text(255)),
            "url": may(text(3000)),
            "fallback": may(text(255)),
            "style": _STYLE,
        }
    ),
}
_WORDS = need(array(tagged(_INLINE), 10_000, 0))
_SECTION = record({"type": _KIND, "elements": _WORDS})
_BORDER = may(integer(0, 1))
_PARTS: dict[str, Check] = {
    "rich_text_section": _SECTION,
    "rich_text_preformatted": record(
        {"type": _KIND, "elements": _WORDS, "border": _BORDER, "language": may(text(50))}
    ),
    "rich_text_quote": record({"type": _KIND, "elements": _WORDS, "border": _BORDER}),
    "rich_text_list": record(
        {
            "type": _KIND,
            "style": need(one_of(("bullet", "ordered"))),
            "elements": need(array(tagged({"rich_text_section": _SECTION}), 1000)),
            "indent": may(integer(0, 8)),
            "offset": may(integer(0, 100_000)),
            "border": _BORDER,
        }
    ),
}
RICH_TEXT = record(
    {"type": _KIND, "block_id": may(text(255)), "elements": need(array(tagged(_PARTS), 1000, 0))}
)
"""A whole `rich_text` block."""
