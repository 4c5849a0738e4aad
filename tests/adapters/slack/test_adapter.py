"""Single actions on Slack, against the pretended workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.actions import Alert, Answer, DirectMessage, PostNotice, Relay
from bridge.adapters.base import NOT_KNOWN, Quoted
from bridge.content import Forwarded, Marks, Words
from bridge.errors import FailureKind, PlatformError
from bridge.events import ButtonPressed, CommandGiven
from bridge.markup import Mention, MentionKind, Text, text
from bridge.model import (
    ActionId,
    Button,
    DeskUser,
    Direction,
    EventId,
    MessageId,
    Place,
    Post,
    Receipt,
    Recent,
    Reference,
    Token,
)
from bridge.routing import tracing
from bridge.sandbox.faults import Fault
from tests.support.slack_desk import AT, CONTACT, CONVERSATION, INBOX, REF, Rig, marker, view
from tests.support.stack import shown


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
        content=Words(text(words)),
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
    post = await rig.desk.relay(place, [relay(words, author="<!here> *Dana*")], marker(), {})
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
        await rig.desk.relay(place, [relay()], marker("wa:wamid.1/0"), {})
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


# -------------------------------------------------------------------------------------------------- answers


def answer(place: Place, words: str = "only you", **changes: object) -> Answer:
    """An answer to Ben."""
    return Answer(
        id=ActionId("x/1"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        to=DeskUser("slack:U0BEN00001"),
        place=place,
        body=text(words),
        **changes,  # type: ignore[arg-type]
    )


async def test_an_answer_is_seen_by_one_person_in_the_thread(rig: Rig) -> None:
    """In a thread with replies an ephemeral post stands in the thread."""
    place = await rig.thread()
    await rig.desk.relay(place, [relay()], marker(), {})
    await rig.desk.answer(answer(place, buttons=(Button(name="send", label="Send", token=Token("t")),)))
    shown = await rig.sandbox.slack.person("ben").expects_ephemeral("only you")
    assert shown.thread_ts == place.thread
    assert "tl:0:send" in str(shown.blocks)
    assert rig.sandbox.slack.person("carla").ephemerals == []


async def test_an_answer_in_a_thread_without_replies_is_shown_in_the_channel(rig: Rig) -> None:
    """Slack shows no ephemeral post in such a thread, so it stands where it is seen."""
    place = await rig.thread()
    await rig.desk.answer(answer(place))
    assert (await rig.sandbox.slack.person("ben").expects_ephemeral("only you")).thread_ts is None


async def test_an_answer_goes_through_the_response_url_while_it_is_fresh(rig: Rig) -> None:
    """A slash command from a channel that the bot is not in is answered; an expired handle is not used."""
    ben = rig.sandbox.slack.person("ben")
    rig.inlet.numbers[1063] = REF
    await ben.slash("/resolve", "#1063", "general")
    [given] = rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.place is not None
    await rig.desk.answer(answer(given.place, reply_handle=given.reply_handle))
    assert (await ben.expects_ephemeral("only you")).channel == given.place.channel
    stale = "1|" + (given.reply_handle or "").partition("|")[2]
    with pytest.raises(PlatformError) as refused:
        await rig.desk.answer(answer(given.place, "again", reply_handle=stale))
    assert refused.value.failure.kind is not FailureKind.UNKNOWN


async def test_a_used_up_response_url_falls_back(rig: Rig) -> None:
    """After five posts Slack refuses the address; the sixth answer still arrives."""
    ben = rig.sandbox.slack.person("ben")
    rig.inlet.numbers[1063] = REF
    await ben.slash("/resolve", "#1063", "support")
    [given] = rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.place is not None
    for number in range(6):
        await rig.desk.answer(answer(given.place, f"answer {number}", reply_handle=given.reply_handle))
    await ben.expects_ephemeral("answer 5")


async def test_what_must_arrive_goes_directly_where_it_cannot_be_shown(rig: Rig) -> None:
    """To somebody who is not in the channel: a direct message, but only where it matters."""
    place = Place(desk="slack", channel="C0SALES001")
    with pytest.raises(PlatformError) as refused:
        await rig.desk.answer(answer(place))
    assert refused.value.failure.code == "user_not_in_channel"
    await rig.desk.answer(answer(place, must_arrive=True))
    assert "only you" in rig.sandbox.slack.person("ben").dms[-1].text


async def test_a_direct_message_links_to_the_thread_and_is_found_again(rig: Rig) -> None:
    """It leads to what it is about, has buttons, and is looked up by the person's account."""
    place = await rig.thread()
    since = datetime.now(UTC)
    message = DirectMessage(
        id=ActionId("x/2"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        to=DeskUser("slack:U0BEN00001"),
        body=text("still waiting"),
        buttons=(Button(name="keep", label="Keep internal", token=Token("t")),),
        about=place,
    )
    await rig.desk.direct(message, marker("x/2"))
    [sent] = rig.sandbox.slack.person("ben").dms
    assert f"/archives/{place.channel}/p{(place.thread or '').replace('.', '')}" in str(sent.blocks)
    account = Place(desk="slack", channel="slack:U0BEN00001")
    found = await rig.desk.find(account, marker("x/2"), since)
    assert found is not None
    assert found.id == sent.ts
    assert (await rig.sandbox.slack.person("ben").presses(found.channel, sent.ts, "tl:0:keep"))["ok"]
    [pressed] = rig.inlet.events
    assert isinstance(pressed, ButtonPressed)
    assert (pressed.button, pressed.token) == ("keep", "t")


async def test_an_alert_stands_in_the_channel_of_those_who_can_act(rig: Rig) -> None:
    """An alert is a post of the bot, found again by its marker."""
    since = datetime.now(UTC)
    alert = Alert(
        id=ActionId("x/3"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        body=text("act now"),
    )
    await rig.desk.alert(alert, "C0SALES001", marker("x/3"))
    assert await rig.desk.find(Place(desk="slack", channel="C0SALES001"), marker("x/3"), since) is not None


async def test_find_pages_through_a_busy_channel_and_trusts_only_our_own_posts(rig: Rig) -> None:
    """A mark further back than one page is found; the same mark on another's post is not ours."""
    place = await rig.thread()
    since = datetime.now(UTC) - timedelta(seconds=1)
    await rig.desk.relay(place, [relay()], marker("wanted"), {})
    channel = rig.sandbox.slack.channel("support")
    for number in range(230):
        channel.other_bot_posts(f"noise {number}", place.thread)
    assert await rig.desk.find(place, marker("wanted"), since) is not None
    assert await rig.desk.find(place, marker("never"), since) is None


async def test_a_thread_that_is_gone_or_not_ours_names_nothing(rig: Rig) -> None:
    """Roots of people, of other apps and deleted ones lead to no conversation."""
    ts = await rig.sandbox.slack.person("ben").posts("support", "lunch?")
    assert await rig.desk.find_thread(Place(desk="slack", channel=rig.channel, thread=ts)) is None
    assert await rig.desk.find_thread(Place(desk="slack", channel=rig.channel, thread="1.000001")) is None


async def test_an_archived_channel_is_gone_for_posts_and_stops_new_threads(rig: Rig) -> None:
    """A thread in it heals elsewhere; opening one needs somebody to act."""
    place = await rig.thread()
    rig.sandbox.slack.channel("support").archive()
    with pytest.raises(PlatformError) as posting:
        await rig.desk.relay(place, [relay()], marker(), {})
    assert posting.value.failure.kind is FailureKind.GONE
    with pytest.raises(PlatformError) as opening:
        await rig.desk.open_thread(rig.channel, view(), marker())
    assert opening.value.failure.kind is FailureKind.STOP


async def test_a_bot_that_is_not_invited_says_how_to_invite_it(rig: Rig) -> None:
    """The words name the command to type."""
    with pytest.raises(PlatformError) as refused:
        await rig.desk.open_thread("C0GENERAL1", view(), marker())
    await rig.desk.identity()
    assert refused.value.failure.kind is FailureKind.STOP
    assert "/invite @" in refused.value.failure.words


async def test_an_update_of_a_deleted_card_is_gone(rig: Rig) -> None:
    """The next update notices what no event told."""
    place = await rig.thread()
    card = Post(desk="slack", channel=place.channel, id=place.thread or "")
    rig.sandbox.slack.channel("support").delete(card.id)
    with pytest.raises(PlatformError) as refused:
        await rig.desk.update_card(card, view())
    assert refused.value.failure.kind is FailureKind.GONE


async def test_merged_and_late_messages_are_all_readable(rig: Rig) -> None:
    """One post shows each message as a block of its own; a late one says when it was written."""
    place = await rig.thread()
    reference = Reference(platform_id="wamid.old", cause=EventId("wa:wamid.old"))
    late = relay(
        "second",
        number=2,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        marks=Marks(Forwarded.ONCE),
        quoted=reference,
    )
    third = relay("third", number=3, quoted=reference)
    url = "https://fixture.slack.com/archives/C1/p1"
    quotes = {late.id: Quoted(words="older <!here>", url=url), third.id: NOT_KNOWN}
    post = await rig.desk.relay(place, [relay("first"), late, third], marker("a", "b", "c"), quotes)
    shown = str(rig.sandbox.slack.channel("support").as_json(post.id)["blocks"])
    for part in (
        "first",
        "second",
        "third",
        "<!date^1767225600^",
        "Forwarded",
        "Answers: older <!here>",
        f"<{url}|Show it>",
    ):
        assert part in shown
    for part in ("Answers a message that is older",):
        assert part in shown
    found = await rig.desk.find(place, marker("c"), datetime.now(UTC))
    assert found == post


async def test_a_healed_thread_recalls_what_was_said_and_where(rig: Rig) -> None:
    """The new card has the last lines and a link to where the thread was."""
    former = Place(desk="slack", channel=rig.channel, thread="1750000000.000100")
    lines = (
        Recent(at=AT, direction=Direction.INBOUND, author="Maria", text="where is it?"),
        Recent(at=AT, direction=Direction.OUTBOUND, author="Ben", text="on its way", internal=True),
    )
    place, card = await rig.desk.open_thread(rig.channel, view(recap=lines, former=former), marker())
    shown = str(rig.sandbox.slack.channel("support").as_json(card.id)["blocks"])
    for part in ("Maria", "where is it?", "Ben (internal)", f"/archives/{rig.channel}/p1750000000000100"):
        assert part in shown
    assert place.thread == card.id


async def test_a_post_has_an_address(rig: Rig) -> None:
    """In the thread it stands in, where that is known; posts of other desks have none here."""
    desk = rig.desk
    post = Post(desk="slack", channel="C0SUPPORT1", id="1700000000.000200")
    plain = "https://{}/archives/C0SUPPORT1/p1700000000000200"
    team = (await desk.identity()).team_url.removeprefix("https://").rstrip("/")
    assert await desk.link(post, None) == plain.format(team)
    thread = Place(desk="slack", channel="C0SUPPORT1", thread="1700000000.000100")
    linked = await desk.link(post, thread)
    assert linked == plain.format(team) + "?thread_ts=1700000000.000100&cid=C0SUPPORT1"
    elsewhere = Place(desk="slack", channel="C0OTHER", thread="1700000000.000100")
    assert await desk.link(post, elsewhere) == plain.format(team)
    assert await desk.link(Post(desk="other", channel="1", id="2"), None) is None


async def test_the_longest_trace_fits_into_an_answer(rig: Rig) -> None:
    """Sixty steps with long ids, reasons and links: Slack takes all of it, and none is cut off."""
    place = await rig.thread()
    posts = [
        Post(desk="slack", channel=rig.channel, id=f"17000000{number:02}.000100") for number in range(60)
    ]
    hops = tuple(
        tracing.Hop(
            what=f"Step {number}: part 10 of 12",
            at=AT + timedelta(seconds=number),
            platform_id="wamid.#" + "f" * 60,
            post=post,
            detail="why it did not work, " * 8,
        )
        for number, post in enumerate(posts)
    )
    trace = tracing.Trace(
        message=MessageId("7-1"),
        number=1042,
        back=1,
        direction=Direction.OUTBOUND,
        author="Ben",
        internal=False,
        words="Hello",
        hops=hops,
    )
    links = {post: f"https://fixture.slack.com/archives/{rig.channel}/p{post.id}" for post in posts}
    answer = Answer(
        id=ActionId("slack:slash:9/0"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        to=DeskUser("slack:U0BEN00001"),
        place=place,
        body=tracing.document(trace, AT, links, str),
    )
    await rig.desk.answer(answer)
    (seen,) = rig.sandbox.slack.person("ben").ephemerals
    assert all(f"Step {number}: part" in shown(seen) for number in range(60))
