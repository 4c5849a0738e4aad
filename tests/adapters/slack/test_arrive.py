"""What people do in Slack becomes events, in both modes, and is stored before it is acknowledged."""

from __future__ import annotations

import io
import time
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.adapters.slack.arrive import MAX_BODY
from bridge.events import (
    CardReacted,
    StaffDeleted,
    StaffEdited,
    StaffEventUnplaced,
    StaffWrote,
    ThreadVanished,
    pack,
    unpack,
)
from bridge.markup import Bold, Mention, MentionKind, Text, plain
from bridge.model import DESK_LANE, Agent, AgentId, Role, Roster, lane_of
from bridge.sandbox.faults import Fault
from tests.adapters.slack.conftest import MakeRig
from tests.support.mutation import nested
from tests.support.slack_desk import CONTACT, CONVERSATION, Rig
from tests.support.waiting import until


async def quiet(rig: Rig) -> None:
    """Wait until Slack has delivered, and got an acknowledgement for, everything so far."""
    await rig.sandbox.slack.delivery.settled()


async def test_words_in_a_thread_become_one_event_in_the_contacts_shard(any_rig: Rig) -> None:
    """A reply arrives once, with its formatting, its author and where it was written."""
    place = await any_rig.thread()
    ts = await any_rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello *Maria*")
    await quiet(any_rig)
    [placed] = any_rig.inlet.placed
    wrote = placed.event
    assert isinstance(wrote, StaffWrote)
    assert (placed.lane, placed.unit) == (lane_of(CONTACT), CONTACT)
    assert wrote.id == f"slack:{place.channel}:{ts}"
    assert (wrote.contact, wrote.conversation, wrote.place) == (CONTACT, CONVERSATION, place)
    assert (wrote.author, wrote.author_name) == ("slack:U0BEN00001", "ben")
    assert wrote.body == (Text("hello "), Bold((Text("Maria"),)))


async def test_nothing_is_acknowledged_that_could_not_be_stored(any_rig: Rig) -> None:
    """While the store is down Slack gets no acknowledgement, tries again, and the words arrive."""
    place = await any_rig.thread()
    any_rig.inlet.down = True
    ts = await any_rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello")
    await until(lambda: any_rig.inlet.refused >= 2, 10)
    assert any_rig.inlet.placed == []
    any_rig.inlet.down = False
    await until(lambda: any_rig.inlet.placed, 20, "the retry")
    await quiet(any_rig)
    assert {event.id for event in any_rig.inlet.events} == {f"slack:{place.channel}:{ts}"}


async def test_a_repeated_delivery_has_the_same_id(any_rig: Rig) -> None:
    """Slack delivers at least once; a repeat can be told by its id."""
    place = await any_rig.thread()
    any_rig.sandbox.faults.add(Fault("slack.event*", "duplicate"))
    await any_rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello")
    await until(lambda: len(any_rig.inlet.placed) == 2, 10)
    assert len({event.id for event in any_rig.inlet.events}) == 1


async def test_words_of_one_thread_keep_their_order(any_rig: Rig) -> None:
    """Many posts in a row, by a stranger whose name has to be asked for, are stored as they were written."""
    place = await any_rig.thread()
    any_rig.sandbox.faults.add(Fault("slack.users.info", "delay", params={"seconds": 2}))
    said = [f"line {number}" for number in range(12)]
    for words in said:
        await any_rig.sandbox.slack.person("carla").replies("support", place.thread or "", words)
    # Over HTTP on a busy machine Slack may try again, the last time after half a minute of its own.
    await until(lambda: len({event.id for event in any_rig.inlet.events}) == len(said), 45)
    if any_rig.config.mode == "socket":  # over HTTP every request has a connection of its own
        first_seen = {
            event.id: event for event in reversed(any_rig.inlet.events) if isinstance(event, StaffWrote)
        }
        assert [plain(event.body) for event in reversed(first_seen.values())] == said


async def test_a_mention_of_the_bot_opens_a_command_and_comes_once(rig: Rig) -> None:
    """`@bot close` arrives as two events of Slack and one of ours, the mention marked as ours."""
    place = await rig.thread()
    bot = rig.sandbox.slack.workspace.bot.user_id
    await rig.sandbox.slack.person("ben").replies("support", place.thread or "", f"<@{bot}> close")
    await quiet(rig)
    [event] = rig.inlet.events
    assert isinstance(event, StaffWrote)
    assert event.body == (Mention(MentionKind.BOT, bot), Text(" close"))


async def test_own_posts_other_apps_and_the_channel_itself_are_no_speech(rig: Rig) -> None:
    """The card, relays in both shapes, notices of other apps, and words outside threads stay out."""
    place = await rig.thread()
    channel = rig.sandbox.slack.channel("support")
    channel.other_bot_posts("deployed", place.thread)
    ben = rig.sandbox.slack.person("ben")
    root = await ben.posts("support", "lunch?")
    await ben.replies("support", root, "yes")
    await quiet(rig)
    assert rig.inlet.placed == []


async def test_a_broadcast_reply_is_speech(rig: Rig) -> None:
    """A reply that is also sent to the channel is as much an answer as any other."""
    place = await rig.thread()
    await rig.sandbox.slack.person("ben").replies("support", place.thread or "", "sure", broadcast=True)
    await quiet(rig)
    assert [type(event) for event in rig.inlet.events] == [StaffWrote]


async def test_an_unknown_thread_of_ours_is_left_to_the_desk_lane(rig: Rig) -> None:
    """A reply under a card that nobody knows yet is kept, whole, and settled from the root later."""
    place = await rig.thread()
    rig.inlet.threads.clear()
    await rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello")
    await quiet(rig)
    [placed] = rig.inlet.placed
    assert (placed.lane, placed.unit) == (DESK_LANE, "desk")
    assert isinstance(placed.event, StaffEventUnplaced)
    assert placed.event.place == place
    inner = unpack(placed.event.event)
    assert isinstance(inner, StaffWrote)
    assert (inner.id, plain(inner.body)) == (placed.event.id, "hello")


async def test_words_do_not_overtake_those_of_a_moment_ago(rig: Rig) -> None:
    """What is typed after the thread became known goes the way of what was typed before; other threads do not."""
    place = await rig.thread()
    known = rig.inlet.threads.copy()
    rig.inlet.threads.clear()
    ben = rig.sandbox.slack.person("ben")
    await ben.replies("support", place.thread or "", "first")
    await quiet(rig)
    rig.inlet.threads |= known
    await ben.replies("support", place.thread or "", "second")
    await quiet(rig)
    assert [type(event) for event in rig.inlet.events] == [StaffEventUnplaced, StaffEventUnplaced]
    other = await rig.thread()
    await ben.replies("support", other.thread or "", "elsewhere")
    await quiet(rig)
    assert isinstance(rig.inlet.events[-1], StaffWrote)


async def test_edits_and_deletions_name_the_post_they_change(rig: Rig) -> None:
    """An edit and a deletion lead to the words they are about; a link preview is no edit."""
    place = await rig.thread()
    ben = rig.sandbox.slack.person("ben")
    ts = await ben.replies("support", place.thread or "", "hello")
    await quiet(rig)
    rig.sandbox.slack.channel("support").unfurl(ts, "https://example.com")
    await ben.edits("support", ts, "hello there")
    await quiet(rig)
    await ben.deletes("support", ts)
    await quiet(rig)
    wrote, edited, deleted = rig.inlet.events
    assert isinstance(edited, StaffEdited)
    assert isinstance(deleted, StaffDeleted)
    assert (edited.cause, deleted.cause) == (wrote.id, wrote.id)
    assert plain(edited.body) == "hello there"
    assert len({wrote.id, edited.id, deleted.id}) == 3


@pytest.mark.parametrize("answered", [False, True])
async def test_a_deleted_card_is_noticed(rig: Rig, answered: bool) -> None:
    """With replies it leaves a tombstone, without it is just gone; both mean that the thread vanished."""
    place = await rig.thread()
    if answered:
        await rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello")
    await quiet(rig)
    await rig.sandbox.slack.person("dana").deletes("support", place.thread or "")
    await quiet(rig)
    vanished = rig.inlet.events[-1]
    assert isinstance(vanished, ThreadVanished)
    assert (vanished.contact, vanished.place) == (CONTACT, place)


async def test_emoji_on_the_card_arrive_as_unicode(rig: Rig) -> None:
    """A reaction on a card is told both ways; one elsewhere, a custom one and our own are not."""
    place = await rig.thread()
    ben = rig.sandbox.slack.person("ben")
    reply = await ben.replies("support", place.thread or "", "hello")
    await ben.reacts("support", reply, "white_check_mark")
    await ben.reacts("support", place.thread or "", "white_check_mark")
    await ben.unreacts("support", place.thread or "", "white_check_mark")
    await quiet(rig)
    told = [(one.emoji, one.added) for one in rig.inlet.events if isinstance(one, CardReacted)]
    assert sorted(told) == [("✅", False), ("✅", True)]


async def test_a_person_who_writes_to_the_bot_gets_help(rig: Rig) -> None:
    """No contact reads direct messages, and the bot says so; its own answer causes nothing further."""
    await rig.sandbox.slack.person("ben").writes_bot("hello?")
    await rig.sandbox.slack.person("ben").dm.expects("!help")
    await quiet(rig)
    assert rig.inlet.placed == []
    assert len(rig.sandbox.slack.person("ben").dms) == 2


async def test_help_and_trouble_are_told_once_however_often_slack_says_it(make_rig: MakeRig) -> None:
    """An event that comes again, or that somebody recorded and sends again, is not answered again."""
    rig = await make_rig(options={"admin_channels": ("C0SALES001",)})
    rig.sandbox.faults.add(Fault("slack.event*", "duplicate", 3))
    await rig.sandbox.slack.person("ben").writes_bot("hello?")
    await rig.sandbox.slack.person("ben").dm.expects("!help")
    rig.sandbox.slack.channel("support").kick()
    await rig.sandbox.slack.channel("sales").expects("removed")
    await quiet(rig)
    await rig.sandbox.slack.person("ben").writes_bot("again?")
    await until(lambda: len(rig.sandbox.slack.person("ben").dms) == 4)
    told = [post for post in rig.sandbox.slack.channel("sales").messages if "removed" in post.text]
    assert len(told) == 1


async def test_the_roster_names_the_author(rig: Rig) -> None:
    """A known agent's name is not asked for again."""
    who = Agent(id=AgentId("a-1"), name="Benedict", role=Role.AGENT, accounts=("slack:U0BEN00001",))  # type: ignore[arg-type]
    rig.inlet.people = Roster(version=1, agents=(who,))
    rig.sandbox.faults.add(Fault("slack.users.info", "error", -1, params={"error": "user_not_found"}))
    place = await rig.thread()
    await rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello")
    await quiet(rig)
    [event] = rig.inlet.events
    assert isinstance(event, StaffWrote)
    assert event.author_name == "Benedict"


async def test_trouble_with_a_channel_is_told_where_people_can_act(make_rig: MakeRig) -> None:
    """An archived channel and a removed bot are reported in the admin channel, with what to do."""
    rig = await make_rig(options={"admin_channels": ("C0SALES001",)})
    rig.sandbox.slack.channel("support").kick()
    removed = await rig.sandbox.slack.channel("sales").expects("removed")
    assert "/invite @" in removed.text
    rig.sandbox.slack.channel("support").invite()
    rig.sandbox.slack.channel("support").archive()
    archived = await rig.sandbox.slack.channel("sales").expects("archived")
    assert "Unarchive" in archived.text


async def test_changes_of_groups_and_channels_ask_for_the_roster(make_rig: MakeRig) -> None:
    """Whoever joins a channel or a group can work soon, not only at the next reading."""
    asked: list[int] = []
    rig = await make_rig(options={"people_changed": lambda: asked.append(1)})
    rig.sandbox.slack.set_usergroup("leads", ["ben"])
    await until(lambda: len(asked) == 1)
    rig.sandbox.slack.channel("sales").kick("carla")
    await until(lambda: len(asked) == 2)


async def test_every_subscribed_event_is_acknowledged(any_rig: Rig) -> None:
    """Joining, leaving, groups, the Home tab, other modes of the channel: none is refused, so none is repeated."""
    any_rig.sandbox.slack.channel("support").invite("ben")
    any_rig.sandbox.slack.channel("sales").kick("carla")
    any_rig.sandbox.slack.set_usergroup("leads", ["ben"])
    await any_rig.sandbox.slack.person("ben").opens_home()
    any_rig.sandbox.slack.channel("sales").change_id("C0SALES002")
    any_rig.sandbox.slack.delivery.app_rate_limited()
    await quiet(any_rig)
    entries = list(any_rig.sandbox.feed.entries())
    sent = {entry["type"] for entry in entries if entry["kind"] == "slack.event.sent"}
    acked = {entry["type"] for entry in entries if entry["kind"] == "slack.event.acked"}
    assert acked == sent
    assert {"member_joined_channel", "subteam_members_changed", "channel_id_changed"} <= sent
    assert any_rig.arrivals.problem() is None


# --------------------------------------------------------------------------------------------------- HTTP


async def test_a_request_without_a_valid_signature_is_refused(
    make_rig: MakeRig, session: aiohttp.ClientSession
) -> None:
    """Wrong, missing, malformed and stale signatures get 401, and nothing is stored."""
    rig = await make_rig(mode="http")
    place = await rig.thread()
    event = {
        "type": "message",
        "channel": place.channel,
        "user": "U0BEN00001",
        "text": "hi",
        "ts": "1750000060.000300",
    }
    body = orjson.dumps({"type": "event_callback", "event": event | {"thread_ts": place.thread}})
    signed = rig.sandbox.slack.delivery.signed
    stale = signed(body, int(time.time()) - 400)
    bad = [
        {},
        stale,
        signed(body + b" "),
        signed(body) | {"X-Slack-Request-Timestamp": "soon"},
        signed(body) | {"X-Slack-Signature": "v0=é"},
        {"X-Slack-Signature": "v0=00"},
    ]
    for headers in bad:
        async with session.post(rig.config.events_url, data=body, headers=headers | JSON) as answer:
            assert answer.status == 401
    assert rig.inlet.placed == []
    async with session.post(rig.config.events_url, data=body, headers=signed(body) | JSON) as answer:
        assert answer.status == 200
    assert len(rig.inlet.placed) == 1


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"payload=%7B",
        b"payload=[]",
        b"{}",
        b'{"type": 7}',
        b'{"event": 3}',
    ],
)
async def test_malformed_requests_are_refused_calmly(
    make_rig: MakeRig, session: aiohttp.ClientSession, body: bytes
) -> None:
    """Signed nonsense never gets a 200 and never breaks the server."""
    rig = await make_rig(mode="http")
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        headers = rig.sandbox.slack.delivery.signed(body) | {"Content-Type": content_type}
        async with session.post(rig.config.events_url, data=body, headers=headers) as answer:
            assert 400 <= answer.status < 500


async def test_a_huge_request_is_refused_unread(make_rig: MakeRig, session: aiohttp.ClientSession) -> None:
    """Ten megabytes get 413."""
    rig = await make_rig(mode="http")
    body = b"x" * (10 * MAX_BODY)
    async with session.post(rig.config.events_url, data=io.BytesIO(body)) as answer:
        assert answer.status == 413


async def test_the_address_check_is_answered(make_rig: MakeRig) -> None:
    """Slack's one-time check of the address gets its challenge back."""
    rig = await make_rig(mode="http")
    assert await rig.sandbox.slack.delivery.verify_url()


# ------------------------------------------------------------------------------------------------- socket


async def test_a_refused_connection_is_retried_and_reported(make_rig: MakeRig) -> None:
    """A wrong app token is said in words; the connection comes up once Slack takes it."""
    rig = await make_rig()
    await rig.arrivals.stop()
    rig.sandbox.faults.add(Fault("slack.apps.connections.open", "error", 1, params={"error": "invalid_auth"}))
    await rig.arrivals.start()
    await until(lambda: "slack.app_token" in (rig.arrivals.problem() or ""), 5)
    await until(lambda: rig.arrivals.problem() is None, 10)


async def test_a_dropped_socket_comes_back_and_loses_nothing(make_rig: MakeRig) -> None:
    """What happens while the connection is down arrives when it is up again."""
    rig = await make_rig()
    place = await rig.thread()
    rig.sandbox.faults.add(Fault("slack.event*", "drop_socket"))
    await rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello")
    await until(lambda: rig.inlet.placed, 20)


BENT: list[dict[str, Any]] = [
    {"user": "\ud800"},
    {"user": ["U0BEN00001"]},
    {"ts": 1750000060.0003},
    {"channel_type": ["im"]},
    {"subtype": {"a": 1}},
    {"thread_ts": {"a": "b"}},
    {"message": "spoilt", "subtype": "message_changed"},
    {"blocks": nested(300)},
    {"text": "\ud800\x00\u202e"},
]


async def test_bent_events_over_a_socket(make_rig: MakeRig) -> None:
    """The same door without signatures: what is bent is not acknowledged, and genuine words pass it by."""
    rig = await make_rig()
    place = await rig.thread()
    genuine: dict[str, Any] = {
        "type": "message",
        "channel": place.channel,
        "user": "U0BEN00001",
        "text": "genuine",
        "thread_ts": place.thread,
    }
    for more in BENT:
        rig.sandbox.slack.delivery.event(genuine | {"ts": "1750000061.000100"} | more)
    rig.sandbox.slack.delivery.event(genuine | {"ts": "1750000099.000100"})
    await until(lambda: any(one.id.endswith("1750000099.000100") for one in rig.inlet.events), 10)
    assert all(unpack(pack(one)) == one for one in rig.inlet.events)
