"""The whole road in one process, on real sockets: a Valkey server, the sandbox, and a bridge between them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from bridge.app import Bridge
from bridge.demo import demo_settings
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from bridge.sandbox.slack.channels import ChannelHandle
from bridge.sandbox.slack.people import Person
from bridge.sandbox.slack.state import Ephemeral, Message
from bridge.sandbox.whatsapp.customer import Customer
from bridge.settings import Settings
from tests.support.archive import temporary_sqlite
from tests.support.valkey import free_port
from tests.support.waiting import until

SCALE = 12.0
"""How many times faster than the platforms the sandbox runs in tests, its limits and clocks together."""


class Stack:
    """Handles for the people of a scenario, and the bridge to stop and start."""

    def __init__(self, sandbox: Sandbox, redis_url: str, port: int, changes: dict[str, Any]) -> None:
        self.sandbox = sandbox
        self.redis_url = redis_url
        self.archive_url = temporary_sqlite()
        self.port = port
        self._changes = changes
        self.bridge: Bridge | None = None

    def settings(self) -> Settings:
        """Settings of a bridge for this sandbox; waits run as fast as the sandbox's."""
        settings = demo_settings(self.sandbox, self.redis_url, self.archive_url, self.port)
        changes = {"pace": {"scale": 1 / self.sandbox.clock.scale}, **self._changes}
        return Settings.model_validate(_merged(settings.model_dump(), changes))

    async def start_bridge(self) -> Bridge:
        """Start a bridge and wait until it knows its people and holds all lanes."""
        bridge = self.bridge = Bridge(self.settings())
        await bridge.start()
        await until(lambda: bridge.inlet.roster().agents, 10, "the roster")
        engine = bridge.engine
        assert engine is not None
        await until(lambda: len(engine.held()) == bridge.settings.shards + 1, 10, "the lanes")
        arrivals = bridge.arrivals
        assert arrivals is not None
        await until(lambda: arrivals.problem() is None, 10, "the connection to Slack")
        return bridge

    async def stop_bridge(self) -> None:
        """Stop the bridge in good order."""
        if self.bridge is not None:
            await self.bridge.stop()
            self.bridge = None

    # ------------------------------------------------------------------------------------------ people

    def customer(self, handle: str = "ana") -> Customer:
        """A customer with a phone."""
        return self.sandbox.whatsapp.customer(handle)

    def person(self, name: str = "ben") -> Person:
        """Somebody in the Slack workspace."""
        return self.sandbox.slack.person(name)

    def channel(self, name: str = "support") -> ChannelHandle:
        """A Slack channel."""
        return self.sandbox.slack.channel(name)

    async def card(self, name: str, channel: str = "support", timeout_s: float = 8.0) -> Message:
        """The latest card that shows a contact's name."""
        handle = self.channel(channel)

        def look() -> Message | None:
            roots = [one for one in handle.messages if one.thread_ts in (None, one.ts)]
            return next((one for one in reversed(roots) if name in shown(one)), None)

        return await until(look, timeout_s, f"a card for {name}")

    async def in_thread(
        self, root: Message, text: str, channel: str = "support", timeout_s: float = 8.0
    ) -> Message:
        """The reply in a thread that contains `text`."""
        handle = self.channel(channel)

        def look() -> Message | None:
            return next((one for one in handle.thread(root.ts)[1:] if text in shown(one)), None)

        def described() -> str:
            return f"{text!r} among {[shown(one) for one in handle.thread(root.ts)]}"

        try:
            return await until(look, timeout_s)
        except AssertionError:
            raise AssertionError(f"waited {timeout_s} s for {described()}") from None

    async def press(self, who: str, post: Message | Ephemeral, name: str, channel: str = "support") -> None:
        """Somebody presses the button of one of our posts that has this name."""
        await self.person(who).presses(channel, post.ts, action_id(post, name))


def action_id(post: Message | Ephemeral, name: str) -> str:
    """The `action_id` of a post's button or menu with this name. Raises AssertionError when there is none."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("action_id"), str):
                found.append(node["action_id"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(post.blocks)
    match = next((one for one in found if one.rpartition(":")[2] == name), None)
    assert match is not None, f"no button {name!r} among {found}"
    return match


def shown(message: Message | Ephemeral) -> str:
    """All text that a post shows: its text, and the words of its blocks."""
    words = [message.text]

    def walk(node: object) -> None:
        if isinstance(node, dict):
            text = node.get("text")
            if isinstance(text, str):
                words.append(text)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(message.blocks)
    return "\n".join(words)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@contextlib.asynccontextmanager
async def running_stack(redis_url: str, *, scale: float = SCALE, **changes: Any) -> AsyncIterator[Stack]:
    """A sandbox and a running bridge; `changes` are settings by section."""
    config = SandboxConfig(port=0, scale=scale)
    port = free_port()
    config.whatsapp.webhook_url = f"http://127.0.0.1:{port}/webhooks/whatsapp"
    sandbox = await Sandbox.start(config)
    stack = Stack(sandbox, redis_url, port, changes)
    try:
        await stack.start_bridge()
        yield stack
    finally:
        await stack.stop_bridge()
        await sandbox.stop()
