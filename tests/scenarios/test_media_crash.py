"""A process killed while a file is on its way brings it once all the same, in its turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.blobs import Blob
from bridge.sandbox.slack.files import Attached
from tests.support.crash import CrashStack, When, crash_stack
from tests.support.files import JPEG, PDF
from tests.support.stack import shown
from tests.support.waiting import until

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


@pytest.mark.parametrize("step, when", GAPS)
async def test_a_colleagues_files_arrive_once_and_in_order(stack: CrashStack, step: str, when: When) -> None:
    """Killed between fetching, uploading, sending and knowing of it. Where it was sent and nothing says so, its status
    tells.
    """
    ana, ben = stack.customer("ana"), stack.person("ben")
    await ana.writes("First")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "First")
    files = [Attached(f"{at}.pdf", "application/pdf", Blob.of(PDF)) for at in range(2)]
    channel = stack.channel().id
    await stack.killed_at(step, when, lambda: ben.attaches(channel, card.ts, files, "!reply Both"))
    await ben.replies(channel, card.ts, "!reply Done")
    doubt = (step, when) == ("mark", "after")
    if doubt:
        # Only people can settle whether the first one went: until they do, the second one waits.
        await stack.in_thread(card, "It arrived", timeout_s=30)
    await until(lambda: len(ana.inbox) >= (1 if doubt else 3), 40, "what was sent")
    got = [(one.text, one.content.get("filename")) for one in ana.inbox]
    files_got = [] if doubt else [("Both", "0.pdf"), ("", "1.pdf")]
    assert [one for one in got if one[1]] == files_got
    assert got.count(("Done", None)) == 1
    if (step, when) != ("result", "before"):
        # There the first one's status may come after people were asked, and the second one goes behind what went meanwhile.
        assert got == [*files_got, ("Done", None)]
