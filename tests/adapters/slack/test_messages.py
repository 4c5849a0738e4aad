"""Payloads as Slack documents them, one by one, and payloads that nobody documents."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import Identity, SlackDesk
from bridge.adapters.slack.ids import Ref, agent_id, desk_user, fresh_url, reply_handle, time_ts, ts_time
from bridge.adapters.slack.messages import MessageReader, words
from bridge.adapters.slack.roster import Names
from bridge.events import CardReacted, StaffDeleted, StaffEdited, StaffWrote, ThreadVanished
from bridge.markup import Mention, MentionKind, plain
from bridge.model import Agent, ContactId, ConversationId, Place, Role, Roster, Token
from tests.support.slack_desk import AT, REF, MemoryInlet

FIXTURES = Path(__file__).parents[2] / "fixtures" / "slack"
WHO = Identity(
    team="T0TEAM0001",
    team_url="https://example-team.slack.com/",
    bot_user="U0BOT00001",
    bot_id="B0BOT00001",
    name="threadline",
)
ROOT = Place(desk="slack", channel="C0SUPPORT1", thread="1750000000.000100")


def fixture(name: str) -> dict[str, Any]:
    """A payload as Slack documents it."""
    body: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return body


@pytest.fixture
async def reader() -> AsyncIterator[tuple[MessageReader, MemoryInlet]]:
    """A reader whose people are all known, so that nobody has to be asked."""
    inlet = MemoryInlet()
    inlet.threads[ROOT] = REF
    users = [desk_user(user) for user in ("U0ANA00001", "U0BEN00001")]
    inlet.people = Roster(
        agents=tuple(Agent(id=agent_id(one), name="Ana", role=Role.AGENT, accounts=(one,)) for one in users)
    )
    async with aclosing(HttpClient()) as http:
        desk = SlackDesk(http, bot_token="xoxb-1", api_url="http://127.0.0.1:9/api/")
        yield MessageReader(inlet, Names(inlet, desk.profiles), lambda: AT, desk.thread_of), inlet


@pytest.mark.parametrize(
    "name, kind",
    [
        ("event_message_thread_reply", StaffWrote),
        ("event_message_rich_text", StaffWrote),
        ("event_message_command_text", StaffWrote),
        ("event_message_file_share", StaffWrote),
        ("event_message_file_share_two_files", StaffWrote),
        ("event_message_file_connect_stub", StaffWrote),
        ("event_message_thread_broadcast", StaffWrote),
        ("event_message_changed_edit", StaffEdited),
        ("event_message_deleted", StaffDeleted),
        ("event_message_changed_tombstone", ThreadVanished),
        ("event_message_changed_unfurl", None),
        ("event_message_own_bot", None),
        ("event_message_own_bot_customised", None),
        ("event_message_other_bot", None),
        ("event_message_top_level", None),
        ("event_message_channel_join", None),
    ],
)
async def test_each_documented_message_means_what_it_should(
    reader: tuple[MessageReader, MemoryInlet], name: str, kind: type | None
) -> None:
    """Speech, edits, deletions and vanished roots are told; everything else is silent."""
    placed = await reader[0].message(fixture(name)["event"], WHO)
    assert [type(one.event) for one in placed] == ([kind] if kind else [])


async def test_files_are_named(reader: tuple[MessageReader, MemoryInlet]) -> None:
    """A post with two files and no words says so."""
    [placed] = await reader[0].message(fixture("event_message_file_share_two_files")["event"], WHO)
    assert isinstance(placed.event, StaffWrote)
    assert [one.name for one in placed.event.files] == ["receipt.png", "invoice.pdf"]
    assert not plain(placed.event.body)


async def test_a_tombstone_without_its_past_is_read(reader: tuple[MessageReader, MemoryInlet]) -> None:
    """Slack may send an empty list for the message that was deleted."""
    event = fixture("event_message_changed_tombstone")["event"] | {"previous_message": []}
    assert [type(one.event) for one in await reader[0].message(event, WHO)] == [ThreadVanished]


async def test_a_message_without_user_and_text_is_no_speech(
    reader: tuple[MessageReader, MemoryInlet],
) -> None:
    """Slack's `message_replied` arrives without its subtype."""
    event = {"type": "message", "channel": "C0SUPPORT1", "ts": "1750000060.000300", "thread_ts": ROOT.thread}
    assert await reader[0].message(event, WHO) == []


@pytest.mark.parametrize(
    "name, emoji",
    [("event_reaction_added", "✅"), ("event_reaction_removed", None), ("event_reaction_added_custom", None)],
)
async def test_documented_reactions(
    reader: tuple[MessageReader, MemoryInlet], name: str, emoji: str | None
) -> None:
    """On a card an emoji is told as Unicode; a workspace's own emoji has none and is not told."""
    body = fixture(name)
    body["event"]["item"]["ts"] = ROOT.thread
    placed = await reader[0].reaction(body, WHO, added=name == "event_reaction_added")
    told = [one.event.emoji for one in placed if isinstance(one.event, CardReacted)]
    assert told == ([emoji] if emoji else told)
    assert len(told) == (0 if name.endswith("custom") else 1)


def test_mentions_of_the_bot_are_marked_wherever_they_stand() -> None:
    """At the start they open a command; inside formatting and lists they are still the bot."""
    elements = [
        {"type": "user", "user_id": "U0BOT00001", "style": {"bold": True}},
        {"type": "text", "text": " close"},
        {"type": "user", "user_id": "U0BEN00001"},
    ]
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}
    found = list(_mentions(words({"blocks": [block], "text": "x"}, WHO)))
    assert [one.kind for one in found] == [MentionKind.BOT, MentionKind.PERSON]


def _mentions(nodes: tuple[Any, ...]) -> list[Mention]:
    out: list[Mention] = []
    for node in nodes:
        out += [node] if isinstance(node, Mention) else _mentions(getattr(node, "children", ()))
    return out


NAMES = sorted(path.stem for path in FIXTURES.glob("event_message_*.json"))
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=8) | st.just("U0BOT00001"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150)
@given(st.sampled_from(NAMES), st.data())
def test_odd_payloads_never_raise(name: str, data: st.DataObject) -> None:
    """Any field may be missing or of any type; a payload we cannot read is no reason to fail for ever."""
    event = copy.deepcopy(fixture(name)["event"])
    for _ in range(data.draw(st.integers(1, 3))):
        target = event
        key = data.draw(st.sampled_from(sorted(target)))
        while isinstance(target.get(key), dict) and target[key] and data.draw(st.booleans()):
            target = target[key]
            key = data.draw(st.sampled_from(sorted(target)))
        target[key] = data.draw(anything)
    asyncio.run(_read(event))


async def _read(event: dict[str, Any]) -> None:
    inlet = MemoryInlet()
    inlet.threads[ROOT] = REF
    async with aclosing(HttpClient()) as http:
        desk = SlackDesk(http, bot_token="xoxb-1", api_url="http://127.0.0.1:9/api/")
        reader = MessageReader(inlet, Names(inlet, desk.profiles), lambda: AT, desk.thread_of)
        await reader.message(event, WHO)
        await reader.reaction({"event": event, "event_id": "Ev1"}, WHO, added=True)


# ------------------------------------------------------------------------------------------------------ ids


def test_timestamps_keep_their_microseconds() -> None:
    """A timestamp is text; as a float it would lose digits."""
    at = ts_time("1750000060.000300")
    assert at == datetime(2025, 6, 15, 15, 7, 40, 300, tzinfo=UTC)
    assert at is not None
    assert time_ts(at) == "1750000060.000300"
    assert [ts_time(odd) for odd in ("", "x", "1.2.3", "-1", "٣")] == [None] * 5


def test_a_reply_handle_expires() -> None:
    """Slack takes answers for half an hour."""
    handle = reply_handle("https://hooks.example.com/x|y", AT)
    assert fresh_url(handle, AT) == "https://hooks.example.com/x|y"
    assert fresh_url(handle, AT.replace(hour=11)) is None
    assert [fresh_url(odd, AT) for odd in (None, "", "x|https://a", "99999999999|")] == [None] * 4
    assert reply_handle(None, AT) is None


def test_a_button_value_leads_back() -> None:
    """The token may hold anything; what is not ours is nothing."""
    ref = Ref(contact=ContactId("7-a"), conversation=ConversationId("7-66"), token=Token("a|b"))
    assert Ref.decode(ref.encode()) == ref
    assert [Ref.decode(odd) for odd in ("", "a", "a|b", "|b|c", "a||c")] == [None] * 5
