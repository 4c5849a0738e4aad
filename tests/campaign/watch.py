"""Follows the sandbox's feed, and keeps when each message was first brought to the bridge and first taken by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from bridge.sandbox.feed import Entry, Feed
from tests.campaign.record import Way

NEVER_LEFT = "cut before it was sent"
"""The sandbox's word for a try that did not get as far as the bridge."""


class Watch:
    """`webhook` by WhatsApp's message id, `events` by (channel id, ts) of Slack; `lost` are those Slack gave up on."""

    def __init__(self, feed: Feed) -> None:
        self.webhook: dict[str, Way] = {}
        self.events: dict[tuple[str, str], Way] = {}
        self.lost: set[tuple[str, str]] = set()
        self.gave_up = 0
        """How many events of any kind Slack gave up on."""
        self.calls: Counter[str] = Counter()
        """Calls of the platforms' methods by name."""
        self._feed = feed
        self._task = asyncio.create_task(self._follow(), name="watch")

    async def stop(self) -> None:
        """Read what is there, and no further."""
        self._feed.close()
        await self._task

    async def _follow(self) -> None:
        async for entry in self._feed.subscribe(0):
            match entry["kind"]:
                case "whatsapp.webhook.attempt":
                    self._attempt(entry)
                case "slack.event.sent" if entry["ts"]:
                    self._event(entry, began=entry["at"], taken=None)
                case "slack.event.acked" if entry["ts"]:
                    self._event(entry, began=None, taken=entry["at"])
                case "slack.event.lost":
                    self.gave_up += 1
                    self.lost.add((entry["channel"], entry["ts"]))
                case "slack.call":
                    self.calls[entry["method"]] += 1
                case "whatsapp.api":
                    self.calls[entry["name"]] += 1
                case _:
                    pass

    def _attempt(self, entry: Entry) -> None:
        if entry["status"] is None and entry["error"].startswith(NEVER_LEFT):
            return
        began = entry["at"] - entry["latency_ms"] / 1_000
        taken = entry["at"] if entry["status"] == 200 else None
        for index, subject in enumerate(entry["subjects"]):
            # A duplicate has a number of its own; the body is the same.
            way = self.webhook.setdefault(subject, Way(body=entry["delivery"], index=index))
            self.webhook[subject] = _earlier(way, began, taken)

    def _event(self, entry: Entry, began: float | None, taken: float | None) -> None:
        key = entry["channel"], entry["ts"]
        self.events[key] = _earlier(self.events.get(key, Way()), began, taken)


def _earlier(way: Way, began: float | None, taken: float | None) -> Way:
    return replace(
        way,
        began=min((at for at in (way.began, began) if at is not None), default=None),
        taken=min((at for at in (way.taken, taken) if at is not None), default=None),
    )
