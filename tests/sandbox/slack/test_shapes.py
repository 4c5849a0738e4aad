"""Every payload has exactly the keys of the recorded one."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.slack_sandbox import SUPPORT, SlackRig, Socket, buttons, modal, text_input

FIXTURES = Path(__file__).parents[2] / "fixtures" / "slack"
Json = dict[str, Any]


def recorded(name: str) -> Json:
    """A recorded payload."""
    found: Json = orjson.loads((FIXTURES / f"{name}.json").read_bytes())
    return found


def shape(value: Any) -> Any:
    """The keys and kinds of a JSON value, its words left out."""
    if isinstance(value, dict):
        # What the app itself put into its blocks is content; so are the answers typed into a form.
        return {k: "content" if k in ("blocks", "values", "icons") else shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int) and not isinstance(value, bool) else type(value).__name__


def assert_same_shape(made: Json, name: str) -> None:
    """Hold a payload against the recorded one."""
    assert shape(made) == shape(recorded(name))


@pytest.fixture
async def line(slack: SlackRig) -> tuple[Socket, str]:
    """A socket, and a card that was posted before it."""
    socket = await slack.socket()
    hello = await socket.frame()
    assert_same_shape(hello, "socket_hello")
    root = await slack.card("New conversation: Maria Example", blocks=[buttons("claim")])
    await socket.event()
    return socket, root


async def test_thread_reply(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A reply typed by a person has client_msg_id, rich text and its thread."""
    socket, root = line
    await slack.slack.person("ana").replies("support", root, "Hello Maria, I am looking into it.")
    frame = await socket.frame()
    assert_same_shape(frame, "socket_events_api")
    await socket.ack(frame)
    assert_same_shape(frame["payload"], "event_message_thread_reply")


async def test_top_level(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A message outside threads has no thread_ts."""
    await slack.slack.person("ana").posts("support", "who is on call today?")
    assert_same_shape(await line[0].event(), "event_message_top_level")


async def test_rich_text_word_for_word(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """What a client makes of typed mentions, links and emoji equals the recorded text and blocks."""
    wanted = recorded("event_message_rich_text")
    typed = (
        "<@U0BEN00001> see <#C0SUPPORT1> and <!subteam^S0GROUP001> or "
        "<https://example.com/a?b=1&c=2|the order> 5 < 6 & ok :thumbsup::skin-tone-3: *now*"
    )
    await slack.slack.person("ana").replies("support", line[1], typed)
    made = await line[0].event()
    assert shape(made) == shape(wanted)
    assert made["event"]["text"] == wanted["event"]["text"]
    assert made["event"]["blocks"] == wanted["event"]["blocks"]


async def test_own_posts(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """The bot's post comes back without subtype; with a customised name as bot_message without user."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Customer: good morning"}}
    await slack.card("Customer: good morning", thread_ts=line[1], blocks=[section])
    assert_same_shape(await line[0].event(), "event_message_own_bot")
    await slack.card("good morning", thread_ts=line[1], username="Maria", icon_emoji=":speech_balloon:")
    assert_same_shape(await line[0].event(), "event_message_own_bot_customised")


async def test_other_bot(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """Another app's post names that app."""
    slack.slack.channel("support").other_bot_posts("build finished")
    assert_same_shape(await line[0].event(), "event_message_other_bot")


async def test_edit_unfurl_and_delete(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """An edit carries `edited`, a preview does not, a deletion names the old message."""
    socket, root = line
    ana = slack.slack.person("ana")
    ts = await ana.replies("support", root, "Hello Maria")
    await socket.event()
    slack.slack.channel("support").unfurl(ts, "https://example.com/")
    assert_same_shape(await socket.event(), "event_message_changed_unfurl")
    slack.slack.channel("support").message(ts).attachments = None  # type: ignore[union-attr]  # it is there
    await ana.edits("support", ts, "It ships today")
    assert_same_shape(await socket.event(), "event_message_changed_edit")
    slack.slack.channel("support").message(ts).edited = None  # type: ignore[union-attr]  # it is there
    await ana.deletes("support", ts)
    assert_same_shape(await socket.event(), "event_message_deleted")


async def test_tombstone(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A deleted root with replies becomes a tombstone by USLACKBOT."""
    socket, root = line
    await slack.card("good morning", thread_ts=root)
    await slack.slack.person("ana").replies("support", root, "hello")
    for _ in range(2):
        await socket.event()
    await slack.slack.person("dana").deletes("support", root)
    made = await socket.event()
    assert_same_shape(made, "event_message_changed_tombstone")
    assert made["event"]["message"]["user"] == "USLACKBOT"


async def test_thread_broadcast(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A reply also sent to the channel carries its root."""
    socket, root = line
    await slack.slack.person("ana").replies("support", root, "hello")
    await socket.event()
    await slack.slack.person("ana").replies("support", root, "also for all", broadcast=True)
    assert_same_shape(await socket.event(), "event_message_thread_broadcast")


async def test_membership(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """Joining gives member_joined_channel and the channel_join message."""
    slack.slack.channel("support").kick("ben")
    await line[0].event()
    slack.slack.channel("support").invite("ben", by="ana")
    assert_same_shape(await line[0].event(), "event_member_joined_channel")
    assert_same_shape(await line[0].event(), "event_message_channel_join")


async def test_direct_message(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A direct message has channel_type im."""
    await slack.slack.person("ana").writes_bot("help")
    made = await line[0].event()
    assert_same_shape(made, "event_message_im")
    assert made["event"]["channel_type"] == "im"


async def test_mention_has_a_twin(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """Mentioning the bot gives a message and an app_mention: same ts, different event_id."""
    await slack.slack.person("ana").replies("support", line[1], "<@U0BOT00001> close")
    message, mention = await line[0].event(), await line[0].event()
    assert_same_shape(mention, "event_app_mention_thread")
    assert message["event"]["ts"] == mention["event"]["ts"]
    assert message["event_id"] != mention["event_id"]


async def test_reactions(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """Reactions name the item and its author, no thread."""
    ana = slack.slack.person("ana")
    await ana.reacts("support", line[1], "white_check_mark")
    assert_same_shape(await line[0].event(), "event_reaction_added")
    await ana.unreacts("support", line[1], "white_check_mark")
    assert_same_shape(await line[0].event(), "event_reaction_removed")
    await ana.reacts("support", line[1], "+1::skin-tone-3")
    assert_same_shape(await line[0].event(), "event_reaction_added_skin_tone")


async def test_what_befalls_the_app(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """Home, archive, user group, revocation, removal and dropped events have their recorded shapes."""
    socket, root = line
    del root
    await slack.slack.person("ana").opens_home()
    assert_same_shape(await socket.event(), "event_app_home_opened")
    slack.slack.set_usergroup("agents", ["ana", "ben"])
    assert_same_shape(await socket.event(), "event_subteam_members_changed")
    slack.slack.channel("public").archive("ana")
    assert_same_shape(await socket.event(), "event_channel_archive")
    slack.slack.channel("support").archive("ana")
    assert (await socket.event())["event"]["type"] == "group_archive"
    slack.slack.delivery.app_rate_limited()
    assert_same_shape(await socket.event(), "event_app_rate_limited")
    slack.slack.activity.uninstall()
    assert_same_shape(await socket.event(), "event_tokens_revoked")
    assert_same_shape(await socket.event(), "event_app_uninstalled")


async def test_slash_command(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A slash command names the channel and no thread; mentions are escaped with names."""
    socket, _ = line
    asking = asyncio.create_task(
        slack.slack.person("ana").slash("/wa", "assign 42 @ben in #support soon", "support")
    )
    frame = await socket.interactive()
    assert_same_shape(frame, "socket_slash")
    assert frame["payload"]["text"] == recorded("slash_command")["text"]
    assert await asking == {"ok": True}


async def test_shortcuts(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """A message shortcut carries the message with its thread; a global one carries neither channel nor url."""
    socket, root = line
    ana = slack.slack.person("ana")
    ts = await ana.replies("support", root, "hello")
    asking = asyncio.create_task(ana.shortcut("conversation_details", "support", ts))
    frame = await socket.interactive()
    assert_same_shape(frame["payload"], "message_shortcut_in_thread")
    await asking
    asking = asyncio.create_task(ana.shortcut("new_conversation"))
    assert_same_shape((await socket.interactive())["payload"], "global_shortcut")
    await asking


async def test_view_payloads(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """views.open answers, submissions and closings have the recorded shapes."""
    socket, root = line
    ana = slack.slack.person("ana")
    asking = asyncio.create_task(ana.presses("support", root, "claim"))
    trigger = (await socket.interactive())["payload"]["trigger_id"]
    await asking
    view = modal(text_input(optional=True), close={"type": "plain_text", "text": "No"}, notify_on_close=True)
    opened = await slack.client.views_open(trigger_id=trigger, view=view)
    assert_same_shape(dict(opened.data), "api_views_open")  # type: ignore[arg-type]  # it is a dict
    view_id = opened["view"]["id"]
    asking = asyncio.create_task(ana.submits(view_id, {"v": "x"}))
    frame = await socket.interactive({"response_action": "errors", "errors": {"note": "no"}})
    assert_same_shape(frame["payload"], "view_submission")
    assert await asking == {"ok": False, "errors": {"note": "no"}}
    asking = asyncio.create_task(ana.closes(view_id))
    assert_same_shape((await socket.interactive())["payload"], "view_closed")
    await asking


async def test_answers(slack: SlackRig, line: tuple[Socket, str]) -> None:
    """Answers of the read methods have the recorded shapes."""
    socket, root = line
    del socket
    assert_same_shape(dict((await slack.client.auth_test()).data), "api_auth_test")  # type: ignore[arg-type]  # a dict
    user = (await slack.client.users_info(user="U0ANA00001")).data
    assert isinstance(user, dict)
    known = recorded("api_users_info")
    assert known["user"].keys() <= user["user"].keys()
    assert known["user"]["profile"].keys() == user["user"]["profile"].keys()
    users = await slack.client.usergroups_users_list(usergroup="S0GROUP001")
    assert users.data == {"ok": True, "users": ["U0ANA00001"]}
    assert (await slack.client.users_getPresence(user="U0ANA00001")).data == recorded("api_users_getPresence")
    meta = {"event_type": "wa", "event_payload": {"conversation": "42"}}
    posted = await slack.client.chat_postMessage(channel=SUPPORT, text="hi", thread_ts=root, metadata=meta)
    made, wanted = dict(posted.data), recorded("api_chat_postMessage")  # type: ignore[arg-type]  # a dict
    del wanted["warning"], wanted["response_metadata"], wanted["message"]["metadata"]
    assert made["message"].pop("metadata") == meta
    assert shape(made) == shape(wanted)


@pytest.mark.parametrize(
    "action, value, name",
    [
        ("claim", None, "block_actions_button"),
        ("assign", "ben", "block_actions_users_select"),
        ("conv_menu", "snooze:42", "block_actions_overflow"),
    ],
)
async def test_block_actions(slack: SlackRig, action: str, value: str | None, name: str) -> None:
    """Buttons, selects and overflow menus on a card in a thread send the recorded payloads."""
    socket = await slack.socket()
    await socket.frame()
    wanted = recorded(name)
    root = await slack.card("New conversation", blocks=wanted["message"]["blocks"])
    await slack.slack.person("ana").replies("support", root, "hello")
    asking = asyncio.create_task(slack.slack.person("ana").selects("support", root, action, value))
    made = (await socket.interactive())["payload"]
    await asking
    assert shape(made) == shape(wanted)
    assert made["state"] == wanted["state"]
    for key in ("selected_user", "selected_option", "value"):
        assert made["actions"][0].get(key) == wanted["actions"][0].get(key)


async def test_home_actions(slack: SlackRig) -> None:
    """On the Home tab the container is a view, without channel, message or response_url."""
    socket = await slack.socket()
    await socket.frame()
    wanted = recorded("block_actions_home")
    view = {key: wanted["view"][key] for key in ("type", "blocks", "private_metadata", "callback_id")}
    home = await slack.client.views_publish(user_id="U0ANA00001", view=view)
    asking = asyncio.create_task(slack.slack.person("ana").acts(home["view"]["id"], "filter_status", "open"))
    made = (await socket.interactive())["payload"]
    await asking
    assert shape(made) == shape(wanted)
    assert made["view"]["state"] == wanted["view"]["state"]
