"""Formatted text, independent of any platform: what adapters read into and write out of.

A `Document` is a tuple of nodes (`nodes`); `reading` tells what a person sees in it; `marks` reads the typed
markup (``*bold*``) that several platforms share.
"""

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
from bridge.markup.reading import (
    bare,
    clean,
    drop_prefix,
    is_blank,
    line_mentions,
    line_opening,
    lines,
    opening_mention,
    plain,
    strip_invisible,
    text,
    visible,
)

__all__ = [
    "Bold",
    "Code",
    "Document",
    "Emoji",
    "Instant",
    "Italic",
    "Link",
    "ListBlock",
    "Mention",
    "MentionKind",
    "Node",
    "Pre",
    "Quote",
    "Strike",
    "Text",
    "bare",
    "clean",
    "compact",
    "drop_prefix",
    "is_blank",
    "line_mentions",
    "line_opening",
    "lines",
    "opening_mention",
    "plain",
    "strip_invisible",
    "text",
    "visible",
]
