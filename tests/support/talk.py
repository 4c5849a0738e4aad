"""Scenario tests read like chats: a shop with its people, and talks between a customer and those who answer."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.faults import Fault
from bridge.sandbox.server import Sandbox
from bridge.sandbox.slack.config import ChannelConfig
from bridge.sandbox.slack.files import Attached
from bridge.sandbox.slack.state import Ephemeral, Message
from bridge.sandbox.slack.views import View
from bridge.sandbox.whatsapp import wire
from bridge.sandbox.whatsapp.config import CustomerConfig, NumberConfig
from bridge.sandbox.whatsapp.customer import Customer
from bridge.settings import Settings
from tests.support.stack import Stack, action_id, shown
from tests.support.valkey import free_port
from tests.support.waiting import until

SCALE = 10.0
"""How fast the platforms' clocks run. Slack's three seconds are 0.3 real ones, enough on a busy machine."""
PACE = 1 / 50
"""How fast our own waits run in shops without limits: two minutes are 2.4 seconds."""
PATIENCE_S = 10.0
NUMBER, SALES_NUMBER = "200300400500600", "200300400500601"
INBOXES = {
    "support": NUMBER,
    "sales": SALES_NUMBER,
    "everyone": "200300400500602",
    "explicit": "200300400500603",
    "held": "200300400500604",
    "unread": "200300400500605",
}
"""The inboxes of a shop, by id and by the name of their channel; the last four are set up like their name."""
HOLD_S = 1.5
WIDE: dict[str, dict[str, Any]] = {
    "everyone": {"mode": "everyone"},
    "explicit": {"mode": "explicit"},
    "held": {"mode": "everyone", "hold_s": HOLD_S},
    "unread": {"mode": "everyone", "read_receipts": False, "reactions": ["👍", "❤️"], "nudge_minutes": 1440},
}

LOCK, QUESTION, HOURGLASS, GREY = "lock", "question", "hourglass_flowing_sand", "grey_question"
SENT, DELIVERED, READ, FAILED = "arrow_upper_right", "white_check_mark", "eyes", "x"
"""The reactions that stand for what became of a staff message."""

_fresh = itertools.count(1)


class Shop(Stack):
    """A running stack. Every talk in it has a customer of its own, so tests can share one."""

    patience_s = PATIENCE_S
    """How long a talk's beginning may take."""

    inboxes: dict[str, dict[str, Any]]
    """What differs from the demo's settings, by inbox."""

    def settings(self) -> Settings:
        """As the stack's, with this shop's inboxes."""
        values = super().settings().model_dump()
        values["inboxes"] = [one | self.inboxes.get(one["id"], {}) for one in values["inboxes"]]
        return Settings.model_validate(values)

    @property
    def webhook_url(self) -> str:
        """Where WhatsApp delivers."""
        return f"http://127.0.0.1:{self.port}/webhooks/whatsapp"

    def newcomer(self, name: str = "Nora", **more: Any) -> Customer:
        """A customer nobody has heard of; their name is made unlike any other."""
        number = next(_fresh)
        phone = more.pop("phone", f"3461{number:07d}")
        # All as long: a card is found by the name it shows, and "Nora 1" would be found on Nora 12's.
        config = CustomerConfig(f"c{number}", f"{name} {number:04d}", phone, **more)
        return self.sandbox.whatsapp.add_customer(config)

    async def talk(
        self,
        words: str = "Hello, is anybody there?",
        customer: Customer | None = None,
        *,
        inbox: str = "support",
        assignee: str | None = None,
    ) -> Talk:
        """A customer's first words, the card and the thread they make; claimed by `assignee`, if given."""
        customer = customer or self.newcomer()
        await customer.writes(words, number_id=INBOXES[inbox])
        card = await self.card(customer.name, inbox, self.patience_s)
        talk = Talk(self, customer, card, inbox)
        await talk.thread_shows(words, self.patience_s)
        if assignee is not None:
            await talk.claimed_by(assignee)
        return talk

    async def old_talk(self, assignee: str) -> Talk:
        """A talk whose customer wrote two days ago, so that the time for free text is over."""
        customer = self.newcomer()
        old = wire.inbound(
            f"wamid.old{customer.wa_id}",
            "text",
            {"body": "Written the day before yesterday"},
            timestamp=time.time() - 48 * 3600,
            wa_id=customer.wa_id,
            user_id=customer.user_id,
            context=None,
        )
        assert await self.delivers(old, customers=(customer,)) == 200
        talk = Talk(self, customer, await self.card(customer.name))
        await talk.thread_shows("Written the day before yesterday")
        await talk.claimed_by(assignee)
        return talk

    def goes_wrong(self, where: str, kind: str, times: int = 1, **params: Any) -> None:
        """Put a fault in force."""
        self.sandbox.faults.add(Fault(where, kind, times, params=params))

    async def posts(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """POST to the WhatsApp webhook as anybody could; the HTTP status."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.webhook_url,
                data=io.BytesIO(body),
                headers={"Content-Type": "application/json", **(headers or {})},
            ) as answer,
        ):
            return answer.status

    async def gets(self, url: str) -> tuple[int, dict[str, str], bytes]:
        """GET as a browser does; status, headers and body."""
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, dict(answer.headers), await answer.read()

    async def delivers(self, *items: dict[str, Any], customers: tuple[Customer, ...] = ()) -> int:
        """POST a signed body with hand-made messages of the first business number; the HTTP status."""
        number = next(iter(self.sandbox.config.whatsapp.numbers))
        metadata = {"display_phone_number": "15550100200", "phone_number_id": number.phone_number_id}
        contacts = tuple(one.contact(with_username=True) for one in customers)
        updates = [wire.Update(number.waba_id, metadata, "messages", item, contacts) for item in items]
        return await self.posts_signed(wire.encode(wire.envelope(updates)))

    async def delivers_status(self, status: dict[str, Any]) -> int:
        """POST a signed body with a hand-made status of the first business number; the HTTP status."""
        number = next(iter(self.sandbox.config.whatsapp.numbers))
        metadata = {"display_phone_number": "15550100200", "phone_number_id": number.phone_number_id}
        update = wire.Update(number.waba_id, metadata, "statuses", status)
        return await self.posts_signed(wire.encode(wire.envelope([update])))

    async def posts_signed(self, body: bytes) -> int:
        """POST a body under WhatsApp's signature; the HTTP status."""
        signature = wire.sign(body, self.sandbox.config.whatsapp.app_secret)
        return await self.posts(body, {"X-Hub-Signature-256": signature})

    def calls(self, kind: str, **wanted: Any) -> int:
        """How many entries of the sandbox's feed are of a kind and hold these values."""
        entries = self.sandbox.feed.entries()
        return sum(
            entry["kind"] == kind and all(entry.get(key) == value for key, value in wanted.items())
            for entry in entries
        )


class Talk:
    """One conversation: its customer, its card, its thread."""

    def __init__(self, shop: Shop, customer: Customer, card: Message, inbox: str = "support") -> None:
        self.shop = shop
        self.customer = customer
        self.card = card
        self.channel = inbox
        """The inbox, and the name of its channel."""

    @property
    def number(self) -> int:
        """The number that people type."""
        found = re.search(r"#(\d+)", shown(self.card))
        assert found, shown(self.card)
        return int(found[1])

    # ------------------------------------------------------------------------------------ the customer

    async def customer_writes(self, text: str) -> Message:
        """More words of the customer; the post that shows them."""
        await self.customer.writes(text, number_id=INBOXES[self.channel])
        return await self.thread_shows(text)

    @property
    def heard(self) -> list[str]:
        """Everything the customer got, in order."""
        return [message.text for message in self.customer.inbox]

    async def hears(self, *texts: str, timeout_s: float = PATIENCE_S) -> None:
        """The customer gets exactly these texts, in this order, and nothing else before."""
        wanted = list(texts)
        with contextlib.suppress(AssertionError):
            await until(lambda: len(self.heard) >= len(wanted), timeout_s)
        assert self.heard == wanted, self.heard

    async def heard_nothing_but(self, *texts: str) -> None:
        """The customer got exactly these texts: said again after a reply that comes last in their line."""
        last = f"That is all {next(_fresh)}"
        await self.staff("carla", f"!reply {last}")
        await self.hears(*texts, last)
        self.customer.inbox.pop()

    # --------------------------------------------------------------------------------------- the staff

    async def staff(self, who: str, text: str, **how: Any) -> str:
        """Somebody types in the thread; the post's ts."""
        return await self.shop.person(who).replies(self.channel, self.card.ts, text, **how)

    async def attaches(self, who: str, *files: Attached, text: str = "") -> str:
        """Somebody attaches files in the thread; the post's ts."""
        return await self.shop.person(who).attaches(self.channel, self.card.ts, files, text)

    async def gets_files(self, *kinds: str, timeout_s: float = 20.0) -> list[tuple[str, str, bytes]]:
        """The customer has so many messages, of these types; caption, name and bytes of each."""
        inbox = self.customer.inbox
        with contextlib.suppress(AssertionError):
            await until(lambda: len(inbox) >= len(kinds), timeout_s)
        assert [one.type for one in inbox] == list(kinds)
        return [(one.text, str(one.content.get("filename", "")), self.customer.file_of(one)) for one in inbox]

    async def claimed_by(self, who: str) -> None:
        """Somebody presses Claim, and the card shows it."""
        await self.press(who, self.card, "claim")
        await self.card_shows(self.shop.person(who).id)

    async def press(self, who: str, post: Message | Ephemeral, name: str) -> dict[str, Any]:
        """Somebody presses a button of ours; what their client says."""
        place = post.channel if isinstance(post, Ephemeral) else self.channel
        if isinstance(post, Message):
            post = self.shop.channel(self.channel).message(post.ts) or post
        return await self.shop.person(who).presses(place, post.ts, action_id(post, name))

    async def chooses(self, who: str, entry: str) -> dict[str, Any]:
        """Somebody chooses an entry of the card's menu."""
        card = self.shop.channel(self.channel).message(self.card.ts)
        assert card is not None
        menu = action_id(card, "menu")
        values = [
            option["value"]
            for block in card.blocks or []
            for element in block.get("elements", [])
            for option in element.get("options", [])
        ]
        value = next(one for one in values if one.startswith(f"{entry}|"))
        return await self.shop.person(who).selects(self.channel, self.card.ts, menu, value)

    async def modal(self, who: str) -> View:
        """The modal that somebody sees now."""
        return await self.shop.person(who).expects_view(PATIENCE_S)

    # ------------------------------------------------------------------------------------ what is seen

    @property
    def thread(self) -> list[str]:
        """The words of the posts in the thread, the card left out."""
        return [shown(one) for one in self.shop.channel(self.channel).thread(self.card.ts)[1:]]

    def said(self, text: str) -> int:
        """How many posts of the thread show a text."""
        return sum(text in one for one in self.thread)

    async def thread_shows(self, text: str, timeout_s: float = PATIENCE_S) -> Message:
        """The post in the thread that shows a text."""
        return await self.shop.in_thread(self.card, text, self.channel, timeout_s)

    def shows(self) -> str:
        """All words of the card as it is now."""
        card = self.shop.channel(self.channel).message(self.card.ts)
        return shown(card) if card else ""

    async def card_shows(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        """The card shows a text, now or soon."""
        try:
            await until(lambda: text in self.shows(), timeout_s)
        except AssertionError:
            raise AssertionError(f"waited for {text!r} on the card; it shows {self.shows()!r}") from None

    async def card_shows_not(self, text: str) -> None:
        """The card does not show a text any more."""
        await until(lambda: text not in self.shows(), PATIENCE_S, f"no {text!r} on the card")

    def receipts(self, ts: str) -> list[str]:
        """The bot's reactions on a staff post."""
        post = self.shop.channel(self.channel).message(ts)
        bot = self.shop.sandbox.slack.workspace.bot.user_id
        return [name for name, users in (post.reactions if post else {}).items() if bot in users]

    async def receipt(self, ts: str, name: str, timeout_s: float = PATIENCE_S) -> None:
        """A staff post carries a receipt, now or soon."""
        try:
            await until(lambda: name in self.receipts(ts), timeout_s)
        except AssertionError:
            raise AssertionError(f"waited for :{name}:, there is {self.receipts(ts)}") from None

    async def told(self, who: str, text: str, timeout_s: float = PATIENCE_S) -> Ephemeral:
        """What only this person sees about this talk: in the thread, or as an answer in the channel."""
        person = self.shop.person(who)

        def look() -> Ephemeral | None:
            found = [one for one in person.ephemerals if text in shown(one)]
            return next((one for one in reversed(found) if one.thread_ts in (None, self.card.ts)), None)

        try:
            return await until(look, timeout_s)
        except AssertionError:
            seen = [shown(one) for one in person.ephemerals][-4:]
            raise AssertionError(f"{who} was not told {text!r}; they saw {seen}") from None

    async def dm(self, who: str, text: str, timeout_s: float = PATIENCE_S) -> Message:
        """A direct message of the bot."""
        person = self.shop.person(who)

        def look() -> Message | None:
            return next((one for one in reversed(person.dms) if text in shown(one)), None)

        try:
            return await until(look, timeout_s)
        except AssertionError:
            seen = [shown(one) for one in person.dms][-4:]
            raise AssertionError(f"{who} got no direct message with {text!r}; they got {seen}") from None


@contextlib.asynccontextmanager
async def open_shop(
    redis_url: str,
    *,
    scale: float = SCALE,
    limits: bool = False,
    arrange: Callable[[SandboxConfig], None] | None = None,
    inboxes: dict[str, dict[str, Any]] | None = None,
    **changes: Any,
) -> AsyncIterator[Shop]:
    """A sandbox and a bridge. With `limits` both platforms' rate limits hold, and our waits run as fast as theirs.

    `arrange` changes the sandbox's settings; `inboxes` (by id) and `changes` (by section) are the bridge's.
    """
    config = SandboxConfig(port=0, scale=scale)
    port = free_port()
    config.whatsapp.webhook_url = f"http://127.0.0.1:{port}/webhooks/whatsapp"
    config.whatsapp.rate_limits = config.slack.rate_limits = limits
    if arrange is not None:
        arrange(config)
    if not limits:
        changes = {"pace": {"scale": PACE}, **changes}
    if config.slack.mode == "http":
        config.slack.events_url = f"http://127.0.0.1:{port}/webhooks/slack"
        http = {"mode": "http", "signing_secret": config.slack.signing_secret}
        changes = {**changes, "slack": {**http, **changes.get("slack", {})}}
    sandbox = await Sandbox.start(config)
    shop = Shop(sandbox, redis_url, port, changes)
    shop.inboxes = inboxes or {}
    try:
        await shop.start_bridge()
        yield shop
    finally:
        await shop.stop_bridge()
        await sandbox.stop()


def wide(config: SandboxConfig) -> None:
    """Give the sandbox a number and a channel for every one of `INBOXES`."""
    config.whatsapp.numbers[0].coexistence = True
    people = ["ben", "carla", "dana", "gil"]
    for at, (name, number) in enumerate(list(INBOXES.items())[2:], 2):
        config.slack.channels.append(ChannelConfig(f"C0{name.upper()}1", name, private=True, members=people))
        config.whatsapp.numbers.append(NumberConfig(number, f"+1 555-010-020{at}", f"Fixture {name}"))


def seconds_ago(seconds: float) -> str:
    """A timestamp as WhatsApp writes it."""
    return str(int(time.time() - seconds))
