"""A customer and the phone in their hand."""

import base64
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from bridge.sandbox.blobs import Blob
from bridge.sandbox.whatsapp import wire
from bridge.sandbox.whatsapp.answers import answers
from bridge.sandbox.whatsapp.config import CustomerConfig
from bridge.sandbox.whatsapp.errors import status_error
from bridge.sandbox.whatsapp.ids import is_wa_id, new_message_id, new_user_id
from bridge.sandbox.whatsapp.media import WEBHOOK_LIFE_S
from bridge.sandbox.whatsapp.statuses import report
from bridge.sandbox.whatsapp.world import KEPT_PER_CHAT, Chat, Message, Number, World

ANSWER_PATIENCE_S = 2.0
"""How long (real seconds) a verb waits to see whether the webhook took the message."""

SHOWN_PER_CHAT = 200

NOT_OPENING = frozenset({"edit", "reaction", "revoke", "system"})
"""Types that do not open or renew the service window (for reactions Meta does not say; taken as no)."""


class Customer:
    """One person with WhatsApp: what they do (verbs), and what their phone shows.

    Every verb takes the business number it concerns as `number_id`; without it, the first one configured.
    """

    def __init__(self, config: CustomerConfig, world: World) -> None:
        """Bring the person to life with the phone on and no chat open."""
        self._world = world
        self.id = config.id
        self.name = config.name
        self.wa_id = config.phone
        self.user_id = config.user_id or new_user_id(config.phone)
        self.username = config.username
        self.hide_phone = config.hide_phone
        self.hide_user_id = False
        """Webhooks name no user id, as before WhatsApp had them."""
        self.read_receipts = config.read_receipts
        self.online = True
        self.chat_open = False
        self.inbox: deque[Message] = deque(maxlen=KEPT_PER_CHAT)
        self.chats: dict[str, Chat] = {}

    @property
    def shown_wa_id(self) -> str | None:
        """The phone as webhooks may show it: None when it is hidden behind a username."""
        return None if self.hide_phone else self.wa_id

    @property
    def shown_user_id(self) -> str | None:
        """The user id as webhooks show it: None as long as it is hidden."""
        return None if self.hide_user_id else self.user_id

    def contact(self, *, with_username: bool) -> dict[str, Any]:
        """This person as an element of `contacts`."""
        username = self.username if with_username else ""
        return wire.contact(self.name, self.shown_wa_id, self.shown_user_id, username)

    def chat(self, number_id: str) -> Chat:
        """The chat with a business number; begun when there is none yet."""
        chat = self.chats.get(number_id)
        if chat is None:
            chat = self.chats[number_id] = self._world.new_chat()
        return chat

    async def writes(self, text: str, reply_to: str | None = None, number_id: str | None = None) -> Message:
        """Send a text; see `sends`."""
        return await self.sends("text", {"body": text}, reply_to=reply_to, number_id=number_id)

    async def sends(
        self,
        kind: str,
        content: object,
        *,
        reply_to: str | None = None,
        number_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Message:
        """Send a message of any type; `extra` holds more keys beside the type's object (`referral`, `errors` …).

        Returns once the webhook has been tried for the first time (at most two seconds), so that messages sent one
        after the other arrive in that order; what is retried, held back or batched goes on by itself.
        """
        number = self._number(number_id)
        message = Message(
            id=new_message_id("0" if self.hide_phone else self.wa_id, from_business=False),
            number_id=number.id,
            customer=self.id,
            from_business=False,
            type=kind,
            content=content,
            at=self._world.clock.now(),
            status="sent",
            quoted_id=reply_to,
        )
        self._note_sent(number, message)
        item = wire.inbound(
            message.id,
            kind,
            content,
            timestamp=message.at,
            wa_id=self.shown_wa_id,
            user_id=self.shown_user_id,
            context=self._context(number, reply_to),
        )
        if kind == "unsupported":
            item["errors"] = [status_error(131051)]
            del item["errors"][0]["href"]
        await self._tells(number, item | dict(extra or {}), message)
        return message

    async def taps(self, message_id: str, title: str) -> Message:
        """Tap a button or a row of a list below a received message; `ValueError` where there is none of that title."""
        message = next((one for one in self.inbox if one.id == message_id), None)
        found = answers(message).get(title) if message is not None else None
        if message is None or found is None:
            raise ValueError(f"there is no {title!r} to tap below {message_id}")
        kind, content = found
        return await self.sends(kind, content, reply_to=message.id, number_id=message.number_id)

    async def shares_place(
        self,
        latitude: float,
        longitude: float,
        *,
        name: str = "",
        address: str = "",
        reply_to: str | None = None,
        number_id: str | None = None,
    ) -> Message:
        """Share a place; `reply_to` is the message that asked for it."""
        place: dict[str, Any] = {"latitude": latitude, "longitude": longitude}
        place |= {key: value for key, value in (("name", name), ("address", address)) if value}
        return await self.sends("location", place, reply_to=reply_to, number_id=number_id)

    async def calls(self, duration_s: int | None = None, number_id: str | None = None) -> str:
        """Call, and end the call after `duration_s` seconds (None: nobody took it); the call's id.

        Nothing waits for the seconds: both webhooks, `connect` and `terminate`, are sent one after the other.
        """
        number = self._number(number_id)
        call_id = new_message_id("0" if self.hide_phone else self.wa_id, from_business=False)
        call_id = call_id.replace("wamid.", "wacid.", 1)
        now = self._world.clock.now()
        self.chat(number.id).last_inbound_ticks = self._world.clock.ticks()
        lasted = duration_s or 0
        ended = {"status": "COMPLETED" if lasted else "FAILED", "duration": lasted}
        for event, more in (("connect", {}), ("terminate", ended)):
            item = wire.call(call_id, event, now, self.shown_wa_id, self.shown_user_id, number.digits)
            contacts = (self.contact(with_username=True),)
            update = wire.Update(number.config.waba_id, number.metadata, "calls", item | more, contacts)
            delivery = self._world.webhook.post(update)
            if delivery is not None:
                await delivery.tried_within(ANSWER_PATIENCE_S)
        return call_id

    async def attaches(
        self,
        kind: str,
        data: bytes | Blob,
        mime: str,
        *,
        caption: str | None = None,
        filename: str | None = None,
        flag: bool = False,
        reply_to: str | None = None,
        number_id: str | None = None,
    ) -> Message:
        """Send a file as `image`, `video`, `audio`, `document` or `sticker`; nothing is looked at, as on a modified
        phone. `flag` is `voice` of audio and `animated` of stickers.
        """
        number = self._number(number_id)
        blob = data if isinstance(data, Blob) else Blob.of(data)
        item = self._world.media.add(number.id, kind, mime, blob, WEBHOOK_LIFE_S)
        content: dict[str, Any] = {
            "caption": caption,
            "filename": filename,
            "mime_type": mime,
            "sha256": base64.b64encode(blob.sha256).decode(),
            "id": item.id,
            "url": self._world.media_link(item),
            **{key: flag for key, of in (("voice", "audio"), ("animated", "sticker")) if kind == of},
        }
        content = {key: value for key, value in content.items() if value is not None}
        return await self.sends(kind, content, reply_to=reply_to, number_id=number.id)

    def file_of(self, message: Message) -> bytes:
        """The bytes of a received message's file; empty where it has none, or none any more."""
        item = (
            self._world.media.get(str(message.content.get("id")))
            if isinstance(message.content, dict)
            else None
        )
        return item.blob.read() if item is not None else b""

    async def hears_from_app(self, text: str, number_id: str | None = None) -> Message:
        """A colleague writes to this person in the business's phone app; `ValueError` where the number has none."""
        number = self._number(number_id)
        if not number.config.coexistence:
            raise ValueError(f"{number.id} is used through the API alone (coexistence is off)")
        message = Message(
            id=new_message_id(self.wa_id, from_business=True),
            number_id=number.id,
            customer=self.id,
            from_business=True,
            type="text",
            content={"body": text},
            at=self._world.clock.now(),
            status="sent",
        )
        self._world.keep(message)
        self.chat(number.id).messages.append(message)
        message.status = "delivered"
        self.inbox.append(message)
        self._world.feed.publish("whatsapp.received", message=message.shown())
        item = wire.echo(
            message.id,
            "text",
            message.content,
            timestamp=message.at,
            sender=number.digits,
            wa_id=self.shown_wa_id,
            user_id=self.shown_user_id,
        )
        contacts = (self.contact(with_username=True),)
        update = wire.Update(number.config.waba_id, number.metadata, "message_echoes", item, contacts)
        delivery = self._world.webhook.post(update)
        if delivery is not None:
            await delivery.tried_within(ANSWER_PATIENCE_S)
        return message

    async def edits(self, message_id: str, text: str) -> Message:
        """Change the words of an own text within 15 minutes. A number without coexistence hears only that something came.

        Raises `ValueError` where the app would not let them.
        """
        old = self._own(message_id, 900.0)
        if old.type != "text" or not 1 <= len(text) <= 4_096:
            raise ValueError("only texts can be edited here, to 1 to 4096 characters")
        old.content = {"body": text}
        self._world.feed.publish("whatsapp.wrote", message=old.shown())
        if not self._world.numbers[old.number_id].config.coexistence:
            return await self.sends(
                "unsupported", None, number_id=old.number_id, extra={"unsupported": {"type": "edit"}}
            )
        new = {"type": "text", "text": {"body": text}}
        return await self.sends(
            "edit", {"original_message_id": old.id, "message": new}, number_id=old.number_id
        )

    async def deletes(self, message_id: str) -> None:
        """Take an own message back within two days. A number without coexistence does not hear of it.

        Raises `ValueError` where the app would not let them.
        """
        old = self._own(message_id, 172_800.0)
        old.content = {}
        self._world.feed.publish("whatsapp.wrote", message=old.shown())
        if self._world.numbers[old.number_id].config.coexistence:
            await self.sends("revoke", {"original_message_id": old.id}, number_id=old.number_id)

    def _own(self, message_id: str, within_s: float) -> Message:
        old = self._world.message(message_id)
        if old is None or old.from_business or old.customer != self.id:
            raise ValueError(f"{message_id} is no message of {self.id}")
        if self._world.clock.now() - old.at > within_s:
            raise ValueError(f"{message_id} is older than the app allows")
        return old

    async def reacts(self, message_id: str, emoji: str | None, number_id: str | None = None) -> Message:
        """React to a message; None takes the reaction back (the `emoji` key is then absent)."""
        content = {"message_id": message_id} | ({} if emoji is None else {"emoji": emoji})
        return await self.sends("reaction", content, number_id=number_id)

    async def reads(self, number_id: str | None = None) -> list[Message]:
        """Open the chat for a moment: everything delivered is read, and reported so if receipts are on.

        Returns the messages read now. A phone that is off reads nothing.
        """
        number = self._number(number_id)
        chat = self.chat(number.id)
        read = list(chat.unread_by_customer) if self.online else []
        for message in read:
            chat.unread_by_customer.popleft()
            if self.read_receipts:
                report(self._world, number, self, message, "read")
        return read

    async def opens(self, number_id: str | None = None) -> None:
        """Keep the chats open: what arrives is read at once, without a delivered status."""
        self.chat_open = True
        await self.reads(number_id)

    async def leaves(self) -> None:
        """Put the phone away: what arrives is delivered, not read."""
        self.chat_open = False

    async def goes_offline(self) -> None:
        """Switch the phone off: nothing is delivered."""
        self.online = False
        self._world.feed.publish("whatsapp.customer", customer=self.id, online=False)

    async def goes_online(self) -> None:
        """Switch the phone on: what waited arrives, in order."""
        self.online = True
        self._world.feed.publish("whatsapp.customer", customer=self.id, online=True)
        for number_id, chat in self.chats.items():
            while chat.undelivered:
                self.receives(self._world.numbers[number_id], chat.undelivered.popleft())

    def receives(self, number: Number, message: Message) -> None:
        """Take a message of the business that has come as far as this phone."""
        chat = self.chat(number.id)
        if not self.online:
            chat.undelivered.append(message)
            return
        self.inbox.append(message)
        if message.type == "reaction":
            # Meta reports only `sent` for reactions.
            message.status = "delivered"
        elif self.chat_open and self.read_receipts:
            report(self._world, number, self, message, "read")
        else:
            report(self._world, number, self, message, "delivered")
            if not self.chat_open:
                chat.unread_by_customer.append(message)
        self._world.feed.publish("whatsapp.received", message=message.shown())

    async def changes_number(self, phone: str, *, name_previous: bool = True) -> None:
        """Move to a new phone: `user_changed_number` for every business number written with, and a new user id.

        With `name_previous` false the message lacks `previous_user_id`, as before August 2026. Raises `ValueError`
        when the phone is malformed or somebody's.
        """
        if self._world.known_as(phone) is not None or not is_wa_id(phone):
            raise ValueError(f"{phone!r} is taken, or not 7 to 15 digits without a plus")
        old_wa_id, old_user_id = self.wa_id, self.user_id
        self._become(phone, new_user_id(phone))
        content = {
            "body": f"User {self.name} changed from {old_wa_id} to {phone}",
            "wa_id": phone,
            "user_id": self.user_id,
            **({"previous_user_id": old_user_id} if name_previous else {}),
            "type": "user_changed_number",
        }
        await self._announces(old_wa_id, content)

    async def changes_user_id(self, *, name_previous: bool = True) -> None:
        """Get a new user id while the phone is hidden: `user_changed_user_id`, which names no phone at all."""
        old_user_id = self.user_id
        self._become(self.wa_id, new_user_id(self.wa_id))
        content = {
            "body": f"User changed from {old_user_id} to {self.user_id}",
            "user_id": self.user_id,
            **({"previous_user_id": old_user_id} if name_previous else {}),
            "type": "user_changed_user_id",
        }
        await self._announces(None, content)

    async def expects(self, wanted: str | Callable[[Message], bool], timeout_s: float = 5.0) -> Message:
        """The first received message that has this text, or for which the predicate holds, now or later.

        Raises `TimeoutError`, naming what did arrive, after `timeout_s` real seconds.
        """
        holds = (lambda message: message.text == wanted) if isinstance(wanted, str) else wanted

        def found() -> Message | None:
            return next((message for message in self.inbox if holds(message)), None)

        try:
            return await self._world.feed.until(found, timeout_s)
        except TimeoutError:
            got = [message.text or message.type for message in self.inbox]
            raise TimeoutError(
                f"{self.id} did not receive {wanted!r} within {timeout_s} s; received: {got}"
            ) from None

    def shown(self) -> dict[str, Any]:
        """The person and what their phone shows, as plain JSON values."""
        ticks = self._world.clock.ticks()
        return {
            "id": self.id,
            "name": self.name,
            "wa_id": self.wa_id,
            "user_id": self.user_id,
            "username": self.username,
            "hide_phone": self.hide_phone,
            "read_receipts": self.read_receipts,
            "online": self.online,
            "chat_open": self.chat_open,
            "chats": {
                number_id: {
                    "typing": chat.typing_until_ticks > ticks,
                    "messages": [message.shown() for message in self._visible(chat)],
                }
                for number_id, chat in self.chats.items()
            },
        }

    @staticmethod
    def _visible(chat: Chat) -> list[Message]:
        """What the phone shows: what the customer sent, and what of the business has arrived; the newest."""
        arrived = [m for m in chat.messages if not m.from_business or m.status in {"delivered", "read"}]
        return arrived[-SHOWN_PER_CHAT:]

    def _become(self, phone: str, user_id: str) -> None:
        self._world.forget_aliases(self)
        self.wa_id, self.user_id = phone, user_id
        self._world.admit(self)

    async def _announces(self, old_wa_id: str | None, content: dict[str, Any]) -> None:
        for number_id in list(self.chats) or [self._number(None).id]:
            number = self._world.numbers[number_id]
            at = self._world.clock.now()
            message_id = new_message_id(old_wa_id or "0", from_business=False)
            message = Message(message_id, number.id, self.id, False, "system", content, at, "sent")  # noqa: FBT003
            await self._tells(number, wire.system(message_id, at, old_wa_id, content), message)

    async def _tells(self, number: Number, item: dict[str, Any], message: Message) -> None:
        def delivered() -> None:
            if message.status == "sent":
                message.status = "delivered"
                self._world.feed.publish("whatsapp.ticked", message=message.id, customer=self.id)

        contacts = () if message.type == "system" else (self.contact(with_username=True),)
        update = wire.Update(number.config.waba_id, number.metadata, "messages", item, contacts)
        delivery = self._world.webhook.post(update, delivered)
        if delivery is not None:
            await delivery.tried_within(ANSWER_PATIENCE_S)

    def _note_sent(self, number: Number, message: Message) -> None:
        ticks = self._world.clock.ticks()
        chat = self.chat(number.id)
        number.throughput.count(ticks)
        if message.type not in NOT_OPENING:
            chat.last_inbound_ticks = ticks
        chat.messages.append(message)
        chat.unread_by_business.append(message)
        self._world.keep(message)
        self._world.feed.publish("whatsapp.wrote", message=message.shown())

    def _context(self, number: Number, reply_to: str | None) -> dict[str, Any] | None:
        if reply_to is None:
            return None
        quoted = self._world.message(reply_to)
        if quoted is None or quoted.from_business:
            return {"from": number.digits, "id": reply_to}
        if self.shown_wa_id is None:
            return {"from_user_id": self.user_id, "id": reply_to}
        return {"from": self.wa_id, "id": reply_to}

    def _number(self, number_id: str | None) -> Number:
        if number_id is None:
            return next(iter(self._world.numbers.values()))
        try:
            return self._world.numbers[number_id]
        except KeyError:
            raise LookupError(f"no business number has the id {number_id!r}") from None
