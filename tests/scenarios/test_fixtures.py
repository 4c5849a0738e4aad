"""Every documented webhook body goes through a running bridge."""

from __future__ import annotations

import redis.asyncio

from tests.adapters.whatsapp.support import BODIES, FIXTURES
from tests.support.stack import shown
from tests.support.talk import Shop
from tests.support.waiting import until

PATIENCE_S = 60.0
SHOWN = {
    "audio_voice.json": "Voice message",
    "button_template_quick_reply.json": "Reschedule",
    "call_terminate.json": "ended after 1:00",
    "contacts.json": "Owner, Duarte Lda",
    "contacts_own_number_shared.json": "+33 6 00 00 00 07",
    "document.json": "Segue a fatura",
    "edit_text.json": "order #4417 (typo fixed)",
    "group_text.json": "hello group",
    "image.json": "Box was like this",
    "interactive_button_reply.json": "Great 👍",
    "interactive_call_permission_reply.json": "may be called",
    "interactive_list_reply.json": "Billing",
    "interactive_nfm_reply.json": "damaged",
    "location_pin.json": "37.442160, -122.161540",
    "location_place.json": "Café El Gato",
    "order.json": "2 × sku-blue-07",
    "revoke.json": "Deleted by the customer",
    "smb_echo_edit.json": "It ships tomorrow",
    "smb_echo_text.json": "Answered from my phone",
    "sticker_animated.json": "Sticker",
    "system_identity_changed.json": "security code changed",
    "system_user_changed_number.json": "changed their WhatsApp number",
    "template_status_paused.json": "is paused and cannot be sent for now",
    "text.json": "still hasn’t arrived",
    "text_bsuid_only.json": "Bonjour",
    "text_frequently_forwarded.json": "Forwarded many times",
    "text_legacy_no_bsuid.json": "legacy shape",
    "text_referral_ctwa.json": "Came from an advertisement",
    "text_referred_product.json": "About the product sku-blue-07",
    "text_reply_to_own_message.json": "I meant this",
    "unknown_type.json": "hologram",
    "unsupported_poll.json": "poll creation",
    "user_preferences_stop.json": "does not want marketing messages any more",
    "video.json": "See 0:12",
}
"""What the desk has to show of a fixture, whatever came before it."""


async def test_every_fixture_is_taken_decided_and_shown(own_shop: Shop) -> None:
    """Each is answered 200, nothing ends among the dead letters, and the desk shows what each says."""
    # First whom the others are about; then all, that one again as a repeated delivery.
    for name in ("text.json", "smb_echo_text.json", *BODIES):
        assert await own_shop.posts_signed((FIXTURES / name).read_bytes()) == 200, name
    channel = own_shop.channel("support")

    def missing() -> list[str]:
        everything = "\n".join(shown(post) for root in channel.messages for post in channel.thread(root.ts))
        return [f"{name}: {words}" for name, words in SHOWN.items() if words not in everything]

    try:
        await until(lambda: not missing(), PATIENCE_S)
    except AssertionError:
        assert missing() == []
    async with redis.asyncio.from_url(own_shop.redis_url) as client:
        dead = {key: await client.xlen(key) for key in await client.keys("*:dead")}
    assert not any(dead.values()), dead
