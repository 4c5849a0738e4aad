"""What both sides of WhatsApp share: numbers, chats, messages, and who is known under which id."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.whatsapp.config import NumberConfig, WhatsAppConfig
from bridge.sandbox.whatsapp.ids import spellings
from bridge.sandbox.whatsapp.limits import PairRate, RateWindow
from bridge.sandbox.whatsapp.media import Item, Media
from bridge.sandbox.whatsapp.webhook import Webhook
from bridge.sandbox.whatsapp.wire import Update

if TYPE_CHECKING:
    from bridge.sandbox.whatsapp.customer import Customer

KEPT_PER_CHAT = 1_000
KEPT_IDS = 100_000


@dataclass
class Message:
    """One message of a chat.

    `status` of a customer's message: `sent`, `delivered` (the webhook was answered 200), `read` (the business marked
    it). Of a business message: `accepted`, `sent`, `delivered`, `read`, `failed` (then `error` says why). `at` is in
    Unix seconds. `sent_to` is the phone (digits) or, with `to_user_id`, the user id that the business wrote to.
    """

    id: str
    number_id: str
    customer: str
    from_business: bool
    type: str
    content: Any
    at: float
    status: str
    quoted_id: str | None = None
    tag: str | None = None
    sent_to: str = ""
    to_user_id: bool = False
    pricing: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    words: str = ""
    """Of a template: as it reads with its values."""

    @property
    def text(self) -> str:
        """The words of the message: body, caption, interactive body or what was tapped; empty where it has none."""
        if self.words or not isinstance(self.content, dict):
            return self.words
        tapped = self.content.get("button_reply") or self.content.get("list_reply")
        if isinstance(tapped, dict):
            return str(tapped.get("title", ""))
        body = self.content.get("body", self.content.get("caption", ""))
        return str(body.get("text", "")) if isinstance(body, dict) else str(body)

    def shown(self) -> dict[str, Any]:
        """The message as plain JSON values, for pages and the control API."""
        return {
            "id": self.id,
            "number_id": self.number_id,
            "customer": self.customer,
            "from_business": self.from_business,
            "type": self.type,
            "text": self.text,
            "content": self.content,
            "quoted_id": self.quoted_id,
            "at": self.at,
            "status": self.status,
            "error": self.error,
        }


@dataclass
class Chat:
    """What one customer and one business number have said to each other, and what is still on its way."""

    pair: PairRate
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT_PER_CHAT))
    last_inbound_ticks: float | None = None
    undelivered: deque[Message] = field(default_factory=deque)
    unread_by_customer: deque[Message] = field(default_factory=deque)
    unread_by_business: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT_PER_CHAT))
    typing_until_ticks: float = 0.0


class Number:
    """One business number and its throughput."""

    def __init__(self, config: NumberConfig, throughput_per_s: int) -> None:
        """Start idle."""
        self.config = config
        self.id = config.phone_number_id
        self.digits = _digits(config.display_phone_number)
        self.throughput = RateWindow(throughput_per_s, 1.0)
        self._allowed: set[str] | None = None
        if config.allowed_recipients is not None:
            self._allowed = set().union(*(spellings(_digits(each)) for each in config.allowed_recipients))

    def allows(self, digits: str) -> bool:
        """False only on a test number, for a phone that is not on its list."""
        return self._allowed is None or digits in self._allowed

    @property
    def metadata(self) -> dict[str, str]:
        """`value.metadata` of its webhooks."""
        return {"display_phone_number": self.digits, "phone_number_id": self.id}


class World:
    """The shared state of one pretended WhatsApp. All look-ups are constant time; what is kept is bounded."""

    def __init__(
        self, config: WhatsAppConfig, clock: Clock, faults: Faults, feed: Feed, base_url: Callable[[], str]
    ) -> None:
        """Build the numbers; customers join later through `admit`. `base_url` names this server."""
        self._base_url = base_url
        self.config = config
        self.clock = clock
        self.faults = faults
        self.feed = feed
        self.webhook = Webhook(config, clock, faults, feed)
        self.media = Media(clock)
        self.numbers = {n.phone_number_id: Number(n, config.throughput_per_s) for n in config.numbers}
        self.customers: dict[str, Customer] = {}
        self._by_alias: dict[str, Customer] = {}
        self._messages: dict[str, Message] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def new_chat(self) -> Chat:
        """An empty chat under this account's pair rate."""
        return Chat(PairRate(self.config.pair_interval_s, self.config.pair_burst))

    def admit(self, customer: "Customer") -> None:
        """Make a customer known under handle, phone (all spellings) and user id."""
        self.customers[customer.id] = customer
        for alias in self._aliases(customer):
            self._by_alias[alias] = customer

    def forget_aliases(self, customer: "Customer") -> None:
        """Drop the phone and user id of a customer who is about to get others."""
        for alias in self._aliases(customer):
            self._by_alias.pop(alias, None)

    def known_as(self, alias: str) -> "Customer | None":
        """Who has this phone (digits, any spelling) or business-scoped user id now."""
        return self._by_alias.get(alias)

    def media_link(self, item: Item) -> str:
        """A fresh address of a file."""
        return self.media.link(self._base_url(), item)

    async def account_says(self, field: str, value: dict[str, Any], waba_id: str | None = None) -> None:
        """Send a change of an account-level field to the webhook. Raises `LookupError` for an account that is not here."""
        accounts = [number.config.waba_id for number in self.numbers.values()]
        account = waba_id or accounts[0]
        if account not in accounts:
            raise LookupError(f"no business number belongs to the account {account!r}")
        item = {"id": f"{field}", "field": field, "value": value, "time": int(self.clock.now())}
        delivery = self.webhook.post(Update(account, {}, "account", item))
        if delivery is not None:
            await delivery.tried_within(2.0)

    def keep(self, message: Message) -> None:
        """Remember a message by its id; the oldest of very many are forgotten."""
        self._messages[message.id] = message
        if len(self._messages) > KEPT_IDS:
            del self._messages[next(iter(self._messages))]

    def message(self, message_id: str) -> Message | None:
        """The message with this id, if there is one and it is not too old."""
        return self._messages.get(message_id)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background until the sandbox stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Open the connections outward."""
        await self.webhook.start()

    async def stop(self) -> None:
        """End all background work and close the connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.webhook.stop()

    @staticmethod
    def _aliases(customer: "Customer") -> set[str]:
        return {*spellings(customer.wa_id), customer.user_id}


def _digits(written: str) -> str:
    return "".join(each for each in written if each.isdigit())
