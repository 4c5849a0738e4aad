"""Cards, buttons and modals: literal, inside Slack's limits, and accepted by a strict validator, for any input."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.actions import Relay
from bridge.adapters.base import Quoted
from bridge.adapters.slack import modals, panel, posts
from bridge.adapters.slack.ids import Ref
from bridge.adapters.slack.modals import Origin
from bridge.commands import COMMANDS
from bridge.content import (
    Attachment,
    Card,
    Cards,
    Content,
    Detail,
    Form,
    Forwarded,
    Item,
    Location,
    Marks,
    MediaKind,
    Order,
    Referral,
    Tapped,
    Unsupported,
    Words,
)
from bridge.markup import Instant, Mention, MentionKind, Text, clean, plain, text
from bridge.model import (
    ActionId,
    AgentId,
    Button,
    CardView,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    DeskUser,
    Direction,
    EventId,
    InboxId,
    MessageId,
    Mode,
    OpenConversation,
    Place,
    Priority,
    Recent,
    Reference,
    Status,
    Token,
)
from bridge.sandbox.slack.blockkit.blocks import check_blocks
from bridge.sandbox.slack.blockkit.view import check_view
from tests.support.slack_desk import AT, CONTACT, CONVERSATION, INBOX, view

HOSTILE = [
    "<!channel>",
    "<@U0BEN00001>",
    "<https://evil.example|bank.com>",
    "*bold* _it_ ~no~ `code`",
    ":tada: @here",
    "a\u202eb\u200b\u2066c",
    "\n\n# line\r\ntwo\x00",
    "&lt;!here&gt;",
    "x" * 5000,
    "👩‍👩‍👧" * 200,
    "`" * 400,
    "",
    " \u2063 ",
    "\ud800",
]
words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
opt_instants = st.none() | instants
recents = st.builds(
    Recent,
    at=instants,
    direction=st.sampled_from(Direction),
    author=words,
    text=words,
    internal=st.booleans(),
)
views = st.builds(
    CardView,
    contact=st.just(CONTACT),
    conversation=st.just(CONVERSATION),
    version=st.integers(0, 9),
    number=st.integers(1, 10**9),
    inbox=words,
    name=words,
    contact_label=words,
    status=st.sampled_from(Status),
    assignee=st.none() | words,
    assignee_account=st.none()
    | st.sampled_from([DeskUser("slack:U0BEN00001"), DeskUser("discord:1"), DeskUser("slack:<!x>")]),
    priority=st.sampled_from(Priority),
    tags=st.lists(words, max_size=40).map(tuple),
    mode=st.sampled_from(Mode),
    opened_at=instants,
    waiting_since=opt_instants,
    window_until=opt_instants,
    needs_you=st.integers(0, 999),
    held=st.integers(0, 999),
    failed=st.integers(0, 999),
    previous_number=st.none() | st.integers(1, 10**9),
    recap=st.lists(recents, max_size=12).map(tuple),
    former=st.none() | st.just(Place(desk="slack", channel="C0SUPPORT1", thread="1.000001")),
)
_ENTITY = re.compile(r"<[^>]*>")
_OURS = re.compile(r"<!date\^-?\d+\^\{date_short_pretty\} \{time\}\|[\d: -]+UTC>|<@U0BEN00001>")
_MAP = "<https://www.google.com/maps/search/?api=1&amp;query=1.500000%2C2.500000|Open the map>"


few = settings(max_examples=60)


def accepted(blocks: list[dict[str, Any]]) -> None:
    """Slack would take these blocks in a message, as they travel."""
    check_blocks(orjson.loads(orjson.dumps(blocks)), "message")


def accepted_view(modal: dict[str, Any]) -> None:
    """Slack would take this modal, as it travels."""
    check_view(orjson.loads(orjson.dumps(modal)), "modal")


def mrkdwn_of(node: Any) -> list[str]:
    """The text of every mrkdwn object inside."""
    if isinstance(node, list):
        return [found for item in node for found in mrkdwn_of(item)]
    if isinstance(node, dict):
        own = [node["text"]] if node.get("type") == "mrkdwn" else []
        return own + [found for item in node.values() for found in mrkdwn_of(item)]
    return []


@few
@given(views, st.none() | st.just("https://example-team.slack.com/archives/C0SUPPORT1/p1"))
def test_a_card_is_valid_and_literal_for_any_input(card: CardView, former: str | None) -> None:
    """No input breaks a limit, and no entity stands in it that is not ours."""
    blocks = panel.card(card, former)
    accepted(blocks)
    for shown in mrkdwn_of(blocks):
        assert all(_OURS.fullmatch(found) for found in _ENTITY.findall(shown))
    fallback = panel.card_text(card)
    assert 0 < len(fallback) <= 4000
    assert "<" not in fallback
    assert "@here" not in fallback


@pytest.mark.parametrize(
    "status, names",
    [
        (Status.ACTIVE, ["claim", "assign", "resolve", "menu"]),
        (Status.RESOLVED, ["claim", "assign", "reopen", "menu"]),
        (Status.CLOSED, ["reopen", "menu"]),
    ],
)
def test_the_buttons_follow_the_status(status: Status, names: list[str]) -> None:
    """Nobody is offered what makes no sense in this status; closing is never one press away."""
    [actions] = [block for block in panel.card(view(status=status)) if block["type"] == "actions"]
    assert [panel.action_name(one["action_id"]) for one in actions["elements"]] == names
    entries = [panel.menu_entry(option["value"])[0] for option in actions["elements"][-1]["options"]]
    assert ("close" in entries) is (status is not Status.CLOSED)


def test_the_card_says_all_that_matters() -> None:
    """Name, number, label, inbox, state, people, tags, instants, mode and what waits for somebody."""
    shown = str(
        panel.card(
            view(
                assignee_account=DeskUser("slack:U0BEN00001"),
                tags=("vip", "refund"),
                priority=Priority.URGENT,
                needs_you=1,
                held=2,
                failed=3,
                previous_number=1001,
            )
        )
    )
    stamp = int(AT.timestamp())
    for part in (
        "Maria Example",
        "#1063",
        "+34 ••• 001",
        "Support",
        "Active",
        "<@U0BEN00001>",
        "Urgent",
        "`vip` `refund`",
        f"<!date^{stamp}^",
        "the assignee's words go out",
        "1 waiting for their author's choice",
        "2 held back",
        "3 not delivered",
        "continues #1001",
    ):
        assert part in shown


buttons = st.lists(
    st.builds(
        Button,
        name=st.sampled_from(["send", "keep", "retry"]),
        label=words,
        token=st.none() | st.just(Token("t|1")),
        style=st.sampled_from(["default", "primary", "danger", "loud"]),
        confirm=st.none() | words.filter(lambda value: bool(value.strip())),
    ),
    max_size=60,
)


@few
@given(buttons)
def test_prompt_buttons_are_valid_and_lead_back(items: list[Button]) -> None:
    """Any number of buttons fits, and each says whose it is, and which prompt."""
    blocks = panel.buttons(items, CONTACT, CONVERSATION)
    accepted(blocks)
    elements = [element for block in blocks for element in block["elements"]]
    assert [panel.action_name(one["action_id"]) for one in elements] == [one.name for one in items]
    for element, item in zip(elements, items, strict=True):
        assert Ref.decode(element["value"]) == Ref(
            contact=CONTACT, conversation=CONVERSATION, token=item.token
        )


def said_as(words: str, number: int) -> Content:
    """The same words from outside, in everything that can hold some."""
    detail = (Detail(words, words),) * 3
    kinds: list[Content] = [
        Unsupported(words, words),
        Attachment(MediaKind.DOCUMENT, "1", name=words, caption=text(words)),
        Location(1.5, 2.5, words, words, words),
        Cards((Card(words, detail, detail, words, words, detail, detail, words),) * 5),
        Tapped(words, words, words),
        Form(((words, words),) * 42),
        Order((Item(words, 2, Decimal("1.5"), words),) * 42, words),
    ]
    return kinds[number % len(kinds)]


@few
@given(st.lists(words, min_size=1, max_size=8), words, st.booleans(), st.none() | words, st.none() | instants)
def test_relays_are_valid_and_literal(
    said: list[str], author: str, strange: bool, quoted: str | None, sent_at: datetime | None
) -> None:
    """Whatever a contact writes is shown as it is, merged or not, within what one post may hold."""
    relays = [
        Relay(
            id=ActionId(f"wa:{number}/0"),
            seq=number,
            contact=CONTACT,
            inbox=INBOX,
            conversation=CONVERSATION,
            message=MessageId("7-1"),
            author=author,
            content=said_as(one, number) if strange else Words(text(one)),
            quoted=None if quoted is None else Reference(platform_id="x", cause=EventId("wa:x")),
            sent_at=sent_at,
            marks=Marks(Forwarded.ONCE, Referral(headline=one, url=one, picture=one), one, one),
        )
        for number, one in enumerate(said)
    ]
    count = posts.mergeable(relays)
    assert 1 <= count <= len(relays)
    quotes = {} if quoted is None else {ActionId("wa:0/0"): Quoted(words=quoted)}
    blocks = posts.relay_blocks(relays[:count], quotes)
    assert len(blocks) <= 50
    accepted(blocks)
    for shown in mrkdwn_of(blocks):
        assert all(found == _MAP or _OURS.fullmatch(found) for found in _ENTITY.findall(shown))
    fallback = posts.relay_text(relays[:count])
    assert 0 < len(fallback) <= 4000
    assert "<" not in fallback
    name = panel.username(author)
    assert 0 < len(name) <= 80
    assert "\n" not in name


def test_relays_merge_only_while_they_stay_readable() -> None:
    """Another author, or too much text, ends a post; one message is always shown."""

    def relay(author: str, size: int) -> Relay:
        return Relay(
            id=ActionId("wa:1/0"),
            seq=1,
            contact=CONTACT,
            inbox=INBOX,
            conversation=CONVERSATION,
            message=MessageId("7-1"),
            author=author,
            content=Words(text("x" * size)),
        )

    assert posts.mergeable([relay("Maria", 10)] * 30) == 10
    assert posts.mergeable([relay("Maria", 10), relay("Anna", 10)]) == 1
    assert posts.mergeable([relay("Maria", 4000)] * 3) == 1
    assert posts.mergeable([relay("Maria", 60_000)]) == 1


def test_a_contact_who_is_called_like_a_colleague_is_told_apart() -> None:
    """A customer's name cannot pass for a member of staff."""
    assert panel.username("Dana  ADMIN", {"dana admin"}) == "Dana ADMIN (customer)"
    assert panel.username("Maria", {"dana admin"}) == "Maria"
    assert panel.username(" \u200b") == "Customer"


def test_our_own_words_mention_and_show_dates() -> None:
    """Notices can ping and show instants, with what is foreign in them escaped."""
    body = (Mention(MentionKind.PERSON, "U0BEN00001"), Text(" <!here> "), Instant(1_700_000_000, "then"))
    shown = posts.own_text(body)
    assert "<@U0BEN00001>" in shown
    assert "&lt;!here&gt;" in shown
    assert "<!date^1700000000^" in shown
    accepted(posts.own_blocks(body))
    accepted(posts.own_blocks(()))


rows = st.lists(
    st.builds(
        OpenConversation,
        id=st.just(ConversationId("7-66")),
        contact=st.just(ContactId("7-9f3c0a1b2d4e")),
        number=st.integers(1, 10**9),
        inbox=st.just(InboxId("support")),
        name=words,
        status=st.just(Status.ACTIVE),
        assignee=st.none() | st.just(AgentId("a-1")),
    ),
    max_size=130,
)
names = st.sampled_from([row.name for row in COMMANDS])


@few
@given(names, st.sampled_from(["", "7-9f3c0a1b2d4e|7-66|"]), words, rows, rows)
def test_every_modal_is_valid(
    command: str, ref: str, args: str, mine: list[OpenConversation], free: list[OpenConversation]
) -> None:
    """A modal for any command keeps Slack's limits and carries where it came from."""
    origin = Origin(
        command=command,
        ref=ref,
        channel="C0SUPPORT1",
        thread="1.000001",
        handle="9|https://x",
        args=clean(args),
    )
    if not origin.encode() or (not ref and not mine and not free):
        return
    modal = modals.command_modal(origin, (mine, free))
    accepted_view(modal)
    assert Origin.decode(modal["private_metadata"]) is not None


def test_what_does_not_fit_into_a_modal_gives_up_the_reply_handle_first() -> None:
    """The conversation and the command stay; only the way to answer in place is lost."""
    origin = Origin(command="note", args="x" * 2900, handle="9|https://" + "h" * 300)
    kept = Origin.decode(origin.encode())
    assert kept is not None
    assert (kept.args, kept.handle) == (origin.args, "")
    assert Origin(command="note", args="x" * 3000).encode() == ""


@few
@given(words, words, st.lists(words, max_size=5).map(tuple))
def test_details_are_valid(name: str, username: str, tags: tuple[str, ...]) -> None:
    """The details keep Slack's limits for any name, username and tags."""
    conversation = Conversation(
        id=CONVERSATION, number=1063, inbox=INBOX, opened_at=AT, episode_at=AT, tags=tags
    )
    modal = modals.details_modal(Contact(id=CONTACT, name=name, username=username), conversation, "Support")
    accepted_view(modal)


def test_a_submission_says_what_is_wrong() -> None:
    """Errors stand at the block that they are about."""
    view_: dict[str, Any] = {"state": {"values": {}}}
    assert "conversation" in modals.read_submission(view_, Origin(command="note")).errors
    ref = "7-9f3c0a1b2d4e|7-66|"
    assert "argument" in modals.read_submission(view_, Origin(command="note", ref=ref)).errors
    assert modals.read_submission(view_, Origin(command="tag", ref=ref)).line == "tag"
    typed = {"state": {"values": {"argument": {"value": {"type": "plain_text_input", "value": " hi "}}}}}
    said = modals.read_submission(typed, Origin(command="note", ref=ref))
    assert (said.line, plain(said.body)) == ("note hi", "note hi")
