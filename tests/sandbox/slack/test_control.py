"""The control API, faults of the Web API, and what people cannot do."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bridge.sandbox.faults import Fault
from bridge.sandbox.slack.errors import RefusedError
from tests.support.slack_sandbox import SUPPORT, SlackRig, buttons


async def test_people_over_http(slack: SlackRig) -> None:
    """Writing, editing, reacting and deleting by POST do what the Python handles do."""
    said = await slack.control("messages", person="ana", channel="support", text="hello")
    ts = said["ts"]
    reply = await slack.control("messages", person="ben", channel="support", text="hi", thread_ts=ts)
    await slack.control("edit", person="ana", channel="support", ts=ts, text="hello all")
    await slack.control("react", person="ben", channel="support", ts=ts, name="eyes")
    channel = slack.slack.channel("support")
    assert [m.text for m in channel.thread(ts)] == ["hello all", "hi"]
    assert channel.thread(ts)[0].reactions == {"eyes": ["U0BEN00001"]}
    await slack.control("unreact", person="ben", channel="support", ts=ts, name="eyes")
    await slack.control("delete", person="ben", channel="support", ts=reply["ts"])
    assert [m.text for m in channel.thread(ts)] == ["hello all"]
    dm = await slack.control("messages", person="ana", text="psst")
    assert dm["ok"]
    assert [m.text for m in slack.slack.person("ana").dms] == ["psst"]


@pytest.mark.parametrize(
    "path, body, part",
    [
        (
            "slash",
            {"command": "/assign", "text": "x", "channel": "support", "thread_ts": "1.0"},
            "not supported in threads",
        ),
        ("messages", {"channel": "general", "text": "x", "person": "ben"}, "not in #general"),
        ("messages", {"channel": "nowhere", "text": "x"}, "no channel"),
        ("messages", {"person": "nobody", "text": "x"}, "no person"),
        ("messages", {"channel": "support"}, "text must be given"),
        ("press", {"channel": "support", "ts": "1.0", "action_id": "x"}, "no such message"),
        ("react", {"channel": "support", "ts": "1.0", "name": "thumbs_up"}, "no emoji"),
        ("close", {"view_id": "V0"}, "not the one on the screen"),
        ("messages", {"colour": "red"}, "not known here"),
        ("admin", {"action": "explode", "channel": "support"}, "not known"),
    ],
)
async def test_what_was_wrong(slack: SlackRig, path: str, body: dict[str, str], part: str) -> None:
    """Every refusal is JSON with ok false and what the person would see or what the request lacks."""
    if path != "admin":
        body = {"person": "ana"} | body
    answer = await slack.control(path, **body)
    assert answer["ok"] is False
    assert part in answer["error"]


async def test_administration(slack: SlackRig) -> None:
    """Archive, kick, delete, convert, regroup: what befalls the app from outside."""
    root = await slack.card()
    await slack.control("admin", action="delete", channel="support", ts=root)
    assert slack.slack.channel("support").messages == []
    await slack.control("admin", action="change_id", channel="support", new_id="C0SUPPORT2")
    assert (await slack.client.chat_postMessage(channel="C0SUPPORT2", text="x"))["ok"]
    assert await slack.error("chat.postMessage", channel=SUPPORT, text="x") == "channel_not_found"
    await slack.control("admin", action="usergroup", usergroup="agents", members=["ben"])
    assert slack.slack.workspace.usergroups["S0GROUP001"] == ["U0BEN00001"]
    await slack.control("admin", action="archive", channel="support")
    assert await slack.error("chat.postMessage", channel="C0SUPPORT2", text="x") == "is_archived"
    await slack.control("admin", action="unarchive", channel="support")
    await slack.control("admin", action="kick", channel="support")
    assert await slack.error("chat.postMessage", channel="C0SUPPORT2", text="x") == "channel_not_found"
    await slack.control("admin", action="revoke")
    assert await slack.error("auth.test") == "token_revoked"


async def test_state_is_plain_json(slack: SlackRig) -> None:
    """GET /control/slack shows team, people, channels with messages, ephemerals, views."""
    await slack.card(blocks=[buttons("claim")])
    await slack.client.chat_postEphemeral(channel=SUPPORT, user="U0ANA00001", text="you")
    async with slack.session.get(f"{slack.url}/control/slack") as answer:
        state = await answer.json()
    assert state["ok"]
    ana = next(p for p in state["people"] if p["name"] == "ana")
    assert ana["ephemerals"][0]["text"] == "you"
    support = next(c for c in state["channels"] if c["name"] == "support")
    assert support["messages"][0]["blocks"][0]["elements"][0]["action_id"] == "claim"


async def test_people_have_limits_too(slack: SlackRig) -> None:
    """Others' messages, archived channels, empty texts and missing threads are refused by the client."""
    ana, ben = slack.slack.person("ana"), slack.slack.person("ben")
    ts = await ana.posts("support", "mine")
    for act in (
        ben.edits("support", ts, "x"),
        ben.deletes("support", ts),
        ana.replies("support", "1.0", "x"),
    ):
        with pytest.raises(RefusedError):
            await act
    with pytest.raises(RefusedError, match="nothing to send"):
        await ana.posts("support", "")
    with pytest.raises(RefusedError, match="is a command"):
        await ana.posts("support", "/wa help")
    await slack.slack.person("dana").deletes("support", ts)
    slack.slack.channel("support").archive()
    with pytest.raises(RefusedError, match="archived"):
        await ana.posts("support", "x")


async def test_expects(slack: SlackRig) -> None:
    """Waiting finds what is there and what comes, blocks included, and says what was there instead."""
    await slack.card("x", blocks=[{"type": "section", "text": {"type": "plain_text", "text": "inside"}}])
    channel = slack.slack.channel("support")
    assert (await channel.expects("inside")).text == "x"
    with pytest.raises(TimeoutError, match="no such message in #support"):
        await channel.expects(lambda message: message.text == "never", timeout_s=0.05)


async def test_faults_of_the_web_api(slack: SlackRig) -> None:
    """Errors, statuses and rate limits by rule; a cut before leaves nothing, a cut after leaves the message."""
    where = "slack.chat.postMessage"
    slack.faults.add(Fault(where, "error", params={"error": "fatal_error"}))
    assert await slack.error("chat.postMessage", channel=SUPPORT, text="x") == "fatal_error"
    slack.faults.add(Fault(where, "rate_limit", params={"retry_after": 7}))
    with pytest.raises(SlackApiError) as caught:
        await slack.card()
    assert caught.value.response.headers["Retry-After"] == "7"
    slack.faults.add(Fault(where, "status", params={"status": 503, "body": "{}"}))
    with pytest.raises(SlackApiError) as caught:
        await slack.card()
    assert caught.value.response.status_code == 503
    channel = slack.slack.channel("support")
    for kind, left in (("cut_before", 0), ("cut_after", 1)):
        slack.faults.add(Fault(where, kind))
        with pytest.raises(aiohttp.ClientError):
            await slack.card()
        assert len(channel.messages) == left
    slack.faults.add(Fault(where, "delay", params={"seconds": 0.01}))
    assert await slack.card()
