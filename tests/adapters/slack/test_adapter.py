"""Single actions on Slack, against the pretended workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.actions import PostNotice, Relay
from bridge.errors import FailureKind, PlatformError
from bridge.markup import Mention, MentionKind, Text, text
from bridge.model import ActionId, Button, DeskUser, MessageId, Place, Post, Receipt, Token
from bridge.sandbox.faults import Fault
from tests.support.slack_desk import CONTACT, CONVERSATION, INBOX, REF, Rig, marker, view


def relay(words: str = "hello", author: str = "Maria Example", number: int = 1, **changes: object) -> Relay:
    """A message of the contact."""
    return Relay(
        id=ActionId(f"wa:wamid.{number}/0"),
        seq=number,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        message=MessageId(f"7-{number}"),
        author=author,
        body=text(words),
        **changes,  # type: ignore[arg-type]
    )


async def test_a_thread_opens_with_the_card_and_is_found_again(rig: Rig) -> None:
    """The root is the card; its metadata leads back to the conversation and to the action that made it."""
    since = datetime.now(UTC)
    place, card = await rig.desk.open_thread(rig.channel, view(), marker("wa:wamid.9/1"))
    assert place == Place(desk="slack", channel=rig.channel, thread=card.id)
    shown = rig.sandbox.slack.channel("support").as_json(card.id)
    assert "Maria Example" in str(shown["blocks"])
    assert "wamid" not in str(shown)
    assert await rig.desk.find_thread(place) == REF
    channel = Place(desk="slack", channel=rig.channel)
    assert await rig.desk.find(channel, marker("wa:wamid.9/1"), since) == card
    assert await rig.desk.find(channel, marker("wa:wamid.9/2"), since) is None


async def test_a_contacts_words_stand_under_their_name_and_ping_nobody(rig: Rig) -> None:
    """Hostile names and words are shown literally: no mention, no link, no formatting."""
    place = await rig.thread()
    words = "<!channel> <@U0BEN00001> <https://evil.example|bank.com> *bold* @here :tada: &amp;"
    post = await rig.desk.relay(place, [relay(words, author="<!here> *Dana*")], marker())
    shown = rig.sandbox.slack.channel("support").as_json(post.id)
    assert shown["username"] == "<!here> *Dana*"
    assert rig.sandbox.slack.person("ben").pings == []
    assert rig.sandbox.slack.person("dana").pings == []
    assert "&lt;!channel&gt;" in str(shown["text"])


async def test_a_post_after_a_cut_is_unknown_and_can_be_looked_up(rig: Rig) -> None:
    """A connection that breaks after the effect leaves one post, which the marker finds."""
    place = await rig.thread()
    since = datetime.now(UTC) - timedelta(seconds=1)
    rig.sandbox.faults.add(Fault("slack.chat.postMessage", "cut_after"))
    with pytest.raises(PlatformError) as refused:
        await rig.desk.relay(place, [relay()], marker("wa:wamid.1/0"))
    assert refused.value.failure.kind is FailureKind.UNKNOWN
    found = await rig.desk.find(place, marker("wa:wamid.1/0"), since)
    assert found is not None
    assert len(rig.sandbox.slack.channel("support").thread(place.thread or "")) == 2


async def test_the_card_follows_and_receipts_are_added_once(rig: Rig) -> None:
    """An update replaces the card; the same receipt twice is success."""
    place = await rig.thread()
    card = Post(desk="slack", channel=place.channel, id=place.thread or "")
    await rig.desk.update_card(card, view(assignee_account=DeskUser("slack:U0BEN00001"), version=2))
    assert "<@U0BEN00001>" in str(rig.sandbox.slack.channel("support").as_json(card.id)["blocks"])
    ts = await rig.sandbox.slack.person("ben").replies("support", card.id, "hi")
    post = Post(desk="slack", channel=place.channel, id=ts)
    await rig.desk.show_receipt(post, Receipt.DELIVERED)
    await rig.desk.show_receipt(post, Receipt.DELIVERED)
    assert "white_check_mark" in str(rig.sandbox.slack.channel("support").as_json(ts)["reactions"])
    await rig.desk.show_receipt(Post(desk="slack", channel=place.channel, id="1.000001"), Receipt.READ)


async def test_a_notice_mentions_the_person_and_has_buttons(rig: Rig) -> None:
    """A notice pings whom it is for; its buttons carry the conversation and the prompt."""
    place = await rig.thread()
    notice = PostNotice(
        id=ActionId("x/0"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        body=(Text("Not delivered. "), Mention(MentionKind.PERSON, "U0DANA0001")),
        buttons=(Button(name="retry", label="Retry", token=Token("t1")),),
        mention=DeskUser("slack:U0BEN00001"),
    )
    post = await rig.desk.notice(place, notice, marker("x/0"))
    shown = rig.sandbox.slack.channel("support").as_json(post.id)
    assert "7-9f3c0a1b2d4e|7-66|t1" in str(shown["blocks"])
    assert len(rig.sandbox.slack.person("ben").pings) == 1
