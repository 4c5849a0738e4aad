"""The parts of the Slack sandbox that its methods and its people work on."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.slack.activity import Activity
from bridge.sandbox.slack.compose import Composer
from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.slack.delivery import Delivery
from bridge.sandbox.slack.files import Files
from bridge.sandbox.slack.limits import Limits
from bridge.sandbox.slack.socketmode import SocketHub
from bridge.sandbox.slack.state import Workspace
from bridge.sandbox.slack.triggers import Tickets
from bridge.sandbox.slack.views import Views


class Backend:
    """One workspace and everything attached to it."""

    def __init__(
        self, config: SlackConfig, clock: Clock, faults: Faults, feed: Feed, base_url: Callable[[], str]
    ) -> None:
        """Build all parts from the configuration; `base_url` is asked only once the server listens."""
        self.config = config
        self.clock = clock
        self.faults = faults
        self.feed = feed
        self.base_url = base_url
        self.ws = Workspace(config, clock.now)
        self.limits = Limits(clock.ticks)
        self.hub = SocketHub(config, clock, feed)
        self.delivery = Delivery(config, clock, faults, feed, self.hub, self.limits)
        self.activity = Activity(self.ws, self.delivery, feed, clock.ticks)
        self.files = Files(self, self.delivery.spawn)
        self.composer = Composer(self.ws)
        self.tickets = Tickets(clock.ticks)
        self.views = Views(config, clock.now)
