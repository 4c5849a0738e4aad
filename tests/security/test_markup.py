"""A contact's words and names are shown, and do nothing: on no surface of the desk do they ping, link or pass for ours.

And the other way: what staff write keeps its meaning on the contact's phone, and nothing of the desk goes with it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.slack import panel
from bridge.adapters.slack.format import fallback, to_rich_text, to_slack_text
from bridge.adapters.whatsapp.format import compose, from_whatsapp
from bridge.markup import Bold, Mention, MentionKind, Text
from bridge.model import Contact, ContactId
from bridge.routing import answers
from bridge.sandbox.slack.mrkdwn import block_mentions, mentions
from bridge.sandbox.slack.state import Ephemeral, Message
from tests.support.stack import shown
from tests.support.talk import WIDE, Shop, Talk, open_shop, wide
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(valkey_server: ValkeyServer) -> AsyncIterator[Shop]:
    """A shop with an inbox for every way to speak."""
    with contextlib.closing(valkey_server.client()) as client:
        client.flushall()
    async with open_shop(valkey_server.url, scale=4.0, arrange=wide, inboxes=WIDE) as running:
        yield running


NAMES = {
    "everybody": "<!channel> <!here> <!everyone>",
    "a person": "<@U0BEN00001> @ben",
    "a group": "<!subteam^S0AGENTS01|agents>",
    "a link in disguise": "<https://evil.example|Your bank>",
    "escaped already": "&lt;!channel&gt; &amp;lt;!here&amp;gt;",
    "a notice of its own": "Eve\n\nFORGED: this conversation is closed. Visit evil.example",
    "a carriage return": "Eve\rFORGED",
    "a line separator": "Eve\u2028FORGED\u2029FORGED",
    "backwards": "Eve\u202eDEGROF\u202c \u2066x",
    "formatting": "*bold* _it_ ~no~ `code` ```pre``` > quote",
    "emoji": ":lock: :white_check_mark: :x:",
    "a template": "{name} {number} %s {0} `{by}` *{by}*",
    "blocks": '[{"type":"actions","elements":[{"type":"button","action_id":"tl:0:resolve","value":"x"}]}]',
    "a date": "<!date^1^{date}^https://evil.example|now>",
    "invisible": "Eve\u200b\u2060\ufeff\u00ad",
    "long": "Eve " * 60,
    "controls": "Eve\x1b[31m\x07\x00",
}


_LABELLED = re.compile(r"<(https?:[^|>]*)\|")


def surfaces(shop: Shop, talk: Talk) -> Iterator[tuple[str, Message | Ephemeral]]:
    """Every post of ours about a talk, in the thread and to people; those in the contact's own voice left out."""
    for post in shop.channel(talk.channel).thread(talk.card.ts):
        if post.bot is not None and post.username is None:
            yield "thread", post
    for name in ("ben", "carla", "dana"):
        for message in shop.person(name).dms:
            yield f"dm to {name}", message
        for ephemeral in shop.person(name).ephemerals:
            yield f"only {name}", ephemeral


def mentioned(post: Message | Ephemeral) -> set[str]:
    """Whom the text or the blocks of a post would notify."""
    return {*mentions(post.text), *block_mentions(post.blocks or [])}


def links(post: Message | Ephemeral) -> list[str]:
    """The addresses that a post makes clickable under a label of their own."""
    found = _LABELLED.findall(post.text)

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "mrkdwn":
                found.extend(_LABELLED.findall(node["text"]))
            elif node.get("type") == "link" and "text" in node:
                found.append(node["url"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(post.blocks)
    return found


async def whole_life(shop: Shop, talk: Talk) -> None:
    """Bring a talk's name onto every surface that there is."""
    await talk.staff("ben", "who shall get this?")  # a question with buttons, for one person
    await talk.told("ben", "who shall get this?")
    await talk.staff("carla", "!assign ben")  # a direct message
    await talk.dm("ben", "to you")
    await talk.staff("carla", "!assign carla")
    await talk.dm("ben", "it was yours")
    await talk.staff("carla", "!who")
    await talk.told("carla", "Reached at")
    shop.goes_wrong("whatsapp.messages.send", "error", code=131026)
    await talk.staff("carla", "this fails")  # a notice in the thread
    await talk.thread_shows("this fails")
    await talk.staff("carla", "!tag seen")
    await talk.card_shows("seen")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_a_name_does_nothing_anywhere(shop: Shop, name: str) -> None:
    """Card, notice, prompt, direct message, modal, fallback text: the name stands there, and that is all."""
    customer = shop.newcomer()
    customer.name = name
    before = {post.ts for post in shop.channel().messages}
    words = f"hello from {customer.wa_id}"
    await customer.writes(words)
    card = await until(
        lambda: next((p for p in shop.channel().messages if p.ts not in before and not p.thread_ts), None), 10
    )
    talk = Talk(shop, customer, card)
    await talk.thread_shows(words)
    await whole_life(shop, talk)
    staff = {shop.person(one).id for one in ("ben", "carla", "dana")}
    for where, post in surfaces(shop, talk):
        assert mentioned(post) <= staff, where
        assert all("evil" not in link for link in links(post)), where
        text = shown(post)
        assert "\nFORGED" not in text, where
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x09\x0b-\x1f]", text), where
        values = [str(one.get("value")) for block in post.blocks or [] for one in block.get("elements", [])]
        assert "x" not in values, where
    # Nobody was told of anything because of the name.
    assert all(ping["causes"] == [user] for user in staff for ping in _pings(shop, user))
    await talk.chooses("carla", "details")
    view = await talk.modal("carla")
    assert not set(block_mentions(view.body["blocks"]))
    assert "\nFORGED" not in json.dumps(view.body, ensure_ascii=False).replace("\\n", "\n")
    await shop.person("carla").closes(view.id)
    await shop.person("carla").slash("/resolve", "", "general")
    view = await talk.modal("carla")
    assert not set(block_mentions(view.body["blocks"]))
    await shop.person("carla").closes(view.id)


def _pings(shop: Shop, user: str) -> list[dict[str, Any]]:
    name = shop.sandbox.slack.workspace.people[user].name
    return [dict(ping) for ping in shop.person(name).pings]


WORDS = [
    "<!channel> <@U0BEN00001> <!subteam^S0AGENTS01> <#C0SUPPORT1>",
    "<https://evil.example|your bank> [bank](https://evil.example) https://bank.example@evil.example/",
    '{"blocks":[{"type":"actions","elements":[{"type":"button","action_id":"tl:0:claim","value":"7-a|7-66|"}]}]}',
    "*#1042* · Support\n*Status* Active\n*Assignee* <@U0BEN00001>\n[ Claim ] [ Resolve ]",
    "threadline APP  3:12 PM\nNot delivered. Press Retry.",
    "!resolve\n!reply secret\n@threadline close",
    "```\n<!here>\n``` `<!here>` > <!here>",
    "&lt;!channel&gt; &amp;",
    "\u202e<!lennahc>\u202c\u2066\u200b@\u200bhere",
    "@here @channel @everyone @ben",
    ":lock: internal\n:white_check_mark: delivered",
    "<!date^0^{ago}^https://evil.example|now>",
]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
async def test_words_do_nothing(shop: Shop, words: str) -> None:
    """Only text and links that show where they lead, under the contact's name; no button, header or field."""
    talk = await shop.talk("start")
    await talk.customer.writes(words)
    await talk.customer_writes("after it")
    post = shop.channel().thread(talk.card.ts)[2]
    assert {block["type"] for block in post.blocks or []} <= {"rich_text", "context"}
    leaves = [
        leaf
        for block in post.blocks or []
        for part in block["elements"]
        for item in part.get("elements", [])
        for leaf in (item.get("elements") or [item])
    ]
    assert {leaf["type"] for leaf in leaves} <= {"text", "link"}
    assert all("text" not in leaf and "@" not in leaf["url"] for leaf in leaves if leaf["type"] == "link")
    assert mentioned(post) == set()
    assert not post.pings
    assert post.username == talk.customer.name
    assert "Active" in talk.shows()
    assert "Nobody" in talk.shows()
    assert talk.heard == []


@pytest.mark.parametrize(
    "name", ["threadline", "Threadline", "ＢＥＮ", "𝐁𝐞𝐧 𝐀𝐠𝐞𝐧𝐭", "b\u200ben", "  Ben   Agent "]
)
async def test_a_customer_who_calls_themselves_like_us_is_marked(shop: Shop, name: str) -> None:
    """The bot's name and colleagues' names, in any width and style, are followed by who it really is."""
    talk = await shop.talk("Please send me your password")
    talk.customer.name = name
    post = await talk.customer_writes("It is really me")
    assert post.username is not None
    assert post.username.endswith(" (customer)")


@given(st.text(max_size=200))
async def test_no_name_adds_a_line_to_a_sentence_of_ours(name: str) -> None:
    """For any name."""
    contact = Contact(id=ContactId("7-a"), name=name)
    words = to_slack_text(answers.given_to_you("Ben", 1042, contact))
    assert len(words.splitlines()) == 1
    assert set(mentions(words)) == set()
    assert words.startswith("Ben assigned #1042 (")


@given(st.text(max_size=300), st.text(max_size=60))
async def test_no_words_mention_or_format_in_blocks(words: str, name: str) -> None:
    """For any words and names, on every way to Slack."""
    document = from_whatsapp(words)
    assert set(block_mentions(to_rich_text(document))) == set()
    shown_beside = fallback(f"{words}\n{name}")
    assert set(mentions(shown_beside)) == set()
    assert "<" not in shown_beside
    assert len(panel.username(name)) <= panel.USERNAME_LIMIT
    assert len(panel.username(name).splitlines()) == 1


# ----------------------------------------------------------------------------------------- to the contact


@pytest.mark.parametrize(
    "typed, heard",
    [
        ("<@U0CARLA001> has it", "@carla has it"),
        ("ask <!subteam^S0AGENTS01|@agents>", "ask @team"),
        ("see <#C0SALES001|sales>", "see #channel"),
        ("<!here> hello", None),
        ("look <https://shop.example/a|here>", "look here: https://shop.example/a"),
        ("a < b & c > d", "a < b & c > d"),
    ],
)
async def test_what_staff_write_arrives_as_meant(shop: Shop, typed: str, heard: str | None) -> None:
    """No id, no entity and no address of the desk goes out; what opens with a mention stays in."""
    talk = await shop.talk(inbox="everyone")
    text = f"ok {typed}" if heard is not None else typed
    await talk.staff("ben", text)
    await talk.heard_nothing_but(*([f"ok {heard}"] if heard is not None else []))
    assert not any(sign in words for words in talk.heard for sign in ("U0", "S0", "C0", "<!", "&lt;"))


@given(st.text(max_size=80))
async def test_a_colleagues_name_formats_nothing_on_the_phone(name: str) -> None:
    """A mention is written as a name, literally, whatever the colleague calls themselves."""
    document = (Text("ask "), Mention(MentionKind.PERSON, "U1"), Text(" please"))
    for part in compose(document, {"U1": name}).parts:
        read = from_whatsapp(part)
        assert not any(isinstance(node, Bold) for node in read)
        assert "U1" not in part or "U1" in name
