"""Approved templates: listed, filled in, sent when nothing else can be."""

from __future__ import annotations

import pytest

from bridge.sandbox.whatsapp.config import TemplateConfig
from tests.support.stack import shown
from tests.support.talk import DELIVERED, FAILED, LOCK, NUMBER, Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ready(shop: Shop, name: str = "order_update") -> None:
    """The bridge has read the templates."""
    bridge = shop.bridge
    assert bridge is not None

    def there() -> bool:
        return any(one.name == name for found in bridge.inlet.policies().templates.values() for one in found)

    await until(there, 20, f"the template {name}")


async def test_a_template_is_sent_with_its_values(shop: Shop) -> None:
    """The phone shows it; the thread shows what it says; the receipt is that of any reply."""
    await ready(shop)
    talk = await shop.talk(assignee="ben")
    post = await talk.staff("ben", "!template order_update 4471 | Maya | Friday")
    await talk.hears("Order 4471\nHi Maya, your order ships on Friday.\nReply STOP to opt out")
    await talk.receipt(post, DELIVERED)
    notice = await talk.thread_shows("your order ships on Friday")
    assert "order_update" in shown(notice)
    assert talk.customer.inbox[0].type == "template"


async def test_values_by_name(shop: Shop) -> None:
    """In any order; the language is found where there is only one."""
    await ready(shop, "reengage")
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!template reengage pt-BR topic=a fatura | first_name=João")
    await talk.hears("Olá João, ainda precisa de ajuda com a fatura?")


@pytest.mark.parametrize(
    "typed, words",
    [
        ("order_updat 1", "There is no template `order_updat`"),
        ("order_update 4471 | Maya", "takes 3 values (1, 1, 2); 2 of 3 values were given"),
        ("order_update 4471 | Maya | Friday | now", "4 values were given"),
        ("order_update 4471 |  | Friday", "is empty"),
        ("order_update 4471 | Maya | next     week", "more than four spaces"),
        ("old_promo", "cannot be sent: it is paused"),
    ],
)
async def test_what_makes_no_sense_is_told(shop: Shop, typed: str, words: str) -> None:
    """Nothing goes out."""
    await ready(shop)
    talk = await shop.talk(assignee="ben")
    post = await talk.staff("ben", f"!template {typed}")
    told = await talk.told("ben", "Not sent.")
    assert words.replace("`", "") in shown(told).replace("`", "")
    await talk.receipt(post, LOCK)
    await talk.heard_nothing_but()


async def test_the_list_and_one_of_it(shop: Shop) -> None:
    """With language, price and what it takes."""
    await ready(shop)
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!templates")
    told = shown(await talk.told("ben", "reengage"))
    assert "paused: cannot be sent" in told
    await talk.staff("ben", "!templates order_update")
    await talk.told("ben", "Takes: 1, 1, 2")
    post = await talk.staff("gil", "!templates")
    await talk.receipt(post, LOCK)
    await talk.told("gil", "Only agents")


async def test_one_that_is_paused_meanwhile_fails_and_can_be_sent_later(shop: Shop) -> None:
    """Between reading the list and sending."""
    await ready(shop)
    talk = await shop.talk(assignee="ben")
    template = next(one for one in shop.sandbox.whatsapp.config.templates if one.name == "order_update")
    template.status = "PAUSED"
    try:
        post = await talk.staff("ben", "!template order_update 4471 | Maya | Friday")
        await talk.receipt(post, FAILED)
        notice = await talk.thread_shows("did not reach the contact")
    finally:
        template.status = "APPROVED"
    await talk.press("ben", notice, "retry")
    await until(lambda: len(talk.customer.inbox) == 1, 10, "the template")


async def test_a_new_template_is_read_when_the_platform_says_so(shop: Shop) -> None:
    """Without waiting for the next quarter of an hour."""
    await ready(shop)
    config = shop.sandbox.whatsapp.config
    body = [{"type": "BODY", "text": "Hello *{{1}}*"}]
    config.templates.append(TemplateConfig("brand_new", "en_US", body, "998877665599"))
    value = {
        "event": "APPROVED",
        "message_template_id": 998877665599,
        "message_template_name": "brand_new",
        "message_template_language": "en-US",
        "reason": None,
    }
    await shop.sandbox.whatsapp.account_says("message_template_status_update", value)
    await ready(shop, "brand_new")
    talk: Talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!template brand_new Ana")
    await talk.hears("Hello *Ana*")


async def test_marketing_is_not_sent_to_who_opted_out(shop: Shop) -> None:
    """The thread says so when they choose, and whoever tries is told before WhatsApp has to refuse."""
    await ready(shop, "reengage")
    talk = await shop.talk(assignee="ben")
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550100200", "phone_number_id": NUMBER},
        "user_preferences": [
            {
                "wa_id": talk.customer.wa_id,
                "category": "marketing_messages",
                "value": "stop",
                "detail": "x",
                "timestamp": 1790500000,
            }
        ],
    }
    await shop.sandbox.whatsapp.account_says("user_preferences", value)
    await talk.thread_shows("does not want marketing messages")
    post = await talk.staff("ben", "!template reengage pt_BR Nora | the order")
    await talk.told("ben", "does not want marketing messages")
    await talk.receipt(post, FAILED)
    await talk.heard_nothing_but()
