"""What a number brings along from the phone app."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.content import Attachment, Words
from bridge.events import HistoryImported, PastMessage
from bridge.markup import plain
from bridge.model import Fate
from tests.adapters.whatsapp.support import FIXTURES, Hook

OURS, THEIRS = "15550100200", "15550100311"


def body(*threads: dict[str, Any], **more: Any) -> bytes:
    """A body of the field `history`."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": OURS, "phone_number_id": "200300400500600"},
        "history": [{"metadata": {"phase": 0, "chunk_order": 1, "progress": 55}, "threads": list(threads)}],
        **more,
    }
    change = {"value": value, "field": "history"}
    entry = {"id": "100200300400500", "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def message(name: str, words: str = "Hello", **more: Any) -> dict[str, Any]:
    """One of theirs."""
    return {
        "from": THEIRS,
        "id": f"wamid.{name}",
        "timestamp": "1790491000",
        "type": "text",
        "text": {"body": words},
        **more,
    }


async def imported(data: bytes) -> list[HistoryImported]:
    """What becomes of a body."""
    async with Hook() as hook:
        assert await hook.post(data) == 200
        return [one for one in hook.inlet.events if isinstance(one, HistoryImported)]


async def test_a_chunk_as_it_is_documented() -> None:
    """Whose it is, who said what when, and what became of it; a file is that there was one."""
    (event,) = await imported((FIXTURES / "history_chunk.json").read_bytes())
    first, file, answer = event.messages
    assert (event.phone, event.address) == (THEIRS, f"phone:+{THEIRS}")
    assert event.aliases[0].endswith("US.48213307719920450013")
    assert isinstance(first.content, Words)
    assert (plain(first.content.body), first.ours, first.fate) == ("Thanks for your order", True, Fate.READ)
    assert (file.content, file.ours, file.fate) == (None, True, Fate.DELIVERED)
    assert (answer.ours, answer.sent_at.timestamp()) == (False, 1790492000)


async def test_a_file_that_comes_later() -> None:
    """Once more, as the message that it is; of the contact's own it is known whose."""
    item = message("1", type="image", image={"id": "17", "mime_type": "image/jpeg", "caption": "The box"})
    (event,) = await imported(body(history=[], messages=[item]))
    (file,) = event.messages
    assert isinstance(file.content, Attachment)
    assert event.phone == THEIRS


async def test_long_threads_come_in_parts() -> None:
    """In order, each with an id of its own that a repetition has, too."""
    items = [message(str(at), f"word {at}") for at in range(120)]
    parts = await imported(body({"id": THEIRS, "messages": items}))
    assert [len(one.messages) for one in parts] == [50, 50, 20]
    assert len({one.id for one in parts}) == 3
    assert [one.id for one in await imported(body({"id": THEIRS, "messages": items}))] == [
        one.id for one in parts
    ]
    said: list[PastMessage] = [message for one in parts for message in one.messages]
    assert [one.about.platform_id for one in said] == [f"wamid.{at}" for at in range(120)]


@pytest.mark.parametrize(
    "thread",
    [
        {},
        {"id": "a group", "messages": [message("1")]},
        {"id": THEIRS},
        {"id": THEIRS, "messages": [{}, "x", None, {"id": 5}, {"id": "bad id"}]},
        {"id": THEIRS, "messages": [message("1", type="reaction", reaction={"emoji": "x"})]},
        {"id": THEIRS, "context": "x", "messages": 7},
    ],
)
async def test_what_says_nothing(thread: dict[str, Any]) -> None:
    """Nothing is made of it, and what stands beside it is taken."""
    good = {"id": THEIRS, "messages": [message("9")]}
    (event,) = await imported(body(thread, good))
    assert [one.about.platform_id for one in event.messages] == ["wamid.9"]


async def test_a_message_that_is_bent_keeps_what_fits() -> None:
    """That it came, and when."""
    (event,) = await imported(body({"id": THEIRS, "messages": [message("1", text=5)]}))
    assert event.messages[0].content is not None
