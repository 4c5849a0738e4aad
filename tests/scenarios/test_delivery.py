"""What becomes of a reply is shown on it; a failure says why and can be tried again; nothing goes out twice."""

from __future__ import annotations

import time

import pytest

from bridge.sandbox.whatsapp import wire
from tests.support.stack import shown
from tests.support.talk import DELIVERED, FAILED, GREY, INBOXES, READ, SENT, Shop
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEND = "whatsapp.messages.send"


async def test_receipts_follow_the_message(shop: Shop) -> None:
    """Accepted while the phone is off, delivered when it is on, read when the customer looks."""
    talk = await shop.talk(inbox="everyone")
    await talk.customer.goes_offline()
    post = await talk.staff("ben", "Are you there?")
    await talk.receipt(post, SENT)
    assert DELIVERED not in talk.receipts(post)
    await talk.customer.goes_online()
    await talk.receipt(post, DELIVERED)
    await talk.customer.reads(INBOXES["everyone"])
    await talk.receipt(post, READ)


async def test_read_without_delivered_is_read(shop: Shop) -> None:
    """With the chat open WhatsApp reports `read` alone; a `delivered` that comes late takes nothing back."""
    talk = await shop.talk(inbox="everyone")
    await talk.customer.opens(INBOXES["everyone"])
    post = await talk.staff("ben", "Quick question")
    await talk.receipt(post, READ)
    message = talk.customer.inbox[0]
    late = wire.status(
        message.id,
        "delivered",
        timestamp=time.time(),
        recipient_id=talk.customer.wa_id,
        recipient_user_id=None,
        tag=message.tag,
        pricing=None,
        error=None,
    )
    metadata = {"display_phone_number": "1", "phone_number_id": INBOXES["everyone"]}
    update = wire.Update("1", metadata, "statuses", late)
    assert await shop.posts_signed(wire.encode(wire.envelope([update]))) == 200
    await talk.heard_nothing_but("Quick question")
    assert DELIVERED not in talk.receipts(post)


async def test_a_failure_says_why_and_retry_sends_once(shop: Shop) -> None:
    """Refused in the answer: the reason in plain words, a button, and one message however often it is pressed."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "error", code=131026)
    post = await talk.staff("ben", "Does this arrive?")
    await talk.receipt(post, FAILED)
    notice = await talk.thread_shows("did not reach the contact")
    assert "has no WhatsApp" in shown(notice)
    assert f"<@{shop.person('ben').id}>" in shown(notice)
    await talk.card_shows("1 not delivered")
    await talk.press("ben", notice, "retry")
    await talk.hears("Does this arrive?")
    await talk.press("ben", notice, "retry")
    await talk.told("ben", "dealt with already")
    await talk.receipt(post, DELIVERED)
    await talk.card_shows_not("not delivered")
    await talk.heard_nothing_but("Does this arrive?")


async def test_a_failure_reported_later_is_treated_alike(shop: Shop) -> None:
    """Accepted first, failed by a status: the same reason, the same button."""
    talk = await shop.talk(inbox="everyone")
    assert shop.sandbox.config.whatsapp.window_refusal == "status"
    chat = talk.customer.chat(INBOXES["everyone"])
    opened, chat.last_inbound_ticks = chat.last_inbound_ticks, None
    post = await talk.staff("ben", "Too late?")
    await talk.receipt(post, FAILED)
    notice = await talk.thread_shows("did not reach the contact")
    assert "24 hours" in shown(notice)
    assert talk.heard == []
    chat.last_inbound_ticks = opened
    await talk.press("carla", notice, "retry")
    await talk.hears("Too late?")


async def test_outside_the_service_window_nothing_is_attempted(shop: Shop) -> None:
    """Free text after 24 hours is refused by us at once; Retry sends it when the customer has written again."""
    talk = await shop.old_talk("ben")
    before = shop.calls("whatsapp.api", name=SEND)
    post = await talk.staff("ben", "Sorry for the delay")
    told = await talk.told("ben", "the time for free text ended")
    await talk.receipt(post, FAILED)
    assert shop.calls("whatsapp.api", name=SEND) == before
    await talk.press("ben", told, "retry")
    again = await until(
        lambda: next(
            (e for e in shop.person("ben").ephemerals if "the time for free" in shown(e) and e.ts > told.ts),
            None,
        ),
        10,
    )
    assert shop.calls("whatsapp.api", name=SEND) == before
    await talk.customer_writes("Hello again")
    await talk.press("ben", again, "retry")
    await talk.hears("Sorry for the delay")


async def test_too_many_to_one_customer_wait_and_keep_their_order(shop: Shop) -> None:
    """131056 (pair rate): tried again a little later, nothing lost, nothing out of order."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "error", times=3, code=131056)
    for text in ("one", "two", "three"):
        await talk.staff("ben", text)
    await talk.hears("one", "two", "three")


@pytest.mark.parametrize("code", [131016, 130429, 2, 131000])
async def test_what_passes_by_itself_is_tried_again(shop: Shop, code: int) -> None:
    """Overload and hiccups of the platform are nobody's business."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "error", times=2, code=code)
    post = await talk.staff("ben", "Patience")
    await talk.hears("Patience")
    await talk.receipt(post, DELIVERED)
    assert talk.said("did not reach") == 0


async def test_a_dead_token_is_visible_and_alarms(shop: Shop) -> None:
    """190: the agent reads why at once, those who can act are alerted, and Retry works after the repair."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "error", code=190)
    post = await talk.staff("ben", "Can you hear me?")
    await talk.receipt(post, FAILED)
    notice = await talk.thread_shows("does not accept our access token")
    await until(
        lambda: any(
            "access token" in shown(one) for one in shop.channel("everyone").messages if not one.thread_ts
        ),
        10,
        "an alert in the admin channel",
    )
    await talk.press("ben", notice, "retry")
    await talk.hears("Can you hear me?")


async def test_a_send_cut_off_after_it_went_out_is_settled_by_its_status(shop: Shop) -> None:
    """No answer, but it arrived: the status names our message, so nothing is sent again and nobody is bothered."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "cut_after")
    post = await talk.staff("ben", "Cut off")
    await talk.receipt(post, DELIVERED)
    await talk.heard_nothing_but("Cut off")
    assert talk.said("Nobody can tell") == 0


async def test_a_part_cut_off_does_not_double_or_lose_the_rest(shop: Shop) -> None:
    """A long reply whose first part gets no answer: every part once, in order."""
    talk = await shop.talk(inbox="everyone")
    text = " ".join(f"This is sentence number {number}." for number in range(300))
    shop.goes_wrong(SEND, "cut_after")
    await talk.staff("ben", text)
    await until(lambda: sum(map(len, talk.heard)) > len(text) - 10, 10)
    await talk.heard_nothing_but(*talk.heard)
    assert " ".join(part.strip() for part in talk.heard) == text


async def test_a_send_of_unknown_fate_is_asked_about(shop: Shop) -> None:
    """Cut off before, and no status comes: the thread asks; Resend sends it, once."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "cut_before")
    post = await talk.staff("ben", "Did it go?")
    notice = await talk.thread_shows("Nobody can tell")
    await talk.receipt(post, GREY)
    assert talk.heard == []
    await talk.press("ben", notice, "resend")
    await talk.hears("Did it go?")
    await talk.receipt(post, DELIVERED)
    await talk.press("ben", notice, "resend")
    await talk.told("ben", "dealt with already")
    await talk.heard_nothing_but("Did it go?")


async def test_what_arrived_according_to_the_agent_is_not_sent_again(shop: Shop) -> None:
    """It arrived: noted, and Resend has no effect any more."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "cut_before")
    await talk.staff("ben", "Heard by phone")
    notice = await talk.thread_shows("Nobody can tell")
    await talk.press("ben", notice, "arrived")
    await talk.told("ben", "Noted: it arrived")
    await talk.press("ben", notice, "resend")
    await talk.told("ben", "dealt with already")
    await talk.heard_nothing_but()


async def test_replies_behind_one_of_unknown_fate_go_on_after_it(shop: Shop) -> None:
    """Order holds: what was typed later goes out after the question is put, and is not lost."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "cut_before")
    await talk.staff("ben", "first")
    await talk.staff("ben", "second")
    await talk.thread_shows("Nobody can tell")
    await talk.hears("second")


async def test_a_server_error_without_words_is_not_repeated_blindly(shop: Shop) -> None:
    """A bare 500 leaves open whether it happened: asked, not doubled."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong(SEND, "status", status=500, body="")
    await talk.staff("ben", "Hm")
    await talk.thread_shows("Nobody can tell")
    await talk.heard_nothing_but()


async def test_answering_marks_the_customers_message_read(shop: Shop) -> None:
    """Blue ticks for the customer, once an agent answers and not before; never where that is switched off."""
    talk = await shop.talk("Read me", inbox="everyone")
    mine = talk.customer.chat(INBOXES["everyone"]).messages[0]
    assert mine.status == "delivered"
    await talk.staff("ben", "note: reading")
    await talk.staff("ben", "Here I am")
    await until(lambda: mine.status == "read", 10)
    quiet = await shop.talk("Do not read me", inbox="unread")
    theirs = quiet.customer.chat(INBOXES["unread"]).messages[0]
    await quiet.staff("ben", "Here I am")
    await quiet.heard_nothing_but("Here I am")
    assert theirs.status == "delivered"


async def test_a_status_delivered_again_changes_nothing(shop: Shop) -> None:
    """Duplicates of statuses: the receipts stay as they are, nothing is told twice."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong("whatsapp.webhook", "duplicate", times=4)
    shop.goes_wrong(SEND, "error", code=131026)
    post = await talk.staff("ben", "No luck")
    await talk.receipt(post, FAILED)
    await talk.staff("ben", "Luck")
    await talk.heard_nothing_but("Luck")
    assert talk.said("did not reach the contact") == 1
