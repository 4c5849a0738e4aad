"""What an interaction hands to the app: a `trigger_id` for three seconds and a `response_url` for half an hour."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bridge.sandbox.slack.errors import SlackError

TRIGGER_S = 3.0
URL_S = 30 * 60.0
URL_POSTS = 5
_KEEP = 10_000
"""How many used-up tickets are remembered, to tell an expired one from one that never was."""


@dataclass(slots=True)
class Trigger:
    """One permission to open a modal for `user`; `view` is the modal it came from, if any."""

    user: str
    made: float
    view: str | None = None
    used: bool = False


@dataclass(slots=True)
class ResponseTarget:
    """Where posts to one `response_url` go; `message_ts` is the message whose button was pressed."""

    channel: str
    user: str
    made: float
    message_ts: str | None = None
    ephemeral: bool = False
    thread_ts: str | None = None
    used: int = 0


class Tickets:
    """Mints and redeems both kinds."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        """Take a monotonic count of platform seconds."""
        self._ticks = ticks
        self._triggers: dict[str, Trigger] = {}
        self._targets: dict[str, ResponseTarget] = {}
        self._numbers = itertools.count(1)

    def trigger(self, user: str, view: str | None = None) -> str:
        """A new `trigger_id`."""
        trigger_id = f"{next(self._numbers)}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(user, self._ticks(), view)
        if len(self._triggers) > _KEEP:
            del self._triggers[next(iter(self._triggers))]
        return trigger_id

    def redeem(self, trigger_id: str) -> Trigger:
        """Use a `trigger_id`; raises `SlackError` when it is unknown, older than three seconds or used."""
        found = self._triggers.get(trigger_id)
        if found is None:
            raise SlackError("invalid_trigger_id")
        if found.used:
            raise SlackError("exchanged_trigger_id")
        if self._ticks() - found.made > TRIGGER_S:
            raise SlackError("expired_trigger_id")
        found.used = True
        return found

    def response_url(self, kind: str, target: ResponseTarget, team_id: str, base_url: str) -> str:
        """A new `response_url`; `kind` is `commands`, `actions` or `app`."""
        key = secrets.token_urlsafe(18)
        self._targets[key] = target
        if len(self._targets) > _KEEP:
            del self._targets[next(iter(self._targets))]
        return f"{base_url}/slack/response/{kind}/{team_id}/{next(self._numbers)}/{key}"

    def target(self, key: str) -> ResponseTarget:
        """Count a post to a `response_url`; raises `SlackError` (`expired_url`, `used_url`) when it may not be."""
        found = self._targets.get(key)
        if found is None or self._ticks() - found.made > URL_S:
            raise SlackError("expired_url")
        if found.used >= URL_POSTS:
            raise SlackError("used_url")
        found.used += 1
        return found

    def new_target(
        self,
        channel: str,
        user: str,
        message_ts: str | None = None,
        thread_ts: str | None = None,
        *,
        ephemeral: bool = False,
    ) -> ResponseTarget:
        """A target made now."""
        return ResponseTarget(channel, user, self._ticks(), message_ts, ephemeral, thread_ts)
