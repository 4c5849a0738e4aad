"""What customers do arrives once, in order, whole, and harmless, whatever the wire does to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bridge.sandbox.whatsapp import wire
from tests.support.stack import shown
from tests.support.talk import NUMBER, SALES_NUMBER, Shop, Talk, seconds_ago
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_delivery_made_twice_is_shown_once(shop: Shop) -> None:
    """Deduplicated: by the message's id, however often and however late it comes."""
    talk = await shop.talk("First of all")
    shop.goes_wrong("whatsapp.webhook", "duplicate")
    await talk.customer_writes("Sent once")
    first = shop.sandbox.whatsapp.webhook.deliveries[0]
    for delivery in list(shop.sandbox.whatsapp.webhook.deliveries):
        assert await shop.posts(delivery.body, {"X-Hub-Signature-256": delivery.signature}) == 200
    assert first.body
    await talk.customer_writes("The end")
    assert [line.split("\n")[0] for line in talk.thread] == ["First of all", "Sent once", "The end"]


async def test_one_bad_item_in_a_batch_costs_the_others_nothing(shop: Shop) -> None:
    """A body with messages of three people and one item that makes no sense: three threads, 200."""
    people = (shop.newcomer("Una"), shop.newcomer("Dos"), shop.newcomer("Tres"))
    items = [
        wire.inbound(
            f"wamid.batch{one.wa_id}",
            "text",
            {"body": f"I am {one.name}"},
            timestamp=float(seconds_ago(0)),
            wa_id=one.wa_id,
            user_id=one.user_id,
            context=None,
        )
        for one in people
    ]
    bad = {"from": 7, "id": ["no"], "timestamp": {}, "type": "text", "text": "no object"}
    assert await shop.delivers(items[0], bad, items[1], items[2], customers=people) == 200
    for one in people:
        card = await shop.card(one.name)
        await shop.in_thread(card, f"I am {one.name}")


async def test_batched_deliveries_arrive_whole(shop: Shop) -> None:
    """WhatsApp gathers updates: several people's messages in one POST become several threads, in order."""
    ines, omar = shop.newcomer("Ines"), shop.newcomer("Omar")
    shop.goes_wrong("whatsapp.webhook", "batch", size=4)
    for one, text in ((ines, "a1"), (omar, "b1"), (ines, "a2"), (omar, "b2")):
        await one.writes(f"{one.name} {text}")
    for one, texts in ((ines, ("a1", "a2")), (omar, ("b1", "b2"))):
        card = await shop.card(one.name)
        for text in texts:
            await shop.in_thread(card, f"{one.name} {text}")
        thread = "\n".join(shown(post) for post in shop.channel().thread(card.ts)[1:])
        assert thread.index(texts[0]) < thread.index(texts[1])


async def test_a_message_overtaken_on_the_way_is_not_lost(shop: Shop) -> None:
    """The webhook may reorder: what arrives later stands later, and both stand there once."""
    talk = await shop.talk("Start")
    shop.goes_wrong("whatsapp.webhook", "reorder", seconds=5)
    await talk.customer.writes("held back")
    await talk.customer.writes("faster")
    await talk.thread_shows("held back")
    await talk.thread_shows("faster")
    assert talk.said("held back") == talk.said("faster") == 1


async def test_a_customer_who_hides_their_phone_is_known_by_username(shop: Shop) -> None:
    """No phone in the webhook: the card shows @username, and the answer goes to the user id."""
    leila = shop.newcomer("Leila", username="leila.designs", hide_phone=True)
    talk = await shop.talk("Nobody has my number", leila, assignee="ben")
    assert "@leila.designs" in talk.shows()
    assert leila.wa_id not in talk.shows()
    await talk.staff("ben", "We do not need it.")
    await talk.hears("We do not need it.")


async def test_hostile_names_and_words_can_do_nothing(shop: Shop) -> None:
    """No ping, no formatting, no link in disguise, no imitation of a colleague or of the bot."""
    before = {name: len(shop.person(name).pings) for name in ("ben", "carla", "dana")}
    mallory = shop.newcomer("<!channel> *Ben Agent* <https://evil|bank>")
    words = (
        "<!here> <@U0BEN00001> @ben <https://evil.example|your bank> :lock: &lt;!everyone&gt; <!subteam^S1>"
    )
    await mallory.writes(words)
    talk = Talk(shop, mallory, await shop.card(mallory.name))
    await talk.thread_shows("<!here>")
    post = shop.channel().thread(talk.card.ts)[1]
    elements = [
        element
        for block in post.blocks or []
        for section in block["elements"]
        for element in section["elements"]
    ]
    assert {one["type"] for one in elements} <= {"text", "link"}
    assert all(one.get("text") in (None, one["url"]) for one in elements if one["type"] == "link")
    typed = "".join(one.get("text") or one["url"] for one in elements)
    assert typed == words, "the words stand there as they were typed"
    assert not post.pings
    await talk.claimed_by("ben")
    for name in before:
        causes = [ping for ping in shop.person(name).pings[before[name] :] if ping["ts"] != talk.card.ts]
        assert not causes


async def test_a_customer_named_like_an_agent_does_not_look_like_one(shop: Shop) -> None:
    """The name above a customer's post is never exactly that of a colleague."""
    talk = await shop.talk("Please send me your password")
    for name in ("Ben Agent", "ben", "CARLA"):
        talk.customer.name = name
        post = await talk.customer_writes(f"It is me, {name}")
        assert post.username == f"{name} (customer)"


async def test_a_message_that_whatsapp_does_not_let_us_read_says_so(shop: Shop) -> None:
    """An unknown type still becomes a post; nobody is ignored."""
    talk = await shop.talk()
    await talk.customer.sends("unsupported", None)
    await talk.thread_shows("does not let us read")
    await talk.customer.sends("hologram", {"id": "1"})
    await talk.thread_shows("hologram")


@pytest.mark.parametrize(
    "kind, content, what",
    [
        ("image", {"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "my cat"}, "my cat"),
        ("document", {"id": "1", "mime_type": "text/plain", "sha256": "x", "filename": "a.txt"}, "a.txt"),
        ("audio", {"id": "1", "mime_type": "audio/ogg", "sha256": "x"}, "Audio"),
        ("sticker", {"id": "1", "mime_type": "image/webp", "sha256": "x"}, "Sticker"),
    ],
)
async def test_a_file_that_cannot_be_had_is_named(
    shop: Shop, kind: str, content: dict[str, object], what: str
) -> None:
    """Ids that lead nowhere: what came, and the words that came with it."""
    talk = await shop.talk()
    await talk.customer.sends(kind, content)
    post = await talk.thread_shows("could not be shown here")
    assert what in shown(post)


KINDS: list[tuple[str, object, dict[str, Any], list[str]]] = [
    (
        "location",
        {
            "latitude": -34.60397,
            "longitude": -58.38432,
            "name": "Café *El Gato*",
            "address": "Corrientes 1234",
        },
        {},
        ["Café *El Gato*", "Corrientes 1234", "Open the map", "query=-34.603970%2C-58.384320"],
    ),
    (
        "contacts",
        [
            {
                "name": {"formatted_name": "Ines <!channel>"},
                "org": {"company": "Duarte Lda", "title": "Owner"},
                "phones": [{"phone": "+351 910 000 001", "type": "Mobile"}],
                "emails": [{"email": "ines@example.com"}],
                "birthday": "1990-04-02",
            }
        ],
        {},
        ["Owner, Duarte Lda", "+351 910 000 001 (mobile)", "ines@example.com", "Birthday: 1990-04-02"],
    ),
    (
        "interactive",
        {"type": "list_reply", "list_reply": {"id": "r1", "title": "Billing", "description": "Refunds"}},
        {},
        ["Billing – Refunds", "Tapped, not typed"],
    ),
    (
        "interactive",
        {
            "type": "nfm_reply",
            "nfm_reply": {"name": "flow", "response_json": '{"reason": "damaged", "ok": true}'},
        },
        {},
        ["Form", "reason: ", "damaged", "ok: ", "yes"],
    ),
    ("button", {"payload": "p", "text": "Reschedule"}, {}, ["Reschedule", "Tapped, not typed"]),
    (
        "order",
        {
            "catalog_id": "1",
            "text": "gift-wrap",
            "product_items": [
                {"product_retailer_id": "sku-7", "quantity": 2, "item_price": 19.9, "currency": "EUR"},
                {"product_retailer_id": "sku-1", "quantity": 1, "item_price": 5, "currency": "EUR"},
            ],
        },
        {},
        ["2 × sku-7 at 19.90 EUR", "Total: 44.80 EUR", "gift-wrap"],
    ),
    (
        "text",
        {"body": "More about this?"},
        {
            "referral": {
                "source_type": "ad",
                "source_url": "https://fb.example/2x",
                "headline": "Chat with us",
                "body": "Autumn boots",
                "image_url": "https://pictures.example/boots.jpg",
            }
        },
        ["Came from an advertisement", "Chat with us", "Autumn boots", "fb.example/2x", "More about this?"],
    ),
    (
        "text",
        {"body": "Win!!"},
        {"context": {"frequently_forwarded": True}},
        ["Forwarded many times", "Win!!"],
    ),
    ("text", {"body": "hello group"}, {"group_id": "g1"}, ["Written in a group", "hello group"]),
    (
        "text",
        {"body": "In blue?"},
        {"context": {"id": "wamid.X", "referred_product": {"product_retailer_id": "sku-blue"}}},
        ["About the product sku-blue", "In blue?"],
    ),
]


@pytest.mark.parametrize("kind, content, extra, parts", KINDS)
async def test_whatever_a_customer_sends_is_shown_as_what_it_is(
    shop: Shop, kind: str, content: object, extra: dict[str, Any], parts: list[str]
) -> None:
    """With all that it says, literally, in blocks that Slack takes; and no more than once."""
    talk = await shop.talk()
    await talk.customer.sends(kind, content, extra=extra)
    post = await talk.thread_shows(parts[0].split(" ")[0])
    said = json.dumps(post.blocks, ensure_ascii=False)
    for part in parts:
        assert part in said
    assert "<!channel>" not in post.text
    await talk.customer_writes("The end")
    assert len(talk.thread) == 3


async def test_a_picture_that_slack_cannot_fetch_costs_only_itself(shop: Shop) -> None:
    """The words stand in the thread all the same."""
    talk = await shop.talk()
    advert = {"source_type": "ad", "headline": "Boots", "image_url": "https://pictures.example/gone.jpg"}
    shop.goes_wrong("slack.chat.postMessage", "error", error="invalid_blocks")
    await talk.customer.sends("text", {"body": "Still here?"}, extra={"referral": advert})
    post = await talk.thread_shows("Still here?")
    assert [block["type"] for block in post.blocks or []].count("image") == 0
    assert "Boots" in shown(post)


async def test_a_call_is_told_of(shop: Shop) -> None:
    """That it began, and how it ended; one that was taken needs no answer."""
    talk = await shop.talk()
    await talk.customer.calls(65)
    await talk.thread_shows("The contact is calling")
    await talk.thread_shows("ended after 1:05")
    await talk.customer.calls()
    await talk.thread_shows("ended unanswered")


async def test_a_new_number_keeps_the_conversation(shop: Shop) -> None:
    """A customer who moves to another phone goes on in the same thread, and hears answers there."""
    talk = await shop.talk("From my old phone", assignee="ben")
    await talk.customer.changes_number("34699123456")
    await talk.thread_shows("changed their WhatsApp number")
    await talk.customer_writes("From my new phone")
    await talk.staff("ben", "Good to know.")
    await talk.hears("Good to know.")
    assert talk.customer.inbox[-1].sent_to == "34699123456"


async def test_each_inbox_has_its_own_conversation(shop: Shop) -> None:
    """The same person writes to two numbers: two threads in two channels, each answered from its number."""
    nora = shop.newcomer()
    support = await shop.talk("My order is late", nora, assignee="carla")
    sales = await shop.talk("I want to buy", nora, inbox="sales")
    assert support.number != sales.number
    await sales.claimed_by("carla")
    await sales.staff("carla", "With pleasure.")
    await support.staff("carla", "We are sorry.")
    await until(lambda: len(nora.inbox) == 2, 10)
    assert {message.number_id: message.text for message in nora.inbox} == {
        NUMBER: "We are sorry.",
        SALES_NUMBER: "With pleasure.",
    }


async def test_a_late_message_shows_when_it_was_written(shop: Shop) -> None:
    """What WhatsApp delivers hours later says so, with the platform's own date format."""
    nora = shop.newcomer()
    stamp = seconds_ago(3 * 3600)
    item = wire.inbound(
        "wamid.late1",
        "text",
        {"body": "Written in a tunnel"},
        timestamp=float(stamp),
        wa_id=nora.wa_id,
        user_id=nora.user_id,
        context=None,
    )
    assert await shop.delivers(item, customers=(nora,)) == 200
    post = await shop.in_thread(await shop.card(nora.name), "Written in a tunnel")
    assert f"<!date^{stamp}^" in shown(post)


async def test_a_reply_to_our_message_quotes_it(shop: Shop) -> None:
    """An answer to one of our messages says which."""
    talk = await shop.talk(assignee="ben")
    asked = await talk.staff("ben", "Red or blue?")
    await talk.hears("Red or blue?")
    await talk.customer.writes("The first", reply_to=talk.customer.inbox[0].id)
    post = await talk.thread_shows("The first")
    assert "Answers: Red or blue?" in shown(post)
    assert f"/p{asked.replace('.', '')}?thread_ts={talk.card.ts}" in shown(post)


async def test_a_customer_who_quotes_themselves_is_shown_so(shop: Shop) -> None:
    """With a link to the post that shows the quoted message; one that nobody knows is said to be older."""
    talk = await shop.talk()
    first = await talk.customer.writes("My order is 4711")
    quoted = await talk.thread_shows("My order is 4711")
    await talk.customer.writes("This one", reply_to=first.id)
    post = await talk.thread_shows("This one")
    assert "Answers their own: My order is 4711" in shown(post)
    assert f"/p{quoted.ts.replace('.', '')}?" in shown(post)
    await talk.customer.writes("That one", reply_to="wamid.beforethebridge")
    assert "older than what is known here" in shown(await talk.thread_shows("That one"))


async def test_a_reaction_stands_on_our_message_and_leaves_with_the_customer(shop: Shop) -> None:
    """One emoji takes the place of another; an emoji that is a receipt here is told of in the thread."""
    talk = await shop.talk(assignee="ben")
    asked = await talk.staff("ben", "Red or blue?")
    await talk.hears("Red or blue?")
    heard = talk.customer.inbox[0].id
    await talk.customer.reacts(heard, "👍🏽")
    await talk.receipt(asked, "+1::skin-tone-4")
    await talk.customer.reacts(heard, "❤️")
    await talk.receipt(asked, "heart")
    await until(lambda: "+1::skin-tone-4" not in talk.receipts(asked), 10, "the first reaction to go")
    await talk.customer.reacts(heard, None)
    await until(lambda: "heart" not in talk.receipts(asked), 10, "the second reaction to go")
    await talk.customer.reacts(heard, "👀")
    await talk.thread_shows("reacted with 👀 to “Red or blue?”")


async def test_what_a_customer_edits_or_deletes_is_marked_and_stays_readable(shop: Shop) -> None:
    """On the post itself, for numbers that WhatsApp tells of it; nothing new is posted."""
    talk = await shop.talk()
    wrote = await talk.customer.writes("My order is 4471")
    post = await talk.thread_shows("My order is 4471")
    await talk.customer.edits(wrote.id, "My order is *4417*")
    await talk.thread_shows("Edited by the customer: My order is 4471")
    await talk.customer.deletes(wrote.id)
    marked = await talk.thread_shows("Deleted by the customer")
    assert marked.ts == post.ts
    assert marked.username == talk.customer.name
    for words in ("My order is 4471", "4417", "Edited by", "Deleted by"):
        assert words in shown(marked)
    await talk.customer_writes("The end")
    assert len(talk.thread) == 3


async def test_a_number_that_does_not_hear_of_edits_says_that_something_came(shop: Shop) -> None:
    """WhatsApp passes the words of an edit on to coexistence numbers alone."""
    talk = await shop.talk(inbox="sales")
    wrote = await talk.customer.writes("My order is 4471", number_id=SALES_NUMBER)
    await talk.thread_shows("My order is 4471")
    await talk.customer.edits(wrote.id, "My order is 4417")
    await talk.thread_shows("cannot be shown here (edit)")


async def test_what_a_colleague_types_on_the_phone_is_in_the_thread_and_never_sent(shop: Shop) -> None:
    """It answers the customer, who can quote and react to it like to anything of ours."""
    talk = await shop.talk()
    await talk.card_shows("Waiting since")
    echo = await talk.customer.hears_from_app("It ships today")
    post = await talk.thread_shows("It ships today")
    assert "Via phone" in shown(post)
    await talk.card_shows_not("Waiting since")
    await talk.customer.reacts(echo.id, "👍")
    await talk.receipt(post.ts, "+1")
    await talk.customer.writes("Great", reply_to=echo.id)
    assert "Answers: It ships today" in shown(await talk.thread_shows("Great"))
    await talk.heard_nothing_but("It ships today")


async def test_what_whatsapp_says_about_the_account_reaches_those_who_can_act(shop: Shop) -> None:
    """In the inbox's admin channel, or its own where there is none; in plain words, once."""
    paused = {
        "event": "PAUSED",
        "message_template_name": "order_update",
        "message_template_language": "en-US",
    }
    shop.goes_wrong("whatsapp.webhook", "duplicate")
    await shop.sandbox.whatsapp.account_says("message_template_status_update", paused)

    def told() -> list[str]:
        words = [shown(one) for one in shop.channel("support").messages]
        return [one for one in words if "order_update (en_US)" in one]

    await until(told, 10, "the alert")
    talk = await shop.talk()
    assert len(told()) == 1
    stop = {"category": "marketing_messages", "value": "stop", "wa_id": talk.customer.wa_id, "timestamp": 1}
    number = {"phone_number_id": NUMBER}
    await shop.sandbox.whatsapp.account_says(
        "user_preferences", {"metadata": number, "user_preferences": [stop]}
    )
    await talk.thread_shows("does not want marketing messages any more")


async def test_thirty_customers_at_once_all_get_a_thread(shop: Shop) -> None:
    """Several shards at work: everybody's words stand in a thread of their own."""
    people = [shop.newcomer("Guest") for _ in range(30)]
    await asyncio.gather(*(one.writes(f"I am {one.name}.") for one in people))
    cards = await asyncio.gather(*(shop.card(f"{one.name}", timeout_s=20) for one in people))
    await asyncio.gather(
        *(
            shop.in_thread(card, f"I am {one.name}.", timeout_s=20)
            for one, card in zip(people, cards, strict=True)
        )
    )
    assert len({card.ts for card in cards}) == 30


# ------------------------------------------------------------------------------------------ bad input


async def test_a_wrong_or_missing_signature_is_refused(shop: Shop) -> None:
    """401, and nothing of it appears."""
    nora = shop.newcomer()
    item = wire.inbound(
        "wamid.forged",
        "text",
        {"body": "forged"},
        timestamp=float(seconds_ago(0)),
        wa_id=nora.wa_id,
        user_id=nora.user_id,
        context=None,
    )
    metadata = {"display_phone_number": "15550100200", "phone_number_id": NUMBER}
    body = wire.encode(wire.envelope([wire.Update("1", metadata, "messages", item)]))
    assert await shop.posts(body) == 401
    assert await shop.posts(body, {"X-Hub-Signature-256": wire.sign(body, "not the secret")}) == 401
    assert (
        await shop.posts(body, {"X-Hub-Signature-256": wire.sign(body + b" ", "sandbox-app-secret")}) == 401
    )
    talk = await shop.talk("I am real", nora)
    assert talk.said("forged") == 0


async def test_a_body_of_ten_megabytes_is_refused_and_hurts_nobody(shop: Shop) -> None:
    """413, and the next customer is served."""
    assert await shop.posts_signed(b'{"a": "' + b"x" * 10_000_000 + b'"}') == 413
    await shop.talk("Still there?")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[1"])
async def test_what_is_no_json_is_refused(shop: Shop, body: bytes) -> None:
    """400 for signed rubbish; it could never be stored."""
    assert await shop.posts_signed(body) == 400


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"null", b'{"object":"x","entry":[{"changes":[{"value":3}]}]}']
)
async def test_json_that_is_nothing_of_ours_is_taken_and_counted(shop: Shop, body: bytes) -> None:
    """200: WhatsApp would only send it again for a week."""
    assert await shop.posts_signed(body) in {200, 400}


async def test_a_number_that_no_inbox_names_is_taken_and_counted(shop: Shop) -> None:
    """200 and no thread; `threadline check` and the metrics show it."""
    nora = shop.newcomer()
    item = wire.inbound(
        "wamid.elsewhere",
        "text",
        {"body": "wrong number"},
        timestamp=float(seconds_ago(0)),
        wa_id=nora.wa_id,
        user_id=nora.user_id,
        context=None,
    )
    metadata = {"display_phone_number": "15550109999", "phone_number_id": "999999999"}
    body = wire.encode(wire.envelope([wire.Update("1", metadata, "messages", item)]))
    assert await shop.posts_signed(body) == 200
    talk = await shop.talk("right number", nora)
    assert talk.said("wrong number") == 0
