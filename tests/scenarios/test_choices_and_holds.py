"""Words that wait: for their author's choice, or for a moment in which they can be taken back."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.stack import shown
from tests.support.talk import DELIVERED, HOURGLASS, LOCK, QUESTION, Shop
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED = "Nobody has this conversation yet"
WAITING = "waiting for their author's choice"


async def test_claim_and_send(shop: Shop) -> None:
    """One press takes the conversation and sends the words."""
    talk = await shop.talk()
    post = await talk.staff("ben", "I take care of it.")
    await talk.press("ben", await talk.told("ben", ASKED), "claim_send")
    await talk.hears("I take care of it.")
    await talk.card_shows(shop.person("ben").id)
    await talk.receipt(post, DELIVERED)
    await talk.staff("ben", "Done.")
    await talk.hears("I take care of it.", "Done.")


async def test_send_without_claiming(shop: Shop) -> None:
    """The words go out, and the conversation stays nobody's."""
    talk = await shop.talk()
    await talk.staff("ben", "Just this.")
    await talk.press("ben", await talk.told("ben", ASKED), "send")
    await talk.hears("Just this.")
    assert "Nobody" in talk.shows()


async def test_keep_internal(shop: Shop) -> None:
    """The words stay, and the receipt says so."""
    talk = await shop.talk()
    post = await talk.staff("ben", "They always complain.")
    await talk.card_shows(WAITING)
    await talk.press("ben", await talk.told("ben", ASKED), "keep")
    await talk.receipt(post, LOCK)
    await talk.card_shows_not(WAITING)
    await talk.heard_nothing_but()


async def test_a_choice_is_settled_once(shop: Shop) -> None:
    """Ten presses of Send send once; Keep after Send changes nothing."""
    talk = await shop.talk()
    await talk.staff("ben", "Only once, please.")
    prompt = await talk.told("ben", ASKED)
    action = next(
        element["action_id"]
        for block in prompt.blocks or []
        for element in block.get("elements", [])
        if element.get("action_id", "").endswith(":send")
    )
    ben = shop.person("ben")
    await asyncio.gather(*(ben.presses(prompt.channel, prompt.ts, action) for _ in range(6)))
    await talk.heard_nothing_but("Only once, please.")


async def test_only_the_author_chooses(shop: Shop) -> None:
    """A colleague cannot press somebody else's prompt (they cannot see it), and their claim does not send it."""
    talk = await shop.talk()
    await talk.staff("ben", "Ben's words")
    prompt = await talk.told("ben", ASKED)
    await talk.press("carla", talk.card, "claim")
    await talk.card_shows(shop.person("carla").id)
    await talk.press("ben", prompt, "claim_send")
    again = await talk.told("ben", "took this conversation meanwhile")
    assert "Ben's words" in shown(again)  # of several questions each says which text it is about
    assert talk.heard == []
    again = await talk.told("ben", "all the same?")
    await talk.press("ben", again, "send")
    await talk.hears("Ben's words")
    assert shop.person("carla").id in talk.shows()


async def test_a_choice_is_repeated_by_direct_message_after_two_minutes(shop: Shop) -> None:
    """An overlooked prompt comes again where it cannot be overlooked, and its buttons work there."""
    talk = await shop.talk()
    await talk.staff("ben", f"Do not forget me {talk.number}")
    await talk.told("ben", ASKED)
    again = await talk.dm("ben", f"Do not forget me {talk.number}")
    assert f"#{talk.number}" in shown(again)
    await shop.press("ben", again, "send", channel=shop.person("ben").dm.id)
    await talk.hears(f"Do not forget me {talk.number}")


async def test_several_waiting_texts_keep_apart(shop: Shop) -> None:
    """Two people's, and two texts of one person: each with a prompt of its own."""
    talk = await shop.talk()
    await talk.staff("ben", "first of ben")
    one = await talk.told("ben", "first of ben")
    await talk.staff("ben", "second of ben")
    two = await talk.told("ben", "second of ben")
    await talk.staff("carla", "one of carla")
    three = await talk.told("carla", "one of carla")
    await talk.card_shows("3 waiting")
    await talk.press("ben", two, "send")
    await talk.hears("second of ben")
    await talk.press("carla", three, "keep")
    await talk.press("ben", one, "send")
    await talk.hears("second of ben", "first of ben")
    await talk.card_shows_not(WAITING)


async def test_an_edit_changes_what_waits(shop: Shop) -> None:
    """The text that goes out is the one that stands there; made internal, it never goes."""
    talk = await shop.talk()
    ben = shop.person("ben")
    post = await talk.staff("ben", "It costs 10 EUR")
    await talk.told("ben", "It costs 10 EUR")
    await ben.edits("support", post, "It costs 12 EUR")
    await talk.press("ben", await talk.told("ben", "It costs 12 EUR"), "send")
    await talk.hears("It costs 12 EUR")
    post = await talk.staff("ben", "They smell")
    prompt = await talk.told("ben", "They smell")
    await ben.edits("support", post, "note: They smell")
    await talk.receipt(post, LOCK)
    await talk.press("ben", prompt, "send")
    await talk.heard_nothing_but("It costs 12 EUR")


async def test_deleted_words_never_go_out(shop: Shop) -> None:
    """Deleting the post takes back what waits for a choice."""
    talk = await shop.talk()
    post = await talk.staff("ben", "Oh no")
    prompt = await talk.told("ben", "Oh no")
    await talk.card_shows(WAITING)
    await shop.person("ben").deletes("support", post)
    await talk.card_shows_not(WAITING)
    await talk.press("ben", prompt, "send")
    await talk.heard_nothing_but()


async def test_closing_keeps_waiting_words_in(shop: Shop) -> None:
    """What nobody chose to send stays internal when the conversation is closed, and the author hears so."""
    talk = await shop.talk()
    post = await talk.staff("ben", "Maybe")
    await talk.told("ben", ASKED)
    await talk.staff("carla", "!close")
    await talk.told("ben", "stays internal: the conversation ended")
    await talk.receipt(post, LOCK)
    assert talk.heard == []


# ---------------------------------------------------------------------------------------------- holding


async def test_a_held_reply_goes_out_by_itself(shop: Shop) -> None:
    """With a hold, the words wait a moment, visibly, then go."""
    talk = await shop.talk(inbox="held")
    post = await talk.staff("ben", "In a moment.")
    await talk.receipt(post, HOURGLASS)
    await talk.told("ben", "goes out in")
    assert talk.heard == []
    await talk.hears("In a moment.")
    await talk.receipt(post, DELIVERED)


async def test_undo_takes_a_held_reply_back(shop: Shop) -> None:
    """The button and `!undo` both; what is behind it goes out."""
    talk = await shop.talk(inbox="held")
    post = await talk.staff("ben", "Wrong customer!")
    await talk.press("ben", await talk.told("ben", "Wrong customer!"), "undo_hold")
    await talk.receipt(post, LOCK)
    await talk.told("ben", "Taken back")
    await talk.staff("ben", "Another mistake")
    await talk.told("ben", "Another mistake")
    await talk.staff("ben", "!undo")
    await talk.told("ben", "Taken back: “Another mistake”")
    await talk.staff("ben", "The right words")
    await talk.hears("The right words")


async def test_held_replies_keep_their_order_and_take_edits(shop: Shop) -> None:
    """An edit while held goes out edited; a deleted one never."""
    talk = await shop.talk(inbox="held")
    ben = shop.person("ben")
    one = await talk.staff("ben", "Teh first")
    two = await talk.staff("ben", "never mind")
    await talk.staff("carla", "The last")
    await talk.told("ben", "never mind")
    await ben.edits("held", one, "The first")
    await ben.deletes("held", two)
    await talk.told("ben", "Changed before it went out")
    await talk.hears("The first", "The last")


async def test_an_edit_that_makes_held_words_internal_keeps_them(shop: Shop) -> None:
    """The mark counts until the words are out."""
    talk = await shop.talk(inbox="held")
    post = await talk.staff("ben", "They never pay")
    await talk.receipt(post, HOURGLASS)
    await shop.person("ben").edits("held", post, "// They never pay")
    await talk.told("ben", "Taken back")
    await talk.receipt(post, LOCK)
    await talk.heard_nothing_but()


async def test_a_colleague_cannot_undo_anothers_reply(shop: Shop) -> None:
    """`!undo` of somebody else finds nothing."""
    talk = await shop.talk(inbox="held")
    await talk.staff("ben", "Mine")
    await talk.told("ben", "goes out in")
    await talk.staff("carla", "!undo")
    await talk.told("carla", "nothing of yours")
    await talk.hears("Mine")


async def test_resolving_sends_what_is_held(shop: Shop) -> None:
    """`!resolve` with last words: they follow what is held, in order."""
    talk = await shop.talk(inbox="held")
    await talk.staff("ben", "One more thing.")
    await talk.staff("ben", "!resolve Bye.")
    await talk.hears("One more thing.", "Bye.")
    await talk.card_shows("Resolved")


# --------------------------------------------------------------------------------------------- restart


@pytest.mark.asyncio(loop_scope="function")
async def test_waiting_words_survive_a_restart(own_shop: Shop) -> None:
    """State, not memory: prompts given before the bridge went down work when it is back."""
    talk = await own_shop.talk()
    post = await talk.staff("ben", "Before the restart")
    prompt = await talk.told("ben", ASKED)
    await talk.receipt(post, QUESTION)
    await own_shop.stop_bridge()
    await own_shop.start_bridge()
    await talk.press("ben", prompt, "send")
    await talk.hears("Before the restart")
    await until(lambda: DELIVERED in talk.receipts(post), 10)


async def test_an_edit_of_what_arrived_is_offered_as_a_correction(shop: Shop) -> None:
    """One tap sends it, as an answer to the first wording; the thread shows both."""
    talk = await shop.talk(assignee="ben")
    post = await talk.staff("ben", "It costs 12 EUR")
    await talk.receipt(post, DELIVERED)
    await shop.person("ben").edits("support", post, "It costs *21* EUR")
    offer = await talk.told("ben", "as a correction?")
    await talk.press("ben", offer, "correct")
    await talk.thread_shows("replied to “It costs 12 EUR”")
    await talk.hears("It costs 12 EUR", "It costs *21* EUR")
    first, second = talk.customer.inbox
    assert second.quoted_id == first.id
    await talk.heard_nothing_but("It costs 12 EUR", "It costs *21* EUR")
