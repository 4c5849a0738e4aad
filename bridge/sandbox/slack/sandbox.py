"""The Slack sandbox as one object: its routes, its people, its state."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.slack.api import Api
from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.channels import ChannelHandle
from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.slack.control import control_routes
from bridge.sandbox.slack.interactivity import Interactivity
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import METHODS
from bridge.sandbox.slack.people import Person
from bridge.sandbox.slack.responses import Responses
from bridge.sandbox.slack.snapshot import snapshot


class SlackSandbox:
    """One pretended workspace with one app; mounted under `/slack`."""

    def __init__(
        self, config: SlackConfig, clock: Clock, faults: Faults, feed: Feed, base_url: Callable[[], str]
    ) -> None:
        """Build the workspace; `base_url` (without a final slash) is asked once the server listens."""
        self.config = config
        self.backend = Backend(config, clock, faults, feed, base_url)
        self.workspace = self.backend.ws
        self.activity = self.backend.activity
        self.delivery = self.backend.delivery
        self.hub = self.backend.hub
        self._api = Api(self.backend, METHODS)
        self._responses = Responses(self.backend)
        self._interactivity = Interactivity(self.backend)

    def routes(self) -> list[web.RouteDef]:
        """The platform's own addresses: Web API, Socket Mode, response urls."""
        api = "/slack/api/{method}"
        return [
            web.get(api, self._api.handle),
            web.post(api, self._api.handle),
            *self.backend.files.routes(),
            web.get("/slack/socket", self.hub.handle),
            web.post("/slack/response/{kind}/{team}/{number}/{key}", self._responses.handle),
        ]

    def control_routes(self) -> list[web.RouteDef]:
        """`/control/slack…`: the people's acts and the state."""
        return control_routes(self)

    async def start(self) -> None:
        """Nothing runs until something happens."""

    async def stop(self) -> None:
        """Close the sockets and give up deliveries under way."""
        await self.hub.disconnect("link_disabled")
        await self.delivery.stop()

    def person(self, name: str) -> Person:
        """The handle of a person, by name or user id; raises KeyError."""
        return Person(self.backend, self._interactivity, self.workspace.person_id(name))

    def channel(self, name: str) -> ChannelHandle:
        """The handle of a channel, by name or id; raises KeyError."""
        return ChannelHandle(self.backend, self.workspace.channel_for(name))

    def set_usergroup(self, usergroup: str, members: list[str]) -> None:
        """Set the members (names) of a user group by id or handle; raises KeyError."""
        for group in self.config.usergroups:
            if usergroup in (group.id, group.handle):
                self.activity.change_usergroup(group.id, [self.workspace.person_id(m) for m in members])
                return
        raise KeyError(f"no user group {usergroup!r} in the workspace")

    def snapshot(self) -> Json:
        """The whole visible workspace, as plain JSON."""
        return snapshot(self.backend)
