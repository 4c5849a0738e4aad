"""Answers to one message in particular, and reactions: what the customer sees them on."""

from __future__ import annotations

import pytest

from bridge.sandbox.slack.state import Message
from tests.support.stack import shown
from tests.support.talk import DELIVERED, LOCK, Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def link_to(shop: Shop, talk: Talk, post: Message) -> str:
    """A post's address, as a client copies it."""
    config = shop.sandbox.slack.config
    channel = shop.channel(talk.channel).id
    return f"https://{config.team_domain}.slack.example.com/archives/{channel}/p{post.ts.replace('.', '')}?thread_ts={talk.card.ts}&cid={channel}"


async def heard(talk: Talk, count: int = 1) -> list[tuple[str, str | None]]:
    """What the phone shows, and what each message quotes."""
    await until(lambda: len(talk.customer.inbox) >= count, 10, f"{count} messages")
    return [(one.text, one.quoted_id) for one in talk.customer.inbox]


async def test_reply_to_this(shop: Shop) -> None:
    """The shortcut on a customer's message: the phone shows the quote, colleagues read what was answered."""
    talk = await shop.talk("Which sofa is it?", assignee="ben")
    message = await talk.customer.writes("And when does it come?")
    await talk.thread_shows("And when does it come?")
    first = await talk.thread_shows("Which sofa is it?")
    ben = shop.person("ben")
    await ben.shortcut("reply_to_message", talk.channel, first.ts)
    modal = await talk.modal("ben")
    assert "Which sofa is it?" in str(modal.blocks)
    await ben.submits(modal.id, {"value": "The blue one."})
    [(text, quoted)] = await heard(talk)
    assert (text, quoted is not None, quoted != message.id) == ("The blue one.", True, True)
    notice = await talk.thread_shows("The blue one.")
    assert "Which sofa is it?" in shown(notice)


@pytest.mark.parametrize("typed", ["{link} On Friday.", "On Friday.\n{link}"])
async def test_a_link_to_a_message_quotes_it(shop: Shop, typed: str) -> None:
    """At the beginning or the end; the customer never sees the link."""
    talk = await shop.talk(assignee="ben")
    message = await talk.customer.writes("When does it come?")
    post = await talk.thread_shows("When does it come?")
    reply = await talk.staff("ben", typed.format(link=link_to(shop, talk, post)))
    assert await heard(talk) == [("On Friday.", message.id)]
    await talk.receipt(reply, DELIVERED)


async def test_ones_own_message_can_be_quoted(shop: Shop) -> None:
    """What was sent is a message of the chat like any other."""
    talk = await shop.talk(assignee="ben")
    first = await talk.staff("ben", "It comes on Friday.")
    await talk.receipt(first, DELIVERED)
    post = await talk.thread_shows("It comes on Friday.")
    await talk.staff("ben", f"!reply In the morning. {link_to(shop, talk, post)}")
    got = await heard(talk, 2)
    assert got[1] == ("In the morning.", talk.customer.inbox[0].id)


async def test_what_cannot_be_quoted_goes_without(shop: Shop) -> None:
    """A note, another conversation's message: the words arrive, and their author is told."""
    talk = await shop.talk(assignee="ben")
    note = await talk.staff("ben", "note: ask the warehouse")
    await talk.receipt(note, LOCK)
    other = await shop.talk("Somebody else's words")
    theirs = await other.thread_shows("Somebody else's words")
    for at, post in enumerate((await talk.thread_shows("ask the warehouse"), theirs), 1):
        await talk.staff("ben", f"{link_to(shop, talk, post)} Answer {at}")
        assert (await heard(talk, at))[-1] == (f"Answer {at}", None)
    await talk.told("ben", "without the quote")


async def test_only_agents_reply_and_not_to_the_card(shop: Shop) -> None:
    """Everybody else is told so."""
    talk = await shop.talk(assignee="ben")
    post = await talk.thread_shows("Hello, is anybody there?")
    await shop.person("gil").shortcut("reply_to_message", talk.channel, post.ts)
    await talk.told("gil", "Only agents")
    await shop.person("ben").shortcut("reply_to_message", talk.channel, talk.card.ts)
    await talk.told("ben", "This is the card")


def reactions(talk: Talk) -> list[tuple[str, str]]:
    """What the phone got put on its messages: which, and with what."""
    return [
        (one.content["message_id"], one.content["emoji"])
        for one in talk.customer.inbox
        if one.type == "reaction"
    ]


async def test_react_by_command(shop: Shop) -> None:
    """On the last message, on one that is linked to, and off again."""
    talk = await shop.talk(assignee="ben")
    first = await talk.customer.writes("I have paid")
    post = await talk.thread_shows("I have paid")
    last = await talk.customer.writes("Thank you!")
    await talk.thread_shows("Thank you!")
    command = await talk.staff("ben", "!react ❤️")
    await until(lambda: reactions(talk) == [(last.id, "❤")], 10, "the heart")
    await talk.receipt(command, LOCK)
    await talk.staff("ben", f"!react 👍 {link_to(shop, talk, post)}")
    await until(lambda: reactions(talk)[1:] == [(first.id, "👍")], 10, "the thumb")
    await talk.staff("ben", "!react off")
    await until(lambda: reactions(talk)[2:] == [(last.id, "")], 10, "nothing")
    await talk.staff("ben", "!react yes")
    await talk.told("ben", "is no emoji")
    await talk.staff("gil", "!react 👍")
    await talk.told("gil", "Only agents")


async def test_emoji_of_the_inboxs_list_go_out(shop: Shop) -> None:
    """Put on the customer's post and taken off it; others, and a viewer's, stay on the desk."""
    talk = await shop.talk("I have paid", inbox="unread")
    post = await talk.thread_shows("I have paid")
    channel = shop.channel(talk.channel).id
    message = talk.customer.chats[next(iter(talk.customer.chats))].messages[-1]
    for who, name in (("ben", "eyes"), ("gil", "heart"), ("ben", "+1")):
        await shop.person(who).reacts(channel, post.ts, name)
    await until(lambda: reactions(talk) == [(message.id, "👍")], 10, "the thumb")
    await shop.person("ben").unreacts(channel, post.ts, "+1")
    await until(lambda: reactions(talk)[1:] == [(message.id, "")], 10, "nothing")


async def test_a_reaction_that_whatsapp_refuses_is_told(shop: Shop) -> None:
    """To whoever reacted."""
    talk = await shop.talk(assignee="ben")
    shop.goes_wrong("whatsapp.messages.send", "error", code=131009)
    await talk.staff("ben", "!react 👍")
    await talk.told("ben", "did not reach the contact")
