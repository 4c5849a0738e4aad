"""Who is who: people who come and go on the desk, and customers who turn out to be one person."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bridge.sandbox.slack.state import Message
from bridge.sandbox.whatsapp import wire
from bridge.sandbox.whatsapp.customer import Customer
from tests.support.stack import shown
from tests.support.talk import LOCK, NUMBER, Shop, Talk, open_shop
from tests.support.waiting import until


def role_of(shop: Shop, name: str, inbox: str = "support") -> str:
    """What the roster says that somebody may do in an inbox; empty for somebody it does not know."""
    assert shop.bridge is not None
    agent = shop.bridge.inlet.roster().find(f"slack:{shop.person(name).id}")  # type: ignore[arg-type]
    allowed = agent is not None and (not agent.inboxes or inbox in agent.inboxes)
    return agent.role.name if agent is not None and allowed else ""


# -------------------------------------------------------------------------------------------- the desk


async def test_whoever_joins_the_channel_becomes_an_agent_and_whoever_leaves_is_none(own_shop: Shop) -> None:
    """Members of the inbox's channel are its agents, from the moment they join until they leave."""
    shop = own_shop
    talk = await shop.talk(inbox="sales")
    assert role_of(shop, "ben", "sales") == ""
    shop.channel("sales").invite("ben", by="dana")
    await until(lambda: role_of(shop, "ben", "sales") == "AGENT", 10)
    await talk.claimed_by("ben")
    await talk.staff("ben", "I am new here.")
    await talk.hears("I am new here.")
    shop.channel("support").kick("ben")
    shop.channel("sales").kick("ben")
    await until(lambda: role_of(shop, "ben", "sales") == "", 10)
    shop.channel("sales").invite("gil", by="dana")
    post = await talk.staff("gil", "A guest stays a guest")
    await talk.receipt(post, LOCK)
    await talk.heard_nothing_but("I am new here.")


async def test_user_groups_say_who_is_who(redis_url: str) -> None:
    """Agents and leads by Slack user group, followed as the groups change."""
    people = {"from_channel": False, "agents": ("S0AGENTS01",), "leads": ("S0LEADS001",), "admins": ()}
    async with open_shop(redis_url, agents=people) as shop:
        assert (role_of(shop, "ben"), role_of(shop, "carla"), role_of(shop, "dana")) == ("AGENT", "LEAD", "")
        talk = await shop.talk()
        post = await talk.staff("dana", "!reply Nobody knows me")
        await talk.receipt(post, LOCK)
        await talk.told("dana", "Only agents")
        shop.sandbox.slack.set_usergroup("leads", ["dana"])
        shop.sandbox.slack.set_usergroup("agents", ["carla"])
        await until(lambda: role_of(shop, "dana") == "LEAD", 10)
        await until(lambda: role_of(shop, "ben") == "", 10)
        assert role_of(shop, "carla") == "AGENT"
        await talk.staff("dana", "!reply Now they do")
        await talk.hears("Now they do")


async def test_words_that_wait_do_not_go_out_once_their_author_is_no_agent(own_shop: Shop) -> None:
    """A prompt left open by somebody who has left the team sends nothing."""
    shop = own_shop
    talk = await shop.talk()
    await talk.staff("ben", "Before I left")
    prompt = await talk.told("ben", "Nobody has this conversation yet")
    shop.sandbox.slack.workspace.people[shop.person("ben").id].role = "guest"
    bridge = shop.bridge
    assert bridge is not None
    assert bridge.arrivals is not None
    shop.channel("support").kick("carla")
    shop.channel("support").invite("carla", by="dana")
    shop.channel("support").kick("ben")
    await until(lambda: role_of(shop, "ben") == "", 10)
    shop.channel("support").invite("ben", by="dana")
    await talk.press("ben", prompt, "send")
    await talk.heard_nothing_but()


# ------------------------------------------------------------------------------------------- customers


def says(customer: Customer, text: str, *leave_out: str) -> dict[str, Any]:
    """A message of a customer in which some of their ids are left out."""
    item = wire.inbound(
        f"wamid.{text.replace(' ', '')}{customer.wa_id}",
        "text",
        {"body": text},
        timestamp=time.time(),
        wa_id=customer.wa_id,
        user_id=customer.user_id,
        context=None,
    )
    return {key: value for key, value in item.items() if key not in leave_out}


async def newest(shop: Shop, known: set[str]) -> Message:
    """The next card in the channel."""
    return await until(lambda: next((p for p in shop.channel().messages if p.ts not in known), None), 10)


async def two_conversations(shop: Shop) -> tuple[Customer, Talk, Talk]:
    """One person known as two: by phone, and by user id."""
    nora = shop.newcomer()
    # WhatsApp knows that she wrote, although these bodies are made by hand.
    nora.chat(NUMBER).last_inbound_ticks = shop.sandbox.clock.ticks()
    cards = []
    for text, left_out in (("by phone", "from_user_id"), ("by id", "from")):
        before = {post.ts for post in shop.channel().messages}
        assert await shop.delivers(says(nora, text, left_out)) == 200
        card = await newest(shop, before)
        await shop.in_thread(card, text)
        cards.append(Talk(shop, nora, card))
    return nora, cards[0], cards[1]


@pytest.mark.parametrize("shards", [1, 16])
async def test_two_contacts_that_turn_out_to_be_one_go_on_in_one_thread(redis_url: str, shards: int) -> None:
    """A message with both ids joins them: one thread goes on, the other says where; nothing is lost or doubled.

    With one shard both live in it, as one pair in sixteen does otherwise.
    """
    async with open_shop(redis_url, shards=shards) as shop:
        await _become_one(shop)


async def _become_one(shop: Shop) -> None:
    nora, one, two = await two_conversations(shop)
    await one.claimed_by("carla")
    await two.claimed_by("carla")
    assert await shop.delivers(says(nora, "it is all me")) == 200
    loser = await until(lambda: next((t for t in (one, two) if t.said("It is continued in")), None), 10)
    winner = two if loser is one else one
    # Shown once: in the thread that goes on, or in the other one above its farewell.
    await until(lambda: winner.said("it is all me") + loser.said("it is all me") == 1, 10)
    assert loser.said("it is all me") == 0 or "it is all me" in loser.thread[-2]
    assert f"#{winner.number}" in loser.thread[-1]
    await loser.card_shows("Closed")
    old = await loser.staff("carla", "Do you read this?")
    await loser.receipt(old, LOCK)
    await loser.told("carla", f"#{winner.number}")
    await winner.staff("carla", "One person, one thread.")
    await winner.hears("One person, one thread.")
    for text, left_out in (("again by phone", "from_user_id"), ("again by id", "from")):
        assert await shop.delivers(says(nora, text, left_out)) == 200
        await winner.thread_shows(text)
    assert len([post for post in shop.channel().messages if not post.thread_ts]) == 2


async def test_the_open_conversation_wins_a_join(own_shop: Shop) -> None:
    """A resolved one gives way to the one where somebody waits, whichever was there first."""
    shop = own_shop
    nora, one, two = await two_conversations(shop)
    await one.staff("ben", "!resolve")
    await one.card_shows("Resolved")
    content = {"body": "", "wa_id": nora.wa_id, "user_id": nora.user_id, "type": "user_changed_number"}
    assert await shop.delivers(wire.system(f"wamid.s{nora.wa_id}", time.time(), nora.wa_id, content)) == 200
    await one.thread_shows("It is continued in")
    await one.card_shows("Closed")
    for text, left_out in (("again by phone", "from_user_id"), ("again by id", "from")):
        assert await shop.delivers(says(nora, text, left_out)) == 200
        await two.thread_shows(text)
    assert "Active" in two.shows()


async def test_words_waiting_in_the_thread_that_ends_stay_in(own_shop: Shop) -> None:
    """A choice left open in the losing thread is settled as internal, and its author hears so."""
    shop = own_shop
    nora, one, two = await two_conversations(shop)
    for talk in (one, two):
        await talk.staff("ben", f"Waiting in #{talk.number}")
        await talk.told("ben", f"Waiting in #{talk.number}")
    assert await shop.delivers(says(nora, "it is all me")) == 200
    loser = await until(lambda: next((t for t in (one, two) if t.said("It is continued in")), None), 10)
    winner = two if loser is one else one
    await loser.told("ben", "stays internal")
    await winner.press("ben", await winner.told("ben", f"Waiting in #{winner.number}"), "send")
    await winner.hears(f"Waiting in #{winner.number}")


async def test_both_change_at_once(own_shop: Shop) -> None:
    """A new phone and a new user id in one go, then words under the new ones alone: the same thread."""
    shop = own_shop
    talk = await shop.talk("old me", assignee="ben")
    await talk.customer.changes_number("34699765432")
    await talk.customer_writes("new me")
    talk.customer.hide_phone = True
    talk.customer.username = "new.me"
    await talk.customer_writes("hidden me")
    await talk.staff("ben", "I know you")
    await talk.hears("I know you")
    assert shown(talk.card).count("#") >= 1


async def test_what_was_said_before_a_join_is_found_after_it(own_shop: Shop) -> None:
    """Quotes, reactions and edits of either side's messages, wherever these stand."""
    shop = own_shop
    nora, one, two = await two_conversations(shop)
    assert await shop.delivers(says(nora, "it is all me")) == 200
    loser = await until(lambda: next((t for t in (one, two) if t.said("It is continued in")), None), 10)
    winner = two if loser is one else one
    ids = {"by phone": item_id(nora, "by phone"), "by id": item_id(nora, "by id")}
    for text, about in ids.items():
        quoting = says(nora, f"I meant {text}") | {"context": {"id": about}}
        assert await shop.delivers(quoting) == 200
        await winner.thread_shows(f"I meant {text}")
        await winner.thread_shows(f"Answers their own: {text}")
        reacting = says(nora, "") | {
            "id": f"wamid.reaction{about}",
            "type": "reaction",
            "reaction": {"message_id": about, "emoji": "👍"},
        }
        reacting.pop("text", None)
        assert await shop.delivers(reacting) == 200
        side = one if text == "by phone" else two
        post = await side.thread_shows(text)
        await side.receipt(post.ts, "+1")
        edited = says(nora, "") | {
            "id": f"wamid.edit{about}",
            "type": "edit",
            "edit": {
                "original_message_id": about,
                "message": {"type": "text", "text": {"body": f"really {text}"}},
            },
        }
        edited.pop("text", None)
        assert await shop.delivers(edited) == 200
        await side.thread_shows(f"really {text}")


def item_id(customer: Customer, text: str) -> str:
    """The id that `says` gives to a message."""
    return str(says(customer, text)["id"])
