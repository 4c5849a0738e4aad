"""Whatever WhatsApp sends, bent in any way: never a 500, no stack trace, and no genuine item is lost beside a broken one."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.events import pack, unpack
from tests.adapters.whatsapp import support as whatsapp
from tests.security.door import Door
from tests.support.mutation import ANYTHING, mutated, nested

pytestmark = pytest.mark.asyncio(loop_scope="module")

TREES = [json.loads((whatsapp.FIXTURES / name).read_bytes()) for name in whatsapp.BODIES]


async def takes(door: Door, body: bytes) -> list[str]:
    """Deliver a signed body; the ids of what was stored. Its answer is no 5xx, and nothing looks like a defect."""
    door.forget()
    answer = await door.from_whatsapp(body)
    assert answer.status in {200, 400}, answer.raw
    assert door.loud() == []
    for placed in door.messages.placed:
        assert unpack(pack(placed.event)) == placed.event
        placed.unit.encode()
    return [placed.event.id for placed in door.messages.placed]


def around(*broken: str, key: str = "messages") -> bytes:
    """A body with two genuine messages, and broken items (as JSON) before, between and behind them."""
    genuine = [orjson.dumps(whatsapp.text(f"wamid.good{at}")).decode() for at in range(2)]
    if key == "messages":
        items = [*broken, genuine[0], *broken, genuine[1], *broken]
        return _body(f'"messages":[{",".join(items)}]')
    return _body(f'"messages":[{",".join(genuine)}],"{key}":[{",".join(broken)}]')


def _body(value: str) -> bytes:
    whole = orjson.dumps(whatsapp.body_of()).decode()
    return whole.replace('"messaging_product"', f'{value},"messaging_product"').encode(
        "utf-8", "surrogatepass"
    )


GOOD = ["wa:wamid.good0", "wa:wamid.good1"]
DEEP = 100_000
BROKEN = {
    "deep": '{"id":"wamid.x","from":"34600000102","type":"text","text":' + "[" * DEEP + "]" * DEEP + "}",
    "deep objects": '{"id":"wamid.x","text":' + '{"a":' * DEEP + "1" + "}" * DEEP + "}",
    "deep beside": '{"id":"wamid.x","from":"34600000102","type":"text","text":{"body":"hi"},"more":'
    + "[" * 5000
    + "]" * 5000
    + "}",
    "just too deep for a reader": '{"id":"wamid.x","x":' + "[" * 995 + "]" * 995 + "}",
    "brackets in a string": json.dumps({"id": "wamid.x", "text": {"body": "[{" * 5000 + '"\\'}}),
    "endless digits": '{"id":"wamid.x","from":"34600000102","type":"text","timestamp":' + "9" * 5000 + "}",
    "endless negative digits": '{"id":"wamid.x","errors":[{"code":-' + "9" * 5000 + "}]}",
    "endless fraction": '{"id":"wamid.x","timestamp":0.' + "1" * 5000 + "}",
    "a large exponent": '{"id":"wamid.x","timestamp":1e999999}',
    "not a number": '{"id":"wamid.x","timestamp":NaN,"location":{"latitude":Infinity,"longitude":-Infinity}}',
    "a lone surrogate": '{"id":"wamid.x","from":"34600000102","type":"text","text":{"body":"\\ud800"}}',
    "a lone surrogate in the id": '{"id":"wamid.\\udfff","from":"34600000102","type":"text"}',
    "raw bytes that are no UTF-8": '{"id":"wamid.x","text":{"body":"\ud800"}}',
    "the same key twice": '{"id":"wamid.x","id":7,"from":"34600000102"}',
    "a long id": json.dumps({"id": "wamid." + "x" * 10_000, "from": "34600000102", "type": "text"}),
    "a key of every kind": json.dumps({"id": "wamid.x", "\x00": 1, "__proto__": {}, "": {}, "\u202e": []}),
    "a list": "[]",
    "null": "null",
    "a string": '"message"',
    "a long text": json.dumps(whatsapp.text("wamid.long", "x" * 1_000_000)),
    "thousands of them": ",".join(["7"] * 5000),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("key", ["messages", "statuses", "contacts", "errors", "whatever"])
async def test_genuine_messages_arrive_beside_anything(door: Door, broken: str, key: str) -> None:
    """Too deep, too large, not a number, no UTF-8: the items beside it do not pay for it."""
    stored = await takes(door, around(broken, key=key))
    assert [one for one in stored if one in GOOD] == GOOD


@pytest.mark.parametrize("depth", [10, 64, 65, 200, 1000, 100_000])
async def test_depth_anywhere_in_the_envelope(door: Door, depth: int) -> None:
    """Above the messages, beside them, and unbalanced, which is no JSON."""
    deep = b"[" * depth + b"]" * depth
    whole = orjson.dumps(whatsapp.body_of(whatsapp.text("wamid.good0")))
    for where in (b'"object"', b'"entry"', b'"changes"', b'"field"', b'"metadata"'):
        assert await takes(door, whole.replace(where, b'"deep":' + deep + b"," + where, 1)) == [
            "wa:wamid.good0"
        ]
    assert await takes(door, deep) == []
    assert await takes(door, b"[" * depth) == []
    assert await takes(door, whole[:-1] + b',"x":' + b'{"a":' * depth) == []


@settings(max_examples=200)
@given(mutated(TREES, most=5))
async def test_bent_bodies(standing_door: Door, tree: dict[str, Any]) -> None:
    """Bodies with values replaced, removed, doubled, moved and nested."""
    await takes(standing_door, json.dumps(tree).encode())


@settings(max_examples=150)
@given(st.sampled_from(TREES), st.data())
async def test_bodies_with_spoilt_bytes(
    standing_door: Door, tree: dict[str, Any], data: st.DataObject
) -> None:
    """Bytes changed, dropped and put in, anywhere."""
    raw = bytearray(orjson.dumps(tree))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["change", "drop", "insert", "cut"])):
            case "change":
                raw[at] = data.draw(st.integers(0, 255))
            case "drop":
                del raw[at : at + data.draw(st.integers(1, 5))]
            case "insert":
                raw[at:at] = data.draw(st.binary(min_size=1, max_size=5))
            case _:
                del raw[max(at, 1) :]
        raw = raw or bytearray(b"{")
    await takes(standing_door, bytes(raw))


@settings(max_examples=100)
@given(
    st.lists(ANYTHING | st.integers(1, 90).map(nested), min_size=1, max_size=4),
    st.sampled_from(["messages", "statuses", "contacts"]),
)
async def test_genuine_messages_beside_random_items(standing_door: Door, broken: list[Any], key: str) -> None:
    """The same with anything at all."""
    stored = await takes(standing_door, around(*(json.dumps(one) for one in broken), key=key))
    assert [one for one in stored if one in GOOD] == GOOD


async def test_a_full_batch_is_bounded(door: Door) -> None:
    """A thousand updates, the most that WhatsApp sends at once, and as many senders: all of them, in order."""
    many = [whatsapp.text(f"wamid.{at}", f"text {at}") | {"from": f"3460{at:07d}"} for at in range(1000)]
    stored = await takes(door, orjson.dumps(whatsapp.body_of(*many)))
    assert stored == [f"wa:wamid.{at}" for at in range(1000)]
