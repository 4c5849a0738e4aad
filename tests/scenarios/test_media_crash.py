"""A process killed while a customer's file is on its way shows it once all the same, in its turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.crash import CrashStack, When, crash_stack
from tests.support.files import JPEG
from tests.support.stack import shown

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]

GAPS: list[tuple[str, When]] = [
    ("commit", "after"),
    ("mark", "before"),
    ("mark", "after"),
    ("result", "before"),
    ("result", "after"),
]
"""`mark before`: uploaded, and nothing says so · `mark after`: not yet shown · `result before`: shown, and nothing says so."""


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[CrashStack]:
    async with crash_stack(redis_url) as running:
        yield running


@pytest.mark.parametrize("step, when", GAPS)
async def test_a_file_is_shown_once_and_in_order(stack: CrashStack, step: str, when: When) -> None:
    """Killed between fetching, uploading, asking for the post and knowing of it."""
    ana = stack.customer("ana")
    await ana.writes("First")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "First")
    await stack.killed_at(step, when, lambda: ana.attaches("image", JPEG, "image/jpeg"))
    await ana.writes("Third")
    await stack.in_thread(card, "Third", timeout_s=30)
    thread = stack.channel().thread(card.ts)[1:]
    said = ["file" if one.files else shown(one).strip().split("\n")[0] for one in thread]
    assert said == ["First", "file", "Third"]
