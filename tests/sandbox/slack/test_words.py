"""What a client makes of typed words, who is notified by a mention, what a reader sees."""

import time
from typing import Any

import pytest

from bridge.sandbox.slack.compose import Composer
from bridge.sandbox.slack.state import Workspace
from tests.support.slack_sandbox import SUPPORT, SlackRig, fixture_config


@pytest.fixture
def composer() -> Composer:
    """The client's composer in the recorded workspace."""
    return Composer(Workspace(fixture_config(custom_emoji={"parrot": "x"}), time.time))


@pytest.mark.parametrize(
    "typed, text",
    [
        ("plain", "plain"),
        ("5 < 6 & 7 > 2", "5 &lt; 6 &amp; 7 &gt; 2"),
        ("*b* _i_ ~s~ `c<d`", "*b* _i_ ~s~ `c&lt;d`"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("@ben and @agents and @here", "<@U0BEN00001> and <!subteam^S0GROUP001> and <!here>"),
        ("@nobody", "@nobody"),
        ("#support", "<#C0SUPPORT1|>"),
        ("https://a.b/c?d=1&e=2.", "<https://a.b/c?d=1&amp;e=2>."),
        ("see example.com/x", "see <http://example.com/x|example.com/x>"),
        ("a@b.com", "<mailto:a@b.com|a@b.com>"),
        ("+34 600 000 001", "<tel:+34600000001|+34 600 000 001>"),
        ("\N{THUMBS UP SIGN}", ":+1:"),
        ("\N{THUMBS UP SIGN}\U0001f3fd", ":+1::skin-tone-4:"),
        ("\N{HEAVY BLACK HEART}\ufe0f", ":heart:"),
        (":parrot: :nonsense:", ":parrot: :nonsense:"),
        ("> quoted\n> more", "&gt; quoted\n&gt; more"),
        ("- a\n- b", "• a\n• b"),
        ("1. a\n2. b", "1. a\n2. b"),
        ("```x < y\nz```", "```x &lt; y\nz```"),
        ("!assign @ben", "!assign <@U0BEN00001>"),
    ],
)
def test_text(composer: Composer, typed: str, text: str) -> None:
    """The mrkdwn text is what a real client sends, entities escaped."""
    assert composer.compose(typed)[0] == text


@pytest.mark.parametrize(
    "typed, kinds",
    [
        ("a\n> q\n- l\n```p```\nz", ["section", "quote", "list", "preformatted", "section"]),
        ("a\nb", ["section"]),
        ("1. a\n2. b", ["list"]),
    ],
)
def test_block_structure(composer: Composer, typed: str, kinds: list[str]) -> None:
    """Lines become sections, quotes, lists and preformatted parts of one rich_text block."""
    blocks = composer.compose(typed)[1]
    assert [element["type"] for element in blocks[0]["elements"]] == [f"rich_text_{kind}" for kind in kinds]


def test_nested_styles(composer: Composer) -> None:
    """Styles nest; words inside a mention keep the style."""
    parts = composer.compose("*b _i @ben_*")[1][0]["elements"][0]["elements"]
    assert [part.get("style") for part in parts] == [
        {"bold": True},
        {"bold": True, "italic": True},
        {"bold": True, "italic": True},
    ]


@pytest.mark.parametrize(
    "message, people",
    [
        ({"text": "<!channel>"}, {"ana", "ben", "dana"}),
        ({"text": "<!here|here>"}, {"ana", "dana"}),
        ({"text": "<@U0BEN00001|x>"}, {"ben"}),
        ({"text": "<!subteam^S0GROUP001|agents>"}, {"ana"}),
        ({"text": "&lt;!channel&gt; @here @ben"}, set()),
        ({"text": "@here", "link_names": True}, {"ana", "dana"}),
        ({"text": "@ben", "parse": "full"}, {"ben"}),
        ({"text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<!everyone>"}}]}, {"ana", "ben", "dana"}),
        ({"text": "x", "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "<!everyone>"}}]}, set()),
        ({"text": "<!channel>", "blocks": [{"type": "divider"}]}, {"ana", "ben", "dana"}),
        ({"text": "x", "attachments": [{"text": "<@U0BEN00001>"}]}, {"ben"}),
        (
            {
                "text": "x",
                "blocks": [
                    {
                        "type": "rich_text",
                        "elements": [
                            {
                                "type": "rich_text_section",
                                "elements": [{"type": "text", "text": "<!channel> <@U0BEN00001>"}],
                            }
                        ],
                    }
                ],
            },
            set(),
        ),
        (
            {
                "text": "x",
                "blocks": [
                    {
                        "type": "rich_text",
                        "elements": [
                            {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U0BEN00001"}]}
                        ],
                    }
                ],
            },
            {"ben"},
        ),
    ],
)  # fmt: skip
async def test_who_is_pinged(slack: SlackRig, message: dict[str, Any], people: set[str]) -> None:
    """Mentions in text and mrkdwn notify; plain text and rich text words do not; escaped ones do not."""
    slack.slack.workspace.people["U0BEN00001"].presence = "away"
    await slack.card(**message)
    pinged = {name for name in ("ana", "ben", "dana") if slack.slack.person(name).pings}
    assert pinged == people


async def test_update_parses_names_unless_told_not_to(slack: SlackRig) -> None:
    """chat.update defaults to parse=client: bare @names mention, unless parse is none."""
    ts = await slack.card()
    await slack.client.chat_update(channel=SUPPORT, ts=ts, text="@ben", parse="none", link_names=False)
    assert slack.slack.person("ben").pings == []
    await slack.client.chat_update(channel=SUPPORT, ts=ts, text="@ben")
    assert len(slack.slack.person("ben").pings) == 1


async def test_a_change_pings_only_the_newly_mentioned(slack: SlackRig) -> None:
    """A preview or an edit does not notify again those whom the message mentioned before."""
    ana = slack.slack.person("ana")
    ts = await ana.posts("support", "@ben see https://example.com/x")
    await ana.edits("support", ts, "@ben @dana")
    assert len(slack.slack.person("ben").pings) == 1
    assert [ping["causes"] for ping in slack.slack.person("dana").pings] == [["U0DANA0001"]]


async def test_spoofed_links_show(slack: SlackRig) -> None:
    """The state says where a label leads, so that a spoof cannot hide."""
    await slack.card("go to <https://evil.example|https://bank.com> &lt;b&gt;")
    channel = next(c for c in slack.slack.snapshot()["channels"] if c["id"] == SUPPORT)
    message = channel["messages"][0]
    assert message["visible"] == "go to https://bank.com <b>"
    assert message["links"] == [{"url": "https://evil.example", "label": "https://bank.com"}]
