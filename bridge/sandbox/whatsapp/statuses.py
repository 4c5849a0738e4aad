"""Tells the webhook what became of a business message (webhooks/reference/messages/status)."""

from typing import TYPE_CHECKING

from bridge.sandbox.whatsapp import wire
from bridge.sandbox.whatsapp.world import Message, Number, World

if TYPE_CHECKING:
    from bridge.sandbox.whatsapp.customer import Customer


def report(world: World, number: Number, customer: "Customer | None", message: Message, status: str) -> None:
    """Move `message` to `status` and send the update; `customer` is None for a recipient without WhatsApp.

    Failed statuses carry no contacts, and the user id only when the send was addressed to it. A price comes with sent
    and with whichever of delivered and read comes first.
    """
    priced = status in {"sent", "delivered"} or (status == "read" and message.status != "delivered")
    message.status = status
    reached = None if status == "failed" else customer
    if reached is not None:
        recipient_id, recipient_user_id = reached.shown_wa_id, reached.shown_user_id
    elif message.to_user_id:
        recipient_id, recipient_user_id = None, message.sent_to
    else:
        recipient_id, recipient_user_id = message.sent_to, None
    item = wire.status(
        message.id,
        status,
        timestamp=world.clock.now(),
        recipient_id=recipient_id,
        recipient_user_id=recipient_user_id,
        tag=message.tag,
        pricing=message.pricing if priced else None,
        error=message.error,
    )
    contacts = () if reached is None else (reached.contact(with_username=status != "sent"),)
    world.feed.publish("whatsapp.status", message=message.id, customer=message.customer, status=status)
    world.webhook.post(wire.Update(number.config.waba_id, number.metadata, "statuses", item, contacts))
