"""Whatever Slack sends, bent in any way: never a 500, never a stack trace, and what comes after it arrives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.events import pack, unpack
from bridge.model import Agent, Place, Role, Roster
from tests.security.door import SLACK, Door, reply
from tests.support.mutation import ANYTHING, mutated, nested
from tests.support.slack_desk import REF

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIXTURES = Path(__file__).parents[1] / "fixtures" / "slack"
FORM = "application/x-www-form-urlencoded"


def trees(*patterns: str) -> list[dict[str, Any]]:
    """Recorded payloads by the start of their file's name."""
    found = [path for pattern in patterns for path in sorted(FIXTURES.glob(f"{pattern}*.json"))]
    return [json.loads(path.read_bytes()) for path in found]


EVENTS = trees("event_")
INTERACTIONS = trees("block_", "view_", "global_shortcut", "message_shortcut")
COMMANDS = trees("slash_command")
WORDS = "These words are genuine."


def ready(door: Door) -> Place:
    """The threads that the fixtures speak of are ours, and their people are agents."""
    for tree in EVENTS:
        event = tree.get("event") or {}
        inner = event.get("message") or event.get("previous_message") or event
        if isinstance(inner, dict) and inner.get("thread_ts"):
            channel = str(event.get("channel"))
            door.desk_inlet.threads[Place(desk="slack", channel=channel, thread=inner["thread_ts"])] = REF
    place = Place(desk="slack", channel="C0SUPPORT1", thread="1750000000.000100")
    door.desk_inlet.threads[place] = REF
    agent = Agent(id="a-1", name="Ben", role=Role.AGENT, accounts=("slack:U0BEN00001",))  # type: ignore[arg-type]
    door.desk_inlet.people = Roster(version=1, agents=(agent,))
    return place


async def takes(door: Door, body: bytes, kind: str = "application/json") -> int:
    """Deliver a body; its status, which is no 5xx, with nothing logged that looks like a defect."""
    answer = await door.from_slack(body, kind)
    # Slack signs UTF-8 only, so a signature over anything else is none.
    assert answer.status in ({200, 400, 404} if _is_utf8(body) else {401}), answer.raw
    assert door.loud() == []
    for placed in door.desk_inlet.placed:
        assert unpack(pack(placed.event)) == placed.event
        placed.unit.encode()
        assert placed.lane == "desk" or placed.lane[1:].isdigit()
    return answer.status


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


async def still_works(door: Door, place: Place) -> None:
    """Words behind whatever came arrive."""
    door.desk_inlet.placed.clear()
    assert await takes(door, reply(place.channel, place.thread or "", WORDS)) == 200
    assert len(door.desk_inlet.placed) == 1


@pytest.mark.parametrize("tree", EVENTS, ids=lambda tree: str(tree.get("event", tree).get("type")))
async def test_recorded_events_are_taken(door: Door, tree: dict[str, Any]) -> None:
    """The recorded ones, as they are."""
    ready(door)
    assert await takes(door, orjson.dumps(tree)) == 200


@pytest.mark.parametrize("tree", INTERACTIONS, ids=lambda tree: str(tree["type"]))
async def test_recorded_interactions_are_taken(door: Door, tree: dict[str, Any]) -> None:
    """The same for buttons, menus, shortcuts and modals."""
    ready(door)
    assert await takes(door, urlencode({"payload": json.dumps(tree)}).encode(), FORM) == 200


@pytest.mark.parametrize("tree", COMMANDS, ids=lambda tree: str(tree["command"]))
async def test_recorded_commands_are_taken(door: Door, tree: dict[str, Any]) -> None:
    """The same for slash commands."""
    ready(door)
    assert await takes(door, urlencode(tree).encode(), FORM) == 200


@settings(max_examples=150)
@given(mutated(EVENTS))
async def test_bent_events(standing_door: Door, tree: dict[str, Any]) -> None:
    """Events with values replaced, removed, doubled, moved and nested."""
    standing_door.forget()
    place = ready(standing_door)
    await takes(standing_door, json.dumps(tree).encode())
    await still_works(standing_door, place)


@settings(max_examples=150)
@given(mutated(INTERACTIONS))
async def test_bent_interactions(standing_door: Door, tree: dict[str, Any]) -> None:
    """The same for buttons, menus, shortcuts and modals, as a form."""
    standing_door.forget()
    place = ready(standing_door)
    body = urlencode({"payload": json.dumps(tree)}).encode()
    await takes(standing_door, body, FORM)
    await still_works(standing_door, place)


@settings(max_examples=60)
@given(mutated(COMMANDS))
async def test_bent_commands(standing_door: Door, tree: dict[str, Any]) -> None:
    """The same for slash commands."""
    standing_door.forget()
    place = ready(standing_door)
    form = {key: str(value).encode("utf-8", "replace") for key, value in tree.items()}
    await takes(standing_door, urlencode(form).encode(), FORM)
    await still_works(standing_door, place)


@settings(max_examples=80)
@given(ANYTHING)
async def test_any_json(standing_door: Door, tree: Any) -> None:
    """JSON that has nothing to do with Slack, as a body and as a form's payload."""
    standing_door.forget()
    raw = json.dumps(tree).encode()
    await takes(standing_door, raw)
    await takes(standing_door, urlencode({"payload": raw}).encode(), FORM)


@settings(max_examples=80)
@given(
    st.binary(max_size=200),
    st.sampled_from(["application/json", FORM, "text/plain", "multipart/form-data", ";"]),
)
async def test_any_bytes(standing_door: Door, raw: bytes, kind: str) -> None:
    """Bytes under any content type."""
    standing_door.forget()
    await takes(standing_door, raw, kind)


@pytest.mark.parametrize("depth", [50, 200, 480, 900, 990, 1010, 2000, 100_000])
@pytest.mark.parametrize("where", ["blocks", "event", "payload", "actions", "view", "bare"])
async def test_deep_nesting_costs_nothing(door: Door, depth: int, where: str) -> None:
    """However deep, and wherever it is deep: an answer, and the next request is served."""
    place = ready(door)
    deep = b"[" * depth + b"]" * depth
    event = reply(place.channel, place.thread or "", WORDS)
    if where == "bare":
        await takes(door, deep)
    elif where == "blocks":
        await takes(door, event.replace(b'"text":', b'"blocks":' + deep + b',"text":'))
    elif where == "event":
        await takes(door, b'{"type":"event_callback","event":' + deep + b"}")
    else:
        key = {"payload": b"message", "actions": b"actions", "view": b"view"}[where]
        raw = b'{"type":"block_actions","user":{"id":"U0BEN00001"},"' + key + b'":' + deep + b"}"
        await takes(door, urlencode({"payload": raw}).encode(), FORM)
    await still_works(door, place)


async def test_deep_formatting_still_says_its_words(door: Door) -> None:
    """Genuine words beside a structure that we do not know: read from the text."""
    place = ready(door)
    tree = json.loads(reply(place.channel, place.thread or "", WORDS))
    tree["event"]["blocks"] = [{"type": "rich_text", "elements": nested(200)}]
    assert await takes(door, orjson.dumps(tree)) == 200
    assert len(door.desk_inlet.placed) == 1
    assert WORDS in str(door.desk_inlet.placed[0].event)


async def test_a_form_of_thousands_of_fields_is_bounded(door: Door) -> None:
    """A megabyte of fields is refused or read, soon."""
    body = b"&".join(b"k%d=v" % at for at in range(90_000))
    assert await takes(door, body, FORM) in {200, 400, 404}
    assert (await door.from_slack(body + b"x" * (1 << 20), FORM)).status == 413
    assert (await door.post(SLACK, body)).status == 401


async def test_what_bolt_stumbles_over_is_no_defect_of_ours(door: Door) -> None:
    """A payload that breaks the SDK while it looks for a listener is refused like any other that is bent."""
    ready(door)
    tree = next(one for one in INTERACTIONS if one["type"] == "block_suggestion") | {"action_id": []}
    assert await takes(door, urlencode({"payload": json.dumps(tree)}).encode(), FORM) == 400
