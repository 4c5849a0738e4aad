"""A pretended Slack on a real socket, our adapter on it, and an inlet that remembers what was appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from bridge.adapters.base import Acquaintance, Claim, Marker, Placed, Reach
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.arrive import Arrivals
from bridge.errors import StoreUnavailableError
from bridge.events import AnyEvent
from bridge.model import (
    ActionId,
    AgentId,
    CardView,
    Contact,
    ContactId,
    ConversationId,
    InboxId,
    Mode,
    OpenConversation,
    Place,
    Policies,
    Priority,
    Roster,
    Status,
    ThreadRef,
)
from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.slack.sandbox import SlackSandbox

CONTACT, CONVERSATION, INBOX = ContactId("7-9f3c0a1b2d4e"), ConversationId("7-66"), InboxId("support")
REF = ThreadRef(contact=CONTACT, conversation=CONVERSATION, inbox=INBOX)
AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


class MemoryInlet:
    """An `Inlet` in memory. `down`: Redis does not answer."""

    def __init__(self) -> None:
        self.placed: list[Placed] = []
        self.threads: dict[Place, ThreadRef] = {}
        self.detours: set[Place] = set()
        self.numbers: dict[int, ThreadRef] = {}
        self.contacts: dict[ContactId, Contact] = {}
        self.open: dict[AgentId | None, tuple[OpenConversation, ...]] = {}
        self.people = Roster()
        self.settings = Policies()
        self.down = False
        self.refused = 0

    @property
    def events(self) -> list[AnyEvent]:
        return [placed.event for placed in self.placed]

    def _check(self) -> None:
        if self.down:
            self.refused += 1
            raise StoreUnavailableError("down")

    async def claim(self, aliases: Sequence[str], *, linked: bool = False) -> Claim:
        raise AssertionError(f"a desk mints no contact: {aliases}")

    async def known(self, aliases: Sequence[str]) -> ContactId | None:
        raise AssertionError(f"a desk looks up no contact: {aliases}")

    async def append(self, events: Sequence[Placed]) -> None:
        self._check()
        self.placed += events

    async def thread(self, place: Place) -> ThreadRef | None:
        self._check()
        return self.threads.get(place)

    async def detour(self, place: Place) -> None:
        self._check()
        self.detours.add(place)

    async def detoured(self, place: Place) -> bool:
        self._check()
        return place in self.detours

    async def numbered(self, number: int) -> ThreadRef | None:
        self._check()
        return self.numbers.get(number)

    async def contact(self, contact: ContactId) -> Contact | None:
        self._check()
        return self.contacts.get(contact)

    async def open_of(self, agent: AgentId | None) -> tuple[OpenConversation, ...]:
        self._check()
        return self.open.get(agent, ())

    def roster(self) -> Roster:
        return self.people

    def policies(self) -> Policies:
        return self.settings


def marker(*actions: str) -> Marker:
    """A marker of the conversation that all tests are about."""
    ids = tuple(ActionId(action) for action in actions or ("wa:wamid.1/0",))
    return Marker(actions=ids, contact=CONTACT, conversation=CONVERSATION, inbox=INBOX)


def view(**changes: Any) -> CardView:
    """A card of the conversation that all tests are about."""
    given: dict[str, Any] = {
        "contact": CONTACT,
        "conversation": CONVERSATION,
        "version": 1,
        "number": 1063,
        "inbox": "Support",
        "name": "Maria Example",
        "contact_label": "+34 ••• 001",
        "status": Status.ACTIVE,
        "assignee": None,
        "assignee_account": None,
        "priority": Priority.NORMAL,
        "tags": (),
        "mode": Mode.ASSIGNEE,
        "opened_at": AT,
        "waiting_since": AT,
        "window_until": AT,
    }
    return CardView(**(given | changes))


class Workspace:
    """A pretended Slack alone on a server of its own; `slack` holds its people and channels."""

    def __init__(self, config: SlackConfig, scale: float) -> None:
        self.config = config
        self.faults = Faults()
        self.feed = Feed()
        self.url = ""
        self.slack = SlackSandbox(config, Clock(scale), self.faults, self.feed, lambda: self.url)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(self.slack.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        await self.slack.start()

    async def stop(self) -> None:
        await self.slack.stop()
        if self._runner is not None:
            await self._runner.cleanup()


@dataclass
class Rig:
    """Everything that a test needs of one pretended workspace."""

    sandbox: Workspace
    session: aiohttp.ClientSession
    desk: SlackDesk
    inlet: MemoryInlet
    arrivals: Arrivals

    @property
    def config(self) -> SlackConfig:
        return self.sandbox.config

    @property
    def api_url(self) -> str:
        return f"{self.sandbox.url}/slack/api/"

    @property
    def channel(self) -> str:
        return self.sandbox.slack.channel("support").id

    async def thread(self) -> Place:
        """A conversation's thread, known to the inlet, with one message of the contact in it."""
        place, _ = await self.desk.open_thread(self.channel, view(), marker())
        self.inlet.threads[place] = REF
        return place


class FakeOutreach:
    """Knows numbers as they are, and a few contacts."""

    def __init__(self) -> None:
        self.known: list[Acquaintance] = []

    def reach(self, inbox: InboxId, digits: str) -> Reach:
        """By that number alone."""
        return Reach(aliases=(f"phone:{inbox}:{digits}",), address=f"phone:+{digits}", phone=digits)

    async def look_up(self, typed: str, inboxes: tuple[InboxId, ...]) -> Sequence[Acquaintance]:
        """Whose name begins so."""
        return [one for one in self.known if one.name.lower().startswith(typed.lower())]


def arrivals(
    sandbox: Workspace, desk: SlackDesk, inlet: MemoryInlet, session: aiohttp.ClientSession, **options: Any
) -> Arrivals:
    """Our receiving side for a sandbox, in the sandbox's mode."""
    config = sandbox.config
    socket = config.mode == "socket"
    return Arrivals(
        desk,
        inlet,
        session,
        FakeOutreach(),
        bot_token=config.bot_token,
        api_url=f"{sandbox.url}/slack/api/",
        app_token=config.app_token if socket else None,
        signing_secret=None if socket else config.signing_secret,
        **({"ping_s": 0.5} | options),
    )
