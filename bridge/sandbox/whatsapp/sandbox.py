"""The pretended WhatsApp as one object: what the sandbox's server mounts and tests talk to."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from aiohttp import web

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.whatsapp.api import GraphApi
from bridge.sandbox.whatsapp.config import CustomerConfig, WhatsAppConfig
from bridge.sandbox.whatsapp.control import WhatsAppControl, add_customer
from bridge.sandbox.whatsapp.customer import Customer
from bridge.sandbox.whatsapp.media import Media
from bridge.sandbox.whatsapp.webhook import Webhook
from bridge.sandbox.whatsapp.world import Message, World

SHOWN_DELIVERIES = 50


class WhatsAppSandbox:
    """Graph API, webhook sender and customers over one shared world."""

    def __init__(
        self, config: WhatsAppConfig, clock: Clock, faults: Faults, feed: Feed, base_url: Callable[[], str]
    ) -> None:
        """Build the world of `config`; `base_url` names the server that mounts the routes."""
        self.config = config
        self._world = World(config, clock, faults, feed, base_url)
        self._api = GraphApi(self._world, base_url)
        self._control = WhatsAppControl(self._world, self.snapshot)
        for each in config.customers:
            add_customer(self._world, each)

    @property
    def webhook(self) -> Webhook:
        """The sender with its log of deliveries."""
        return self._world.webhook

    @property
    def customers(self) -> list[Customer]:
        """Everybody, in the order they joined."""
        return list(self._world.customers.values())

    def customer(self, handle: str) -> Customer:
        """The person behind a handle; raises `LookupError` that names who there is."""
        try:
            return self._world.customers[handle]
        except KeyError:
            known = ", ".join(self._world.customers)
            raise LookupError(f"no customer is called {handle!r}; there are: {known}") from None

    def add_customer(self, config: CustomerConfig) -> Customer:
        """Let a person join; `ValueError` when handle, phone or user id are taken or malformed."""
        return add_customer(self._world, config)

    def message(self, message_id: str) -> Message | None:
        """A message of either direction by its id; None when it is unknown or very old."""
        return self._world.message(message_id)

    @property
    def media(self) -> Media:
        """The files that customers sent and the business uploaded."""
        return self._world.media

    async def account_says(self, field: str, value: dict[str, Any], waba_id: str | None = None) -> None:
        """Send a change of an account-level field, such as `message_template_status_update`; see `World.account_says`."""
        await self._world.account_says(field, value, waba_id)

    async def verify_webhook(self) -> bool:
        """The GET handshake with the configured url; True when it was answered as Meta wants."""
        return await self._world.webhook.verify()

    def routes(self) -> list[web.RouteDef]:
        """The Graph API's routes, below `/whatsapp/`."""
        return self._api.routes()

    def control_routes(self) -> list[web.RouteDef]:
        """The people's routes, below `/control/whatsapp`."""
        return self._control.routes()

    async def start(self) -> None:
        """Open the connections outward."""
        await self._world.start()

    async def stop(self) -> None:
        """End all background work and close the connections."""
        await self._world.stop()

    def snapshot(self) -> dict[str, Any]:
        """Everything a page shows, as plain JSON values."""
        webhook = self._world.webhook
        latest = list(islice(reversed(webhook.deliveries), SHOWN_DELIVERIES))
        return {
            "numbers": [
                {
                    "phone_number_id": number.id,
                    "display_phone_number": number.config.display_phone_number,
                    "verified_name": number.config.verified_name,
                    "waba_id": number.config.waba_id,
                }
                for number in self._world.numbers.values()
            ],
            "customers": [customer.shown() for customer in self.customers],
            "webhook": {
                "url": self.config.webhook_url,
                "subscribed": webhook.subscribed,
                "delivered": webhook.delivered,
                "failed_attempts": webhook.failed_attempts,
                "deliveries": [each.shown() for each in reversed(latest)],
            },
        }
