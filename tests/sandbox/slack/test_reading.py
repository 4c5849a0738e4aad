"""conversations.*, users.*, usergroups.* and reactions.*."""

import pytest
from slack_sdk.errors import SlackApiError

from bridge.sandbox.slack.config import PersonConfig
from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import SUPPORT, SlackRig, fixture_config


async def test_history_pages_newest_first(make_slack: MakeSlack) -> None:
    """History holds roots only, newest first, in pages by cursor."""
    slack = await make_slack(rate_limits=False)
    posted = [await slack.card(str(n)) for n in range(5)]
    await slack.card("reply", thread_ts=posted[0])
    seen: list[str] = []
    cursor = ""
    while True:
        page = await slack.client.conversations_history(channel=SUPPORT, limit=2, cursor=cursor or None)
        seen += [message["ts"] for message in page["messages"]]
        if not page["has_more"]:
            break
        cursor = page["response_metadata"]["next_cursor"]
    assert seen == posted[::-1]


async def test_history_bounds(make_slack: MakeSlack) -> None:
    """Bounds: oldest and latest are exclusive unless inclusive."""
    slack = await make_slack(rate_limits=False)
    a, b, c = [await slack.card(str(n)) for n in range(3)]

    async def seen(**bounds: str) -> list[str]:
        found = await slack.client.conversations_history(channel=SUPPORT, **bounds)  # type: ignore[arg-type]  # strings only
        return [message["ts"] for message in found["messages"]]

    assert await seen(oldest=a, latest=c) == [b]
    assert await seen(oldest=a, latest=c, inclusive="true") == [c, b, a]
    assert await slack.read_error("conversations.history", channel=SUPPORT, oldest="x") == "invalid_ts_oldest"
    assert await slack.read_error("conversations.history", channel=SUPPORT, latest="x") == "invalid_ts_latest"
    assert await slack.read_error("conversations.history", channel=SUPPORT, cursor="x") == "invalid_cursor"
    assert await slack.read_error("conversations.history", channel=SUPPORT, limit="0") == "invalid_limit"


async def test_replies_page_with_the_root_first(make_slack: MakeSlack) -> None:
    """Every page of a thread starts with the root; an unknown root is thread_not_found."""
    slack = await make_slack(rate_limits=False)
    root = await slack.card()
    replies = [await slack.card(str(n), thread_ts=root) for n in range(4)]
    first = await slack.client.conversations_replies(channel=SUPPORT, ts=root, limit=3)
    assert [m["ts"] for m in first["messages"]] == [root, *replies[:2]]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await slack.client.conversations_replies(channel=SUPPORT, ts=root, limit=3, cursor=cursor)
    assert [m["ts"] for m in rest["messages"]] == [root, *replies[2:]]
    assert not rest["has_more"]
    since = await slack.client.conversations_replies(channel=SUPPORT, ts=root, oldest=replies[2])
    assert [m["ts"] for m in since["messages"]] == [root, replies[3]]
    assert await slack.read_error("conversations.replies", channel=SUPPORT, ts="1.0") == "thread_not_found"


async def test_thread_counters(slack: SlackRig) -> None:
    """A root with replies carries thread_ts and counters; without, none."""
    root = await slack.card()
    bare = (await slack.client.conversations_replies(channel=SUPPORT, ts=root))["messages"][0]
    assert "thread_ts" not in bare
    last = await slack.slack.person("ana").replies("support", root, "x")
    full = (await slack.client.conversations_replies(channel=SUPPORT, ts=root))["messages"][0]
    assert (full["thread_ts"], full["reply_count"], full["latest_reply"]) == (root, 1, last)


async def test_ts_is_unique_and_rising(make_slack: MakeSlack) -> None:
    """Every ts of a channel is above the one before, fixed width."""
    slack = await make_slack(rate_limits=False)
    posted = [await slack.card() for _ in range(20)]
    assert posted == sorted(set(posted))
    assert {len(ts) for ts in posted} == {17}


async def test_lists_and_members(slack: SlackRig) -> None:
    """Only what the bot may see is listed."""
    listed = await slack.client.conversations_list(types="public_channel,private_channel")
    assert {c["name"] for c in listed["channels"]} == {"support", "general", "public"}
    slack.slack.channel("support").kick()
    listed = await slack.client.conversations_list(types="private_channel")
    assert listed["channels"] == []
    assert await slack.read_error("conversations.info", channel=SUPPORT) == "channel_not_found"
    assert await slack.read_error("conversations.list", types="rooms") == "invalid_types"
    members = await slack.client.conversations_members(channel="C0PUBLIC01")
    assert members["members"] == ["U0ANA00001", "U0BOT00001"]


async def test_join_and_invite(slack: SlackRig) -> None:
    """Public channels can be joined; people are invited once."""
    await slack.client.conversations_join(channel="C0GENERAL1")
    again = await slack.client.conversations_join(channel="C0GENERAL1")
    assert again["warning"] == "already_in_channel"
    assert await slack.error("conversations.join", channel=SUPPORT) == "method_not_supported_for_channel_type"
    await slack.client.conversations_invite(channel="C0GENERAL1", users="U0BEN00001")
    for users, error in (
        ("U0BEN00001", "already_in_channel"),
        ("U0NOBODY01", "user_not_found"),
        ("U0BOT00001", "cant_invite_self"),
    ):
        assert await slack.error("conversations.invite", channel="C0GENERAL1", users=users) == error


async def test_open_direct_messages(slack: SlackRig) -> None:
    """Opening twice gives the same conversation; a post to a user id lands there."""
    first = await slack.client.conversations_open(users="U0ANA00001")
    second = await slack.client.conversations_open(users="U0ANA00001")
    assert first["channel"]["id"] == second["channel"]["id"]
    assert second["already_open"] is True
    await slack.client.chat_postMessage(channel="U0ANA00001", text="psst")
    assert [m.text for m in slack.slack.person("ana").dms] == ["psst"]
    assert await slack.error("conversations.open", users="U0NOBODY01") == "user_not_found"
    assert await slack.error("conversations.open") == "users_list_not_supplied"


async def test_people(make_slack: MakeSlack) -> None:
    """Addresses need their scope; guests and outsiders are marked; strangers are not visible."""
    people = [
        *fixture_config().people,
        PersonConfig("U0GUEST001", "gil", role="guest", display_name=""),
        PersonConfig("U0OUTSIDE1", "olga", role="outsider"),
    ]
    slack = await make_slack(people=people)
    ana = (await slack.client.users_info(user="U0ANA00001"))["user"]
    assert ana["profile"]["email"] == "ana@example.com"
    gil = (await slack.client.users_info(user="U0GUEST001"))["user"]
    assert (gil["is_restricted"], gil["profile"]["display_name"]) == (True, "")
    assert await slack.read_error("users.info", user="U0OUTSIDE1") == "user_not_visible"
    assert await slack.read_error("users.info", user="U0NOBODY01") == "user_not_found"
    slack.slack.config.scopes.remove("users:read.email")
    ana = (await slack.client.users_info(user="U0ANA00001"))["user"]
    assert "email" not in ana["profile"]
    listed = (await slack.client.users_list())["members"]
    assert {"U0ANA00001", "U0BOT00001"} <= {m["id"] for m in listed}


async def test_user_groups_need_a_paid_plan(make_slack: MakeSlack) -> None:
    """On a free plan user groups do not exist."""
    slack = await make_slack()
    group = (await slack.client.usergroups_list(include_users=True))["usergroups"][0]
    assert (group["handle"], group["users"]) == ("agents", ["U0ANA00001"])
    assert await slack.read_error("usergroups.users.list", usergroup="S0NOTHING1") == "no_such_subteam"
    slack.slack.config.paid_plan = False
    with pytest.raises(SlackApiError, match="plan_upgrade_required"):
        await slack.client.usergroups_list()


async def test_reactions(make_slack: MakeSlack) -> None:
    """Adding twice, removing what is not there, wrong items: each has its error."""
    slack = await make_slack(custom_emoji={"parrot": "https://example.com/p.gif"})
    ts = await slack.card()
    item = {"channel": SUPPORT, "timestamp": ts}
    await slack.client.reactions_add(name="eyes", **item)
    await slack.client.reactions_add(name="parrot", **item)
    assert await slack.error("reactions.add", name="eyes", **item) == "already_reacted"
    got = (await slack.client.reactions_get(channel=SUPPORT, timestamp=ts))["message"]["reactions"]
    assert got[0] == {"name": "eyes", "users": ["U0BOT00001"], "count": 1}
    await slack.client.reactions_remove(name="eyes", **item)
    assert await slack.error("reactions.remove", name="eyes", **item) == "no_reaction"
    gone = {"channel": SUPPORT, "timestamp": "1750000000.000100", "name": "eyes"}
    assert await slack.error("reactions.add", **gone) == "message_not_found"
    assert await slack.error("reactions.add", channel=SUPPORT, timestamp="x", name="eyes") == "bad_timestamp"
    assert await slack.error("reactions.add", name="eyes") == "no_item_specified"


@pytest.mark.parametrize(
    "name, good",
    [
        ("+1", True),
        ("thumbsup", True),
        ("flag-br", True),
        ("man-facepalming", True),
        ("+1::skin-tone-6", True),
        ("white_check_mark", True),
        ("\N{THUMBS UP SIGN}", False),
        ("thumbs_up", False),
        ("check_mark_button", False),
        ("+1::skin-tone-7", False),
        ("white_check_mark::skin-tone-2", False),
    ],
)
async def test_names_of_emoji(slack: SlackRig, name: str, good: bool) -> None:
    """Slack's short names are taken; Unicode, CLDR names and tones where there are none are invalid_name."""
    ts = await slack.card()
    item = {"channel": SUPPORT, "timestamp": ts, "name": name}
    if good:
        assert (await slack.client.reactions_add(**item))["ok"]
    else:
        assert await slack.error("reactions.add", **item) == "invalid_name"


async def test_outsiders_show_their_team(make_slack: MakeSlack) -> None:
    """A person of another team writes with user_team, source_team and an inlined profile."""
    people = [*fixture_config().people, PersonConfig("U0OUTSIDE1", "olga", role="outsider")]
    slack = await make_slack(people=people)
    slack.slack.channel("support").invite("olga")
    ts = await slack.slack.person("olga").posts("support", "hello")
    message = slack.slack.channel("support").as_json(ts)
    assert message["user_team"] == message["source_team"] == "T0OUTSIDE1" != slack.slack.config.team_id
    assert message["user_profile"]["name"] == "olga"


async def test_a_tombstone_goes_with_its_last_reply(slack: SlackRig) -> None:
    """A deleted root stays only as long as it has replies."""
    root = await slack.card()
    reply = await slack.slack.person("ana").replies("support", root, "x")
    channel = slack.slack.channel("support")
    channel.delete(root)
    assert [m.subtype for m in channel.thread(root)] == ["tombstone", None]
    await slack.slack.person("ana").deletes("support", reply)
    assert channel.everything() == []
