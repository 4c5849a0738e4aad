"""A large file costs no memory worth speaking of: it goes through a bridge in a process of its own, which is measured."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.sandbox.blobs import Blob
from bridge.sandbox.slack.files import Attached
from tests.support.crash import CrashStack, crash_stack
from tests.support.files import JPEG, PDF
from tests.support.waiting import until

MB = 1024 * 1024
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads /proc"),
]


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[CrashStack]:
    async with crash_stack(redis_url) as running:
        yield running


class Memory:
    """What a process has of the machine's memory, in bytes."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def now(self) -> int:
        """Resident at the moment."""
        return self._read("VmRSS")

    def most(self) -> int:
        """The highest since `forget_most`."""
        return self._read("VmHWM")

    def forget_most(self) -> None:
        """Begin anew with what is resident now."""
        (self._proc / "clear_refs").write_text("5")

    def _read(self, name: str) -> int:
        found = re.search(rf"{name}:\s+(\d+) kB", (self._proc / "status").read_text())
        assert found
        return int(found[1]) * 1024


async def test_100_mb_cost_less_than_32(stack: CrashStack) -> None:
    """From WhatsApp to Slack, after a small one has brought everything in that a file needs."""
    ana = stack.customer("ana")
    await ana.writes("First")
    card = await stack.card("Ana García")

    def files() -> list[int]:
        thread = stack.channel().thread(card.ts)
        return [one.files[0]["size"] for one in thread if one.files]

    await ana.attaches("image", JPEG, "image/jpeg")
    await until(lambda: len(files()) == 1, 30, "the small file")
    memory = Memory(stack.process.pid)
    memory.forget_most()
    before = memory.now()
    size = 100 * MB
    await ana.attaches("document", Blob.sparse(PDF, size), "application/pdf", filename="large.pdf")
    await until(lambda: len(files()) == 2, 120, "the large file")
    grown = memory.most() - before
    print(f"100 MB through the bridge: {grown / MB:.1f} MB more at most")  # noqa: T201 - for docs/media.md
    assert files()[1] == size
    assert grown < 32 * MB, f"{grown / MB:.1f} MB"


async def test_100_mb_to_the_contact_cost_less_than_32(stack: CrashStack) -> None:
    """From Slack to WhatsApp, after a small one has brought everything in that a file needs."""
    ana, ben = stack.customer("ana"), stack.person("ben")
    await ana.writes("First")
    card = await stack.card("Ana García")
    channel = stack.channel().id

    async def attach(blob: Blob) -> None:
        before = len(ana.inbox)
        file = Attached("large.pdf", "application/pdf", blob)
        await ben.attaches(channel, card.ts, [file], "!reply Here")
        await until(lambda: len(ana.inbox) > before, 120, "the file")

    await attach(Blob.of(PDF))
    memory = Memory(stack.process.pid)
    memory.forget_most()
    before = memory.now()
    await attach(Blob.sparse(PDF, 100 * MB))
    grown = memory.most() - before
    print(f"100 MB to the contact: {grown / MB:.1f} MB more at most")  # noqa: T201 - for docs/media.md
    assert grown < 32 * MB, f"{grown / MB:.1f} MB"
