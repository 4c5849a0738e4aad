"""Reads the templates of all inboxes from the contacts' platform, on the elected scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog

from bridge.adapters.base import Channel
from bridge.content.templates import Template
from bridge.errors import PlatformError, StoreUnavailableError
from bridge.model import InboxId

EVERY_S = 900.0
SETTLE_S = 2.0
"""News of templates come several at a time."""

log = structlog.get_logger(__name__)


class Shelf(Protocol):
    """Where all processes see them."""

    async def put(self, templates: Mapping[InboxId, tuple[Template, ...]]) -> None:
        """Replace the snapshot. Raises `StoreUnavailableError`."""


class TemplateReader:
    """Reads them every now and then, and soon after the platform says that some changed."""

    def __init__(self, channel: Channel, shelf: Shelf, inboxes: Iterable[InboxId]) -> None:
        self._channel = channel
        self._shelf = shelf
        self._inboxes = tuple(inboxes)
        self._known: dict[InboxId, tuple[Template, ...]] = {}

    async def read(self) -> None:
        """Read all of them; those of an inbox that cannot be read stay as they are."""
        for inbox in self._inboxes:
            try:
                self._known[inbox] = await self._channel.templates(inbox)
            except PlatformError as problem:
                log.warning("templates.not_read", inbox=inbox, problem=problem.failure.words)
        try:
            if self._known:
                await self._shelf.put(self._known)
        except StoreUnavailableError as problem:
            log.warning("templates.not_kept", problem=str(problem))

    async def follow(self, changed: asyncio.Event) -> None:
        """Read them again whenever they are said to have changed, until cancelled."""
        while True:
            await changed.wait()
            await asyncio.sleep(SETTLE_S)
            changed.clear()
            await self.read()
