"""What staff react with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.actions import SendReaction
from bridge.markup import is_emoji
from tests.routing.world import World


@pytest.mark.parametrize("typed", ["👍", "❤", "👍🏽", "👨‍👩‍👧", "🇩🇪", "1\ufe0f\u20e3", "#\u20e3", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_emoji(typed: str) -> None:
    """With tones, joiners, flags, keycaps."""
    assert is_emoji(typed)


@pytest.mark.parametrize(
    "typed", ["", "a", "ok", ":partyparrot:", "1", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍", "👍 yes"]
)
def test_no_emoji(typed: str) -> None:
    """Letters, names, digits, too many."""
    assert not is_emoji(typed)


def test_nothing_to_react_to_and_nobody_to_send_to() -> None:
    """Before the contact wrote, or once the window is closed, it is said so."""
    world = World().start(assignee="ana")
    world.write("ana", "!react 👍")
    assert [one.emoji for one in world.last.actions if isinstance(one, SendReaction)] == ["👍"]
    world.now += timedelta(days=2)
    world.write("ana", "!react 👍")
    assert not [one for one in world.last.actions if isinstance(one, SendReaction)]
    assert world.answers()
