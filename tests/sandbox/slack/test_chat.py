"""chat.*: what is refused, what is cut, what is kept."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import SUPPORT, SlackRig, buttons

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
META = {"event_type": "wa", "event_payload": {"id": "1", "n": 2, "b": True, "o": {"k": "v"}, "a": ["x", 1]}}


@pytest.mark.parametrize(
    "change, error",
    [
        ({"channel": None}, "invalid_arguments"),
        ({"channel": "C0NOWHERE1"}, "channel_not_found"),
        ({"channel": "C0GENERAL1"}, "not_in_channel"),
        ({"text": None}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"thread_ts": "1750000000.000100"}, "thread_not_found"),
        ({"blocks": "{"}, "invalid_blocks_format"),
        ({"blocks": {"type": "section"}}, "invalid_blocks_format"),
        ({"blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
        ({"attachments": "x"}, "invalid_attachments"),
        ({"markdown_text": "x"}, "markdown_text_conflict"),
        ({"text": None, "markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"metadata": "{"}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": {"a": {"b": {}}}}}, "invalid_metadata_schema"),
        ({"metadata": {"event_type": "x", "event_payload": {"a": None}}}, "invalid_metadata_schema"),
        ({"metadata": {"event_type": "x", "event_payload": {"a": "x" * 9_000}}}, "metadata_too_large"),
    ],
)
async def test_post_refusals(slack: SlackRig, change: dict[str, Any], error: str) -> None:
    """Each wrong argument of chat.postMessage has Slack's error."""
    arguments = {"channel": SUPPORT, "text": "x"} | change
    assert (
        await slack.error("chat.postMessage", **{k: v for k, v in arguments.items() if v is not None})
        == error
    )


async def test_post_where_the_bot_is_not(make_slack: MakeSlack) -> None:
    """A private channel without the bot does not exist for it; an archived one is is_archived."""
    slack = await make_slack()
    slack.slack.channel("support").kick()
    assert await slack.error("chat.postMessage", channel=SUPPORT, text="x") == "channel_not_found"
    slack.slack.channel("support").invite()
    slack.slack.channel("support").archive()
    assert await slack.error("chat.postMessage", channel=SUPPORT, text="x") == "is_archived"


async def test_public_channel_with_the_wide_scope(make_slack: MakeSlack) -> None:
    """chat:write.public posts to public channels without membership."""
    slack = await make_slack()
    slack.slack.config.scopes.append("chat:write.public")
    assert (await slack.client.chat_postMessage(channel="#general", text="x"))["channel"] == "C0GENERAL1"


async def test_reply_to_a_reply(slack: SlackRig) -> None:
    """A reply's ts is no thread."""
    root = await slack.card()
    reply = await slack.card(thread_ts=root)
    assert (
        await slack.error("chat.postMessage", channel=SUPPORT, text="x", thread_ts=reply)
        == "cannot_reply_to_message"
    )


async def test_reply_after_the_root_is_deleted(slack: SlackRig) -> None:
    """Without replies the thread is gone; with replies a tombstone keeps it."""
    lonely, answered = await slack.card(), await slack.card()
    await slack.card(thread_ts=answered)
    for ts in (lonely, answered):
        slack.slack.channel("support").delete(ts)
    assert (
        await slack.error("chat.postMessage", channel=SUPPORT, text="x", thread_ts=lonely)
        == "thread_not_found"
    )
    await slack.card(thread_ts=answered)
    assert await slack.error("chat.update", channel=SUPPORT, text="x", ts=answered) == "message_not_found"


async def test_long_text_is_cut(slack: SlackRig) -> None:
    """A post is cut at 40,000 characters with a warning; an update over 4,000 is refused."""
    answer = await slack.client.chat_postMessage(channel=SUPPORT, text="x" * 40_001)
    assert len(answer["message"]["text"]) == 40_000
    assert answer["warning"] == "message_truncated"
    assert (
        await slack.error("chat.update", channel=SUPPORT, ts=answer["ts"], text="x" * 4_001) == "msg_too_long"
    )
    await slack.client.chat_update(channel=SUPPORT, ts=answer["ts"], text="x" * 4_000)


async def test_update_and_delete_only_own(slack: SlackRig) -> None:
    """Other people's messages can be neither changed nor deleted; missing ones are message_not_found."""
    ts = await slack.slack.person("ana").posts("support", "mine")
    assert await slack.error("chat.update", channel=SUPPORT, ts=ts, text="x") == "cant_update_message"
    assert await slack.error("chat.delete", channel=SUPPORT, ts=ts) == "cant_delete_message"
    for method in ("chat.update", "chat.delete"):
        missing = {"channel": SUPPORT, "ts": "1750000000.000100", "text": "x"}
        assert await slack.error(method, **missing) == "message_not_found"
    own = await slack.card()
    assert await slack.error("chat.update", channel=SUPPORT, ts=own) == "no_text"
    refused = await slack.error("chat.update", channel=SUPPORT, ts=own, text="x", username="Eve")
    assert refused == "invalid_arguments"
    slack.slack.channel("support").archive()
    assert await slack.error("chat.update", channel=SUPPORT, ts=own, text="x") == "is_inactive"


async def test_update_keeps_what_is_not_given(slack: SlackRig) -> None:
    """Blocks and metadata stay unless given; `{}` removes metadata."""
    ts = await slack.card(blocks=[buttons("claim")], metadata=META)
    message = slack.slack.channel("support").message(ts)
    assert message is not None
    await slack.client.chat_update(channel=SUPPORT, ts=ts, text="new")
    assert (message.text, message.blocks is not None, message.metadata) == ("new", True, META)
    await slack.client.chat_update(channel=SUPPORT, ts=ts, text="new", blocks=[], metadata={})
    assert (message.blocks, message.metadata) == ([], None)


async def test_metadata_comes_only_when_asked(make_slack: MakeSlack) -> None:
    """Replies and history carry metadata with include_all_metadata and the scope for it."""
    slack = await make_slack()
    root = await slack.card(metadata=META)
    plain = await slack.client.conversations_replies(channel=SUPPORT, ts=root)
    asked = await slack.client.conversations_replies(channel=SUPPORT, ts=root, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert asked["messages"][0]["metadata"] == META
    slack.slack.config.scopes.remove("metadata.message:read")
    asked = await slack.client.conversations_history(channel=SUPPORT, include_all_metadata=True)
    assert "metadata" not in asked["messages"][0]


async def test_broadcast_loses_the_customised_name(slack: SlackRig) -> None:
    """A reply also sent to the channel shows the bot's own name."""
    root = await slack.card()
    answer = await slack.client.chat_postMessage(
        channel=SUPPORT, text="x", thread_ts=root, username="Maria", reply_broadcast=True
    )
    assert "username" not in answer["message"]
    assert [m.ts for m in slack.slack.channel("support").messages] == [root, answer["ts"]]


async def test_permalink(slack: SlackRig) -> None:
    """A reply's link names its thread."""
    root = await slack.card()
    reply = await slack.card(thread_ts=root)
    link = (await slack.client.chat_getPermalink(channel=SUPPORT, message_ts=reply))["permalink"]
    assert f"/{SUPPORT}/p{reply.replace('.', '')}?thread_ts={root}&cid={SUPPORT}" in link
    assert (
        await slack.read_error("chat.getPermalink", channel=SUPPORT, message_ts="1.0") == "message_not_found"
    )


async def test_ephemeral(slack: SlackRig) -> None:
    """One person sees it; it is in no history; in a thread it shows only where there are replies."""
    root = await slack.card()
    ana = slack.slack.person("ana")
    await slack.client.chat_postEphemeral(channel=SUPPORT, user=ana.id, text="top")
    await slack.client.chat_postEphemeral(channel=SUPPORT, user=ana.id, text="unseen", thread_ts=root)
    await slack.card(thread_ts=root)
    answer = await slack.client.chat_postEphemeral(channel=SUPPORT, user=ana.id, text="seen", thread_ts=root)
    assert [item.text for item in ana.ephemerals] == ["top", "seen"]
    assert slack.slack.person("ben").ephemerals == []
    assert set(answer.data) == {"ok", "message_ts"}
    history = await slack.client.conversations_history(channel=SUPPORT)
    assert len(history["messages"]) == 1
    assert (
        await slack.error("chat.update", channel=SUPPORT, ts=answer["message_ts"], text="x")
        == "message_not_found"
    )


@pytest.mark.parametrize(
    "change, error",
    [
        ({"user": "U0NOBODY01"}, "user_not_in_channel"),
        ({"user": None}, "invalid_arguments"),
        ({"text": None}, "no_text"),
        ({"metadata": META}, "invalid_arguments"),
        ({"channel": "C0GENERAL1"}, "not_in_channel"),
    ],
)
async def test_ephemeral_refusals(slack: SlackRig, change: dict[str, Any], error: str) -> None:
    """Each wrong argument of chat.postEphemeral has its error."""
    arguments = {"channel": SUPPORT, "user": "U0ANA00001", "text": "x"} | change
    assert (
        await slack.error("chat.postEphemeral", **{k: v for k, v in arguments.items() if v is not None})
        == error
    )


async def test_links_unfurl_unless_forbidden(slack: SlackRig) -> None:
    """A posted link is previewed unless both unfurl switches are false."""
    loud = await slack.card("see <https://example.com|x>")
    quiet = await slack.card("see <https://example.com|x>", unfurl_links=False, unfurl_media=False)
    channel = slack.slack.channel("support")
    assert channel.as_json(loud)["attachments"][0]["from_url"] == "https://example.com"
    assert "attachments" not in channel.as_json(quiet)


async def test_status_line(slack: SlackRig) -> None:
    """A thread status shows until the bot's next post; a reply's ts is refused."""
    root = await slack.card()
    channel = slack.slack.channel("support")
    await slack.client.assistant_threads_setStatus(channel_id=SUPPORT, thread_ts=root, status="is typing")
    assert channel.status(root) == "is typing"
    reply = await slack.card(thread_ts=root)
    assert channel.status(root) == ""
    refused = {"channel_id": SUPPORT, "thread_ts": reply, "status": "x"}
    assert await slack.error("assistant.threads.setStatus", **refused) == "invalid_thread_ts"


async def test_messages_tab_off(make_slack: MakeSlack) -> None:
    """With the messages tab off the bot cannot write to people."""
    slack = await make_slack(messages_tab_enabled=False)
    with pytest.raises(SlackApiError, match="messages_tab_disabled"):
        await slack.client.chat_postMessage(channel="U0ANA00001", text="x")
