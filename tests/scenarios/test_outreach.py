"""Conversations that agents begin: by one line, by the form, with strangers and with those who are known."""

from __future__ import annotations

import asyncio

import pytest

from bridge.sandbox.slack.state import Message
from tests.scenarios.test_compose import Form
from tests.scenarios.test_templates import ready
from tests.support.stack import shown
from tests.support.talk import Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
ORDER = "order_update en_US 4471 | Nora | Friday"


async def test_by_one_line(shop: Shop) -> None:
    """The thread is there at once, the template arrives, and so does the contact's answer, in that thread."""
    await ready(shop)
    nora = shop.newcomer()
    number = f"+{nora.wa_id[:2]} {nora.wa_id[2:5]} {nora.wa_id[5:8]}-{nora.wa_id[8:]}"
    await shop.person("ben").slash("/wa", f"new {number} campaign:spring {ORDER}", "support")
    await until(lambda: nora.inbox, 10, "the template")
    assert "Hi Nora, your order ships on Friday." in nora.inbox[0].text
    told = shown(await shop.person("ben").expects_ephemeral("is yours now"))
    assert nora.wa_id not in told
    talk = Talk(shop, nora, await began(shop, nora))
    assert shop.person("ben").id in talk.shows()
    await nora.writes("Friday is fine")
    await talk.thread_shows("Friday is fine")
    await talk.staff("ben", "Wonderful")
    await until(lambda: len(nora.inbox) == 2, 10, "the answer")


async def began(shop: Shop, customer: object, channel: str = "support") -> Message:
    """The card of a conversation that an agent began with somebody who has no name yet."""
    digits = str(getattr(customer, "wa_id", ""))[-4:]
    handle = shop.channel(channel)

    def look() -> Message | None:
        roots = [one for one in handle.messages if one.thread_ts in (None, one.ts)]
        return next((one for one in reversed(roots) if f"•{digits}" in shown(one)), None)

    return await until(look, 10, "the card")


@pytest.mark.parametrize(
    "line, words",
    [
        ("new", ""),
        ("new 600 order_update", "is no phone number"),
        ("new +49 1 order_update", "is no phone number"),
        ("new +49 170 1234567", "The template is missing"),
        ("new +49 170 1234567 nothing_like_it", "There is no template"),
        ("new +49 170 1234567 order_update 1", "takes 3 values"),
        ("new +49 170 1234567 in:nowhere order_update 1", "You work in no inbox"),
    ],
)
async def test_what_makes_no_sense_sends_nothing(shop: Shop, line: str, words: str) -> None:
    """It says what to type instead; without anything the form opens."""
    await ready(shop)
    before = len(shop.channel("support").messages)
    ben = shop.person("ben")
    await ben.slash("/wa", line, "support")
    if words:
        told = shown(await ben.expects_ephemeral(words))
        assert "Nothing was sent" in told
    else:
        view = await ben.expects_view()
        assert "New conversation" in str(view.body["title"])
        await ben.closes(view.id)
    assert len(shop.channel("support").messages) == before


async def test_only_agents_may(shop: Shop) -> None:
    """A viewer is told so, by both doors."""
    gil = shop.person("gil")
    await gil.slash("/wa", f"new +49 170 1234567 {ORDER}", "support")
    await gil.expects_ephemeral("Only agents")
    await gil.shortcut("new_conversation")
    view = await gil.expects_view()
    assert "Only agents" in str(view.blocks)
    await gil.closes(view.id)


async def test_somebody_who_is_answered_already(shop: Shop) -> None:
    """No second thread: the template goes into the one that is there."""
    await ready(shop)
    talk = await shop.talk(assignee="carla")
    cards = len([one for one in shop.channel("support").messages if one.thread_ts in (None, one.ts)])
    await shop.person("ben").slash("/wa", f"new +{talk.customer.wa_id} {ORDER}", "support")
    await shop.person("ben").expects_ephemeral("in touch with")
    await talk.thread_shows("sends the template")
    await until(lambda: len(talk.customer.inbox) == 1, 10, "the template")
    assert len([one for one in shop.channel("support").messages if one.thread_ts in (None, one.ts)]) == cards


async def test_a_resolved_one_goes_on(shop: Shop) -> None:
    """In its thread."""
    await ready(shop)
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!resolve")
    await talk.card_shows("Resolved")
    await shop.person("ben").slash("/wa", f"new +{talk.customer.wa_id} {ORDER}", "support")
    await talk.thread_shows("began this conversation with")
    await talk.card_shows_not("Resolved")


async def test_the_form_finds_who_is_known(shop: Shop) -> None:
    """By name, once the archive knows them; number and template by hand for others."""
    await ready(shop)
    talk = await shop.talk(assignee="carla")
    ben = shop.person("ben")
    await ben.shortcut("new_conversation")
    form = Form(shop, "ben", await ben.expects_view())
    await form.enters("inbox", "support", "template:support")
    found = await form.looks_for("known", talk.customer.name)
    assert talk.customer.wa_id not in str(found)
    await form.enters("known", found[0]["value"])
    await fill(form)
    assert (await form.sends())["ok"]
    await talk.thread_shows("sends the template")
    await ben.shortcut("new_conversation")
    form = Form(shop, "ben", await ben.expects_view())
    await form.enters("inbox", "support", "template:support")
    await fill(form)
    refused = await form.sends()
    assert refused["errors"]["phone"] == "Choose somebody, or type a number."
    await form.enters("phone", "0170 12")
    assert "is no phone number" in (await form.sends())["errors"]["phone"]
    other = shop.newcomer()
    await form.enters("phone", f"+{other.wa_id}")
    assert (await form.sends())["ok"]
    await until(lambda: other.inbox, 10, "the template")


async def fill(form: Form) -> None:
    """Choose a template and give its values."""
    (option,) = await form.looks_for("template:support", "order_update en_US")
    await form.enters("template:support", option["value"], "slot:")
    slots = [block["block_id"] for block in form.view.blocks if block["block_id"].startswith("slot:")]
    for block, value in zip(slots, ["4471", "Nora", "Friday"], strict=True):
        await form.enters(block, value)


async def test_two_at_once_make_one_conversation(shop: Shop) -> None:
    """Both templates go out, in one thread."""
    await ready(shop)
    nora = shop.newcomer()
    line = f"new +{nora.wa_id} {ORDER}"
    await asyncio.gather(*(shop.person(who).slash("/wa", line, "support") for who in ("ben", "carla")))
    await until(lambda: len(nora.inbox) == 2, 10, "both")
    card = await began(shop, nora)
    talk = Talk(shop, nora, card)
    await talk.thread_shows("began this conversation with")
    await talk.thread_shows("sends the template")


@pytest.mark.parametrize(
    "typed, written",
    [
        ("+55 11 98765-4321", "551187654321"),
        ("+52 1 55 1234 5678", "525512345678"),
        ("+54 9 11 1234 9876", "541112349876"),
    ],
)
async def test_another_spelling_of_the_number_is_the_same_person(
    shop: Shop, typed: str, written: str
) -> None:
    """Brazil's ninth digit, Mexico's one: the answer comes into the thread all the same."""
    await ready(shop)
    customer = shop.newcomer(phone=written)
    await shop.person("ben").slash("/wa", f"new {typed} {ORDER}", "support")
    await shop.person("ben").expects_ephemeral("is yours now")
    card = await began(shop, customer)
    await customer.writes("It is me")
    await Talk(shop, customer, card).thread_shows("It is me")
