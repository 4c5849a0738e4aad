"""Whatever a signed body holds, the webhook neither breaks nor lets one item cost another."""

import contextlib
import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.whatsapp import wire
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.reader import Oddity, Reader
from bridge.adapters.whatsapp.whose import settle
from bridge.events import AnyEvent, pack, unpack
from tests.adapters.whatsapp.support import (
    BODIES,
    FIXTURES,
    NOW,
    SALES,
    SUPPORT,
    Hook,
    MemoryInlet,
    body_of,
    text,
)
from tests.support.mutation import ANYTHING, mutated, places

NUMBERS: dict[str, Number] = {number.phone_number_id: number for number in (SUPPORT, SALES)}
TREES = [json.loads((FIXTURES / name).read_bytes()) for name in BODIES]


async def arrive(raw: bytes) -> list[AnyEvent]:
    """The events of a body, by way of everything but HTTP; each survives its journey through Redis."""
    inlet = MemoryInlet()
    odd: list[Oddity] = []
    reader = Reader(NUMBERS, lambda: 16, lambda what, _: odd.append(what))
    placed = await settle(inlet, reader.drafts(wire.read(raw), NOW))
    for each in placed:
        assert unpack(pack(each.event)) == each.event
        each.unit.encode()
    return [each.event for each in placed]


@settings(max_examples=150)
@given(ANYTHING)
async def test_any_json_with_a_right_signature_is_survived(tree: Any) -> None:
    """The reader takes any JSON at all."""
    await arrive(json.dumps(tree).encode())


@settings(max_examples=300)
@given(mutated(TREES))
async def test_a_mutated_body_is_survived(tree: dict[str, Any]) -> None:
    """However a documented body is bent, reading it raises nothing, and what it gives can be stored."""
    await arrive(json.dumps(tree).encode())


@settings(max_examples=150)
@given(st.lists(ANYTHING, max_size=4), st.lists(ANYTHING, max_size=4))
async def test_good_messages_arrive_whatever_stands_around_them(before: list[Any], after: list[Any]) -> None:
    """Items of any shape before and after, in messages, statuses and contacts: the good ones arrive in order."""
    body = body_of(statuses=after, contacts=before)
    messages = [text("wamid.good1"), *before, text("wamid.good2"), *after, text("wamid.good3")]
    body["entry"][0]["changes"][0]["value"]["messages"] = messages
    events = await arrive(json.dumps(body).encode())
    good = [event.id for event in events if event.id.startswith("wa:wamid.good")]
    assert good == ["wa:wamid.good1", "wa:wamid.good2", "wa:wamid.good3"]


@given(st.binary(max_size=200))
async def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Bytes are JSON, or `NotJsonError`; nothing else comes out."""
    with contextlib.suppress(wire.NotJsonError):
        await arrive(raw)


@pytest.mark.parametrize("name", BODIES)
async def test_reading_piecewise_gives_the_same(name: str) -> None:
    """The way for bodies that do not fit as a whole finds in a good body what the fast way finds."""
    raw = (FIXTURES / name).read_bytes()
    tree = json.loads(raw)
    tree["entry"].append({"changes": "spoilt"})
    whole, piecewise = wire.read(raw), wire.read(json.dumps(tree).encode())
    used = {"messages", "user_id_update"}
    assert [c for c in whole.changes if c.field in used] == [c for c in piecewise.changes if c.field in used]
    assert [c.field for c in whole.changes] == [c.field for c in piecewise.changes]
    assert piecewise.bad == ("changes",)


MARK = "to be replaced"
SHOWN = frozenset(
    {"audio", "button", "contacts", "image", "interactive", "location", "order", "sticker", "text", "video"}
)
"""Types whose messages are always shown, if only as something unreadable."""
AWKWARD = [
    "1e1000001",
    '"1e1000001"',
    "-0e999999",
    "1e-1000001",
    r'"x\ud83d"',
    r'"{\"a\":\"\\ud83d\"}"',
    "NaN",
    "-" + "9" * 5000,
]
"""JSON that Python does not write itself: numbers beyond arithmetic, half characters, these in a text that is JSON."""
Spot = tuple[dict[str, Any], tuple[Any, ...]]
SPOTS: list[Spot] = [
    (item, path)
    for tree in TREES
    for change in tree["entry"][0]["changes"]
    for item in change["value"].get("messages", ())
    for path in places(item)
    if path != ("id",)
]
"""Each message of the fixtures, with the way to each of its fields."""


async def all_the_others_arrive(hook: Hook, spoilt: Sequence[tuple[Spot, str]]) -> None:
    """Deliver messages with JSON put in at a spot of each, each followed by a good one: 200, the good ones are stored,
    and so is each of the others that says of itself whose it is.
    """
    written = [json.dumps(text("wamid.good0"))]
    shown = []
    for at, ((item, path), raw) in enumerate(spoilt, 1):
        bent = copy.deepcopy(item) | {"id": f"wamid.bent{at}"}
        holder: Any = bent
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = MARK
        written += [json.dumps(bent).replace(json.dumps(MARK), raw), json.dumps(text(f"wamid.good{at}"))]
        if item["type"] in SHOWN and path[0] not in {"from", "from_user_id", "type"}:
            shown.append(f"wa:wamid.bent{at}")
    hook.inlet.placed.clear()
    body = json.dumps(body_of(messages=MARK)).replace(json.dumps(MARK), f"[{','.join(written)}]")
    assert await hook.post(body.encode()) == 200
    stored = [event.id for event in hook.inlet.events]
    for event in hook.inlet.events:
        assert unpack(pack(event)) == event
    assert [one for one in stored if "good" in one] == [f"wa:wamid.good{at}" for at in range(len(spoilt) + 1)]
    assert [one for one in shown if one not in stored] == []


@pytest.mark.parametrize("raw", AWKWARD, ids=range(len(AWKWARD)))
async def test_awkward_json_in_each_field_of_each_message_costs_no_other(raw: str) -> None:
    """One after the other, in every field of every message of the fixtures."""
    async with Hook() as hook:
        for start in range(0, len(SPOTS), 100):
            await all_the_others_arrive(hook, [(spot, raw) for spot in SPOTS[start : start + 100]])


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(SPOTS), ANYTHING.map(json.dumps)), min_size=1, max_size=12))
async def test_anything_in_any_field_of_a_message_costs_no_other(spoilt: list[tuple[Spot, str]]) -> None:
    """Any JSON at all, in some of them."""
    async with Hook() as hook:
        await all_the_others_arrive(hook, spoilt)


@settings(max_examples=60)
@given(st.lists(ANYTHING.map(json.dumps), min_size=1, max_size=12))
async def test_anything_in_a_form_costs_no_other(answers: list[str]) -> None:
    """Any JSON at all, in the text that a form's answer is."""
    spot = next(one for one in SPOTS if one[1][-1] == "response_json")
    async with Hook() as hook:
        await all_the_others_arrive(hook, [(spot, json.dumps(answer)) for answer in answers])


@settings(max_examples=20)
@given(st.lists(mutated(TREES) | ANYTHING, min_size=1, max_size=5))
async def test_over_http_too_nothing_is_a_500(trees: list[Any]) -> None:
    """The whole way: every signed body of JSON is answered with 200."""
    async with Hook() as hook:
        for tree in trees:
            assert await hook.post(json.dumps(tree).encode()) == 200
