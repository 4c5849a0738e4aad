"""Single emoji, as they are compared and checked. Pure."""

from __future__ import annotations

import unicodedata

MOST = 16
"""Code points of one emoji, joiners and tones included."""
_SELECTORS = str.maketrans("", "", "\ufe0e\ufe0f")
_KINDS = frozenset({"So", "Sk", "Mn", "Me", "Cf"})
_KEYCAP = "\u20e3"


def bare_emoji(typed: str) -> str:
    """Without the selectors that choose between text and picture: platforms differ in them."""
    return typed.translate(_SELECTORS).strip()


def is_emoji(typed: str) -> bool:
    """True for what may be one emoji: signs, joiners, tones, a keycap; no letters."""
    if typed.endswith(_KEYCAP):
        return bare_emoji(typed)[:-1] in set("0123456789#*")
    return 0 < len(typed) <= MOST and all(unicodedata.category(one) in _KINDS for one in typed)
