"""What happens to a message of the business: accepted or refused, then sent, delivered, read or failed."""

from typing import Any

from bridge.sandbox.whatsapp import templates
from bridge.sandbox.whatsapp.checks import MarkRead, Send
from bridge.sandbox.whatsapp.customer import Customer
from bridge.sandbox.whatsapp.errors import WINDOW_STATUS_DETAILS, GraphError, invalid, status_error
from bridge.sandbox.whatsapp.ids import dialled, new_message_id
from bridge.sandbox.whatsapp.statuses import report
from bridge.sandbox.whatsapp.world import Chat, Message, Number, World

MONTH_S = 30 * 86_400.0
"""Reactions and read marks work on messages up to about 30 days old."""

MEDIA = frozenset({"audio", "document", "image", "sticker", "video"})
"""Types whose content is a file."""

TYPING_S = 25.0
"""How long "typing" shows unless a message ends it."""


class Outbound:
    """The business's side of every chat."""

    def __init__(self, world: World) -> None:
        """Act on `world`."""
        self._world = world

    def send(self, number: Number, send: Send) -> dict[str, Any]:
        """Accept a message and return the answer's body; raises `GraphError` for what is refused at once."""
        config, ticks = self._world.config, self._world.clock.ticks()
        customer, digits = self._addressee(number, send)
        self._check_media(number, send)
        template = None
        if send.type == "template":
            template = templates.check(send.content, config.templates, number.config.waba_id)
            if send.to is None and template.category == "AUTHENTICATION":
                raise GraphError(131062)
        if config.rate_limits and not number.throughput.take(ticks):
            raise GraphError(130429)
        chat = None if customer is None else customer.chat(number.id)
        failure = self._failure(send, chat, ticks)
        message = self._message(number, send, customer, digits)
        message.error = failure
        if template is not None:
            message.words = templates.rendered(template, send.content)
        message.pricing = self._pricing("service" if template is None else template.category.lower())
        self._world.keep(message)
        if chat is not None:
            chat.typing_until_ticks = 0.0
            chat.messages.append(message)
        self._world.feed.publish("whatsapp.accepted", message=message.shown())
        self._world.spawn(self._progress(number, message))
        return self._answer(send, customer, digits, message)

    def _check_media(self, number: Number, send: Send) -> None:
        media_id = send.content.get("id") if send.type in MEDIA else None
        if media_id is None:
            return
        item = self._world.media.get(media_id, number.id)
        if item is None:
            name = f"{send.type}['id']"
            raise invalid(f"Param {name} is not a valid whatsapp business account media attachment ID.")
        if send.type not in ("document", item.kind):
            raise GraphError(131053, details=f"A file of the type {item.mime} cannot be sent as {send.type}.")

    def _message(self, number: Number, send: Send, customer: Customer | None, digits: str | None) -> Message:
        sent_to = digits or send.recipient or ""
        if customer is not None and digits is not None:
            sent_to = customer.wa_id
        return Message(
            id=new_message_id(sent_to, from_business=True),
            number_id=number.id,
            customer="" if customer is None else customer.id,
            from_business=True,
            type=send.type,
            content=send.content,
            at=self._world.clock.now(),
            status="accepted",
            quoted_id=send.context_id,
            tag=send.tag,
            sent_to=sent_to,
            to_user_id=send.to is None,
        )

    def mark_read(self, number: Number, mark: MarkRead) -> None:
        """Mark a customer's message and all before it as read; raises `GraphError` 131009 for any other id."""
        message = self._world.message(mark.message_id)
        fresh = message is not None and self._age_ticks(message) <= MONTH_S
        if message is None or not fresh or message.from_business or message.number_id != number.id:
            raise GraphError(
                131009, details="Message id is not a received message of this number, or is too old."
            )
        chat = self._world.customers[message.customer].chat(number.id)
        if message.status != "read":
            self._read_up_to(chat, message)
        if mark.typing:
            chat.typing_until_ticks = self._world.clock.ticks() + TYPING_S
        self._world.feed.publish(
            "whatsapp.marked_read", customer=message.customer, message=message.id, typing=mark.typing
        )

    def _read_up_to(self, chat: Chat, message: Message) -> None:
        while chat.unread_by_business and message.status != "read":
            chat.unread_by_business.popleft().status = "read"
        message.status = "read"

    def _addressee(self, number: Number, send: Send) -> tuple[Customer | None, str | None]:
        if send.to is None:
            return self._world.known_as(send.recipient or ""), None
        digits = dialled(send.to, number.config.country_code)
        if digits is None:
            raise GraphError(131009, details="Parameter 'to' is not a valid phone number.")
        if digits == number.digits:
            raise GraphError(131021)
        if not number.allows(digits):
            raise GraphError(131030)
        return self._world.known_as(digits), digits

    def _failure(self, send: Send, chat: Chat | None, ticks: float) -> dict[str, Any] | None:
        """What will make the accepted message fail; raises `GraphError` where it is refused in the answer."""
        config = self._world.config
        if chat is None:
            return status_error(131026)
        if config.rate_limits and not chat.pair.take(ticks):
            if config.pair_refusal == "answer":
                raise GraphError(131056)
            return status_error(131056)
        opened = chat.last_inbound_ticks
        if send.type != "template" and (opened is None or ticks - opened > config.window_s):
            if config.window_refusal == "answer":
                raise GraphError(131047)
            return status_error(131047, WINDOW_STATUS_DETAILS)
        return self._reaction_failure(send) if send.type == "reaction" else None

    def _reaction_failure(self, send: Send) -> dict[str, Any] | None:
        target = self._world.message(send.content["message_id"])
        if target is None or target.type == "reaction" or self._age_ticks(target) > MONTH_S:
            return status_error(131009, "Reaction target is missing, too old, or a reaction itself.")
        return None

    def _age_ticks(self, message: Message) -> float:
        return (self._world.clock.now() - message.at) * self._world.clock.scale

    @staticmethod
    def _answer(
        send: Send, customer: Customer | None, digits: str | None, message: Message
    ) -> dict[str, Any]:
        if send.to is None:
            contact = {"input": send.recipient, "user_id": send.recipient}
        else:
            contact = {"input": send.to, "wa_id": digits if customer is None else customer.wa_id}
        sent = {"id": message.id}
        if send.type == "template":
            sent["message_status"] = "accepted"
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]}

    async def _progress(self, number: Number, message: Message) -> None:
        clock, config = self._world.clock, self._world.config
        await clock.sleep(config.sent_after_s)
        customer = self._world.customers.get(message.customer)
        if customer is None or message.error is not None:
            report(self._world, number, customer, message, "failed")
            return
        report(self._world, number, customer, message, "sent")
        await clock.sleep(config.delivered_after_s)
        fault = self._world.faults.take("whatsapp.delivery", "delay", "reorder")
        if fault is not None:
            await clock.sleep(float(fault.params["seconds"]))
        customer.receives(number, message)

    def _pricing(self, category: str) -> dict[str, Any]:
        billable = self._world.config.service_messages_billable or category != "service"
        kind = "regular" if billable else "free_customer_service"
        return {"billable": billable, "pricing_model": "PMP", "type": kind, "category": category}
